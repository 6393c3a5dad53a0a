//! Max pooling, of numbers or of quads of bytes: vectors for windows of 3x3 at stride 2, plain Rust for all others and for the
//! right edge.

use super::kernel::{Facts, Io, Kernel};
use crate::isa::{Body, Isa, Token, max_of_bytes};
use crate::tensor::Layout;
use crate::tensor::shape::Pool2dParams;

/// What is the larger of two elements.
pub(crate) trait Order {
    /// Not larger than any.
    const LOWEST: f32;
    fn max(a: f32, b: f32) -> f32;
    fn max_of_vectors<I: Isa>(isa: I, a: I::F32, b: I::F32) -> I::F32;
}

/// One number an element.
pub(crate) struct Numbers;

impl Order for Numbers {
    const LOWEST: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn max(a: f32, b: f32) -> f32 {
        if b > a { b } else { a }
    }

    #[inline(always)]
    fn max_of_vectors<I: Isa>(isa: I, a: I::F32, b: I::F32) -> I::F32 {
        isa.max(a, b)
    }
}

/// Four bytes an element, each for itself.
pub(crate) struct Quads;

impl Order for Quads {
    const LOWEST: f32 = 0.0;

    #[inline(always)]
    fn max(a: f32, b: f32) -> f32 {
        max_of_bytes(a, b)
    }

    #[inline(always)]
    fn max_of_vectors<I: Isa>(isa: I, a: I::F32, b: I::F32) -> I::F32 {
        isa.max_bytes(a, b)
    }
}

/// Windows and geometry.
pub(crate) struct MaxPool {
    /// Whether the elements are quads.
    pub(crate) quads: bool,
    pub(crate) params: Pool2dParams,
    pub(crate) src: Layout,
    pub(crate) dst: Layout,
}

impl MaxPool {
    /// True for the windows of the vector kernel.
    fn is_vectorized(&self) -> bool {
        self.params.kernel_size == [3, 3] && self.params.stride == [2, 2]
    }

    /// The maximum of the window of output `(y, x)`, clipped to the image.
    #[inline(never)] // six copies of it would be no faster
    fn window<O: Order>(&self, src: &[f32], channel: usize, y: usize, x: usize) -> f32 {
        let Pool2dParams { kernel_size: [kh, kw], stride: [sy, sx], .. } = self.params;
        let rows = y * sy..(y * sy + kh).min(self.src.height);
        let columns = x * sx..(x * sx + kw).min(self.src.width);
        let mut max = O::LOWEST;
        for row in rows {
            for &v in &src[self.src.row(channel, row)][columns.clone()] {
                max = O::max(max, v);
            }
        }
        max
    }
}

impl Kernel for MaxPool {
    fn facts(&self, _: Token) -> Facts {
        let kind = match (self.quads, self.is_vectorized()) {
            (false, false) => "f32_maxpool",
            (false, true) => "f32_maxpool_3x3s2",
            (true, false) => "u8_maxpool",
            (true, true) => "u8_maxpool_3x3s2",
        };
        Facts { by_isa: self.is_vectorized(), ..Facts::plain(kind) }
    }

    fn run(&self, token: Token, Io { src, dst, .. }: Io<'_>) {
        token.enter(Pass { pool: self, src, dst });
    }
}

struct Pass<'a> {
    pool: &'a MaxPool,
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Body for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        if self.pool.quads { self.planes::<I, Quads>(isa) } else { self.planes::<I, Numbers>(isa) }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn planes<I: Isa, O: Order>(self, isa: I) {
        let Self { pool, src, dst } = self;
        let (height, width) = (pool.src.height, pool.src.width);
        for channel in 0..pool.dst.channels {
            for y in 0..pool.dst.height {
                let out = &mut dst[pool.dst.row(channel, y)];
                let mut done = 0;
                if pool.is_vectorized() {
                    // A window that hangs over the bottom reads the last row twice, which changes no maximum.
                    let rows = [
                        pool.src.row(channel, 2 * y).start,
                        pool.src.row(channel, (2 * y + 1).min(height - 1)).start,
                        pool.src.row(channel, (2 * y + 2).min(height - 1)).start,
                    ];
                    done = row::<I, O>(isa, src, rows, width, out);
                }
                for x in done..out.len() {
                    out[x] = pool.window::<O>(src, channel, y, x);
                }
            }
        }
    }
}

/// Pools as much of a row as the vectors can without reading beyond `src`, and returns how many outputs that is.
#[inline(always)]
fn row<I: Isa, O: Order>(isa: I, src: &[f32], rows: [usize; 3], width: usize, out: &mut [f32]) -> usize {
    let mut x = 0;
    while x < out.len() {
        // The last vector overlaps the one before it.
        let at = if x + I::LANES > out.len() { out.len().saturating_sub(I::LANES) } else { x };
        if rows[2] + 2 * (at + I::LANES) >= src.len() {
            return x;
        }
        // SAFETY: the rows ascend, and of the last one the elements up to `2 * (at + LANES)` lie within `src`.
        let max = unsafe { windows::<I, O>(isa, src.as_ptr(), rows, 2 * at) };
        isa.write(max, &mut out[at..]);
        x = at + I::LANES;
    }
    let last = out.len() - 1;
    if 2 * last + 2 >= width {
        // The vectors took the last window on over the right edge: it has one or two columns.
        let (left, right) = (2 * last, (2 * last + 1).min(width - 1));
        let mut max = O::LOWEST;
        for row in rows {
            max = O::max(O::max(max, src[row + left]), src[row + right]);
        }
        out[last] = max;
    }
    out.len()
}

/// The maxima of `LANES` windows of 3x3 at stride 2.
///
/// # Safety
/// From `at` on, `2 * LANES + 1` elements of each row lie within `src`.
#[inline(always)]
unsafe fn windows<I: Isa, O: Order>(isa: I, src: *const f32, rows: [usize; 3], at: usize) -> I::F32 {
    // The maxima down the columns: two vectors from `at` on, and two shifted by one element.
    let mut down = [isa.splat(O::LOWEST); 4];
    for row in rows {
        // SAFETY: the loads start at elements 0, LANES, 1 and LANES + 1 of the `2 * LANES + 1` vouched for.
        unsafe {
            let p = src.add(row + at);
            down[0] = O::max_of_vectors(isa, down[0], isa.load(p));
            down[1] = O::max_of_vectors(isa, down[1], isa.load(p.add(I::LANES)));
            down[2] = O::max_of_vectors(isa, down[2], isa.load(p.add(1)));
            down[3] = O::max_of_vectors(isa, down[3], isa.load(p.add(I::LANES + 1)));
        }
    }
    let (left, _) = isa.deinterleave(down[0], down[1]);
    let (middle, right) = isa.deinterleave(down[2], down[3]);
    O::max_of_vectors(isa, O::max_of_vectors(isa, left, middle), right)
}
