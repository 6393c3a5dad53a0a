//! Batch normalization, PRelu and max pooling in one pass over memory.

use super::mode::Mode;
use super::plane::{Channel, Kept, Pooling, moments};
use super::stem::Stem;
use crate::batch::{Batch, Chunk, Spare};
use crate::param::Param;
use crate::share::Share;
use hccr_runtime::shape::Pool2dParams;
use hccr_tensor::Scalar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Share of the old running statistics that one step keeps.
const RUNNING_DECAY: f64 = 0.9;

/// Batch normalization over the channels (2d for images, 1d for vectors), with or without affine parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Norm<T> {
    /// Scale and shift a channel, if any.
    pub affine: Option<[Param<T>; 2]>,
    /// Running mean a channel, used by [`Mode::Eval`].
    pub running_mean: Vec<f64>,
    /// Running variance per channel, each mini-batch's estimated without bias.
    pub running_var: Vec<f64>,
}

impl<T> Norm<T> {
    /// Added to the variance before its root is taken.
    pub const EPSILON: f64 = 1e-5;

    /// Lets the running statistics follow a mini-batch: the mean and the variance of `values` values per channel.
    pub fn follow(&mut self, mean: &[f64], var: &[f64], values: usize) {
        self.update(RUNNING_DECAY, mean, var, values);
    }

    /// Keeps the share `kept` of the running statistics; the rest are those of a mini-batch.
    fn update(&mut self, kept: f64, mean: &[f64], var: &[f64], values: usize) {
        // The variance of all samples is estimated, of which the mini-batch is a few: without bias.
        let unbiased = values as f64 / (values as f64 - 1.0).max(1.0);
        for (running, now, factor) in [(&mut self.running_mean, mean, 1.0), (&mut self.running_var, var, unbiased)] {
            for (r, n) in running.iter_mut().zip(now) {
                *r = *r * kept + *n * factor * (1.0 - kept);
            }
        }
    }
}

/// Batch normalization, PRelu and max pooling, in this order, each of them optional.
///
/// On narrow networks these cost as much as the convolutions when each is a pass of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NormPReluPool<T> {
    /// Name of the layer.
    pub name: String,
    pub(crate) channels: usize,
    /// Batch normalization.
    pub norm: Option<Norm<T>>,
    /// Slopes of the PRelu, one per channel.
    pub prelu: Option<Param<T>>,
    /// Max pooling.
    #[serde(with = "crate::params_serde::pool")]
    pub pool: Option<Pool2dParams>,
    #[serde(skip, default = "Option::default")]
    pub(super) cache: Option<Cache<T>>,
    /// The cache where it is trained as one with the convolution before it.
    #[serde(skip, default = "Option::default")]
    pub(super) stem: Option<Stem<T>>,
    #[serde(skip, default = "Spare::default")]
    pub(super) spare: Spare<Vec<T>>,
    /// For what pooling keeps.
    #[serde(skip, default = "Spare::default")]
    pub(super) spare_kept: Spare<Kept<T>>,
}

#[derive(Clone, Debug)]
pub(super) struct Cache<T> {
    input: Batch<T>,
    channels: Vec<Channel<T>>,
    /// Of each chunk; empty without pooling.
    kept: Vec<Kept<T>>,
}

/// Whether the place of an element of the window fits a byte, and windows are not further apart.
fn is_small(pool: &Pool2dParams) -> bool {
    pool.kernel_size[0].saturating_mul(pool.kernel_size[1]) <= 256 && pool.stride.iter().all(|&stride| stride <= 256)
}

impl<T: Scalar> NormPReluPool<T> {
    /// A layer that does nothing yet, for inputs of `channels` channels.
    pub fn new(name: &str, channels: usize) -> Self {
        Self {
            name: name.into(),
            channels,
            norm: None,
            prelu: None,
            pool: None,
            cache: None,
            stem: None,
            spare: Spare::default(),
            spare_kept: Spare::default(),
        }
    }

