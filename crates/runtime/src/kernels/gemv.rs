//! Dense fully connected layer: a matrix in panels of rows times a vector, or several.

use super::shared::{self, LAST, Shared, Vectors};
use super::{Aligned, Epilogue, Sample};
use crate::isa::{Isa, Kernel, MAX_LANES, TABLE};
use crate::plan::Nonzeros;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::array::from_fn;

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

    /// The pass over the first `count` of `samples`, from the first panel to the last, or the other way round. Neither changes an
    /// answer, nor does it matter which samples go together. Some of the others may get an output, too.
    pub(crate) fn kernel<'a, const N: usize>(
        &'a self,
        samples: [Sample<'a>; N],
        count: usize,
        backwards: bool,
    ) -> impl Kernel + 'a {
        Pass { linear: self, samples, count, backwards }
    }
}

struct Pass<'a, const N: usize> {
    linear: &'a DenseLinear,
    samples: [Sample<'a>; N],
    count: usize,
    backwards: bool,
}

impl<const N: usize> Kernel for Pass<'_, N> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        match &self.linear.weights {
            Weights::Own(values) => self.panels(isa, &**values),
            Weights::Shared(centres, labels) => self.panels(isa, Shared { centres, labels }),
        }
    }
}

impl<const N: usize> Pass<'_, N> {
    #[inline(always)]
    fn panels<I: Isa>(mut self, isa: I, weights: impl Vectors) {
        let panels = self.linear.out_features.div_ceil(MR);
        for i in 0..panels {
            let panel = if self.backwards { panels - 1 - i } else { i };
            let end = (panel * MR + MR).min(self.linear.out_features);
            for first in (panel * MR..end).step_by(4 * I::LANES) {
                // As many sums as there are registers for.
                match (N, I::LANES) {
                    (1, _) => self.outputs::<I, 1>(isa, weights, first),
                    (_, MAX_LANES) => self.outputs::<I, 4>(isa, weights, first),
                    _ => self.outputs::<I, 2>(isa, weights, first),
                }
            }
        }
    }

    /// Four vectors of outputs from `first` on, of all samples, `S` at a time.
    #[inline(always)]
    fn outputs<I: Isa, const S: usize>(&mut self, isa: I, weights: impl Vectors, first: usize) {
        let linear = self.linear;
        let [scale, bias, slope] = [&linear.scale, &linear.epilogue.bias, &linear.epilogue.slope];
        let outputs = (linear.out_features - first).min(4 * I::LANES);
        for samples in self.samples[..self.count.next_multiple_of(S)].chunks_exact_mut(S) {
            let sources = from_fn(|s| &samples[s].src[..linear.in_features]);
            let at = first / MR * MR * linear.in_features + first % MR;
            // SAFETY: a panel has `MR` weights an input, and `first` is a multiple of `4 * LANES`, which divides `MR`.
            let sums = unsafe { sums::<I, S>(isa, sources, weights, at) };
            for (Sample { dst, .. }, sums) in samples.iter_mut().zip(sums) {
                let mut values = [0.0; MR];
                for (v, sum) in sums.into_iter().enumerate() {
                    let at = first + v * I::LANES;
                    // SAFETY: there are a scale, a bias and a slope for each row of each panel; `4 * LANES` is at most `MR`.
                    unsafe {
                        let y = isa.mul_add(sum, isa.load(scale.as_ptr().add(at)), isa.load(bias.as_ptr().add(at)));
                        let y = isa.prelu(y, isa.load(slope.as_ptr().add(at)));
                        isa.store(values.as_mut_ptr().add(v * I::LANES), y);
                    }
                }
                dst[first..first + outputs].copy_from_slice(&values[..outputs]);
            }
        }
    }
}

/// The products of four vectors of rows, whose weights begin at `at`, with each of `sources`.
///
/// # Safety
/// There are weights from `at` on for each element of `sources`, `MR` apart.
#[inline(always)]
unsafe fn sums<I: Isa, const S: usize>(
    isa: I,
    sources: [&[f32]; S],
    weights: impl Vectors,
    mut at: usize,
) -> [[I::F32; 4]; S] {
    let mut sums = [[isa.splat(0.0); 4]; S];
    for column in 0..sources[0].len() {
        // SAFETY: the caller vouches for the weights.
        let weights: [I::F32; 4] = from_fn(|v| unsafe { weights.vector(isa, at + v * I::LANES) });
        for s in 0..S {
            let x = isa.splat(sources[s][column]);
            for v in 0..4 {
                sums[s][v] = isa.mul_add(x, weights[v], sums[s][v]);
            }
        }
        at += MR;
    }
    sums
}
