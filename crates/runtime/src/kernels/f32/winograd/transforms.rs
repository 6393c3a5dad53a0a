//! The transforms of Winograd's algorithm along one axis.

use crate::isa::Isa;

/// Most points along an axis.
pub(super) const POINTS: usize = 6;

/// The points of kernels of 3 taps for a tile of `outputs`, or of 1 tap.
pub(super) fn kernel_points(outputs: usize) -> &'static [[f64; 3]] {
    const C: f64 = 1.0 / 24.0;
    match outputs {
        1 => &[[1.0, 0.0, 0.0]],
        2 => &[[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]],
        _ => &[
            [0.25, 0.0, 0.0],
            [-4.0 * C, -4.0 * C, -4.0 * C],
            [-4.0 * C, 4.0 * C, -4.0 * C],
            [C, 2.0 * C, 4.0 * C],
            [C, -2.0 * C, 4.0 * C],
            [0.0, 0.0, 1.0],
        ],
    }
}

/// The transforms along one axis.
pub(super) trait Axis {
    /// Outputs of a tile.
    const OUTPUTS: usize;
    /// Its inputs, and the points that they and the kernel are brought to.
    const POINTS: usize;

    /// The inputs of `LANES` tiles beside each other along a row.
    ///
    /// # Safety
    /// `OUTPUTS * LANES + POINTS` elements are readable at `p`.
    unsafe fn load<I: Isa>(isa: I, p: *const f32) -> [I::F32; POINTS];
    /// Inputs to points.
    fn input<I: Isa>(isa: I, d: [I::F32; POINTS]) -> [I::F32; POINTS];
    /// Products at the points to outputs.
    fn output<I: Isa>(isa: I, m: [I::F32; POINTS]) -> [I::F32; POINTS];
}

/// One output of one tap.
pub(super) struct One;
/// Two outputs of three taps: the points 0, 1, -1 and infinity.
pub(super) struct Two;
/// Four outputs of three taps: the points 0, 1, -1, 2, -2 and infinity.
pub(super) struct Four;

impl Axis for One {
    const OUTPUTS: usize = 1;
    const POINTS: usize = 1;

    #[inline(always)]
    unsafe fn load<I: Isa>(isa: I, p: *const f32) -> [I::F32; POINTS] {
        // SAFETY: the caller vouches for the elements.
        [unsafe { isa.load(p) }; POINTS]
    }

    #[inline(always)]
    fn input<I: Isa>(_: I, d: [I::F32; POINTS]) -> [I::F32; POINTS] {
        d
    }

    #[inline(always)]
    fn output<I: Isa>(_: I, m: [I::F32; POINTS]) -> [I::F32; POINTS] {
        m
    }
}

impl Axis for Two {
    const OUTPUTS: usize = 2;
    const POINTS: usize = 4;

    #[inline(always)]
    unsafe fn load<I: Isa>(isa: I, p: *const f32) -> [I::F32; POINTS] {
        // SAFETY: the caller vouches for the elements.
        let [(a, b), (c, d)] = unsafe { [pairs(isa, p), pairs(isa, p.add(2))] };
        [a, b, c, d, d, d]
    }

    #[inline(always)]
    fn input<I: Isa>(isa: I, d: [I::F32; POINTS]) -> [I::F32; POINTS] {
        let (first, last) = (sub(isa, d[0], d[2]), sub(isa, d[1], d[3]));
        [first, isa.add(d[1], d[2]), sub(isa, d[2], d[1]), last, last, last]
    }

    #[inline(always)]
    fn output<I: Isa>(isa: I, m: [I::F32; POINTS]) -> [I::F32; POINTS] {
        let (even, odd) = (isa.add(m[1], m[2]), sub(isa, m[1], m[2]));
        let (first, second) = (isa.add(m[0], even), sub(isa, odd, m[3]));
        [first, second, second, second, second, second]
    }
}

impl Axis for Four {
    const OUTPUTS: usize = 4;
    const POINTS: usize = 6;

    #[inline(always)]
    unsafe fn load<I: Isa>(isa: I, p: *const f32) -> [I::F32; POINTS] {
        // SAFETY: the caller vouches for the elements.
        unsafe {
            let (start, end) = (fours(isa, p), fours(isa, p.add(4)));
            [start[0], start[1], start[2], start[3], end[0], end[1]]
        }
    }

