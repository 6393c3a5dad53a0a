//! What a layer of bytes does to its sums.

use crate::isa::Isa;
use crate::kernels::layer::Layer;
use crate::weights::Integers;
use alloc::vec::Vec;

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
    /// For a layer that reads bytes, with these integers.
    pub(super) fn new(integers: &Integers<'_>, layer: &Layer<'_>) -> Self {
        let from = layer.reads.quantization().expect("a layer that reads bytes");
        let to = layer.writes.quantization();
        let (unit, zero_point) = to.map_or((1.0, 0.0), |to| (1.0 / to.scale, f32::from(to.zero_point)));
        let zero = layer.token.dot_offset() - i32::from(from.zero_point);
        let epilogue = layer.epilogue();
        let factor = |row: usize| integers.scale(row) * from.scale * unit;
        let bias = |row: usize| epilogue.bias[row] * unit;
        let slope = &epilogue.slope;
        let rows = 0..integers.rows();
        let slopes = match () {
            () if slope.iter().all(|&slope| slope == 1.0) => Slopes::One,
            () if slope.iter().all(|&slope| slope <= 1.0) => Slopes::AtMostOne,
            () => Slopes::Any,
        };
        Self {
            start: rows.clone().map(|row| zero * integers.sum(row)).collect(),
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

/// The quads that the outputs of four channels make.
#[inline(always)]
pub(crate) fn pack_quads<I: Isa, const NV: usize>(isa: I, outputs: [[I::F32; NV]; 4]) -> [I::F32; NV] {
    let mut quads = [isa.splat(0.0); NV];
    for v in 0..NV {
        quads[v] = isa.pack([outputs[0][v], outputs[1][v], outputs[2][v], outputs[3][v]]);
    }
    quads
}

/// A parameter of one output in every lane, or those of consecutive ones.
#[inline(always)]
fn parameter<I: Isa, const BY_LANE: bool>(isa: I, values: &[f32], output: usize) -> I::F32 {
    if BY_LANE { isa.read(&values[output..][..I::LANES]) } else { isa.splat(values[output]) }
}
