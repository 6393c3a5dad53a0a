//! Fully connected layer over quads: a matrix in panels of rows times a vector, or several. Memory bounds it: where there is
//! an instruction for that, zeros are left out.

use super::epilogue::ByteEpilogue;
use super::layer::QuadLayer;
use crate::isa::{Body, Isa, Token};
use crate::kernels::kernel::{Facts, GroupKernel, Io, Kernel, Sample};
use crate::kernels::layer::{Layer, LayerKernel, LayerKind};
use crate::tensor::Aligned;
use crate::weights::Integers;
use alloc::vec::Vec;
use core::array::from_fn;

/// Vectors of outputs in a panel: those whose bytes make a vector of quads.
const PANEL: usize = 4;

/// Packed weights, in one of two stores.
pub(crate) struct ByteLinear<W> {
    weights: W,
    /// Where each quad of the input stands.
    offsets: Vec<u32>,
    /// In the order of the panels.
    epilogue: ByteEpilogue,
    out_features: usize,
    lanes: usize,
}

/// Quads of weights in the order of use: `[panels][input quads][PANEL][lanes]`.
pub(crate) trait Store: Send + Sync + Sized + 'static {
    const NAME: &'static str;

    /// Whether the instruction set can read it.
    fn fits(token: Token) -> bool;

    fn cost(layer: &Layer<'_>) -> f64;

    /// Packs a panel for each `PANEL * lanes` of `rows`, of so many quads a row.
    fn pack(integers: &Integers<'_>, rows: &[usize], quads: usize, token: Token) -> Self;

    fn bytes(&self) -> usize;

    /// Reads the weights from the first on, which are `count` vectors.
    fn vectors<I: Isa>(&self, count: usize) -> impl Vectors;
}

/// All weights, zeros included.
pub(crate) struct AllBytes(Aligned<i32>);

impl Store for AllBytes {
    const NAME: &'static str = "u8_gemv";

    fn fits(_: Token) -> bool {
        true
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        layer.product_tuning().dense * layer.matrix.elements() as f64
    }

    fn pack(integers: &Integers<'_>, rows: &[usize], quads: usize, token: Token) -> Self {
        let mut weights = Aligned::zeros(rows.len() * quads);
        let panel = PANEL * token.lanes();
        for (rows, panel) in rows.chunks_exact(panel).zip(weights.chunks_exact_mut(panel * quads)) {
            integers.pack(rows, panel);
        }
        Self(weights)
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    #[inline(always)]
    fn vectors<I: Isa>(&self, count: usize) -> impl Vectors {
        assert!(count * I::LANES == self.0.len(), "other weights than planned");
        Dense(self.0.as_ptr().cast())
    }
}

/// Without zeros, for instruction sets with [`Isa::EXPANDS`]: for each vector the mask of the bytes that are not zero; those
/// bytes, and a vector of padding.
pub(crate) struct Nonzeros {
    masks: Vec<u64>,
    bytes: Vec<u8>,
}

impl Store for Nonzeros {
    const NAME: &'static str = "u8_spmv";

    fn fits(token: Token) -> bool {
        token.expands()
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        layer.product_tuning().nonzero_byte * layer.matrix.nnz() as f64
    }

    fn pack(integers: &Integers<'_>, rows: &[usize], quads: usize, token: Token) -> Self {
        let lanes = token.lanes();
        let mut masks = Vec::with_capacity(rows.len() * quads / lanes);
        let mut bytes = alloc::vec![0; integers.nnz() + 4 * lanes];
        let (mut panel, mut start) = (Aligned::zeros(PANEL * lanes * quads), 0);
        for rows in rows.chunks_exact(PANEL * lanes) {
            panel.fill(0);
            integers.pack(rows, &mut panel);
            token.enter(Compress { panel: &panel, masks: &mut masks, bytes: &mut bytes, start: &mut start });
        }
        // What is read unchecked: the bytes of all masks, and for the last mask's a whole vector.
        assert!(start + 4 * lanes <= bytes.len(), "no padding behind the weights");
        Self { masks, bytes }
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.masks) + size_of_val(&*self.bytes)
    }

    #[inline(always)]
    fn vectors<I: Isa>(&self, count: usize) -> impl Vectors {
        assert!(I::EXPANDS, "packed for another instruction set");
        assert!(count == self.masks.len(), "other weights than planned");
        Expanded { masks: self.masks.as_ptr(), bytes: self.bytes.as_ptr() }
    }
}

impl<W: Store> LayerKernel for ByteLinear<W> {
    const NAME: &'static str = W::NAME;

    fn fits(layer: &Layer<'_>) -> bool {
        matches!(layer.kind, LayerKind::Linear) && layer.reads.quantization().is_some() && W::fits(layer.token)
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        W::cost(layer)
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let QuadLayer { integers, epilogue, offsets } = QuadLayer::of(layer);
        let (out_features, lanes) = (integers.rows(), layer.token.lanes());
        let to_bytes = epilogue.makes_bytes();
        // Bytes are packed from the same lane of four vectors.
        let row = |i: usize| {
            let (panel, vector, lane) = (i / (PANEL * lanes), i / lanes % PANEL, i % lanes);
            panel * PANEL * lanes + if to_bytes { PANEL * lane + vector } else { lanes * vector + lane }
        };
        let rows: Vec<usize> = (0..out_features.next_multiple_of(PANEL * lanes)).map(row).collect();
        let weights = W::pack(&integers, &rows, offsets.len(), layer.token);
        Self { weights, offsets, epilogue: epilogue.reordered(&rows), out_features, lanes }
    }
}

impl<W: Store> Kernel for ByteLinear<W> {
    fn facts(&self, token: Token) -> Facts {
        Facts {
            kind: W::NAME.into(),
            tile: Some([PANEL * token.lanes(), 1]),
            by_isa: true,
            weight_bytes: self.weights.bytes(),
            scratch_len: 0,
            takes_groups: true,
        }
    }

    fn run(&self, token: Token, Io { src, dst, .. }: Io<'_>) {
        token.enter(Pass::<_, false> { linear: self, samples: &mut [Sample { src, dst }] });
    }
}

impl<W: Store> GroupKernel for ByteLinear<W> {
    fn run_group(&self, token: Token, samples: &mut [Sample<'_>]) {
        token.enter(Pass::<_, true> { linear: self, samples });
    }
}

/// Leaves the zeros of a panel out.
struct Compress<'a> {
    panel: &'a [i32],
    masks: &'a mut Vec<u64>,
    bytes: &'a mut [u8],
    /// Where to go on in `bytes`.
    start: &'a mut usize,
}

impl Body for Compress<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for vector in self.panel.chunks_exact(I::LANES) {
            let bytes = &mut self.bytes[*self.start..][..4 * I::LANES];
            // SAFETY: the slices have `LANES` elements and `4 * LANES` bytes.
            let mask = unsafe { isa.compress(isa.bits(isa.load(vector.as_ptr().cast())), bytes.as_mut_ptr()) };
            *self.start += mask.count_ones() as usize;
            self.masks.push(mask);
        }
    }
}

