//! Fully connected layer over quads: a matrix in panels of rows times a vector, or several. Memory bounds it: where there is
//! an instruction for that, zeros are left out.

use super::super::{Aligned, Sample};
use super::{ByteEpilogue, ByteMatrix};
use crate::isa::{Isa, Kernel, MAX_LANES, Token};
use alloc::vec::Vec;
use core::array::from_fn;

/// Vectors of outputs in a panel: those whose bytes make a vector of quads.
pub(crate) const PANEL: usize = 4;

/// How weights are stored.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Dense,
    /// Without zeros, for instruction sets with [`Isa::EXPANDS`].
    Nonzeros,
}

/// Packed weights.
pub(crate) struct ByteLinear {
    weights: Weights,
    /// Where each quad of the input stands.
    offsets: Vec<u32>,
    /// In the order of the panels.
    epilogue: ByteEpilogue,
    out_features: usize,
    lanes: usize,
}

/// Quads in the order of use: `[panels][input quads][PANEL][lanes]`.
enum Weights {
    /// As bits.
    Dense(Aligned),
    /// For each vector the mask of the bytes that are not zero; those bytes, and a vector of padding.
    Nonzeros { masks: Vec<u64>, bytes: Vec<u8> },
}

impl ByteLinear {
    /// Packs `matrix`, whose quads stand at `offsets`.
    pub(crate) fn new(
        matrix: &ByteMatrix<'_>,
        offsets: Vec<u32>,
        epilogue: &ByteEpilogue,
        form: Form,
        token: Token,
    ) -> Self {
        let (out_features, lanes) = (matrix.rows(), token.lanes());
        let to_bytes = epilogue.makes_bytes();
        // Bytes are packed from the same lane of four vectors.
        let row = |i: usize| {
            let (panel, vector, lane) = (i / (PANEL * lanes), i / lanes % PANEL, i % lanes);
            panel * PANEL * lanes + if to_bytes { PANEL * lane + vector } else { lanes * vector + lane }
        };
        let rows: Vec<usize> = (0..out_features.next_multiple_of(PANEL * lanes)).map(row).collect();
        let panels = rows.chunks_exact(PANEL * lanes);
        let panel_len = PANEL * lanes * offsets.len();
        let weights = match form {
            Form::Dense => {
                let mut weights = Aligned::zeros(panels.len() * panel_len);
                for (rows, panel) in panels.zip(weights.as_quads_mut().chunks_exact_mut(panel_len)) {
                    matrix.pack(rows, panel);
                }
                Weights::Dense(weights)
            }
            Form::Nonzeros => {
                let mut masks = Vec::with_capacity(panels.len() * panel_len / lanes);
                let mut bytes = alloc::vec![0; matrix.nnz() + 4 * lanes];
                let (mut panel, mut start) = (Aligned::zeros(panel_len), 0);
                for rows in panels {
                    panel.fill(0.0);
                    matrix.pack(rows, panel.as_quads_mut());
                    token.enter(Compress { panel: &panel, masks: &mut masks, bytes: &mut bytes, start: &mut start });
                }
                Weights::Nonzeros { masks, bytes }
            }
        };
        Self { weights, offsets, epilogue: epilogue.reordered(&rows), out_features, lanes }
    }

    pub(crate) fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Dense(weights) => size_of_val(&**weights),
            Weights::Nonzeros { masks, bytes } => size_of_val(&**masks) + size_of_val(&**bytes),
        }
    }

    /// The kind of kernel.
    pub(crate) const fn kind(&self) -> &'static str {
        match &self.weights {
            Weights::Dense(_) => "gemv",
            Weights::Nonzeros { .. } => "spmv",
        }
    }

    /// The pass over the first `count` of `samples`; some of the others may get an output, too.
    pub(crate) fn kernel<'a, const N: usize>(&'a self, samples: [Sample<'a>; N], count: usize) -> impl Kernel + 'a {
        Pass { linear: self, samples, count }
    }
}

/// Leaves the zeros of a panel out.
struct Compress<'a> {
    panel: &'a [f32],
    masks: &'a mut Vec<u64>,
    bytes: &'a mut [u8],
    /// Where to go on in `bytes`.
    start: &'a mut usize,
}

impl Kernel for Compress<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        for vector in self.panel.chunks_exact(I::LANES) {
            let bytes = &mut self.bytes[*self.start..][..4 * I::LANES];
            // SAFETY: the slices have `LANES` elements and `4 * LANES` bytes.
            let mask = unsafe { isa.compress(isa.bits(isa.load(vector.as_ptr())), bytes.as_mut_ptr()) };
            *self.start += mask.count_ones() as usize;
            self.masks.push(mask);
        }
    }
}