    #[inline(always)]
    fn input<I: Isa>(isa: I, d: [I::F32; POINTS]) -> [I::F32; POINTS] {
        let (four, minus_four, minus_five) = (isa.splat(4.0), isa.splat(-4.0), isa.splat(-5.0));
        let (even, odd) = (isa.mul_add(minus_four, d[2], d[4]), isa.mul_add(minus_four, d[1], d[3]));
        let (even2, odd2) = (sub(isa, d[4], d[2]), sub(isa, d[3], d[1]));
        let odd2 = isa.add(odd2, odd2);
        [
            isa.mul_add(four, d[0], isa.mul_add(minus_five, d[2], d[4])),
            isa.add(even, odd),
            sub(isa, even, odd),
            isa.add(even2, odd2),
            sub(isa, even2, odd2),
            isa.mul_add(four, d[1], isa.mul_add(minus_five, d[3], d[5])),
        ]
    }

    #[inline(always)]
    fn output<I: Isa>(isa: I, m: [I::F32; POINTS]) -> [I::F32; POINTS] {
        let (even1, odd1) = (isa.add(m[1], m[2]), sub(isa, m[1], m[2]));
        let (even2, odd2) = (isa.add(m[3], m[4]), sub(isa, m[3], m[4]));
        let last = isa.mul_add(isa.splat(8.0), odd2, isa.add(odd1, m[5]));
        [
            isa.add(isa.add(m[0], even1), even2),
            isa.mul_add(isa.splat(2.0), odd2, odd1),
            isa.mul_add(isa.splat(4.0), even2, even1),
            last,
            last,
            last,
        ]
    }
}

/// From the inputs of `LANES` tiles at `p`, of `D` down and `A` across, to points, `point_stride` apart.
///
/// # Safety
/// Each row of the tiles has the elements of [`Axis::load`], and `to` room for a vector a point.
#[inline(always)]
pub(super) unsafe fn inputs_to_points<I: Isa, D: Axis, A: Axis>(
    isa: I,
    p: *const f32,
    row_stride: usize,
    to: *mut f32,
    point_stride: usize,
) {
    let mut d = [[isa.splat(0.0); POINTS]; POINTS];
    for y in 0..D::POINTS {
        // SAFETY: the caller vouches for the rows.
        d[y] = A::input(isa, unsafe { A::load(isa, p.add(y * row_stride)) });
    }
    for x in 0..A::POINTS {
        let mut column = [isa.splat(0.0); POINTS];
        for y in 0..D::POINTS {
            column[y] = d[y][x];
        }
        let column = D::input(isa, column);
        for y in 0..D::POINTS {
            // SAFETY: the caller vouches for the room.
            unsafe { isa.store(to.add((y * A::POINTS + x) * point_stride), column[y]) };
        }
    }
}

/// From such a tile's products for a vector of channels, whose points are `panel` apart, to outputs, whose rows are `columns`
/// apart.
///
/// # Safety
/// The points are there, and room for the outputs.
#[inline(always)]
pub(super) unsafe fn points_to_outputs<I: Isa, D: Axis, A: Axis>(
    isa: I,
    products: *const f32,
    panel: usize,
    to: *mut I::F32,
    columns: usize,
) {
    let mut down = [[isa.splat(0.0); POINTS]; POINTS];
    for x in 0..A::POINTS {
        let mut column = [isa.splat(0.0); POINTS];
        for y in 0..D::POINTS {
            // SAFETY: the caller vouches for the points.
            column[y] = unsafe { isa.load(products.add((y * A::POINTS + x) * panel)) };
        }
        let column = D::output(isa, column);
        for y in 0..D::OUTPUTS {
            down[y][x] = column[y];
        }
    }
    for y in 0..D::OUTPUTS {
        let row = A::output(isa, down[y]);
        for x in 0..A::OUTPUTS {
            // SAFETY: the caller vouches for the room.
            unsafe { *to.add(y * columns + x) = row[x] };
        }
    }
}

/// `a - b`.
#[inline(always)]
fn sub<I: Isa>(isa: I, a: I::F32, b: I::F32) -> I::F32 {
    isa.mul_add(isa.splat(-1.0), b, a)
}

/// The elements of even and of odd index of two vectors at `p`.
///
/// # Safety
/// `2 * LANES` elements are readable at `p`.
#[inline(always)]
unsafe fn pairs<I: Isa>(isa: I, p: *const f32) -> (I::F32, I::F32) {
    // SAFETY: the caller vouches for the elements.
    unsafe { isa.deinterleave(isa.load(p), isa.load(p.add(I::LANES))) }
}

/// The elements of four vectors at `p` whose index is 0, 1, 2 or 3 modulo 4.
///
/// # Safety
/// `4 * LANES` elements are readable at `p`.
#[inline(always)]
unsafe fn fours<I: Isa>(isa: I, p: *const f32) -> [I::F32; 4] {
    // SAFETY: the caller vouches for the elements.
    let ((even0, odd0), (even1, odd1)) = unsafe { (pairs(isa, p), pairs(isa, p.add(2 * I::LANES))) };
    let ((zero, two), (one, three)) = (isa.deinterleave(even0, even1), isa.deinterleave(odd0, odd1));
    [zero, one, two, three]
}
