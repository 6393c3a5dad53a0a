//! Dense fully connected layer: a matrix in panels of rows times a vector.

use super::{Aligned, Epilogue};
use crate::isa::{Isa, Kernel, MAX_LANES};

/// Outputs of a panel.
pub(crate) const MR: usize = 4 * MAX_LANES;

/// Packed weights.
pub(crate) struct DenseLinear {
    /// Panels of `MR` outputs: `[out_features / MR][in_features][MR]`.
    weights: Aligned,
    epilogue: Epilogue,
    in_features: usize,
    out_features: usize,
}

impl DenseLinear {
    /// Packs `weights`, `[out_features, in_features]`.
    pub(crate) fn new(weights: &[f32], in_features: usize, epilogue: Epilogue) -> Self {
        let out_features = epilogue.bias.len();
        let padded = out_features.next_multiple_of(MR);
        let mut packed = Aligned::zeros(padded * in_features);
        for (row, values) in weights.chunks_exact(in_features).enumerate() {
            let panel = &mut packed[row / MR * MR * in_features..];
            for (column, &v) in values.iter().enumerate() {
                panel[column * MR + row % MR] = v;
            }
        }
        Self { weights: packed, epilogue: epilogue.padded(padded), in_features, out_features }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    /// The pass over `src`, into `dst`, from the first panel to the last, or the other way round: the answer is the same.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32], backwards: bool) -> impl Kernel + 'a {
        Pass { linear: self, src, dst, backwards }
    }
}

struct Pass<'a> {
    linear: &'a DenseLinear,
    src: &'a [f32],
    dst: &'a mut [f32],
    backwards: bool,
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let linear = self.linear;
        let src = &self.src[..linear.in_features];
        let dst = &mut self.dst[..linear.out_features];
        let panels = linear.out_features.div_ceil(MR);
        for i in 0..panels {
            let i = if self.backwards { panels - 1 - i } else { i };
            let end = (i * MR + MR).min(linear.out_features);
            let out = &mut dst[i * MR..end];
            let panel = &linear.weights[i * MR * linear.in_features..][..MR * linear.in_features];
            let bias = &linear.epilogue.bias[i * MR..][..MR];
            let slope = &linear.epilogue.slope[i * MR..][..MR];
            let mut sums = [0.0; MR];
            // A whole panel goes to where it belongs, the last one through memory of its own.
            let whole = out.len() == MR;
            let to = if whole { &mut *out } else { &mut sums[..] };
            let mut part = 0;
            while part < MR {
                // SAFETY: a panel has `MR` weights an input, and `bias`, `slope` and `to` have `MR` elements;
                // `part + 4 * LANES <= MR`, as `LANES` divides `MAX_LANES`.
                unsafe { four_vectors(isa, src, panel, part, [bias, slope], to) };
                part += 4 * I::LANES;
            }
            if !whole {
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}

/// Four vectors of outputs from `part` of the panel on.
///
/// # Safety
/// `panel` has `MR` elements an element of `src`; `bias`, `slope` and `to` have `MR`, and `part + 4 * LANES <= MR`.
#[inline(always)]
unsafe fn four_vectors<I: Isa>(
    isa: I,
    src: &[f32],
    panel: &[f32],
    part: usize,
    [bias, slope]: [&[f32]; 2],
    to: &mut [f32],
) {
    let mut acc = [isa.splat(0.0); 4];
    let mut p = panel.as_ptr().wrapping_add(part);
    for &x in src {
        let x = isa.splat(x);
        for v in 0..4 {
            // SAFETY: the caller vouches for the panel's size.
            acc[v] = unsafe { isa.mul_add(x, isa.load(p.add(v * I::LANES)), acc[v]) };
        }
        p = p.wrapping_add(MR);
    }
    for v in 0..4 {
        let at = part + v * I::LANES;
        // SAFETY: the caller vouches for `part + 4 * LANES <= MR`, the length of all three.
        unsafe {
            let y = isa.add(acc[v], isa.load(bias.as_ptr().add(at)));
            isa.store(to.as_mut_ptr().add(at), isa.prelu(y, isa.load(slope.as_ptr().add(at))));
        }
    }
}