    /// With batch normalization.
    pub fn with_norm(mut self, affine: bool) -> Self {
        let n = self.channels;
        let parameter = |what: &str, value| Param::constant(format!("{}.{what}", self.name), n, value);
        let affine = affine.then(|| [parameter("gamma", 1.0), parameter("beta", 0.0)]);
        self.norm = Some(Norm { affine, running_mean: vec![0.0; n], running_var: vec![1.0; n] });
        self
    }

    /// With a PRelu whose slopes start at 0.25 (He et al. 2015).
    pub fn with_prelu(mut self) -> Self {
        self.prelu = Some(Param::constant(format!("{}.slope", self.name), self.channels, 0.25));
        self
    }

    /// With max pooling.
    pub fn with_pool(mut self, pool: Pool2dParams) -> Self {
        assert!(is_small(&pool), "a pooling window of more than 256 elements, or a stride of more");
        self.pool = Some(pool);
        self
    }

    /// Whether its parameters are as long as it has channels, and its windows small enough.
    pub(crate) fn fits_itself(&self) -> bool {
        let mut params = self.norm.iter().filter_map(|n| n.affine.as_ref()).flatten().chain(&self.prelu);
        let statistics = self.norm.iter().flat_map(|n| [&n.running_mean, &n.running_var]);
        params.all(|p| p.has_shape(&[self.channels]))
            && statistics.map(Vec::len).all(|len| len == self.channels)
            && self.pool.as_ref().is_none_or(is_small)
    }

    /// Drops what it remembers of the last batch.
    pub(super) fn forget_batch(&mut self) {
        (self.cache, self.stem) = (None, None);
        (self.spare, self.spare_kept) = (Spare::default(), Spare::default());
    }

    pub(crate) fn output_shape(&self, [c, h, w]: [usize; 3]) -> [usize; 3] {
        match self.pool {
            Some(pool) => {
                let [h, w] = pool.output_size([h, w]).expect("the window fits, as Network::push has checked");
                [c, h, w]
            }
            None => [c, h, w],
        }
    }

    pub(crate) fn params_mut(&mut self) -> Vec<&mut Param<T>> {
        let affine = self.norm.iter_mut().filter_map(|n| n.affine.as_mut()).flatten();
        affine.chain(&mut self.prelu).collect()
    }

    /// Each channel's function, with the given mean and variance.
    pub(super) fn channel(&self, c: usize, mean: f64, var: f64) -> Channel<T> {
        let [gamma, beta] = match self.norm.as_ref().and_then(|n| n.affine.as_ref()) {
            Some([gamma, beta]) => [gamma.value[c], beta.value[c]],
            None => [T::one(), T::zero()],
        };
        let slope = self.prelu.as_ref().map_or(T::one(), |p| p.value[c]);
        Channel { mean: T::of(mean), inv_std: T::of(inv_std(var)), gamma, beta, slope }
    }

    /// Scale of the normalization as inference applies it: `gamma / sqrt(var + epsilon)`, and the shift.
    pub(crate) fn scale_and_shift(&self, norm: &Norm<T>) -> (Vec<f32>, Option<Vec<f32>>) {
        let to_f32 = |p: &Param<T>| p.value.iter().map(|v| v.as_f64() as f32).collect::<Vec<f32>>();
        let gamma = norm.affine.as_ref().map(|[gamma, _]| to_f32(gamma));
        let scale = norm.running_var.iter().enumerate();
        let scale = scale.map(|(c, &var)| inv_std(var) as f32 * gamma.as_ref().map_or(1.0, |g| g[c])).collect();
        (scale, norm.affine.as_ref().map(|[_, beta]| to_f32(beta)))
    }

