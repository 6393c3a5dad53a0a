//! The first convolution of a network over images and the normalization behind it, trained as one.
//!
//! The output of that convolution is the largest value of a network, and cheap: each element is nine products. It takes longer to write it
//! to memory, and to read it back four times, than to compute it. So it is computed a few rows at a time, pooled at once, and not kept:
//! - its mean and variance follow from the [`Moments`] of the patches that it reads, whatever the weight;
//! - of the gradients by its elements only those of maxima need the elements, and these are kept;
//! - what normalization adds to the gradient of every element is a linear function of the element, so that what it adds to the weight's
//!   gradient follows from the moments, too.

use super::plane::{Channel, Kept, LANES, Pooling};
use super::{Conv2d, NormPReluPool};
use crate::batch::{Batch, Chunk};
use hccr_runtime::shape::Conv2dParams;
use hccr_tensor::{Scalar, Vector, multiply_add};
use rayon::prelude::*;
use std::ops::Range;

/// Elements of a patch: those of the kernel.
const TAPS: usize = 9;
/// Rows of the output after which sums in the element type are moved to wider ones, which bounds their error.
const FLUSH: usize = 4;

/// What the backward pass needs of a batch.
#[derive(Clone, Debug)]
pub(super) struct Stem<T> {
    input: Batch<T>,
    channels: Vec<Channel<T>>,
    /// Per chunk.
    parts: Vec<Part<T>>,
}

/// What it needs of a chunk.
#[derive(Clone, Debug)]
struct Part<T> {
    moments: Moments,
    /// Both `[channels, pooled height, pooled width, images]`.
    kept: Kept<T>,
}

/// Sums over all patches that a convolution reads.
#[derive(Clone, Debug, Default)]
struct Moments {
    /// Of each element.
    sums: [f64; TAPS],
    /// Of the products of each two.
    products: [[f64; TAPS]; TAPS],
}

/// Whether both can be trained as one, as the first layers of a network.
pub(crate) fn fits<T>(conv: &Conv2d<T>, norm: &NormPReluPool<T>) -> bool {
    let plain = Conv2dParams::same(1, conv.params.out_channels, [3, 3]);
    conv.params == plain && conv.bias.is_none() && norm.norm.is_some() && norm.pool.is_some()
}

/// The output of both on a mini-batch to train on.
///
/// # Panics
/// Where they do not [fit](fits).
pub(crate) fn forward<T: Scalar>(conv: &Conv2d<T>, norm: &mut NormPReluPool<T>, x: Batch<T>) -> Batch<T> {
    let size = [x.shape[1], x.shape[2]];
    let shape = norm.output_shape([conv.params.out_channels, size[0], size[1]]);
    let pool = norm.pool.expect("the layers fit");
    let padded: Vec<Vec<T>> = x.chunks.par_iter().map(|chunk| with_border(chunk, size)).collect();
    let sizes = x.chunks.par_iter().map(|chunk| [size[0], size[1], chunk.images]);
    let moments: Vec<Moments> = padded.par_iter().zip(sizes).map(|(padded, size)| Moments::of(padded, size)).collect();
    let [mean, var] = statistics(&x, &moments, &conv.weight.value);
    let count = x.share.size() * x.images() * x.plane();
    norm.norm.as_mut().expect("the layers fit").follow(&mean, &var, count);
    let channels: Vec<_> = mean.iter().zip(&var).enumerate().map(|(c, (&m, &v))| norm.channel(c, m, v)).collect();

    let buffers = norm.spare.take(x.chunks.len()).into_iter().zip(norm.spare_kept.take(x.chunks.len()));
    let buffers: Vec<_> = buffers.collect();
    let outputs = x.chunks.par_iter().zip(padded).zip(buffers).zip(moments);
    let outputs = outputs.map(|(((x, padded), buffers), moments)| {
        let pooling = Pooling::new(pool, size, [shape[1], shape[2]], x.images);
        chunk_forward(&conv.weight.value, &channels, pooling, (&padded, [size[0], size[1], x.images]), buffers, moments)
    });
    let (chunks, parts) = outputs.unzip();
    let share = x.share.clone();
    norm.stem = Some(Stem { input: x, channels, parts });
    Batch::new(shape, chunks).with_share(share)
}

