//! Fully connected layer over quads: a matrix in panels of rows times a vector.

use super::super::Aligned;
use super::{ByteEpilogue, ByteMatrix, to_bits};
use crate::isa::{Isa, Kernel, MAX_LANES};
use alloc::vec::Vec;

/// Vectors of outputs in a panel: those whose bytes make a vector of quads.
pub(crate) const PANEL: usize = 4;

/// Packed weights.
pub(crate) struct ByteLinear {
    /// Quads of weights, as bits: `[panels][input quads][PANEL][lanes]`.
    weights: Aligned,
    /// Where each quad of the input stands.
    offsets: Vec<u32>,
    /// In the order of the panels.
    epilogue: ByteEpilogue,
    out_features: usize,
    lanes: usize,
}

impl ByteLinear {
    /// Packs `matrix`, whose quads stand at `offsets`.
    pub(crate) fn new(matrix: &ByteMatrix, offsets: Vec<u32>, epilogue: &ByteEpilogue, lanes: usize) -> Self {
        let out_features = matrix.rows();
        let to_bytes = epilogue.makes_bytes();
        // Bytes are packed from the same lane of four vectors.
        let row = |i: usize| {
            let (panel, vector, lane) = (i / (PANEL * lanes), i / lanes % PANEL, i % lanes);
            panel * PANEL * lanes + if to_bytes { PANEL * lane + vector } else { lanes * vector + lane }
        };
        let rows: Vec<usize> = (0..out_features.next_multiple_of(PANEL * lanes)).map(row).collect();
        let mut weights = Aligned::zeros(rows.len() * offsets.len());
        let panels = weights.chunks_exact_mut(PANEL * lanes * offsets.len());
        for (panel, rows) in panels.zip(rows.chunks_exact(PANEL * lanes)) {
            let rows: Vec<_> = rows.iter().map(|&row| matrix.row(row)).collect();
            for (quad, panel) in panel.chunks_exact_mut(PANEL * lanes).enumerate() {
                for (packed, row) in panel.iter_mut().zip(&rows) {
                    *packed = row.map_or(0.0, |row| f32::from_bits(to_bits(row[quad]).cast_unsigned()));
                }
            }
        }
        Self { weights, offsets, epilogue: epilogue.reordered(&rows), out_features, lanes }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    /// The pass over `src`, into `dst`.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32]) -> impl Kernel + 'a {
        Pass { linear: self, src, dst }
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
        let Self { linear, src, dst } = self;
        // The unchecked accesses rest on these.
        assert_eq!(I::LANES, linear.lanes, "packed for another instruction set");
        assert!(linear.offsets.iter().all(|&offset| (offset as usize) < src.len()), "input shorter than planned");
        let panel_len = linear.offsets.len() * PANEL * I::LANES;
        for (i, panel) in linear.weights.chunks_exact(panel_len).enumerate() {
            let at = i * PANEL * I::LANES;
            // SAFETY: the panel has a vector of `PANEL` for each offset, and each offset lies within `src`.
            let outputs = unsafe { outputs_of_panel(isa, linear, at, panel.as_ptr(), src.as_ptr()) };
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
/// `panel` points to `PANEL` vectors of weights for each offset, and `src` to a quad at each.
#[inline(always)]
unsafe fn outputs_of_panel<I: Isa>(
    isa: I,
    linear: &ByteLinear,
    at: usize,
    panel: *const f32,
    src: *const f32,
) -> [I::F32; PANEL] {
    let mut sums = [isa.splat_i32(0); PANEL];
    for v in 0..PANEL {
        // SAFETY: the epilogue has a value for each lane of each panel.
        sums[v] = isa.bits(unsafe { isa.load(linear.epilogue.starts(at + v * I::LANES, I::LANES).as_ptr().cast()) });
    }
    let mut w = panel;
    for &offset in &linear.offsets {
        // SAFETY: the caller vouches for the quad and for the weights.
        unsafe {
            let x = isa.splat_i32((*src.add(offset as usize)).to_bits().cast_signed());
            for v in 0..PANEL {
                sums[v] = isa.dot4(sums[v], x, isa.bits(isa.load(w.add(v * I::LANES))));
            }
            w = w.add(PANEL * I::LANES);
        }
    }
    let mut outputs = [isa.splat(0.0); PANEL];
    for v in 0..PANEL {
        outputs[v] = linear.epilogue.finish::<I, true>(isa, at + v * I::LANES, isa.to_f32(sums[v]));
    }
    outputs
}
