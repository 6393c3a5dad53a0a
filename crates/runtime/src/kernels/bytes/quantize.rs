//! From numbers to quads.

use super::super::pointwise;
use super::Quantization;
use crate::isa::{Isa, Kernel};
use crate::plan::Layout;

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

    #[inline(always)]
    fn byte(&self, reciprocal: f32, x: f32) -> u32 {
        pointwise::quantize(x, reciprocal, self.to.zero_point) as u32
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
    fn run<I: Isa>(self, _: I) {
        let Self { quantize, src, from, dst, to } = self;
        let reciprocal = 1.0 / quantize.to.scale;
        let zeros = quantize.to.zeros();
        if quantize.neighbours == Neighbours::Pixels {
            // The buffer goes on behind the plane.
            dst[..to.plane_stride + 3].fill(f32::from_bits(u32::from(quantize.to.zero_point)));
            for y in 0..from.height {
                for (quad, &x) in dst[to.row(0, y)].iter_mut().zip(&src[from.row(0, y)]) {
                    *quad = f32::from_bits(quantize.byte(reciprocal, x));
                }
            }
            // So far each quad holds its own pixel's byte; those to its right it finds as they were.
            for i in 0..to.plane_stride {
                let byte = |j: usize| (dst[i + j].to_bits() & 255) << (8 * j);
                dst[i] = f32::from_bits(byte(0) | byte(1) | byte(2) | byte(3));
            }
            return;
        }
        for channel in 0..to.channels {
            for y in 0..to.height {
                dst[to.row(channel, y)].fill(zeros);
            }
            for part in 0..4.min(from.channels - 4 * channel) {
                for y in 0..to.height {
                    for (quad, &x) in dst[to.row(channel, y)].iter_mut().zip(&src[from.row(4 * channel + part, y)]) {
                        let others = quad.to_bits() & !(255 << (8 * part));
                        *quad = f32::from_bits(others | quantize.byte(reciprocal, x) << (8 * part));
                    }
                }
            }
        }
    }
}