/// Weights that are read from the first to the last, a vector at a time.
pub(crate) trait Vectors: Copy {
    /// The next ones.
    ///
    /// # Safety
    /// There is a vector left.
    unsafe fn next<I: Isa>(&mut self, isa: I) -> I::I32;
}

#[derive(Clone, Copy)]
struct Dense(*const f32);

impl Vectors for Dense {
    #[inline(always)]
    unsafe fn next<I: Isa>(&mut self, isa: I) -> I::I32 {
        // SAFETY: the caller vouches for the vector.
        unsafe {
            let weights = isa.load(self.0);
            self.0 = self.0.add(I::LANES);
            isa.bits(weights)
        }
    }
}

#[derive(Clone, Copy)]
struct Expanded {
    masks: *const u64,
    bytes: *const u8,
}

impl Vectors for Expanded {
    #[inline(always)]
    unsafe fn next<I: Isa>(&mut self, isa: I) -> I::I32 {
        // SAFETY: the caller vouches for the mask; its bytes are there, and behind the last ones a vector of padding.
        unsafe {
            let mask = *self.masks;
            let weights = isa.expand(mask, self.bytes);
            self.masks = self.masks.add(1);
            self.bytes = self.bytes.add(mask.count_ones() as usize);
            weights
        }
    }
}

/// Without `SEVERAL`, each sample goes alone, and the code for several at a time is left out.
struct Pass<'a, 'b, W, const SEVERAL: bool> {
    linear: &'a ByteLinear<W>,
    samples: &'a mut [Sample<'b>],
}

