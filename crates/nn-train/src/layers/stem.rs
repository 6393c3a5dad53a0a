//! The first convolution of a network over images and the normalization behind it, trained as one.
//!
//! The output of that convolution is the largest value of a network, and cheap: each element is nine products. It takes longer to write it
//! to memory, and to read it back four times, than to compute it. So it is computed a plane at a time, pooled at once, and not kept:
//! - its mean and variance follow from the [`Moments`] of the patches that it reads, whatever the weight;
//! - of the gradients by its elements only those of maxima need the elements, and these are kept;
//! - what normalization adds to the gradient of every element is a linear function of the element, so that what it adds to the weight's
//!   gradient follows from the moments, too.

use super::plane::{Channel, LANES, Pooling};
use super::{Conv2d, NormPReluPool};
use crate::batch::{Batch, Chunk};
use hccr_runtime::shape::{Conv2dParams, Pool2dParams};
use hccr_tensor::{Scalar, multiply_add};
use rayon::prelude::*;

/// Elements of a patch: those of the kernel.
const TAPS: usize = 9;
/// Rows over which sums are taken in the element type, which bounds their error.
const ROWS: usize = 8;

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
    /// Outputs of the convolution that were maxima, `[channels, images, pooled height, pooled width]`.
    maxima: Vec<T>,
    /// Which element of its window each was.
    index: Vec<u8>,
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
    let moments: Vec<Moments> = padded.par_iter().map(|padded| Moments::of(padded, size)).collect();
    let [mean, var] = statistics(&x, &moments, &conv.weight.value);
    let count = x.share.size() * x.images() * x.plane();
    norm.norm.as_mut().expect("the layers fit").follow(&mean, &var, count);
    let channels: Vec<_> = mean.iter().zip(&var).enumerate().map(|(c, (&m, &v))| norm.channel(c, m, v)).collect();

    let buffers = norm.spare.take(x.chunks.len());
    let of_chunk = |((padded, data), moments): ((Vec<T>, Vec<T>), Moments)| {
        chunk_forward(&conv.weight.value, &channels, pool, (&padded, size), &shape, data, moments)
    };
    let outputs = padded.into_par_iter().zip(buffers).zip(moments).map(of_chunk);
    let (chunks, parts) = outputs.unzip();
    let share = x.share.clone();
    norm.stem = Some(Stem { input: x, channels, parts });
    Batch::new(shape, chunks).with_share(share)
}

fn chunk_forward<T: Scalar>(
    weight: &[T],
    channels: &[Channel<T>],
    pool: Pool2dParams,
    (padded, size): (&[T], [usize; 2]),
    &[_, height, width]: &[usize; 3],
    mut data: Vec<T>,
    moments: Moments,
) -> (Chunk<T>, Part<T>) {
    let images = padded.len() / image_len(size);
    let (plane, stride) = (height * width, images * height * width);
    data.resize(channels.len() * stride, T::zero());
    let mut maxima = vec![T::zero(); data.len()];
    let mut index = vec![0; data.len()];
    let working = (Pooling::new(pool, size, [height, width]), vec![T::zero(); size[0] * size[1]]);
    let outputs = data.par_chunks_exact_mut(stride).zip(maxima.par_chunks_exact_mut(stride));
    let outputs = outputs.zip(index.par_chunks_exact_mut(stride));
    let tasks = channels.par_iter().zip(weight.par_chunks_exact(TAPS)).zip(outputs);
    tasks.for_each_with(working, |(pooling, y), ((channel, kernel), ((out, maxima), index))| {
        let outputs =
            out.chunks_exact_mut(plane).zip(maxima.chunks_exact_mut(plane)).zip(index.chunks_exact_mut(plane));
        for (padded, ((out, maxima), index)) in padded.chunks_exact(image_len(size)).zip(outputs) {
            convolve(kernel, padded, size[1], y);
            pooling.forward(channel, y, out, index);
            pooling.gather(y, index, maxima);
        }
    });
    (Chunk { images, data }, Part { moments, maxima, index })
}

