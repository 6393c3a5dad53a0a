//! A register tile of numbers: the sums of `MR` output channels for `NV` vectors of pixels.

use crate::isa::Isa;
use crate::kernels::layer::Epilogue;

/// The sums without products: the biases of the channels from `channel` on.
#[inline(always)]
pub(super) fn biases<I: Isa, const NV: usize, const MR: usize>(
    isa: I,
    epilogue: &Epilogue,
    channel: usize,
) -> [[I::F32; NV]; MR] {
    let mut sums = [[isa.splat(0.0); NV]; MR];
    for m in 0..MR {
        sums[m] = [isa.splat(epilogue.bias[channel + m]); NV];
    }
    sums
}

/// Adds the products of the vectors at `src` with a weight of each channel.
///
/// # Safety
/// `NV` vectors are readable at `src`.
#[inline(always)]
pub(super) unsafe fn add_products<I: Isa, const NV: usize, const MR: usize>(
    isa: I,
    mut sums: [[I::F32; NV]; MR],
    src: *const f32,
    weights: &[f32; MR],
) -> [[I::F32; NV]; MR] {
    let mut x = [isa.splat(0.0); NV];
    for v in 0..NV {
        // SAFETY: the caller vouches for the vectors.
        x[v] = unsafe { isa.load(src.add(v * I::LANES)) };
    }
    for m in 0..MR {
        let weight = isa.splat(weights[m]);
        for v in 0..NV {
            sums[m][v] = isa.mul_add(weight, x[v], sums[m][v]);
        }
    }
    sums
}

/// The outputs of the channels from `channel` on: PRelu of their sums.
#[inline(always)]
pub(super) fn outputs<I: Isa, const NV: usize, const MR: usize>(
    isa: I,
    epilogue: &Epilogue,
    channel: usize,
    mut sums: [[I::F32; NV]; MR],
) -> [[I::F32; NV]; MR] {
    for m in 0..MR {
        let slope = isa.splat(epilogue.slope[channel + m]);
        for v in 0..NV {
            sums[m][v] = isa.prelu(sums[m][v], slope);
        }
    }
    sums
}
