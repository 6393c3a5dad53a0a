//! Fully connected layer over quads: a matrix in panels of rows times a vector. Memory bounds it: where there is an instruction
//! for that, zeros are left out.

use super::super::Aligned;
use super::{ByteEpilogue, ByteMatrix};
use crate::isa::{Isa, Kernel, MAX_LANES, Token};
use alloc::vec::Vec;

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

    /// The pass over `src`, into `dst`.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32]) -> impl Kernel + 'a {
        Pass { linear: self, src, dst }
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
trait Vectors {
    /// The next ones.
    ///
    /// # Safety
    /// There is a vector left.
    unsafe fn next<I: Isa>(&mut self, isa: I) -> I::I32;
}

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

struct Pass<'a> {
    linear: &'a ByteLinear,
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Kernel for Pass<'_> {
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

impl Pass<'_> {
    #[inline(always)]
    fn panels<I: Isa>(self, isa: I, mut weights: impl Vectors) {
        let Self { linear, src, dst } = self;
        // The unchecked accesses rest on these.
        assert_eq!(I::LANES, linear.lanes, "packed for another instruction set");
        assert!(linear.offsets.iter().all(|&offset| (offset as usize) < src.len()), "input shorter than planned");
        for i in 0..linear.out_features.div_ceil(PANEL * I::LANES) {
            let at = i * PANEL * I::LANES;
            // SAFETY: each panel has `PANEL` vectors for each offset, and each offset lies within `src`.
            let outputs = unsafe { outputs_of_panel(isa, linear, at, &mut weights, src.as_ptr()) };
            let mut values = [[0.0; MAX_LANES]; PANEL];
            let left = linear.out_features - at;
            if linear.epilogue.makes_bytes() {
                // SAFETY: `LANES` is at most `MAX_LANES`.
                unsafe { isa.store(values[0].as_mut_ptr(), isa.pack(outputs)) };
                let out = &mut dst[i * I::LANES..][..left.div_ceil(PANEL).min(I::LANES)];
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
}

/// `PANEL` vectors of outputs, from position `at` on.
///
/// # Safety
/// There are `PANEL` vectors of `weights` left for each offset, and `src` points to a quad at each.
#[inline(always)]
unsafe fn outputs_of_panel<I: Isa>(
    isa: I,
    linear: &ByteLinear,
    at: usize,
    weights: &mut impl Vectors,
    src: *const f32,
) -> [I::F32; PANEL] {
    let mut sums = [isa.splat_i32(0); PANEL];
    for v in 0..PANEL {
        // SAFETY: the epilogue has a value for each lane of each panel.
        sums[v] = isa.bits(unsafe { isa.load(linear.epilogue.starts(at + v * I::LANES, I::LANES).as_ptr().cast()) });
    }
    for &offset in &linear.offsets {
        // SAFETY: the caller vouches for the quad and for the weights.
        unsafe {
            let x = isa.splat_i32((*src.add(offset as usize)).to_bits().cast_signed());
            for v in 0..PANEL {
                sums[v] = isa.dot4(sums[v], x, weights.next(isa));
            }
        }
    }
    let mut outputs = [isa.splat(0.0); PANEL];
    for v in 0..PANEL {
        [outputs[v]] = linear.epilogue.finish::<I, true, 1>(isa, at + v * I::LANES, [isa.to_f32(sums[v])]);
    }
    outputs
}
