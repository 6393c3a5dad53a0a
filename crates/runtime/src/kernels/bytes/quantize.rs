//! From numbers to quads.

use super::Quantization;
use crate::isa::{Isa, Kernel, MAX_LANES};
use crate::plan::Layout;
use alloc::vec::Vec;

/// Which bytes make a quad.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Neighbours {
    /// Those of four channels.
    Channels,
    /// Those of four pixels in a row, from the quad's own on, of an image of one channel: what a convolution reads of it at
    /// once.
    Pixels,
}

/// Rounds numbers to bytes.
pub(crate) struct Quantize {
    /// What is subtracted before, of the whole value's shape; empty for nothing.
    pub(crate) mean: Vec<f32>,
    pub(crate) to: Quantization,
    pub(crate) neighbours: Neighbours,
}

impl Quantize {
    /// The pass over `src`, laid out as `from` says, into `dst`, whose layout has a channel a quad. With
    /// [`Neighbours::Pixels`] it writes the borders too.
    pub(crate) fn kernel<'a>(
        &'a self,
        (src, from): (&'a [f32], &'a Layout),
        (dst, to): (&'a mut [f32], &'a Layout),
    ) -> impl Kernel + 'a {
        Pass { quantize: self, src, from, dst, to }
    }
}

struct Pass<'a> {
    quantize: &'a Quantize,
    src: &'a [f32],
    from: &'a Layout,
    dst: &'a mut [f32],
    to: &'a Layout,
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        match self.quantize.neighbours {
            Neighbours::Channels => self.channels(isa),
            Neighbours::Pixels => self.pixels(isa),
        }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn channels<I: Isa>(self, isa: I) {
        let zero_point = isa.splat(f32::from(self.quantize.to.zero_point));
        for channel in 0..self.to.channels {
            for y in 0..self.to.height {
                let row = &mut self.dst[self.to.row(channel, y)];
                for (i, quads) in row.chunks_mut(I::LANES).enumerate() {
                    let mut bytes = [zero_point; 4];
                    for part in 0..4.min(self.from.channels - 4 * channel) {
                        let numbers = numbers(&self.quantize.mean, self.src, self.from, 4 * channel + part, y);
                        bytes[part] = byte(isa, self.quantize.to, numbers, i * I::LANES);
                    }
                    store(isa, isa.pack(bytes), quads);
                }
            }
        }
    }

    #[inline(always)]
    fn pixels<I: Isa>(self, isa: I) {
        let Self { quantize, src, from, dst, to } = self;
        let len = to.plane_stride.next_multiple_of(I::LANES);
        // The buffer goes on behind the plane.
        let dst = &mut dst[..len + 3];
        dst.fill(f32::from(quantize.to.zero_point));
        for y in 0..from.height {
            let numbers = numbers(&quantize.mean, src, from, 0, y);
            for (i, out) in dst[to.row(0, y)].chunks_mut(I::LANES).enumerate() {
                store(isa, byte(isa, quantize.to, numbers, i * I::LANES), out);
            }
        }
        // So far a byte is a number of its own. Each vector of quads is made of those from its own place on.
        for i in (0..len).step_by(I::LANES) {
            let mut bytes = [isa.splat(0.0); 4];
            for part in 0..4 {
                let from = &dst[i + part..][..I::LANES];
                // SAFETY: the slice has `LANES` elements.
                bytes[part] = unsafe { isa.load(from.as_ptr()) };
            }
            store(isa, isa.pack(bytes), &mut dst[i..i + I::LANES]);
        }
    }
}

/// Row `y` of a channel, and what is subtracted from it, if anything is.
#[inline(always)]
fn numbers<'a>(mean: &'a [f32], src: &'a [f32], from: &Layout, channel: usize, y: usize) -> [&'a [f32]; 2] {
    let start = (channel * from.height + y) * from.width;
    [&src[from.row(channel, y)], mean.get(start..start + from.width).unwrap_or(&[])]
}

/// Bytes of the numbers from `x` on, as numbers that are not rounded yet, nor held to 0 to 255.
#[inline(always)]
fn byte<I: Isa>(isa: I, to: Quantization, [numbers, mean]: [&[f32]; 2], x: usize) -> I::F32 {
    let mut number = load(isa, numbers, x);
    if !mean.is_empty() {
        number = isa.mul_add(load(isa, mean, x), isa.splat(-1.0), number);
    }
    isa.mul_add(number, isa.splat(1.0 / to.scale), isa.splat(f32::from(to.zero_point)))
}

/// A vector of the values from `x` on, or what there is of it.
#[inline(always)]
fn load<I: Isa>(isa: I, values: &[f32], x: usize) -> I::F32 {
    let values = &values[x..];
    if values.len() >= I::LANES {
        // SAFETY: the slice has `LANES` elements.
        return unsafe { isa.load(values.as_ptr()) };
    }
    let mut lanes = [0.0; MAX_LANES];
    lanes[..values.len()].copy_from_slice(values);
    // SAFETY: `LANES` is at most `MAX_LANES`.
    unsafe { isa.load(lanes.as_ptr()) }
}

/// As much of a vector as `out` has room for.
#[inline(always)]
fn store<I: Isa>(isa: I, v: I::F32, out: &mut [f32]) {
    if out.len() >= I::LANES {
        // SAFETY: the slice has `LANES` elements.
        return unsafe { isa.store(out.as_mut_ptr(), v) };
    }
    let mut lanes = [0.0; MAX_LANES];
    // SAFETY: `LANES` is at most `MAX_LANES`.
    unsafe { isa.store(lanes.as_mut_ptr(), v) };
    out.copy_from_slice(&lanes[..out.len()]);
}
