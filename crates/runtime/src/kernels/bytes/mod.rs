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
use crate::model::{Weight, WeightData};
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

/// A matrix of integers from -63 to 63, with a factor for each row.
pub(crate) struct ByteMatrix<'a> {
    weight: &'a Weight,
    /// The integer of each label, where there are any.
    integers: [i8; 256],
    scale: Vec<f32>,
    /// Quads of the input.
    quads: usize,
    /// For each column, its byte of all of them.
    places: Vec<u32>,
}

impl<'a> ByteMatrix<'a> {
    /// The entries of `weight`, for `quads` quads of the input, which hold the columns at these bytes.
    pub(crate) fn new(weight: &'a Weight, scale: Option<Vec<f32>>, quads: usize, places: Vec<u32>) -> Self {
        let mut integers = [0; 256];
        if let WeightData::Codebook { centres, .. } = &weight.data {
            integers.iter_mut().zip(centres).for_each(|(integer, &centre)| *integer = centre as i8);
        }
        let scale = scale.unwrap_or_else(|| alloc::vec![1.0; weight.rows()]);
        Self { weight, integers, scale, quads, places }
    }

    pub(crate) fn rows(&self) -> usize {
        self.scale.len()
    }

    /// Entries that are not zero.
    pub(crate) fn nnz(&self) -> usize {
        self.weight.nnz()
    }

    /// The share of such entries.
    pub(crate) fn density(&self) -> f64 {
        self.nnz() as f64 / self.weight.elements() as f64
    }

    /// For each `MR` consecutive rows, their weights for each quad of the input; what the last ones lack is zero.
    pub(crate) fn blocks<const MR: usize>(&self) -> impl Iterator<Item = impl Iterator<Item = [i32; MR]>> {
        (0..self.rows()).step_by(MR).map(|first| {
            let mut block = alloc::vec![[[0; 4]; MR]; self.quads];
            self.pack(&core::array::from_fn::<_, MR, _>(|m| first + m), block.as_flattened_mut());
            block.into_iter().map(|weights| weights.map(|weights| i32::from_le_bytes(weights.map(i8::cast_unsigned))))
        })
    }

    /// Writes the weights of `rows` to `panel`, `[quads of the input][rows]`, which is zero before. A row that is not there
    /// leaves it so.
    fn pack(&self, rows: &[usize], panel: &mut [[i8; 4]]) {
        for (i, &row) in rows.iter().enumerate().filter(|(_, row)| **row < self.rows()) {
            self.for_each(row, |column, weight| {
                let place = self.places[column] as usize;
                panel[place / 4 * rows.len() + i][place % 4] = weight;
            });
        }
    }

    /// The sum of a row.
    fn sum(&self, row: usize) -> i32 {
        let mut sum = 0;
        self.for_each(row, |_, weight| sum += i32::from(weight));
        sum
    }

    /// Goes through the columns of a row that have an entry.
    #[inline]
    fn for_each(&self, row: usize, mut entry: impl FnMut(usize, i8)) {
        match &self.weight.data {
            WeightData::Dense(values) => {
                let columns = self.places.len();
                let row = &values[row * columns..][..columns];
                row.iter().enumerate().for_each(|(column, &value)| entry(column, value as i8));
            }
            WeightData::Sparse { pattern, values } => {
                let (range, indices) = (pattern.row(row), &pattern.indices);
                let row = indices[range.clone()].iter().zip(&values[range]);
                row.for_each(|(&column, &value)| entry(column as usize, value as i8));
            }
            WeightData::Codebook { pattern, labels, .. } => {
                let (range, indices) = (pattern.row(row), &pattern.indices);
                let row = indices[range.clone()].iter().zip(&labels[range]);
                row.for_each(|(&column, &label)| entry(column as usize, self.integers[usize::from(label)]));
            }
        }
    }
}

/// What a layer does to a sum of integers: to a number, with scale and bias, then PRelu, then to a byte where one is wanted.
///
/// Numbers that are to be bytes are in units of the byte's scale, from its zero point on: PRelu commutes with the first, and
/// the second goes into both of the lines that it is made of.
pub(crate) struct ByteEpilogue {
    /// What the sum starts at, so that a byte counts from its zero point.
    start: Vec<i32>,
    /// Factor and summand of a positive number.
    rising: [Vec<f32>; 2],
    /// The same of a negative one.
    falling: [Vec<f32>; 2],
    slope: Vec<f32>,
    slopes: Slopes,
    zero_point: f32,
    makes_bytes: bool,
}

/// The slopes of a layer's PRelu.
#[derive(Clone, Copy)]
enum Slopes {
    /// All are one: there is none.
    One,
    /// It is the larger of its two lines.
    AtMostOne,
    Any,
}

impl ByteEpilogue {
    /// For inputs that `from` describes, outputs that `to` describes or that are `f32`, and [`Isa::DOT_OFFSET`].
    pub(crate) fn new(
        matrix: &ByteMatrix<'_>,
        epilogue: &Epilogue,
        from: Quantization,
        to: Option<Quantization>,
        dot_offset: i32,
    ) -> Self {
        let (unit, zero_point) = to.map_or((1.0, 0.0), |to| (1.0 / to.scale, f32::from(to.zero_point)));
        let zero = dot_offset - i32::from(from.zero_point);
        let factor = |row: usize| matrix.scale[row] * from.scale * unit;
        let bias = |row: usize| epilogue.bias[row] * unit;
        let slope = &epilogue.slope;
        let rows = 0..matrix.rows();
        let slopes = match () {
            () if slope.iter().all(|&slope| slope == 1.0) => Slopes::One,
            () if slope.iter().all(|&slope| slope <= 1.0) => Slopes::AtMostOne,
            () => Slopes::Any,
        };
        Self {
            start: rows.clone().map(|row| zero * matrix.sum(row)).collect(),
            rising: [rows.clone().map(factor).collect(), rows.clone().map(|row| bias(row) + zero_point).collect()],
            falling: [
                rows.clone().map(|row| slope[row] * factor(row)).collect(),
                rows.map(|row| slope[row] * bias(row) + zero_point).collect(),
            ],
            slope: slope.clone(),
            slopes,
            zero_point,
            makes_bytes: to.is_some(),
        }
    }