impl<W: Store, const SEVERAL: bool> Body for Pass<'_, '_, W, SEVERAL> {
    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let linear = self.linear;
        let panels = linear.out_features.div_ceil(PANEL * I::LANES);
        // The unchecked accesses rest on these.
        assert_eq!(I::LANES, linear.lanes, "packed for another instruction set");
        let farthest = linear.offsets.iter().copied().max().unwrap_or(0) as usize;
        assert!(self.samples.iter().all(|sample| farthest < sample.src.len()), "input shorter than planned");
        let mut weights = linear.weights.vectors::<I>(panels * PANEL * linear.offsets.len());
        for panel in 0..panels {
            // As many sums as there are registers for.
            let (behind, rest) = match I::TUNING.group_samples {
                4 if SEVERAL => self.panel::<I, 4, _>(isa, weights, panel, 0),
                2 if SEVERAL => self.panel::<I, 2, _>(isa, weights, panel, 0),
                _ => (weights, 0),
            };
            weights = match !SEVERAL || rest < self.samples.len() {
                true => self.panel::<I, 1, _>(isa, weights, panel, rest).0,
                false => behind,
            };
        }
    }
}

impl<W: Store, const SEVERAL: bool> Pass<'_, '_, W, SEVERAL> {
    /// The outputs of a panel, whose weights come next, of as many samples from `sample` on as `S` at a time are; gives the
    /// weights behind it, and the next sample.
    #[inline(always)]
    fn panel<I: Isa, const S: usize, V: Vectors>(
        &mut self,
        isa: I,
        weights: V,
        panel: usize,
        sample: usize,
    ) -> (V, usize) {
        let linear = self.linear;
        let at = panel * PANEL * I::LANES;
        let mut behind = weights;
        // A length that the compiler knows.
        let len = if SEVERAL { self.samples.len() } else { 1 };
        for samples in self.samples[..len][sample..].chunks_exact_mut(S) {
            behind = weights;
            let sources = from_fn(|s| samples[s].src.as_ptr());
            // SAFETY: each panel has `PANEL` vectors for each offset, and each offset lies within each source.
            let outputs = unsafe { outputs_of_panel::<I, S>(isa, linear, at, &mut behind, sources) };
            for (Sample { dst, .. }, outputs) in samples.iter_mut().zip(outputs) {
                if linear.epilogue.makes_bytes() {
                    let left = (linear.out_features - at).div_ceil(PANEL).min(I::LANES);
                    isa.write(isa.pack(outputs), &mut dst[panel * I::LANES..][..left]);
                } else {
                    for (out, output) in dst[at..linear.out_features].chunks_mut(I::LANES).zip(outputs) {
                        isa.write(output, out);
                    }
                }
            }
        }
        (behind, len / S * S)
    }
}

/// `PANEL` vectors of outputs of each sample, from position `at` on.
///
/// # Safety
/// There are `PANEL` vectors of `weights` left for each offset, and each of `sources` points to a quad at each.
#[inline(always)]
unsafe fn outputs_of_panel<I: Isa, const S: usize>(
    isa: I,
    linear: &ByteLinear<impl Store>,
    at: usize,
    weights: &mut impl Vectors,
    sources: [*const f32; S],
) -> [[I::F32; PANEL]; S] {
    let mut sums = [[isa.splat_i32(0); PANEL]; S];
    for v in 0..PANEL {
        // SAFETY: the epilogue has a value for each lane of each panel.
        let start = unsafe { isa.load(linear.epilogue.starts(at + v * I::LANES, I::LANES).as_ptr().cast()) };
        for s in 0..S {
            sums[s][v] = isa.bits(start);
        }
    }
    for &offset in &linear.offsets {
        // SAFETY: the caller vouches for the quads and for the weights.
        unsafe {
            let mut vectors = [isa.splat_i32(0); PANEL];
            for v in 0..PANEL {
                vectors[v] = weights.next(isa);
            }
            for s in 0..S {
                let x = isa.splat_i32((*sources[s].add(offset as usize)).to_bits().cast_signed());
                for v in 0..PANEL {
                    sums[s][v] = isa.dot4(sums[s][v], x, vectors[v]);
                }
            }
        }
    }
    let mut outputs = [[isa.splat(0.0); PANEL]; S];
    for s in 0..S {
        for v in 0..PANEL {
            let sum = isa.to_f32(sums[s][v]);
            [outputs[s][v]] = linear.epilogue.finish::<I, true, 1>(isa, at + v * I::LANES, [sum]);
        }
    }
    outputs
}
