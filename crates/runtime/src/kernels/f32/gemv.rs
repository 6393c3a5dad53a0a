//! Dense fully connected layer: a matrix in panels of rows times a vector, or several.

use super::conv::pack_panels;
use super::labels::{self, LAST, Shared, Vectors};
use crate::isa::{Body, Isa, MAX_LANES, TABLE, Token};
use crate::kernels::kernel::{Facts, GroupKernel, Io, Kernel, Sample};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::tensor::Aligned;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::array::from_fn;

/// Outputs of a panel.
pub(super) const MR: usize = 4 * MAX_LANES;

/// Columns of a panel that labels are packed into at a time: where they are written then stays in the first-level cache.
const BLOCK: usize = (24 << 10) / MR;

/// Packed weights, in one of two stores.
pub(crate) struct PanelLinear<W> {
    weights: W,
    /// Factor of each row's sum.
    scale: Vec<f32>,
    epilogue: Epilogue,
    /// Whether outputs are the sums as they are: the numbers above need not be read then.
    is_plain: bool,
    in_features: usize,
    out_features: usize,
}

/// Panels of `MR` outputs: `[out_features / MR][in_features][MR]`.
pub(crate) trait Store: Send + Sync + Sized + 'static {
    const NAME: &'static str;

    fn fits(layer: &Layer<'_>) -> bool;

    fn cost(layer: &Layer<'_>) -> f64;

    /// The panels, and the factor that is left for each row's sum.
    fn pack(layer: &Layer<'_>) -> (Self, Vec<f32>);

    fn bytes(&self) -> usize;

    fn vectors(&self) -> impl Vectors;
}

/// All values.
pub(crate) struct Dense(Aligned<f32>);

impl Store for Dense {
    const NAME: &'static str = "f32_gemv";

    fn fits(_: &Layer<'_>) -> bool {
        true
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        layer.dense_cost(layer.product_tuning().dense, layer.matrix.padded(MR))
    }

    fn pack(layer: &Layer<'_>) -> (Self, Vec<f32>) {
        let weights = pack_panels(&layer.matrix.to_dense(), layer.matrix.columns(), MR);
        (Self(weights), vec![1.0; layer.matrix.rows()])
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    #[inline(always)]
    fn vectors(&self) -> impl Vectors {
        &*self.0
    }
}

/// Labels of few values, zeros included: centres, the last of them zero, and a label for each weight.
pub(crate) struct Labels(Box<[f32; TABLE]>, Vec<u8>);

impl Store for Labels {
    const NAME: &'static str = "f32_gemv_u8";

    fn fits(layer: &Layer<'_>) -> bool {
        labels::are_few(&layer.matrix)
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        layer.product_tuning().labels * layer.matrix.padded(MR) as f64
    }

    fn pack(layer: &Layer<'_>) -> (Self, Vec<f32>) {
        let weights = layer.matrix.nonzeros();
        let (centres, labels) = labels::few(&weights.values).expect("a layer that it fits");
        let (in_features, out_features) = (layer.matrix.columns(), layer.matrix.rows());
        let mut packed = Vec::with_capacity(out_features.next_multiple_of(MR) * in_features);
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
        let scale = weights.scale.map_or_else(|| vec![1.0; out_features], <[f32]>::to_vec);
        (Self(Box::new(*centres), packed), scale)
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.0) + size_of_val(&*self.1)
    }

    #[inline(always)]
    fn vectors(&self) -> impl Vectors {
        Shared { centres: &self.0, labels: &self.1 }
    }
}

impl<W: Store> LayerKernel for PanelLinear<W> {
    const NAME: &'static str = W::NAME;

    fn fits(layer: &Layer<'_>) -> bool {
        layer.is_product() && W::fits(layer)
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        W::cost(layer)
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let (weights, mut scale) = W::pack(layer);
        let (in_features, out_features) = (layer.matrix.columns(), layer.matrix.rows());
        let padded = out_features.next_multiple_of(MR);
        scale.resize(padded, 1.0);
        let epilogue = layer.epilogue().padded(padded);
        let is = |values: &[f32], value| values.iter().all(|&v| v == value);
        let is_plain = is(&scale, 1.0) && is(&epilogue.bias, 0.0) && is(&epilogue.slope, 1.0);
        Self { weights, scale, epilogue, is_plain, in_features, out_features }
    }
}

impl<W: Store> Kernel for PanelLinear<W> {
    fn facts(&self, _: Token) -> Facts {
        Facts {
            kind: W::NAME.into(),
            tile: Some([MR, 1]),
            by_isa: true,
            weight_bytes: self.weights.bytes(),
            scratch_len: 0,
            takes_groups: true,
        }
    }

    fn run(&self, token: Token, Io { src, dst, backwards, .. }: Io<'_>) {
        token.enter(Pass::<_, false> { linear: self, samples: &mut [Sample { src, dst }], backwards });
    }
}

impl<W: Store> GroupKernel for PanelLinear<W> {
    fn run_group(&self, token: Token, samples: &mut [Sample<'_>]) {
        token.enter(Pass::<_, true> { linear: self, samples, backwards: false });
    }
}

/// The pass from the first panel to the last, or the other way round. Neither changes an answer, nor does it matter which
/// samples go together.
/// Without `SEVERAL`, each sample goes alone, and the code for several at a time is left out.
struct Pass<'a, 'b, W, const SEVERAL: bool> {
    linear: &'a PanelLinear<W>,
    samples: &'a mut [Sample<'b>],
    backwards: bool,
}

impl<W: Store, const SEVERAL: bool> Body for Pass<'_, '_, W, SEVERAL> {
    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let weights = self.linear.weights.vectors();
        let panels = self.linear.out_features.div_ceil(MR);
        // The unchecked reads rest on it.
        assert!(weights.count() == panels * MR * self.linear.in_features, "other weights than planned");
        for i in 0..panels {
            let panel = if self.backwards { panels - 1 - i } else { i };
            // As many sums as there are registers for. Of one sample that is a whole panel with 8 lanes or 16: its weights are read
            // in order. A pass over a part of the rows skips cache lines, and memory is slower then.
            let rest = match I::TUNING.group_samples {
                4 if SEVERAL => self.panel::<I, 4, 4>(isa, weights, panel, 0),
                2 if SEVERAL => self.panel::<I, 2, 4>(isa, weights, panel, 0),
                _ => 0,
            };
            match I::LANES {
                MAX_LANES => self.panel::<I, 1, 4>(isa, weights, panel, rest),
                _ => self.panel::<I, 1, 8>(isa, weights, panel, rest),
            };
        }
    }
}

impl<W: Store, const SEVERAL: bool> Pass<'_, '_, W, SEVERAL> {
    /// The outputs of a panel, `V` vectors at a time, of as many samples from `sample` on as `S` at a time are; gives the next one.
    #[inline(always)]
    fn panel<I: Isa, const S: usize, const V: usize>(
        &mut self,
        isa: I,
        weights: impl Vectors,
        panel: usize,
        sample: usize,
    ) -> usize {
        let end = (panel * MR + MR).min(self.linear.out_features);
        let mut next = sample;
        for first in (panel * MR..end).step_by(V * I::LANES) {
            next = self.outputs::<I, S, V>(isa, weights, first, sample);
        }
        next
    }

    /// As [`panel`](Self::panel), only the `V` vectors of outputs from `first` on.
    #[inline(always)]
    fn outputs<I: Isa, const S: usize, const V: usize>(
        &mut self,
        isa: I,
        weights: impl Vectors,
        first: usize,
        sample: usize,
    ) -> usize {
        let linear = self.linear;
        let parameters = [&linear.scale, &linear.epilogue.bias, &linear.epilogue.slope];
        let outputs = (linear.out_features - first).min(V * I::LANES);
        // A length that the compiler knows.
        let len = if SEVERAL { self.samples.len() } else { 1 };
        for samples in self.samples[..len][sample..].chunks_exact_mut(S) {
            let sources = from_fn(|s| &samples[s].src[..linear.in_features]);
            let at = first / MR * MR * linear.in_features + first % MR;
            // SAFETY: a panel has `MR` weights an input, and `first` is a multiple of `V * LANES`, which divides `MR`.
            let sums = unsafe { sums::<I, S, V>(isa, sources, weights, at) };
            for (Sample { dst, .. }, sums) in samples.iter_mut().zip(sums) {
                for (v, out) in dst[first..first + outputs].chunks_mut(I::LANES).enumerate() {
                    if linear.is_plain {
                        isa.write(sums[v], out);
                        continue;
                    }
                    let [scale, bias, slope] = parameters.map(|values| &values[first + v * I::LANES..][..I::LANES]);
                    let y = isa.mul_add(sums[v], isa.read(scale), isa.read(bias));
                    isa.write(isa.prelu(y, isa.read(slope)), out);
                }
            }
        }
        len / S * S
    }
}

/// The products of `V` vectors of rows, whose weights begin at `at`, with each of `sources`.
///
/// # Safety
/// There are weights from `at` on for each element of `sources`, `MR` apart.
#[inline(always)]
unsafe fn sums<I: Isa, const S: usize, const V: usize>(
    isa: I,
    sources: [&[f32]; S],
    weights: impl Vectors,
    mut at: usize,
) -> [[I::F32; V]; S] {
    let mut sums = [[isa.splat(0.0); V]; S];
    for column in 0..sources[0].len() {
        let mut vectors = [isa.splat(0.0); V];
        for v in 0..V {
            // SAFETY: the caller vouches for the weights.
            vectors[v] = unsafe { weights.vector(isa, at + v * I::LANES) };
        }
        for s in 0..S {
            let x = isa.splat(sources[s][column]);
            for v in 0..V {
                sums[s][v] = isa.mul_add(x, vectors[v], sums[s][v]);
            }
        }
        at += MR;
    }
    sums
}