fn chunk_forward<T: Scalar>(
    weight: &[T],
    channels: &[Channel<T>],
    pooling: Pooling,
    (padded, size): (&[T], [usize; 3]),
    (mut data, mut kept): (Vec<T>, Kept<T>),
    moments: Moments,
) -> (Chunk<T>, Part<T>) {
    let stride = pooling.outputs();
    data.resize(channels.len() * stride, T::zero());
    kept.iter_mut().for_each(|kept| kept.resize(data.len(), T::zero()));
    let [maxima, places] = kept.each_mut().map(|kept| kept.par_chunks_exact_mut(stride));
    let outputs = data.par_chunks_exact_mut(stride).zip(maxima).zip(places);
    let tasks = channels.par_iter().zip(weight.par_chunks_exact(TAPS)).zip(outputs);
    // The rows that a row of the output reads stay near the processor.
    tasks.for_each_with(Vec::<T>::new(), |y, ((channel, kernel), ((out, maxima), places))| {
        let [row, of_row] = pooling.rows();
        let outputs =
            out.chunks_exact_mut(of_row).zip(maxima.chunks_exact_mut(of_row)).zip(places.chunks_exact_mut(of_row));
        let mut last: Range<usize> = 0..0;
        for (o, ((out, maxima), places)) in outputs.enumerate() {
            let rows = pooling.window(o);
            // Windows overlap.
            let known = last.end.saturating_sub(rows.start);
            y.drain(..y.len() - known * row);
            y.resize(rows.len() * row, T::zero());
            for (at, y) in (rows.start + known..rows.end).zip(y[known * row..].chunks_exact_mut(row)) {
                convolve_row(kernel, padded, size, at, y);
            }
            pooling.forward_row(channel, y, out, Some([maxima, places]));
            last = rows;
        }
        y.clear();
    });
    (Chunk { images: size[2], data }, Part { moments, kept })
}

/// Sets the gradients of both from the gradient by the output of the last [`forward`].
pub(crate) fn backward<T: Scalar>(conv: &mut Conv2d<T>, norm: &mut NormPReluPool<T>, dy: Batch<T>) {
    let Stem { input, channels, parts } = norm.stem.take().expect("a backward pass follows a training pass");
    let size = [input.shape[1], input.shape[2]];
    let plane = dy.plane();
    let of_chunk = |(part, dy): (&Part<T>, &Chunk<T>)| {
        let stride = dy.images * plane;
        let planes = part.kept[0].par_chunks_exact(stride).zip(dy.data.par_chunks_exact(stride));
        let sums = channels.par_iter().zip(planes).map(|(channel, (maxima, dy))| channel.backward_sums(maxima, dy));
        sums.collect()
    };
    let sums = norm.set_gradients(&dy.share, parts.par_iter().zip(&dy.chunks).map(of_chunk).collect());

    let count = (dy.share.size() * input.images() * input.plane()) as f64;
    let pooled = [dy.shape[1], dy.shape[2]];
    let pool = norm.pool.expect("the layers fit");
    let weight = &conv.weight.value;
    let of_chunk = |((part, dy), x): ((&Part<T>, &Chunk<T>), &Chunk<T>)| {
        let (padded, size) = (with_border(x, size), [size[0], size[1], x.images]);
        let pooling = Pooling::new(pool, [size[0], size[1]], pooled, x.images);
        let stride = pooling.outputs();
        let of_channel = |(c, channel): (usize, &Channel<T>)| {
            let [maxima, places] = part.kept.each_ref().map(|kept| &kept[c * stride..][..stride]);
            let dy = &dy.data[c * stride..][..stride];
            let at_maxima = patches_of_maxima(&pooling, channel, (&padded, size), [maxima, places, dy]);
            let kernel: [f64; TAPS] = std::array::from_fn(|tap| weight[c * TAPS + tap].as_f64());
            let means = [sums[c][0] / count, sums[c][1] / count];
            part.moments.gradient(&kernel, channel, at_maxima, means).map(T::of)
        };
        channels.par_iter().enumerate().flat_map_iter(of_channel).collect()
    };
    let gradients = parts.par_iter().zip(&dy.chunks).zip(&input.chunks).map(of_chunk).collect();
    dy.share.sum_into(&mut conv.weight, gradients);
    norm.spare.keep(dy);
    norm.spare_kept.keep_buffers(parts.into_iter().map(|part| part.kept).collect());
}

