//! Passes over the planes of one channel, written so that they compile to vector instructions.

use hccr_runtime::shape::Pool2dParams;
use hccr_tensor::Scalar;

/// Partial sums kept side by side: floating-point sums are not reordered by the compiler.
const LANES: usize = 16;

/// Sums `f` of each element; `f` gives `N` terms, which are summed apart.
#[inline(always)]
fn sums<T: Scalar, const N: usize>(a: &[T], b: &[T], f: impl Fn(T, T) -> [T; N]) -> [f64; N] {
    debug_assert_eq!(a.len(), b.len());
    let mut total = [0.0; N];
    // Blocks bound the error of the running sums.
    for (a, b) in a.chunks(1024).zip(b.chunks(1024)) {
        let mut lanes = [[T::zero(); LANES]; N];
        let (a_vectors, b_vectors) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest = (a_vectors.remainder(), b_vectors.remainder());
        for (a, b) in a_vectors.zip(b_vectors) {
            for l in 0..LANES {
                let terms = f(a[l], b[l]);
                for n in 0..N {
                    lanes[n][l] += terms[n];
                }
            }
        }
        for (&a, &b) in rest.0.iter().zip(rest.1) {
            let terms = f(a, b);
            for n in 0..N {
                lanes[n][0] += terms[n];
            }
        }
        for n in 0..N {
            total[n] += lanes[n].iter().map(|v| v.as_f64()).sum::<f64>();
        }
    }
    total
}

/// Sum of all elements.
pub(crate) fn sum<T: Scalar>(values: &[T]) -> T {
    T::of(sums(values, values, |v, _| [v])[0])
}

/// Sum and sum of squares.
pub(crate) fn moments<T: Scalar>(values: &[T]) -> [f64; 2] {
    sums(values, values, |v, _| [v, v * v])
}

/// Batch normalization, affine map and PRelu of one channel, as one function of an element:
/// `h = (y - mean) * inv_std`, `u = h * gamma + beta`, `z = u` or `slope * u`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channel<T> {
    pub(crate) mean: T,
    pub(crate) inv_std: T,
    pub(crate) gamma: T,
    pub(crate) beta: T,
    /// 1 where there is no PRelu.
    pub(crate) slope: T,
}

impl<T: Scalar> Channel<T> {
    #[inline(always)]
    fn normalized(&self, y: T) -> T {
        (y - self.mean) * self.inv_std
    }

    /// The layer's value for the input `y`.
    #[inline(always)]
    pub(crate) fn apply(&self, y: T) -> T {
        let u = self.normalized(y) * self.gamma + self.beta;
        if u > T::zero() { u } else { u * self.slope }
    }

    /// Sums over a plane, given inputs `y` and gradients by the outputs `dz`: of the gradient by `u`, of the same times
    /// `h`, and of the gradient by the slope.
    pub(crate) fn backward_sums(&self, y: &[T], dz: &[T]) -> [f64; 3] {
        sums(y, dz, |y, dz| {
            let h = self.normalized(y);
            let u = h * self.gamma + self.beta;
            let du = if u > T::zero() { dz } else { dz * self.slope };
            [du, du * h, if u > T::zero() { T::zero() } else { dz * u }]
        })
    }

    /// Replaces inputs `y` by the gradient by them: `gamma * inv_std * (du - mean_du - h * mean_du_h)`.
    pub(crate) fn backward(&self, y: &mut [T], dz: &[T], mean_du: T, mean_du_h: T) {
        let scale = self.gamma * self.inv_std;
        for (y, &dz) in y.iter_mut().zip(dz) {
            let h = self.normalized(*y);
            let u = h * self.gamma + self.beta;
            let du = if u > T::zero() { dz } else { dz * self.slope };
            *y = scale * (du - mean_du - h * mean_du_h);
        }
    }
}

/// Max pooling of planes of one size.
#[derive(Clone, Debug)]
pub(crate) struct Pooling<T> {
    params: Pool2dParams,
    input: [usize; 2],
    output: [usize; 2],
    /// Offset into the plane of each element of a window.
    offsets: [u32; 256],
    /// One row of the input, with what hangs over on the right.
    row: Vec<T>,
    /// Maximum of the window's columns at every place of the input, and which column it was.
    best: Vec<T>,
    which: Vec<u32>,
    best_row: Vec<T>,
    which_row: Vec<u32>,
}

