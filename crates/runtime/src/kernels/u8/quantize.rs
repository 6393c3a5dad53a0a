//! From numbers to quads.

use crate::isa::{Body, Isa, Token};
use crate::kernels::kernel::{Facts, Io, Kernel};
use crate::tensor::{Elements, Layout, Quantization};
use alloc::vec::Vec;

/// Rounds numbers to bytes.
pub(crate) struct Quantize {
    /// What is subtracted before, of the whole value's shape; empty for nothing.
    pub(crate) mean: Vec<f32>,
    /// The quads that it makes. Of pixels it writes those of the borders, too.
    pub(crate) to: Elements,
    pub(crate) src: Layout,
    /// Of the quads: a plane is one of them.
    pub(crate) dst: Layout,
}

impl Kernel for Quantize {
    fn facts(&self, _: Token) -> Facts {
        Facts {
            kind: "u8_quantize".into(),
            tile: None,
            by_isa: true,
            weight_bytes: size_of_val(&*self.mean),
            scratch_len: 0,
            takes_groups: false,
        }
    }

    fn run(&self, token: Token, Io { src, dst, .. }: Io<'_>) {
        match self.to {
            Elements::F32 => {}
            Elements::Channels(to) => token.enter(Channels(Pass { quantize: self, to, src, dst })),
            Elements::Pixels(to) => token.enter(Pixels(Pass { quantize: self, to, src, dst })),
        }
    }
}

struct Pass<'a> {
    quantize: &'a Quantize,
    to: Quantization,
    src: &'a [f32],
    dst: &'a mut [f32],
}

/// Makes quads of channels.
struct Channels<'a>(Pass<'a>);

impl Body for Channels<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Pass { quantize: Quantize { mean, src: from, dst: to_layout, .. }, to, src, dst } = self.0;
        let zero_point = isa.splat(f32::from(to.zero_point));
        for channel in 0..to_layout.channels {
            for y in 0..to_layout.height {
                let row = &mut dst[to_layout.row(channel, y)];
                for (i, quads) in row.chunks_mut(I::LANES).enumerate() {
                    let mut bytes = [zero_point; 4];
                    for part in 0..4.min(from.channels - 4 * channel) {
                        let numbers = numbers(mean, src, from, 4 * channel + part, y);
                        bytes[part] = byte(isa, to, numbers, i * I::LANES);
                    }
                    isa.write(isa.pack(bytes), quads);
                }
            }
        }
    }
}

/// Makes quads of neighbours in a row.
struct Pixels<'a>(Pass<'a>);

impl Body for Pixels<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Pass { quantize: Quantize { mean, src: from, dst: to_layout, .. }, to, src, dst } = self.0;
        let len = to_layout.plane_stride.next_multiple_of(I::LANES);
        // The buffer goes on behind the plane.
        let dst = &mut dst[..len + 3];
        dst.fill(f32::from(to.zero_point));
        for y in 0..from.height {
            let numbers = numbers(mean, src, from, 0, y);
            for (i, out) in dst[to_layout.row(0, y)].chunks_mut(I::LANES).enumerate() {
                isa.write(byte(isa, to, numbers, i * I::LANES), out);
            }
        }
        // So far a byte is a number of its own. Each vector of quads is made of those from its own place on.
        for i in (0..len).step_by(I::LANES) {
            let mut bytes = [isa.splat(0.0); 4];
            for part in 0..4 {
                bytes[part] = isa.read(&dst[i + part..][..I::LANES]);
            }
            isa.write(isa.pack(bytes), &mut dst[i..i + I::LANES]);
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
    let mut number = isa.read(&numbers[x..]);
    if !mean.is_empty() {
        number = isa.mul_add(isa.read(&mean[x..]), isa.splat(-1.0), number);
    }
    isa.mul_add(number, isa.splat(1.0 / to.scale), isa.splat(f32::from(to.zero_point)))
}