    /// Makes the running statistics, if it has any, those of its input `x` alone.
    pub(crate) fn measure_statistics(&mut self, x: &Batch<T>) {
        if let Some(norm) = &mut self.norm {
            let [mean, var] = batch_statistics(x, self.channels);
            norm.update(0.0, &mean, &var, x.share.size() * x.images() * x.plane());
        }
    }

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let train = mode != Mode::Eval;
        let [mean, var] = match &mut self.norm {
            None => [vec![0.0; self.channels], vec![1.0 - Norm::<T>::EPSILON; self.channels]],
            Some(norm) if !train => [norm.running_mean.clone(), norm.running_var.clone()],
            Some(norm) => {
                let [mean, var] = batch_statistics(&x, self.channels);
                norm.follow(&mean, &var, x.share.size() * x.images() * x.plane());
                [mean, var]
            }
        };
        let channels: Vec<Channel<T>> = (0..self.channels).map(|c| self.channel(c, mean[c], var[c])).collect();
        let shape = self.output_shape(x.shape);
        let buffers = self.spare.take(x.chunks.len());
        let kept = if train { self.spare_kept.take(x.chunks.len()) } else { vec![Default::default(); x.chunks.len()] };
        let this = &*self;
        let of_chunk = |((chunk, data), kept)| this.forward_chunk(x.shape, &channels, chunk, train, data, kept);
        let outputs: Vec<_> = x.chunks.par_iter().zip(buffers).zip(kept).map(of_chunk).collect();
        let (chunks, kept) = outputs.into_iter().unzip();
        let share = x.share.clone();
        if train {
            self.cache = Some(Cache { input: x, channels, kept });
        }
        Batch::new(shape, chunks).with_share(share)
    }

    fn forward_chunk(
        &self,
        shape: [usize; 3],
        channels: &[Channel<T>],
        x: &Chunk<T>,
        train: bool,
        mut data: Vec<T>,
        mut kept: Kept<T>,
    ) -> (Chunk<T>, Kept<T>) {
        let [_, oh, ow] = self.output_shape(shape);
        let (in_plane, plane) = (shape[1] * shape[2], oh * ow);
        let stride = x.images * plane;
        data.resize(channels.len() * stride, T::zero());
        let inputs = channels.par_iter().zip(x.data.par_chunks_exact(x.images * in_plane));
        if let Some(pool) = self.pool {
            let pooling = Pooling::new(pool, [shape[1], shape[2]], [oh, ow], x.images);
            if train {
                kept.iter_mut().for_each(|kept| kept.resize(data.len(), T::zero()));
            }
            let [maxima, places] = kept.each_mut().map(|kept| kept.chunks_exact_mut(stride));
            let mut of_channels: Vec<_> = maxima.zip(places).map(|(maxima, places)| Some([maxima, places])).collect();
            of_channels.resize_with(channels.len(), Default::default);
            let outputs = data.par_chunks_exact_mut(stride).zip(of_channels);
            inputs.zip(outputs).for_each(|((channel, y), (out, kept))| pooling.forward(channel, y, out, kept));
        } else {
            inputs.zip(data.par_chunks_exact_mut(stride)).for_each(|((channel, y), out)| {
                for (o, &y) in out.iter_mut().zip(y) {
                    *o = channel.apply(y);
                }
            });
        }
        (Chunk { images: x.images, data }, kept)
    }

    /// Sets the gradients of the parameters from the [sums](Channel::backward_sums) of each channel over each chunk; gives those over all.
    pub(super) fn set_gradients(&mut self, share: &Share, parts: Vec<Vec<[f64; 3]>>) -> Vec<[f64; 3]> {
        let mut sums = vec![[0.0; 3]; self.channels];
        for part in share.all(parts.into_iter().flatten().flatten().collect()).chunks_exact(3 * self.channels) {
            for (sum, part) in sums.iter_mut().flatten().zip(part) {
                *sum += part;
            }
        }
        let column = |k: usize| sums.iter().map(|s| T::of(s[k])).collect::<Vec<T>>();
        if let Some([gamma, beta]) = self.norm.as_mut().and_then(|norm| norm.affine.as_mut()) {
            (gamma.grad, beta.grad) = (column(1), column(0));
        }
        if let Some(prelu) = &mut self.prelu {
            prelu.grad = column(2);
        }
        sums
    }

    pub(crate) fn backward(&mut self, dy: Batch<T>) -> Batch<T> {
        let cache = self.cache.take().expect("a backward pass follows a training pass");
        let Cache { mut input, channels, kept } = cache;
        let (shape, images) = (input.shape, input.images());
        let [_, oh, ow] = self.output_shape(shape);
        let (in_plane, plane) = (shape[1] * shape[2], oh * ow);

        // First pass: the sums that every element's gradient depends on. Only the maxima have a gradient.
        let of_chunk = |((x, dy), [maxima, _]): ((&Chunk<T>, &Chunk<T>), &Kept<T>)| {
            let y = if self.pool.is_some() { maxima } else { &x.data };
            let stride = x.images * plane;
            let planes = channels.par_iter().zip(y.par_chunks_exact(stride).zip(dy.data.par_chunks_exact(stride)));
            planes.map(|(channel, (y, dy))| channel.backward_sums(y, dy)).collect()
        };
        let parts: Vec<Vec<[f64; 3]>> = input.chunks.par_iter().zip(&dy.chunks).zip(&kept).map(of_chunk).collect();
        let sums = self.set_gradients(&dy.share, parts);

        // Second pass: inputs become gradients, in place.
        let count = if self.norm.is_some() { (dy.share.size() * images * in_plane) as f64 } else { f64::INFINITY };
        let pool = self.pool;
        let of_chunk = |((x, dy), [_, places]): ((&mut Chunk<T>, &Chunk<T>), &Kept<T>)| {
            let pooling = pool.map(|pool| Pooling::new(pool, [shape[1], shape[2]], [oh, ow], x.images));
            let stride = x.images * plane;
            let of_channel = |dz: &mut Vec<T>, (c, (y, d_out)): (usize, (&mut [T], &[T]))| {
                let [du, du_h, _] = sums[c];
                let dz = match &pooling {
                    None => d_out,
                    Some(pooling) => {
                        dz.resize(y.len(), T::zero());
                        pooling.scatter(d_out, &places[c * stride..][..stride], dz);
                        &dz[..]
                    }
                };
                channels[c].backward(y, dz, T::of(du / count), T::of(du_h / count));
            };
            let planes = x.data.par_chunks_exact_mut(x.images * in_plane).zip(dy.data.par_chunks_exact(stride));
            planes.enumerate().for_each_with(Vec::new(), of_channel);
        };
        input.chunks.par_iter_mut().zip(&dy.chunks).zip(&kept).for_each(of_chunk);
        self.spare.keep(dy);
        self.spare_kept.keep_buffers(kept);
        input
    }
}

fn inv_std(var: f64) -> f64 {
    1.0 / (var + Norm::<f64>::EPSILON).sqrt()
}

/// Mean and (biased) variance of each channel over the batch.
pub(crate) fn batch_statistics<T: Scalar>(x: &Batch<T>, channels: usize) -> [Vec<f64>; 2] {
    let plane = x.plane();
    let parts: Vec<Vec<[f64; 2]>> =
        x.chunks.par_iter().map(|c| c.data.par_chunks_exact(c.images * plane).map(moments).collect()).collect();
    let parts = x.share.all(parts.into_iter().flatten().flatten().collect());
    let count = (x.share.size() * x.images() * plane) as f64;
    (0..channels)
        .map(|c| {
            let sum = |k: usize| parts.chunks_exact(2 * channels).map(|p| p[2 * c + k]).sum::<f64>() / count;
            let mean = sum(0);
            (mean, (sum(1) - mean * mean).max(0.0))
        })
        .fold([Vec::new(), Vec::new()], |mut all, (mean, var)| {
            all[0].push(mean);
            all[1].push(var);
            all
        })
}