    /// The same for outputs in the order of `rows`; anything for one that is not there.
    pub(crate) fn reordered(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy + Default>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values.get(row).copied().unwrap_or_default()).collect()
        }
        Self {
            start: pick(&self.start, rows),
            rising: [0, 1].map(|i| pick(&self.rising[i], rows)),
            falling: [0, 1].map(|i| pick(&self.falling[i], rows)),
            slope: pick(&self.slope, rows),
            ..*self
        }
    }

    /// What the sums of the four outputs from `output` on start at, the same in each of `NV` vectors.
    #[inline(always)]
    pub(crate) fn starts_of_quad<I: Isa, const NV: usize>(&self, isa: I, output: usize) -> [[I::I32; NV]; 4] {
        let mut sums = [[isa.splat_i32(0); NV]; 4];
        for m in 0..4 {
            sums[m] = [isa.splat_i32(self.start[output + m]); NV];
        }
        sums
    }

    /// Such sums as numbers.
    #[inline(always)]
    pub(crate) fn finish_quad<I: Isa, const NV: usize>(
        &self,
        isa: I,
        output: usize,
        sums: [[I::I32; NV]; 4],
    ) -> [[I::F32; NV]; 4] {
        let mut numbers = [[isa.splat(0.0); NV]; 4];
        for m in 0..4 {
            for v in 0..NV {
                numbers[m][v] = isa.to_f32(sums[m][v]);
            }
            numbers[m] = self.finish::<I, false, NV>(isa, output + m, numbers[m]);
        }
        numbers
    }

    /// What the sums start at of as many outputs from `first` on as there are lanes.
    #[inline(always)]
    pub(crate) fn starts(&self, first: usize, lanes: usize) -> &[i32] {
        &self.start[first..][..lanes]
    }

    /// Vectors of sums as numbers: of one output, or of consecutive ones from `output` on, one a lane.
    #[inline(always)]
    pub(crate) fn finish<I: Isa, const BY_LANE: bool, const N: usize>(
        &self,
        isa: I,
        output: usize,
        sums: [I::F32; N],
    ) -> [I::F32; N] {
        let [factor, bias] = [
            parameter::<I, BY_LANE>(isa, &self.rising[0], output),
            parameter::<I, BY_LANE>(isa, &self.rising[1], output),
        ];
        let mut numbers = [isa.splat(0.0); N];
        for v in 0..N {
            numbers[v] = isa.mul_add(sums[v], factor, bias);
        }
        match self.slopes {
            Slopes::One => {}
            Slopes::AtMostOne => {
                let [factor, bias] = [
                    parameter::<I, BY_LANE>(isa, &self.falling[0], output),
                    parameter::<I, BY_LANE>(isa, &self.falling[1], output),
                ];
                for v in 0..N {
                    numbers[v] = isa.max(numbers[v], isa.mul_add(sums[v], factor, bias));
                }
            }
            Slopes::Any => {
                let slope = parameter::<I, BY_LANE>(isa, &self.slope, output);
                let [zero_point, shift] = [isa.splat(self.zero_point), isa.splat(-self.zero_point)];
                for v in 0..N {
                    numbers[v] = isa.add(isa.prelu(isa.add(numbers[v], shift), slope), zero_point);
                }
            }
        }
        numbers
    }

    /// True where outputs are bytes.
    pub(crate) fn makes_bytes(&self) -> bool {
        self.makes_bytes
    }
}

/// `sums` of four outputs and `NV` vectors of pixels, and the products of the quads at `src` with the outputs' weights.
///
/// # Safety
/// `src` points to `NV` readable vectors.
#[inline(always)]
pub(crate) unsafe fn add_products<I: Isa, const NV: usize>(
    isa: I,
    mut sums: [[I::I32; NV]; 4],
    src: *const f32,
    weights: &[i32; 4],
) -> [[I::I32; NV]; 4] {
    let mut x = [isa.splat_i32(0); NV];
    for v in 0..NV {
        // SAFETY: the caller vouches for the vectors.
        x[v] = isa.bits(unsafe { isa.load(src.add(v * I::LANES)) });
    }
    for m in 0..4 {
        let weight = isa.splat_i32(weights[m]);
        for v in 0..NV {
            sums[m][v] = isa.dot4(sums[m][v], x[v], weight);
        }
    }
    sums
}

/// A parameter of one output in every lane, or those of consecutive ones.
#[inline(always)]
fn parameter<I: Isa, const BY_LANE: bool>(isa: I, values: &[f32], output: usize) -> I::F32 {
    if BY_LANE {
        // SAFETY: the slice has `LANES` elements.
        unsafe { isa.load(values[output..][..I::LANES].as_ptr()) }
    } else {
        isa.splat(values[output])
    }
}