/// The patches of the maxima, each times the gradient by it, summed.
fn patches_of_maxima<T: Scalar>(
    pooling: &Pooling,
    channel: &Channel<T>,
    (padded, size): (&[T], [usize; 3]),
    [maxima, places, dy]: [&[T]; 3],
) -> [f64; TAPS] {
    let [row, of_row] = pooling.rows();
    let (mut total, mut sums) = ([0.0; TAPS], [T::Vector::splat(T::zero()); TAPS]);
    // The gradients by the rows that a row of the output reads; those that the next one reads as well are not complete.
    let mut rows: Vec<T> = Vec::new();
    let (mut gradients, mut first) = (vec![T::zero(); of_row], 0);
    let outputs = maxima.chunks_exact(of_row).zip(dy.chunks_exact(of_row)).zip(places.chunks_exact(of_row));
    for (o, ((maxima, dy), places)) in outputs.enumerate() {
        for ((gradient, &y), &dz) in gradients.iter_mut().zip(maxima).zip(dy) {
            *gradient = channel.gradient(y, dz);
        }
        let window = pooling.window(o);
        rows.resize((window.end - first) * row, T::zero());
        pooling.scatter_row(&gradients, places, &mut rows[(window.start - first) * row..]);
        let next = pooling.window(o + 1).start.min(window.end);
        add_patches::<T>(padded, size, first, &rows[..(next - first) * row], &mut sums);
        rows.drain(..(next - first) * row);
        first = next;
        if o % FLUSH == 0 {
            flush::<T>(&mut sums, &mut total);
        }
    }
    add_patches::<T>(padded, size, first, &rows, &mut sums);
    flush::<T>(&mut sums, &mut total);
    total
}

/// Elements of a row of an image with its border, of so many images.
fn pitch([_, width, images]: [usize; 3]) -> usize {
    (width + 2) * images
}

/// The images of a chunk with a border of one zero.
fn with_border<T: Scalar>(chunk: &Chunk<T>, [height, width]: [usize; 2]) -> Vec<T> {
    let pitch = pitch([height, width, chunk.images]);
    let mut padded = vec![T::zero(); (height + 2) * pitch];
    let inner = padded[pitch..].chunks_exact_mut(pitch);
    for (padded, row) in inner.zip(chunk.data.chunks_exact(width * chunk.images)) {
        padded[chunk.images..][..row.len()].copy_from_slice(row);
    }
    padded
}

/// What element `tap` of the kernel reads for a row of the output.
fn row_of_tap<T>(padded: &[T], size: [usize; 3], row: usize, tap: usize) -> &[T] {
    let [_, width, images] = size;
    &padded[(row + tap / 3) * pitch(size) + tap % 3 * images..][..width * images]
}

/// A row of the convolution of images that have their border.
fn convolve_row<T: Scalar>(kernel: &[T], padded: &[T], size: [usize; 3], row: usize, y: &mut [T]) {
    let kernel: &[T; TAPS] = kernel.try_into().expect("a kernel of nine");
    let x: [&[T]; TAPS] = std::array::from_fn(|tap| &row_of_tap(padded, size, row, tap)[..y.len()]);
    for (at, y) in y.iter_mut().enumerate() {
        let rest = (1..TAPS).map(|tap| (kernel[tap], x[tap][at]));
        *y = rest.fold(kernel[0] * x[0][at], |sum, (w, x)| multiply_add(w, x, sum));
    }
}

/// Adds the patches of some rows of the output, from row `first` on, each times its value in `rows`.
fn add_patches<T: Scalar>(padded: &[T], size: [usize; 3], first: usize, rows: &[T], sums: &mut [T::Vector; TAPS]) {
    let (row, lanes) = (size[1] * size[2], T::Vector::LANES);
    for (y, times) in (first..).zip(rows.chunks_exact(row)) {
        let x: [&[T]; TAPS] = std::array::from_fn(|tap| row_of_tap(padded, size, y, tap));
        for first in (0..row).step_by(lanes) {
            let at = first..(first + lanes).min(row);
            let times = T::Vector::load(&times[at.clone()]);
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = sum.add_product(times, T::Vector::load(&x[at.clone()]));
            }
        }
    }
}

/// Moves sums of lanes to their totals.
fn flush<T: Scalar>(sums: &mut [T::Vector; TAPS], totals: &mut [f64; TAPS]) {
    for (total, sum) in totals.iter_mut().zip(sums) {
        let mut lanes = vec![T::zero(); T::Vector::LANES];
        sum.store(&mut lanes);
        *total += lanes.iter().map(|v| v.as_f64()).sum::<f64>();
        *sum = T::Vector::splat(T::zero());
    }
}

impl Moments {
    /// Those of images that have their border.
    fn of<T: Scalar>(padded: &[T], size: [usize; 3]) -> Self {
        let mut moments = Self::default();
        for a in 0..TAPS {
            moments.sums[a] = sum_over(padded, size, [a, a], |x, _| x);
            for b in 0..=a {
                moments.products[a][b] = sum_over(padded, size, [a, b], |x, y| x * y);
            }
        }
        for a in 0..TAPS {
            for b in 0..a {
                moments.products[b][a] = moments.products[a][b];
            }
        }
        moments
    }