impl<T: Scalar> Pooling<T> {
    pub(crate) fn new(params: Pool2dParams, input: [usize; 2], output: [usize; 2]) -> Self {
        let (elements, w) = (input[0] * input[1], input[1]);
        let kw = params.kernel_size[1];
        Self {
            offsets: std::array::from_fn(|i| (i / kw * w + i % kw) as u32),
            params,
            input,
            output,
            row: vec![T::neg_infinity(); w + params.kernel_size[1]],
            best: vec![T::zero(); elements],
            which: vec![0; elements],
            best_row: vec![T::zero(); w],
            which_row: vec![0; w],
        }
    }

    /// Pools `channel.apply(y)`; writes the maxima and, where `index` has room, which element of its window each was.
    pub(crate) fn forward(&mut self, channel: &Channel<T>, y: &[T], out: &mut [T], index: &mut [u8]) {
        // The constants let the compiler unroll the thesis's window.
        match self.params.kernel_size {
            [3, 3] => self.forward_with([3, 3], channel, y, out, index),
            kernel => self.forward_with(kernel, channel, y, out, index),
        }
    }

    #[inline(always)]
    fn forward_with(&mut self, [kh, kw]: [usize; 2], channel: &Channel<T>, y: &[T], out: &mut [T], index: &mut [u8]) {
        let ([ih, iw], [oh, ow], [sh, sw]) = (self.input, self.output, self.params.stride);
        for r in 0..ih {
            for (z, &y) in self.row.iter_mut().zip(&y[r * iw..][..iw]) {
                *z = channel.apply(y);
            }
            let (best, which) = (&mut self.best[r * iw..][..iw], &mut self.which[r * iw..][..iw]);
            let row = &self.row[..iw + kw];
            best.copy_from_slice(&row[..iw]);
            which.fill(0);
            for k in 1..kw {
                for x in 0..iw {
                    let greater = row[x + k] > best[x];
                    best[x] = if greater { row[x + k] } else { best[x] };
                    which[x] = if greater { k as u32 } else { which[x] };
                }
            }
        }
        for o in 0..oh {
            let top = o * sh;
            self.best_row.copy_from_slice(&self.best[top * iw..][..iw]);
            self.which_row.copy_from_slice(&self.which[top * iw..][..iw]);
            for k in 1..kh.min(ih - top) {
                let (best, which) = (&self.best[(top + k) * iw..][..iw], &self.which[(top + k) * iw..][..iw]);
                let (best_row, which_row) = (&mut self.best_row[..iw], &mut self.which_row[..iw]);
                for x in 0..iw {
                    let greater = best[x] > best_row[x];
                    best_row[x] = if greater { best[x] } else { best_row[x] };
                    which_row[x] = if greater { (k * kw) as u32 + which[x] } else { which_row[x] };
                }
            }
            for x in 0..ow {
                out[o * ow + x] = self.best_row[x * sw];
            }
            if !index.is_empty() {
                for x in 0..ow {
                    index[o * ow + x] = self.which_row[x * sw] as u8;
                }
            }
        }
    }

    /// Where each maximum stood, as an offset into the input plane; `index` is what [`forward`](Self::forward) wrote.
    fn places(&self, index: &[u8]) -> impl Iterator<Item = usize> {
        let ([_, iw], [_, ow], [sh, sw]) = (self.input, self.output, self.params.stride);
        index.chunks_exact(ow).enumerate().flat_map(move |(o, row)| {
            let top = o * sh * iw;
            row.iter().enumerate().map(move |(x, &i)| top + x * sw + self.offsets[i as usize] as usize)
        })
    }

    /// Adds the gradients by the maxima to where the maxima stood, after clearing `dz`.
    pub(crate) fn scatter(&self, d_out: &[T], index: &[u8], dz: &mut [T]) {
        dz.fill(T::zero());
        for (place, &d) in self.places(index).zip(d_out) {
            dz[place] += d;
        }
    }

    /// The inputs that were the maxima.
    pub(crate) fn gather(&self, y: &[T], index: &[u8], maxima: &mut [T]) {
        for (place, m) in self.places(index).zip(maxima) {
            *m = y[place];
        }
    }
}
