//! Products of bytes: activations of 8 bits, as [`Op::FakeQuantize`](crate::model::Op::FakeQuantize) makes them, times weights
//! that are integers of 7.
//!
//! Values stand in planes of *quads*, an element of the arena each: the bytes of four consecutive channels of a pixel, the
//! first in the lowest bits. A quad is as wide as an `f32`, so that layouts, borders and flat pixels are those of all other
//! kernels, with a quarter of the planes. An image of one channel stands in quads of four neighbours of a row instead.

pub(crate) mod conv;
pub(crate) mod linear;
pub(crate) mod quantize;

use super::Epilogue;
use crate::isa::Isa;
use alloc::vec::Vec;

/// How bytes stand for numbers: as `scale * (byte - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantization {
    pub(crate) scale: f32,
    pub(crate) zero_point: u8,
}

impl Quantization {
    /// A quad of zeros.
    pub(crate) fn zeros(self) -> f32 {
        f32::from_bits(u32::from_le_bytes([self.zero_point; 4]))
    }
}

/// A quad of the input: where it stands, from where an output pixel does, and the column of the weight matrix that each of its
/// bytes belongs to.
#[derive(Clone)]
pub(crate) struct Quad {
    pub(crate) offset: u32,
    pub(crate) columns: [Option<u32>; 4],
}

/// A matrix of integers, with a factor for each row.
pub(crate) struct ByteMatrix {
    /// Row-major.
    pub(crate) values: Vec<i8>,
    pub(crate) columns: usize,
    pub(crate) scale: Option<Vec<f32>>,
}

impl ByteMatrix {
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// The weights of `row` for a quad; zeros beyond the last row.
    fn weights(&self, row: usize, quad: &Quad) -> i32 {
        if row >= self.rows() {
            return 0;
        }
        let values = &self.values[row * self.columns..][..self.columns];
        i32::from_le_bytes(quad.columns.map(|column| column.map_or(0, |c| values[c as usize].cast_unsigned())))
    }
}

/// What a layer does to a sum of integers: to a number, with scale and bias, then PRelu, then to a byte where one is wanted.
pub(crate) struct ByteEpilogue {
    /// What the sum starts at, so that a byte counts from its zero point.
    start: Vec<i32>,
    factor: Vec<f32>,
    bias: Vec<f32>,
    slope: Vec<f32>,
    zero_point: Option<f32>,
}

impl ByteEpilogue {
    /// For inputs that `from` describes, outputs that `to` describes or that are `f32`, and [`Isa::DOT_OFFSET`].
    ///
    /// Dividing by the scale of `to` goes into factor and bias, since PRelu commutes with it.
    pub(crate) fn new(
        matrix: &ByteMatrix,
        epilogue: Epilogue,
        from: Quantization,
        to: Option<Quantization>,
        dot_offset: i32,
    ) -> Self {
        let unit = 1.0 / to.map_or(1.0, |to| to.scale);
        let zero = dot_offset - i32::from(from.zero_point);
        let sum = |row: &[i8]| row.iter().map(|&w| i32::from(w)).sum::<i32>();
        let scale = |row: usize| matrix.scale.as_ref().map_or(1.0, |scale| scale[row]);
        Self {
            start: matrix.values.chunks_exact(matrix.columns).map(|row| zero * sum(row)).collect(),
            factor: (0..matrix.rows()).map(|row| scale(row) * from.scale * unit).collect(),
            bias: epilogue.bias.iter().map(|bias| bias * unit).collect(),
            slope: epilogue.slope,
            zero_point: to.map(|to| f32::from(to.zero_point)),
        }
    }

    /// The same for outputs in the order of `rows`; anything for one that is not there.
    fn reordered(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy + Default>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values.get(row).copied().unwrap_or_default()).collect()
        }
        Self {
            start: pick(&self.start, rows),
            factor: pick(&self.factor, rows),
            bias: pick(&self.bias, rows),
            slope: pick(&self.slope, rows),
            zero_point: self.zero_point,
        }
    }

    /// Bytes of four vectors of outputs.
    #[inline(always)]
    fn quads<I: Isa>(isa: I, outputs: [I::F32; 4], zero_point: f32) -> I::F32 {
        let mut bytes = outputs;
        for byte in &mut bytes {
            let shifted = isa.add(*byte, isa.splat(zero_point));
            *byte = isa.min(isa.max(shifted, isa.splat(0.0)), isa.splat(255.0));
        }
        isa.pack(bytes)
    }
}
