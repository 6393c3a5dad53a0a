//! Passes over the planes of one channel, written so that they compile to vector instructions.

use hccr_runtime::shape::Pool2dParams;
use hccr_tensor::Scalar;

/// Partial sums kept side by side: floating-point sums are not reordered by the compiler.
pub(super) const LANES: usize = 16;

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

    /// The gradient by `u`, given the input `y` and the gradient by the output.
    #[inline(always)]
    pub(super) fn gradient(&self, y: T, dz: T) -> T {
        let u = self.normalized(y) * self.gamma + self.beta;
        if u > T::zero() { dz } else { dz * self.slope }
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
    /// Maximum of each column of a row of windows, with what hangs over on the right, and in which row it stood.
    best: Vec<T>,
    which: Vec<u32>,
    /// The indices of one row of the output.
    index: Vec<u32>,
}

impl<T: Scalar> Pooling<T> {
    pub(crate) fn new(params: Pool2dParams, input: [usize; 2], output: [usize; 2]) -> Self {
        let (w, [_, kw], [_, sw]) = (input[1], params.kernel_size, params.stride);
        let wide = w.max(output[1] * sw + kw);
        Self {
            offsets: std::array::from_fn(|i| (i / kw * w + i % kw) as u32),
            params,
            input,
            output,
            best: vec![T::neg_infinity(); wide],
            which: vec![0; wide],
            index: vec![0; output[1]],
        }
    }

    /// Pools `channel.apply(y)`; writes the maxima and, where `index` has room, which element of its window each was.
    pub(crate) fn forward(&mut self, channel: &Channel<T>, y: &[T], out: &mut [T], index: &mut [u8]) {
        // The constants let the compiler unroll the thesis's window.
        match (self.params.kernel_size, self.params.stride) {
            ([3, 3], [2, 2]) => self.forward_with([3, 3], [2, 2], channel, y, out, index),
            (kernel, stride) => self.forward_with(kernel, stride, channel, y, out, index),
        }
    }

    #[inline(always)]
    fn forward_with(
        &mut self,
        [kh, kw]: [usize; 2],
        [sh, sw]: [usize; 2],
        channel: &Channel<T>,
        y: &[T],
        out: &mut [T],
        index: &mut [u8],
    ) {
        let ([ih, iw], [oh, ow]) = (self.input, self.output);
        for o in 0..oh {
            let top = o * sh;
            let (best, which) = (&mut self.best[..iw], &mut self.which[..iw]);
            for k in 0..kh.min(ih - top) {
                let y = &y[(top + k) * iw..][..iw];
                if k == 0 {
                    which.fill(0);
                    for x in 0..iw {
                        best[x] = channel.apply(y[x]);
                    }
                    continue;
                }
                for x in 0..iw {
                    let z = channel.apply(y[x]);
                    let greater = z > best[x];
                    best[x] = if greater { z } else { best[x] };
                    which[x] = if greater { (k * kw) as u32 } else { which[x] };
                }
            }
            let (out, places) = (&mut out[o * ow..][..ow], &mut self.index[..ow]);
            for k in 0..kw {
                // The element of each window is element `k % sw` of a group as long as the stride.
                let (skip, of_group) = (k / sw * sw, k % sw);
                let best = self.best[skip..skip + ow * sw].chunks_exact(sw);
                let which = self.which[skip..skip + ow * sw].chunks_exact(sw);
                for ((max, place), (best, which)) in out.iter_mut().zip(&mut *places).zip(best.zip(which)) {
                    let greater = k == 0 || best[of_group] > *max;
                    *max = if greater { best[of_group] } else { *max };
                    *place = if greater { which[of_group] + k as u32 } else { *place };
                }
            }
            if !index.is_empty() {
                for (index, &place) in index[o * ow..][..ow].iter_mut().zip(&*places) {
                    *index = place as u8;
                }
            }
        }
    }

    /// Where each maximum stood, as an offset into the input plane; `index` is what [`forward`](Self::forward) wrote.
    pub(super) fn places(&self, index: &[u8]) -> impl Iterator<Item = usize> {
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
