//! Passes over the planes of one channel, `[height, width, images]`, written so that they compile to vector instructions.

use hccr_runtime::shape::Pool2dParams;
use hccr_tensor::{Scalar, Vector};
use std::ops::Range;

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

    /// Whether it gives a greater value for a greater input, or the same.
    fn is_increasing(&self) -> bool {
        self.inv_std * self.gamma >= T::zero() && self.slope >= T::zero()
    }

    /// [`apply`](Self::apply) for many.
    #[inline(always)]
    fn apply_to_vector(&self, y: T::Vector) -> T::Vector {
        let splat = T::Vector::splat;
        let u = (y - splat(self.mean)) * splat(self.inv_std) * splat(self.gamma) + splat(self.beta);
        u.choose_greater(splat(T::zero()), u, u * splat(self.slope))
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling {
    params: Pool2dParams,
    input: [usize; 2],
    output: [usize; 2],
    images: usize,
}

/// What the backward pass needs of the pooling of a chunk: the inputs that were the maxima, and the numbers of these elements in their windows.
pub(crate) type Kept<T> = [Vec<T>; 2];

/// The greatest of some elements: what orders them, the element, and its number in the window.
#[derive(Clone, Copy)]
struct Maximum<V> {
    rank: V,
    input: V,
    place: V,
}

impl Pooling {
    pub(crate) fn new(params: Pool2dParams, input: [usize; 2], output: [usize; 2], images: usize) -> Self {
        Self { params, input, output, images }
    }

    /// Elements of a row of the input, and of a row of the output.
    pub(super) fn rows(&self) -> [usize; 2] {
        [self.input[1], self.output[1]].map(|width| width * self.images)
    }

    /// Elements of the output.
    pub(super) fn outputs(&self) -> usize {
        self.output[0] * self.rows()[1]
    }

    /// The rows of the input that row `o` of the output reads.
    pub(super) fn window(&self, o: usize) -> Range<usize> {
        let top = o * self.params.stride[0];
        top..(top + self.params.kernel_size[0]).min(self.input[0])
    }

    /// Columns of the window at column `x` of the output that lie inside the plane.
    fn columns(&self, x: usize) -> usize {
        self.params.kernel_size[1].min(self.input[1] - x * self.params.stride[1])
    }

    /// Calls `f` with some images at a time, as many as a vector has place for.
    #[inline(always)]
    fn each_vector<T: Scalar>(&self, mut f: impl FnMut(Range<usize>)) {
        let lanes = T::Vector::LANES;
        (0..self.images).step_by(lanes).for_each(|first| f(first..(first + lanes).min(self.images)));
    }

    /// Pools `channel.apply(y)`; where it is wanted, a channel of what is [`Kept`] is written.
    pub(crate) fn forward<T: Scalar>(&self, channel: &Channel<T>, y: &[T], out: &mut [T], kept: Option<[&mut [T]; 2]>) {
        let [row, of_row] = self.rows();
        let mut kept = kept.map(|kept| kept.map(|kept| kept.chunks_exact_mut(of_row)));
        for (o, out) in out.chunks_exact_mut(of_row).enumerate() {
            let rows = self.window(o);
            let kept = kept.as_mut().map(|kept| kept.each_mut().map(|kept| kept.next().expect("as many rows")));
            self.forward_row(channel, &y[rows.start * row..rows.end * row], out, kept);
        }
    }

    /// A row of the output, from the rows of the input that it reads.
    pub(super) fn forward_row<T: Scalar>(
        &self,
        channel: &Channel<T>,
        rows: &[T],
        out: &mut [T],
        kept: Option<[&mut [T]; 2]>,
    ) {
        if channel.is_increasing() {
            self.forward_row_by(channel, |input| input, rows, out, kept);
        } else {
            self.forward_row_by(channel, |input| channel.apply_to_vector(input), rows, out, kept);
        }
    }

    #[inline(always)]
    fn forward_row_by<T: Scalar>(
        &self,
        channel: &Channel<T>,
        rank: impl Fn(T::Vector) -> T::Vector,
        rows: &[T],
        out: &mut [T],
        mut kept: Option<[&mut [T]; 2]>,
    ) {
        let ([_, kw], [_, stride], [row, _]) = (self.params.kernel_size, self.params.stride, self.rows());
        let height = rows.len() / row;
        for x in 0..self.output[1] {
            let (first, width) = (x * stride * self.images, self.columns(x));
            self.each_vector::<T>(|at| {
                let element = |y: usize, k: usize| {
                    let input = T::Vector::load(&rows[y * row + first + k * self.images..][at.clone()]);
                    Maximum { rank: rank(input), input, place: T::Vector::splat(T::of((y * kw + k) as f64)) }
                };
                // Constants let the compiler unroll the usual window.
                let Maximum { input, place, .. } = match (height, width, kw) {
                    (3, 3, 3) => greatest::<T>(3, 3, element),
                    _ => greatest::<T>(height, width, element),
                };
                let at = x * self.images + at.start..x * self.images + at.end;
                channel.apply_to_vector(input).store(&mut out[at.clone()]);
                if let Some([inputs, places]) = &mut kept {
                    input.store(&mut inputs[at.clone()]);
                    place.store(&mut places[at]);
                }
            });
        }
    }

    /// Adds the gradients by the maxima of a row to the rows of the input, where the maxima stood.
    pub(super) fn scatter_row<T: Scalar>(&self, d_out: &[T], places: &[T], rows: &mut [T]) {
        let ([_, kw], [_, stride], [row, _]) = (self.params.kernel_size, self.params.stride, self.rows());
        let (height, zero) = (rows.len() / row, T::Vector::splat(T::zero()));
        for x in 0..self.output[1] {
            let (first, width) = (x * stride * self.images, self.columns(x));
            self.each_vector::<T>(|at| {
                let of_output = x * self.images + at.start..x * self.images + at.end;
                let [d_out, places] = [d_out, places].map(|values| T::Vector::load(&values[of_output.clone()]));
                let mut add = |y: usize, k: usize| {
                    let dz = &mut rows[y * row + first + k * self.images..][at.clone()];
                    let number = T::Vector::splat(T::of((y * kw + k) as f64));
                    (T::Vector::load(dz) + places.choose_equal(number, d_out, zero)).store(dz);
                };
                match (height, width, kw) {
                    (3, 3, 3) => each_element(3, 3, &mut add),
                    _ => each_element(height, width, &mut add),
                }
            });
        }
    }

    /// Adds the gradients by the maxima to where the maxima stood, after clearing `dz`.
    pub(crate) fn scatter<T: Scalar>(&self, d_out: &[T], places: &[T], dz: &mut [T]) {
        dz.fill(T::zero());
        let [row, of_row] = self.rows();
        for (o, (d_out, places)) in d_out.chunks_exact(of_row).zip(places.chunks_exact(of_row)).enumerate() {
            let rows = self.window(o);
            self.scatter_row(d_out, places, &mut dz[rows.start * row..rows.end * row]);
        }
    }
}

/// The greatest element of a window, the first of those that are equal.
#[inline(always)]
fn greatest<T: Scalar>(
    height: usize,
    width: usize,
    element: impl Fn(usize, usize) -> Maximum<T::Vector>,
) -> Maximum<T::Vector> {
    let mut best = element(0, 0);
    each_element(height, width, &mut |y, k| {
        let new = element(y, k);
        let choose = |of_new, of_best| new.rank.choose_greater(best.rank, of_new, of_best);
        best = Maximum {
            rank: choose(new.rank, best.rank),
            input: choose(new.input, best.input),
            place: choose(new.place, best.place),
        };
    });
    best
}

#[inline(always)]
fn each_element(height: usize, width: usize, f: &mut impl FnMut(usize, usize)) {
    for y in 0..height {
        for k in 0..width {
            f(y, k);
        }
    }
}
