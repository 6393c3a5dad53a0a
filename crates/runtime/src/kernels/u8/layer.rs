//! A layer that reads bytes: its integers, and where its quads stand.

use super::epilogue::ByteEpilogue;
use crate::kernels::layer::{Layer, LayerKind};
use crate::tensor::Elements;
use crate::tensor::shape::Conv2dParams;
use crate::weights::Integers;
use alloc::vec::Vec;

/// A layer that reads bytes, as its kernels pack it.
pub(super) struct QuadLayer<'a> {
    pub(super) integers: Integers<'a>,
    pub(super) epilogue: ByteEpilogue,
    /// Where each quad of the input stands, from where an output pixel does.
    pub(super) offsets: Vec<u32>,
}

impl<'a> QuadLayer<'a> {
    pub(super) fn of(layer: &'a Layer<'_>) -> Self {
        let (offsets, places) = match (&layer.kind, layer.reads) {
            (LayerKind::Conv(params), Elements::Pixels(_)) => quads_of_pixels(layer, params),
            (LayerKind::Conv(params), _) => quads_of_channels(layer, params),
            (LayerKind::Linear, _) => quads_of_values(layer),
        };
        let integers = Integers::new(&layer.matrix, offsets.len(), places);
        let epilogue = ByteEpilogue::new(&integers, layer);
        Self { integers, epilogue, offsets }
    }
}

/// What a convolution reads of quads of channels, and the byte of all of them for each column of its matrix.
fn quads_of_channels(layer: &Layer<'_>, params: &Conv2dParams) -> (Vec<u32>, Vec<u32>) {
    let taps = params.kernel_size[0] * params.kernel_size[1];
    let place = |channel: usize, tap: usize| (4 * (channel / 4 * taps + tap) + channel % 4) as u32;
    let columns = (0..params.in_channels).flat_map(|c| (0..taps).map(move |tap| (c, tap)));
    (layer.offsets(params, layer.src.channels), columns.map(|(c, tap)| place(c, tap)).collect())
}

/// The same for quads of neighbours: one for each row of its kernel.
fn quads_of_pixels(layer: &Layer<'_>, params: &Conv2dParams) -> (Vec<u32>, Vec<u32>) {
    let ([kh, kw], first) = (params.kernel_size, layer.first_input(params));
    let offsets = (0..kh).map(|ky| (first + ky * layer.src.row_stride) as u32).collect();
    (offsets, (0..kh).flat_map(|ky| (0..kw).map(move |kx| (4 * ky + kx) as u32)).collect())
}

/// The same for all quads of a vector, which may still stand as an image.
fn quads_of_values(layer: &Layer<'_>) -> (Vec<u32>, Vec<u32>) {
    let src = layer.src;
    let plane = src.height * src.width;
    let mut offsets = Vec::with_capacity(src.channels * plane);
    for channel in 0..src.channels {
        for y in 0..src.height {
            offsets.extend(src.row(channel, y).map(|offset| offset as u32));
        }
    }
    let place = |feature: usize| (4 * (feature / plane / 4 * plane + feature % plane) + feature / plane % 4) as u32;
    (offsets, (0..layer.matrix.columns()).map(place).collect())
}
