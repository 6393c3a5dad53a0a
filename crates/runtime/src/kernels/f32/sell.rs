//! Sparse fully connected layer for short rows: rows side by side in the lanes of vectors.
//!
//! The format is the sliced ELLPACK of GPUs (SELL): the rows of a slice are filled up to the same number of entries, so that
//! each lane sums up a row of its own, and no sum goes across lanes. Columns go in blocks of as many as a table in registers
//! holds, where an instruction set of wide shuffles finds a vector of inputs in one instruction.

use super::gemv;
use crate::isa::{Body, Isa, LEVEL_2_BYTES, MAX_LANES, TABLE, Token};
use crate::kernels::kernel::{Facts, Io, Kernel};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::tensor::Aligned;
use crate::weights::Pattern;
use alloc::vec::Vec;

/// Rows of a slice: two vectors of the widest instruction set, so that one's sum goes on while the other's is under way.
const MR: usize = 2 * MAX_LANES;

/// Packed weights.
pub(crate) struct SlicedLinear {
    /// The end of each slice's blocks of columns, in rounds of [`MR`] entries.
    ends: Vec<u32>,
    /// The place of each entry's input in its block.
    indices: Vec<u8>,
    weights: Aligned<f32>,
    epilogue: Epilogue,
    in_features: usize,
    out_features: usize,
}

/// Bytes of an entry.
const ENTRY_BYTES: usize = size_of::<u8>() + size_of::<f32>();

impl LayerKernel for SlicedLinear {
    const NAME: &'static str = "f32_sell";

    fn fits(layer: &Layer<'_>) -> bool {
        layer.is_product()
    }

    /// Infinite where the slices do not fit into a second-level cache, since sparse rows take less memory, and for a matrix half
    /// as full as the panels of the dense one.
    fn cost(layer: &Layer<'_>) -> f64 {
        let (matrix, tuning) = (&layer.matrix, layer.product_tuning());
        let fits = |entries: usize| entries * ENTRY_BYTES <= LEVEL_2_BYTES;
        if !tuning.sliced.is_finite() || !fits(matrix.nnz()) || 2 * matrix.nnz() >= matrix.padded(gemv::MR) {
            return f64::INFINITY; // without counting rounds
        }
        let entries = MR * rounds(&matrix.nonzeros().pattern, matrix.columns()).sum::<usize>();
        if fits(entries) { tuning.sliced * entries as f64 } else { f64::INFINITY }
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let (weights, in_features) = (layer.matrix.nonzeros(), layer.matrix.columns());
        let (pattern, values) = (&weights.pattern, weights.to_values());
        let ends: Vec<u32> = rounds(pattern, in_features)
            .scan(0, |end, rounds| {
                *end += rounds as u32;
                Some(*end)
            })
            .collect();
        let total = ends.last().map_or(0, |&end| end as usize);
        let (mut indices, mut packed) = (alloc::vec![0; total * MR], Aligned::zeros(total * MR));
        let blocks = in_features.div_ceil(TABLE);
        for row in 0..pattern.rows() {
            // The next free round of the row's present block.
            let (mut block, mut round) = (usize::MAX, 0);
            for i in pattern.row(row) {
                let column = pattern.indices[i] as usize;
                if column / TABLE != block {
                    block = column / TABLE;
                    let before = (row / MR * blocks + block).checked_sub(1);
                    round = before.map_or(0, |before| ends[before] as usize);
                }
                indices[round * MR + row % MR] = (column % TABLE) as u8;
                packed[round * MR + row % MR] = values[i];
                round += 1;
            }
        }
        let out_features = layer.matrix.rows();
        let epilogue = layer.epilogue().padded(out_features.next_multiple_of(MR));
        Self { ends, indices, weights: packed, epilogue, in_features, out_features }
    }
}

impl Kernel for SlicedLinear {
    fn facts(&self, _: Token) -> Facts {
        Facts {
            kind: Self::NAME.into(),
            tile: Some([MR, 1]),
            by_isa: true,
            weight_bytes: size_of_val(&*self.ends) + size_of_val(&*self.indices) + size_of_val(&*self.weights),
            scratch_len: 0,
            takes_groups: false,
        }
    }

    fn run(&self, token: Token, Io { src, dst, .. }: Io<'_>) {
        token.enter(Pass { linear: self, src, dst });
    }
}

/// The most entries that a row has in each block of columns, slice by slice.
fn rounds(pattern: &Pattern, in_features: usize) -> impl Iterator<Item = usize> {
    let blocks = in_features.div_ceil(TABLE);
    (0..pattern.rows().div_ceil(MR)).flat_map(move |slice| {
        let mut rounds = alloc::vec![0; blocks];
        for row in slice * MR..((slice + 1) * MR).min(pattern.rows()) {
            for entries in pattern.indices[pattern.row(row)].chunk_by(|&a, &b| a as usize / TABLE == b as usize / TABLE)
            {
                let most = &mut rounds[entries[0] as usize / TABLE];
                *most = entries.len().max(*most);
            }
        }
        rounds
    })
}

struct Pass<'a> {
    linear: &'a SlicedLinear,
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Body for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let linear = self.linear;
        let (all_indices, all_weights) = (&linear.indices[..], &*linear.weights);
        let (tables, rest) = self.src[..linear.in_features].as_chunks::<TABLE>();
        let mut last = [0.0; TABLE];
        last[..rest.len()].copy_from_slice(rest);
        let blocks = linear.in_features.div_ceil(TABLE);
        let dst = &mut self.dst[..linear.out_features];
        let mut round = 0;
        for ((slice, out), ends) in dst.chunks_mut(MR).enumerate().zip(linear.ends.chunks_exact(blocks)) {
            let bias = &linear.epilogue.bias[slice * MR..][..MR];
            let slope = &linear.epilogue.slope[slice * MR..][..MR];
            let mut sums = [0.0; MR];
            let first = round;
            for part in (0..MR).step_by(2 * I::LANES) {
                round = first;
                let mut acc = [isa.read(&bias[part..]), isa.read(&bias[part + I::LANES..])];
                for (block, &end) in ends.iter().enumerate() {
                    let table = tables.get(block).unwrap_or(&last);
                    let end = end as usize;
                    let indices = &all_indices[round * MR..end * MR];
                    let weights = &all_weights[round * MR..end * MR];
                    let mut at = part;
                    while at < indices.len() {
                        for v in 0..2 {
                            // SAFETY: the lengths are the same multiple of `MR`, and `part + 2 * LANES` is at most `MR`.
                            unsafe {
                                let x = isa.lookup(table, indices.as_ptr().add(at + v * I::LANES));
                                acc[v] = isa.mul_add(x, isa.load(weights.as_ptr().add(at + v * I::LANES)), acc[v]);
                            }
                        }
                        at += MR;
                    }
                    round = end;
                }
                for v in 0..2 {
                    let at = part + v * I::LANES;
                    isa.write(isa.prelu(acc[v], isa.read(&slope[at..])), &mut sums[at..]);
                }
            }
            out.copy_from_slice(&sums[..out.len()]);
        }
    }
}