/// Sets the gradients of both from the gradient by the output of the last [`forward`].
pub(crate) fn backward<T: Scalar>(conv: &mut Conv2d<T>, norm: &mut NormPReluPool<T>, dy: Batch<T>) {
    let Stem { input, channels, parts } = norm.stem.take().expect("a backward pass follows a training pass");
    let size = [input.shape[1], input.shape[2]];
    let plane = dy.plane();
    let of_chunk = |(part, dy): (&Part<T>, &Chunk<T>)| {
        let stride = dy.images * plane;
        let planes = part.maxima.par_chunks_exact(stride).zip(dy.data.par_chunks_exact(stride));
        let sums = channels.par_iter().zip(planes).map(|(channel, (maxima, dy))| channel.backward_sums(maxima, dy));
        sums.collect()
    };
    let sums = norm.set_gradients(&dy.share, parts.par_iter().zip(&dy.chunks).map(of_chunk).collect());

    let count = (dy.share.size() * input.images() * input.plane()) as f64;
    // As wide as an image with its border, so that the place of a maximum is that of its patch.
    let pool = norm.pool.expect("the layers fit");
    let pooling = Pooling::<T>::new(pool, [size[0], size[1] + 2], [dy.shape[1], dy.shape[2]]);
    let weight = &conv.weight.value;
    let of_chunk = |((part, dy), x): ((&Part<T>, &Chunk<T>), &Chunk<T>)| {
        let padded = with_border(x, size);
        let stride = dy.images * plane;
        let of_channel = |(c, channel): (usize, &Channel<T>)| {
            let [part_maxima, part_dy] = [&part.maxima, &dy.data].map(|values| &values[c * stride..][..stride]);
            let index = &part.index[c * stride..][..stride];
            let mut at_maxima = [0.0; TAPS];
            for (i, padded) in padded.chunks_exact(image_len(size)).enumerate() {
                let of_image = i * plane..(i + 1) * plane;
                let gradients = part_maxima[of_image.clone()].iter().zip(&part_dy[of_image.clone()]);
                let gradients = gradients.map(|(&y, &dz)| channel.gradient(y, dz));
                add_patches(padded, size[1], pooling.places(&index[of_image]).zip(gradients), &mut at_maxima);
            }
            let kernel: [f64; TAPS] = std::array::from_fn(|tap| weight[c * TAPS + tap].as_f64());
            let means = [sums[c][0] / count, sums[c][1] / count];
            part.moments.gradient(&kernel, channel, at_maxima, means).map(T::of)
        };
        channels.par_iter().enumerate().flat_map_iter(of_channel).collect()
    };
    let parts = parts.par_iter().zip(&dy.chunks).zip(&input.chunks).map(of_chunk).collect();
    dy.share.sum_into(&mut conv.weight, parts);
    norm.spare.keep(dy);
}

/// Elements of an image with its border, and one behind it that a vector of four reads.
fn image_len([height, width]: [usize; 2]) -> usize {
    (height + 2) * (width + 2) + 1
}

/// The images of a chunk, each with a border of one zero.
fn with_border<T: Scalar>(chunk: &Chunk<T>, size: [usize; 2]) -> Vec<T> {
    let [height, width] = size;
    let mut padded = vec![T::zero(); chunk.images * image_len(size)];
    let images = padded.chunks_exact_mut(image_len(size)).zip(chunk.data.chunks_exact(height * width));
    for (padded, image) in images {
        let inner = padded[width + 2..].chunks_exact_mut(width + 2);
        for (padded, row) in inner.zip(image.chunks_exact(width)) {
            padded[1..=width].copy_from_slice(row);
        }
    }
    padded
}

/// The convolution of an image that has its border.
fn convolve<T: Scalar>(kernel: &[T], padded: &[T], width: usize, y: &mut [T]) {
    let kernel: &[T; TAPS] = kernel.try_into().expect("a kernel of nine");
    for (top, y) in y.chunks_exact_mut(width).enumerate() {
        let of_tap = |tap: usize| &padded[(top + tap / 3) * (width + 2) + tap % 3..][..width];
        let x: [&[T]; TAPS] = std::array::from_fn(of_tap);
        for (at, y) in y.iter_mut().enumerate() {
            let rest = (1..TAPS).map(|tap| (kernel[tap], x[tap][at]));
            *y = rest.fold(kernel[0] * x[0][at], |sum, (w, x)| multiply_add(w, x, sum));
        }
    }
}

/// Adds patches of an image that has its border: each is at a place, and counts so many times.
fn add_patches<T: Scalar>(
    padded: &[T],
    width: usize,
    patches: impl Iterator<Item = (usize, T)>,
    sums: &mut [f64; TAPS],
) {
    // Rows of four, since a vector holds four; the last one is of no use.
    let mut rows = [[T::zero(); 4]; 3];
    for (place, times) in patches {
        for (row, sums) in rows.iter_mut().enumerate() {
            let x = &padded[place + row * (width + 2)..][..4];
            (0..4).for_each(|at| sums[at] = multiply_add(times, x[at], sums[at]));
        }
    }
    for (tap, sum) in sums.iter_mut().enumerate() {
        *sum += rows[tap / 3][tap % 3].as_f64();
    }
}

impl Moments {
    /// Those of some images that have their border.
    fn of<T: Scalar>(padded: &[T], size: [usize; 2]) -> Self {
        let mut moments = Self::default();
        for image in padded.chunks_exact(image_len(size)) {
            for a in 0..TAPS {
                moments.sums[a] += sum_over(image, size, [a, a], |x, _| x);
                for b in 0..=a {
                    moments.products[a][b] += sum_over(image, size, [a, b], |x, y| x * y);
                }
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

/// The sum of a function of two elements of each patch of an image.
fn sum_over<T: Scalar>(padded: &[T], [height, width]: [usize; 2], taps: [usize; 2], of: impl Fn(T, T) -> T) -> f64 {
    let row = |tap: usize, top: usize| &padded[(top + tap / 3) * (width + 2) + tap % 3..][..width];
    let mut total = 0.0;
    for tops in (0..height).step_by(ROWS) {
        let mut lanes = [T::zero(); LANES];
        for top in tops..height.min(tops + ROWS) {
            let [a, b] = taps.map(|tap| row(tap, top).chunks_exact(LANES));
            let rest = a.remainder().iter().zip(b.remainder());
            lanes.iter_mut().zip(rest).for_each(|(lane, (&a, &b))| *lane += of(a, b));
            for (a, b) in a.zip(b) {
                (0..LANES).for_each(|l| lanes[l] += of(a[l], b[l]));
            }
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