/// Weights that are read from the first to the last, a vector at a time.
trait Vectors: Copy {
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
struct Nonzeros {
    masks: *const u64,
    bytes: *const u8,
}

impl Vectors for Nonzeros {
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

struct Pass<'a, const N: usize> {
    linear: &'a ByteLinear,
    samples: [Sample<'a>; N],
    count: usize,
}

impl<const N: usize> Kernel for Pass<'_, N> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        match &self.linear.weights {
            Weights::Dense(weights) => self.panels(isa, Dense(weights.as_ptr())),
            Weights::Nonzeros { masks, bytes } if I::EXPANDS => {
                self.panels(isa, Nonzeros { masks: masks.as_ptr(), bytes: bytes.as_ptr() });
            }
            Weights::Nonzeros { .. } => unreachable!("packed for another instruction set"),
        }
    }
}

impl<const N: usize> Pass<'_, N> {
    #[inline(always)]
    fn panels<I: Isa>(mut self, isa: I, mut weights: impl Vectors) {
        let linear = self.linear;
        // The unchecked accesses rest on these.
        assert_eq!(I::LANES, linear.lanes, "packed for another instruction set");
        let farthest = linear.offsets.iter().copied().max().unwrap_or(0) as usize;
        assert!(self.samples.iter().all(|sample| farthest < sample.src.len()), "input shorter than planned");
        for panel in 0..linear.out_features.div_ceil(PANEL * I::LANES) {
            // As many sums as there are registers for.
            weights = match (N, I::LANES) {
                (1, _) => self.panel::<I, 1, _>(isa, weights, panel),
                (_, MAX_LANES) => self.panel::<I, 4, _>(isa, weights, panel),
                _ => self.panel::<I, 2, _>(isa, weights, panel),
            };
        }
    }

    /// The outputs of a panel, whose weights come next, of all samples, `S` at a time; gives the weights behind it.
    #[inline(always)]
    fn panel<I: Isa, const S: usize, V: Vectors>(&mut self, isa: I, weights: V, panel: usize) -> V {
        let linear = self.linear;
        let at = panel * PANEL * I::LANES;
        let left = linear.out_features - at;
        let mut behind = weights;
        for samples in self.samples[..self.count.next_multiple_of(S)].chunks_exact_mut(S) {
            behind = weights;
            let sources = from_fn(|s| samples[s].src.as_ptr());
            // SAFETY: each panel has `PANEL` vectors for each offset, and each offset lies within each source.
            let outputs = unsafe { outputs_of_panel::<I, S>(isa, linear, at, &mut behind, sources) };
            for (Sample { dst, .. }, outputs) in samples.iter_mut().zip(outputs) {
                let mut values = [[0.0; MAX_LANES]; PANEL];
                if linear.epilogue.makes_bytes() {
                    // SAFETY: `LANES` is at most `MAX_LANES`.
                    unsafe { isa.store(values[0].as_mut_ptr(), isa.pack(outputs)) };
                    let out = &mut dst[panel * I::LANES..][..left.div_ceil(PANEL).min(I::LANES)];
                    out.copy_from_slice(&values[0][..out.len()]);
                } else {
                    let out = dst[at..linear.out_features].chunks_mut(I::LANES);
                    for ((out, values), output) in out.zip(&mut values).zip(outputs) {
                        // SAFETY: as above.
                        unsafe { isa.store(values.as_mut_ptr(), output) };
                        out.copy_from_slice(&values[..out.len()]);
                    }
                }
            }
        }
        behind
    }
}

/// `PANEL` vectors of outputs of each sample, from position `at` on.
///
/// # Safety
/// There are `PANEL` vectors of `weights` left for each offset, and each of `sources` points to a quad at each.
#[inline(always)]
unsafe fn outputs_of_panel<I: Isa, const S: usize>(
    isa: I,
    linear: &ByteLinear,
    at: usize,
    weights: &mut impl Vectors,
    sources: [*const f32; S],
) -> [[I::F32; PANEL]; S] {
    let mut sums = [[isa.splat_i32(0); PANEL]; S];
    for v in 0..PANEL {
        // SAFETY: the epilogue has a value for each lane of each panel.
        let start = unsafe { isa.load(linear.epilogue.starts(at + v * I::LANES, I::LANES).as_ptr().cast()) };
        (0..S).for_each(|s| sums[s][v] = isa.bits(start));
    }
    for &offset in &linear.offsets {
        // SAFETY: the caller vouches for the quads and for the weights.
        unsafe {
            let weights: [I::I32; PANEL] = from_fn(|_| weights.next(isa));
            for s in 0..S {
                let x = isa.splat_i32((*sources[s].add(offset as usize)).to_bits().cast_signed());
                for v in 0..PANEL {
                    sums[s][v] = isa.dot4(sums[s][v], x, weights[v]);
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