    /// The products of an output of the convolution and each element of its patch, summed.
    fn of_outputs(&self, kernel: &[f64; TAPS]) -> [f64; TAPS] {
        std::array::from_fn(|tap| self.products[tap].iter().zip(kernel).map(|(p, w)| p * w).sum())
    }

    /// The gradient by the kernel, of which `at_maxima` is the part of the maxima, before normalization spread it over all outputs.
    /// `means` are those of the gradient, and of its product with the normalized output.
    fn gradient<T: Scalar>(
        &self,
        kernel: &[f64; TAPS],
        channel: &Channel<T>,
        at_maxima: [f64; TAPS],
        [mean_du, mean_du_h]: [f64; 2],
    ) -> [f64; TAPS] {
        let [mean, inv_std, gamma] = [channel.mean, channel.inv_std, channel.gamma].map(T::as_f64);
        let of_outputs = self.of_outputs(kernel);
        std::array::from_fn(|tap| {
            let normalized = inv_std * (of_outputs[tap] - mean * self.sums[tap]);
            gamma * inv_std * (at_maxima[tap] - mean_du * self.sums[tap] - mean_du_h * normalized)
        })
    }
}

/// The sum of a function of two elements of each patch of images that have their border.
fn sum_over<T: Scalar>(padded: &[T], size: [usize; 3], taps: [usize; 2], of: impl Fn(T, T) -> T) -> f64 {
    let mut total = 0.0;
    for row in 0..size[0] {
        let mut lanes = [T::zero(); LANES];
        let [a, b] = taps.map(|tap| row_of_tap(padded, size, row, tap).chunks_exact(LANES));
        let rest = a.remainder().iter().zip(b.remainder());
        lanes.iter_mut().zip(rest).for_each(|(lane, (&a, &b))| *lane += of(a, b));
        for (a, b) in a.zip(b) {
            (0..LANES).for_each(|l| lanes[l] += of(a[l], b[l]));
        }
        total += lanes.iter().map(|v| v.as_f64()).sum::<f64>();
    }
    total
}

/// Mean and (biased) variance of each channel over the mini-batch.
fn statistics<T: Scalar>(x: &Batch<T>, moments: &[Moments], weight: &[T]) -> [Vec<f64>; 2] {
    let flat = |m: &Moments| m.sums.into_iter().chain(m.products.into_iter().flatten()).collect::<Vec<_>>();
    let parts = x.share.all(moments.iter().flat_map(flat).collect());
    let count = (x.share.size() * x.images() * x.plane()) as f64;
    let mut all = Moments::default();
    for part in parts.chunks_exact(TAPS + TAPS * TAPS) {
        let sums = all.sums.iter_mut().chain(all.products.iter_mut().flatten());
        sums.zip(part).for_each(|(sum, part)| *sum += part);
    }
    let of_kernel = |kernel: &[T]| {
        let kernel: [f64; TAPS] = std::array::from_fn(|tap| kernel[tap].as_f64());
        let sum = |values: &[f64; TAPS]| values.iter().zip(&kernel).map(|(v, w)| v * w).sum::<f64>() / count;
        let mean = sum(&all.sums);
        (mean, (sum(&all.of_outputs(&kernel)) - mean * mean).max(0.0))
    };
    let (mean, var) = weight.chunks_exact(TAPS).map(of_kernel).unzip();
    [mean, var]
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;
    use hccr_runtime::shape::Pool2dParams;

    #[test]
    fn first_layers_as_those_of_the_thesis_fit() {
        let conv = |params, bias| Conv2d::<f32>::new("conv", params, bias, &mut Rng::new(1, 0));
        let norm = || NormPReluPool::new("act", 4).with_norm(false).with_prelu();
        let pooled = || norm().with_pool(Pool2dParams::THESIS);
        let same = Conv2dParams::same(1, 4, [3, 3]);
        assert!(fits(&conv(same, false), &pooled()));
        assert!(!fits(&conv(same, true), &pooled()) && !fits(&conv(same, false), &norm()));
        for other in [
            Conv2dParams { stride: [2, 1], ..same },
            Conv2dParams::same(2, 4, [3, 3]),
            Conv2dParams::same(1, 4, [5, 5]),
        ] {
            assert!(!fits(&conv(other, false), &pooled()), "{other:?}");
        }
        let unnormalized = NormPReluPool::new("act", 4).with_prelu().with_pool(Pool2dParams::THESIS);
        assert!(!fits(&conv(same, false), &unnormalized));
    }
}
