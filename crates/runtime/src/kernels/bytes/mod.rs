//! Products of bytes: activations of 8 bits, as [`Op::FakeQuantize`](crate::model::Op::FakeQuantize) makes them, times weights
//! that are integers of 7.
//!
//! Values stand in planes of *quads*, an element of the arena each: the bytes of four consecutive channels of a pixel, the
//! first in the lowest bits. A quad is as wide as an `f32`, so that layouts, borders and flat pixels are those of all other
//! kernels, with a quarter of the planes. An image of one channel stands in quads of four neighbours of a row instead.

pub(crate) mod conv;
pub(crate) mod linear;
pub(crate) mod quantize;

use super::Epilogue;
use crate::isa::Isa;
use crate::plan::{Nonzeros, Values};
use alloc::vec::Vec;

/// How bytes stand for numbers: as `scale * (byte - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantization {
    pub(crate) scale: f32,
    pub(crate) zero_point: u8,
}

impl Quantization {
    /// A quad of zeros.
    pub(crate) fn zeros(self) -> f32 {
        f32::from_bits(u32::from_le_bytes([self.zero_point; 4]))
    }
}

/// Where a layer finds what it multiplies.
pub(crate) struct Quads {
    /// The quads of the input: where each stands, from where an output pixel does.
    pub(crate) offsets: Vec<u32>,
    /// For each column of the weight matrix, its byte of all of them.
    pub(crate) places: Vec<u32>,
}

/// A matrix of integers, with a factor for each row.
pub(crate) struct ByteMatrix {
    /// The weights for each quad of the input, row-major.
    quads: Vec<[i8; 4]>,
    /// Quads of a row.
    columns: usize,
    scale: Vec<f32>,
}

impl ByteMatrix {
    /// The entries of `matrix`, all of which are integers from -63 to 63, as `quads` places them.
    pub(crate) fn new(matrix: &Nonzeros<'_>, quads: &Quads) -> Self {
        let (pattern, columns) = (&matrix.pattern, quads.offsets.len());
        let mut packed = alloc::vec![[0; 4]; pattern.rows() * columns];
        let table = match &matrix.values {
            Values::Own(_) => [0; 256],
            Values::Shared { centres, .. } => centres.map(|centre| centre as i8),
        };
        for (row, packed) in packed.chunks_exact_mut(columns).enumerate() {
            for i in pattern.row(row) {
                let place = quads.places[pattern.indices[i] as usize] as usize;
                packed[place / 4][place % 4] = match &matrix.values {
                    Values::Own(values) => values[i] as i8,
                    Values::Shared { labels, .. } => table[usize::from(labels[i])],
                };
            }
        }
        let scale = matrix.scale.map_or_else(|| alloc::vec![1.0; pattern.rows()], <[f32]>::to_vec);
        Self { quads: packed, columns, scale }
    }

    pub(crate) fn rows(&self) -> usize {
        self.scale.len()
    }

    /// The weights of a row; `None` beyond the last.
    fn row(&self, row: usize) -> Option<&[[i8; 4]]> {
        self.quads.chunks_exact(self.columns).nth(row)
    }
}

/// What a layer does to a sum of integers: to a number, with scale and bias, then PRelu, then to a byte where one is wanted.
pub(crate) struct ByteEpilogue {
    /// What the sum starts at, so that a byte counts from its zero point.
    start: Vec<i32>,
    factor: Vec<f32>,
    bias: Vec<f32>,
    slope: Vec<f32>,
    zero_point: Option<f32>,
}

impl ByteEpilogue {
    /// For inputs that `from` describes, outputs that `to` describes or that are `f32`, and [`Isa::DOT_OFFSET`].
    ///
    /// Dividing by the scale of `to` goes into factor and bias, since PRelu commutes with it.
    pub(crate) fn new(
        matrix: &ByteMatrix,
        epilogue: Epilogue,
        from: Quantization,
        to: Option<Quantization>,
        dot_offset: i32,
    ) -> Self {
        let unit = 1.0 / to.map_or(1.0, |to| to.scale);
        let zero = dot_offset - i32::from(from.zero_point);
        let sum = |row: &[[i8; 4]]| row.as_flattened().iter().map(|&w| i32::from(w)).sum::<i32>();
        Self {
            start: matrix.quads.chunks_exact(matrix.columns).map(|row| zero * sum(row)).collect(),
            factor: matrix.scale.iter().map(|scale| scale * from.scale * unit).collect(),
            bias: epilogue.bias.iter().map(|bias| bias * unit).collect(),
            slope: epilogue.slope,
            zero_point: to.map(|to| f32::from(to.zero_point)),
        }
    }

    /// The same for outputs in the order of `rows`; anything for one that is not there.
    fn reordered(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy + Default>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values.get(row).copied().unwrap_or_default()).collect()
        }
        Self {
            start: pick(&self.start, rows),
            factor: pick(&self.factor, rows),
            bias: pick(&self.bias, rows),
            slope: pick(&self.slope, rows),
            zero_point: self.zero_point,
        }
    }

    /// Bytes of four vectors of outputs.
    #[inline(always)]
    fn quads<I: Isa>(isa: I, outputs: [I::F32; 4], zero_point: f32) -> I::F32 {
        let mut bytes = outputs;
        for byte in &mut bytes {
            let shifted = isa.add(*byte, isa.splat(zero_point));
            *byte = isa.min(isa.max(shifted, isa.splat(0.0)), isa.splat(255.0));
        }
        isa.pack(bytes)
    }
}
