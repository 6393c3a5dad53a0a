//! Dense fully connected layer: a matrix in panels of rows times a vector.

use super::shared::{self, LAST, Shared, Vectors};
use super::{Aligned, Epilogue};
use crate::isa::{Isa, Kernel, MAX_LANES, TABLE};
use crate::plan::Nonzeros;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// Outputs of a panel.
pub(crate) const MR: usize = 4 * MAX_LANES;

/// Columns of a panel that labels are packed into at a time: where they are written then stays in the first-level cache.
const BLOCK: usize = (24 << 10) / MR;

/// Packed weights.
pub(crate) struct DenseLinear {
    weights: Weights,
    /// Factor of each row's sum.
    scale: Vec<f32>,
    epilogue: Epilogue,
    in_features: usize,
    out_features: usize,
}

/// Panels of `MR` outputs: `[out_features / MR][in_features][MR]`.
enum Weights {
    Own(Aligned),
    /// Centres, the last of them zero, and labels.
    Shared(Box<[f32; TABLE]>, Vec<u8>),
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
        let (weights, scale) = (Weights::Own(packed), vec![1.0; padded]);
        Self { weights, scale, epilogue: epilogue.padded(padded), in_features, out_features }
    }

    /// Packs the labels of `weights`, of which there are few values ([`shared::few`]), and those of zero between them.
    pub(crate) fn shared(weights: &Nonzeros<'_>, in_features: usize, epilogue: Epilogue) -> Self {
        let Some((centres, labels)) = shared::few(&weights.values) else { unreachable!("chosen for few values") };
        let out_features = epilogue.bias.len();
        let padded = out_features.next_multiple_of(MR);
        let mut packed = Vec::with_capacity(padded * in_features);
        // Where to go on in each row.
        let mut from: Vec<usize> = (0..out_features).map(|row| weights.pattern.row(row).start).collect();
        for first in (0..out_features).step_by(MR) {
            for before in (0..in_features).step_by(BLOCK) {
                let start = packed.len();
                packed.resize(start + BLOCK.min(in_features - before) * MR, LAST);
                let block = &mut packed[start..];
                for row in first..out_features.min(first + MR) {
                    let entries = from[row]..weights.pattern.row(row).end;
                    let mut taken = 0;
                    for (&column, &label) in weights.pattern.indices[entries.clone()].iter().zip(&labels[entries]) {
                        let Some(place) = block.get_mut((column as usize - before) * MR + row % MR) else { break };
                        *place = label;
                        taken += 1;
                    }
                    from[row] += taken;
                }
            }
        }
        let mut scale = weights.scale.map_or_else(|| vec![1.0; out_features], <[f32]>::to_vec);
        scale.resize(padded, 1.0);
        let weights = Weights::Shared(Box::new(*centres), packed);
        Self { weights, scale, epilogue: epilogue.padded(padded), in_features, out_features }
    }

    /// Bytes of the packed weights.
    pub(crate) fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Own(values) => size_of_val(&**values),
            Weights::Shared(centres, labels) => size_of_val(&**centres) + size_of_val(&**labels),
        }
    }

    /// The kind of kernel.
    pub(crate) const fn kind(&self) -> &'static str {
        match &self.weights {
            Weights::Own(_) => "gemv",
            Weights::Shared(..) => "gemv_u8",
        }
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
        match &self.linear.weights {
            Weights::Own(values) => self.panels(isa, &**values),
            Weights::Shared(centres, labels) => self.panels(isa, Shared { centres, labels }),
        }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn panels<I: Isa>(self, isa: I, weights: impl Vectors) {
        let linear = self.linear;
        let src = &self.src[..linear.in_features];
        let dst = &mut self.dst[..linear.out_features];
        let panels = linear.out_features.div_ceil(MR);
        for i in 0..panels {
            let i = if self.backwards { panels - 1 - i } else { i };
            let end = (i * MR + MR).min(linear.out_features);
            let out = &mut dst[i * MR..end];
            let scale = &linear.scale[i * MR..][..MR];
            let bias = &linear.epilogue.bias[i * MR..][..MR];
            let slope = &linear.epilogue.slope[i * MR..][..MR];
            let mut sums = [0.0; MR];
            // A whole panel goes to where it belongs, the last one through memory of its own.
            let whole = out.len() == MR;
            let to = if whole { &mut *out } else { &mut sums[..] };
            let mut part = 0;
            while part < MR {
                // SAFETY: a panel has `MR` weights an input, and `scale`, `bias`, `slope` and `to` have `MR` elements;
                // `part + 4 * LANES <= MR`, as `LANES` divides `MAX_LANES`.
                unsafe { four_vectors(isa, src, weights, i * MR * src.len(), part, [scale, bias, slope], to) };
                part += 4 * I::LANES;
            }
            if !whole {
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
    }
}

/// Four vectors of outputs from `part` of the panel at `panel` on.
///
/// # Safety
/// The panel has `MR` weights an element of `src`; `scale`, `bias`, `slope` and `to` have `MR` elements, and
/// `part + 4 * LANES <= MR`.
#[inline(always)]
unsafe fn four_vectors<I: Isa>(
    isa: I,
    src: &[f32],
    weights: impl Vectors,
    panel: usize,
    part: usize,
    [scale, bias, slope]: [&[f32]; 3],
    to: &mut [f32],
) {
    let mut acc = [isa.splat(0.0); 4];
    let mut at = panel + part;
    for &x in src {
        let x = isa.splat(x);
        for v in 0..4 {
            // SAFETY: the caller vouches for the panel's size.
            acc[v] = unsafe { isa.mul_add(x, weights.vector(isa, at + v * I::LANES), acc[v]) };
        }
        at += MR;
    }
    for v in 0..4 {
        let at = part + v * I::LANES;
        // SAFETY: the caller vouches for `part + 4 * LANES <= MR`, the length of all four.
        unsafe {
            let y = isa.mul_add(acc[v], isa.load(scale.as_ptr().add(at)), isa.load(bias.as_ptr().add(at)));
            isa.store(to.as_mut_ptr().add(at), isa.prelu(y, isa.load(slope.as_ptr().add(at))));
        }
    }
}
