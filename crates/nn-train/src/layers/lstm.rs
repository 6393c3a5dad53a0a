//! The recurrent part of an LSTM layer.

use super::Linear;
use super::mode::Mode;
use super::recurrence::{Gradients, Recurrence, States};
use crate::batch::{Batch, Chunk, Spare};
use crate::packing::Packing;
use crate::param::Param;
use hccr_random::Rng;
use hccr_tensor::Scalar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), without the product
/// by the input, which is a [`Linear`](super::Linear) layer before it: `z = x + weight h`, `c = sigmoid(z_f) c + sigmoid(z_i) tanh(z_g)`,
/// `h = sigmoid(z_o) tanh(c)`, with `h` and `c` zero before the first step.
///
/// The bias is that of the layer before. The recurrent weight may be a product of two factors.
///
/// # Shapes
/// A step of the input `x`: `[4 * hidden_size]`, the gates in the order i, f, g, o. Of the output `h`: `[hidden_size]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lstm<T> {
    /// Name of the layer.
    pub name: String,
    /// Length of `h`.
    pub hidden_size: usize,
    /// The factor of the recurrent weight that is applied to `h`, `[rank, hidden_size]`; `None` where it is one matrix.
    pub project: Option<Param<T>>,
    /// Recurrent weight, `[4 * hidden_size, hidden_size]`, or its other factor, `[4 * hidden_size, rank]`.
    pub recurrent: Param<T>,
    #[serde(skip, default = "Cache::default")]
    pub(super) cache: Cache<T>,
    /// For the gates.
    #[serde(skip, default = "Spare::default")]
    pub(super) spare: Spare<Vec<T>>,
}

/// What a training pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub(super) struct Cache<T> {
    packings: Arc<[Packing]>,
    chunks: Vec<States<T>>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { packings: Arc::default(), chunks: Vec::new() }
    }
}

impl<T: Scalar> Lstm<T> {
    /// A layer whose recurrent weight is drawn from a normal distribution of variance `1 / hidden_size`.
    ///
    /// Its parameter is that of a layer `{name}_h`, beside the `{name}_x` of [`Layer::lstm`](crate::Layer::lstm).
    pub fn new(name: &str, hidden_size: usize, rng: &mut Rng) -> Self {
        let recurrent = Param::normal(format!("{name}_h.weight"), &[4 * hidden_size, hidden_size], 1.0, rng);
        Self::of(name, hidden_size, recurrent)
    }

    fn of(name: &str, hidden_size: usize, recurrent: Param<T>) -> Self {
        let (cache, spare) = (Cache::default(), Spare::default());
        Self { name: name.into(), hidden_size, project: None, recurrent, cache, spare }
    }

    /// A layer of given weights: the recurrent one, or its two factors.
    pub(crate) fn with_weights(name: &str, hidden_size: usize, project: Option<Vec<T>>, recurrent: Vec<T>) -> Self {
        let mut layer = Self::of(name, hidden_size, Param::default());
        match project {
            Some(project) => layer.factorize(project.len() / hidden_size, [project, recurrent]),
            None => {
                let shape = [4 * hidden_size, hidden_size];
                layer.recurrent = Param::weight(format!("{name}_h.weight"), &shape, recurrent);
            }
        }
        layer
    }

    /// Rank of the recurrent weight where it has two factors.
    pub fn rank(&self) -> Option<usize> {
        self.project.as_ref().map(|p| p.shape[0])
    }

    /// Whether its parameters are as long as its sizes say.
    pub(crate) fn fits_itself(&self) -> bool {
        let rows = self.hidden_size.saturating_mul(4);
        match &self.project {
            None => self.recurrent.has_shape(&[rows, self.hidden_size]),
            Some(project) => {
                let rank = project.shape.first().copied().unwrap_or(0);
                project.has_shape(&[rank, self.hidden_size]) && self.recurrent.has_shape(&[rows, rank])
            }
        }
    }

    /// Replaces the recurrent weight by `u v`: `v` is `[rank, hidden_size]`, `u` `[4 * hidden_size, rank]`.
    pub(crate) fn factorize(&mut self, rank: usize, [v, u]: [Vec<T>; 2]) {
        let name = |suffix: &str| format!("{}_h_{suffix}.weight", self.name);
        self.project = Some(Param::weight(name("v"), &[rank, self.hidden_size], v));
        self.recurrent = Param::weight(name("u"), &[4 * self.hidden_size, rank], u);
    }

    /// Its output, and with `input` that of both layers, `input` being the one before.
    pub(crate) fn forward(&mut self, input: Option<&Linear<T>>, x: Batch<T>, mode: Mode) -> Batch<T> {
        let Batch { chunks, packings, share, .. } = x;
        assert_eq!(chunks.len(), packings.len(), "an LSTM reads sequences");
        let buffers = self.spare.take(chunks.len());
        let recurrence = Recurrence { input, lstm: self };
        let panels = recurrence.forward_panels();
        let of_chunk = |((chunk, buffer), packing): ((Chunk<T>, Vec<T>), &Packing)| {
            recurrence.forward_chunk(packing, &panels, chunk.data, buffer)
        };
        let states: Vec<States<T>> = chunks.into_par_iter().zip(buffers).zip(&packings[..]).map(of_chunk).collect();
        let chunk = |(packing, states): (&Packing, &States<T>)| Chunk {
            images: packing.columns(),
            data: packing.gather(&states.hidden, self.hidden_size, self.hidden_size),
        };
        let chunks = packings.par_iter().zip(&states).map(chunk).collect();
        if mode == Mode::Eval {
            self.spare.keep_buffers(states.into_iter().map(|states| states.gates).collect());
        } else {
            self.cache = Cache { packings: packings.clone(), chunks: states };
        }
        Batch { shape: [self.hidden_size, 1, 1], chunks, packings, share }
    }

    /// The gradient by the input, of both layers with the `input` that was given to [`forward`](Self::forward), and those by the parameters.
    pub(crate) fn backward(&mut self, input: Option<&mut Linear<T>>, dy: Batch<T>) -> Batch<T> {
        let Cache { packings, chunks } = std::mem::take(&mut self.cache);
        let recurrence = Recurrence { input: input.as_deref(), lstm: self };
        let panels = recurrence.backward_panels();
        let features = input.as_ref().map_or(4 * self.hidden_size, |input| input.params.in_features);
        let of_chunk = |((states, dy), packing): ((States<T>, Chunk<T>), &Packing)| {
            let (dx, gradients, buffer) = recurrence.backward_chunk(packing, &panels, states, &dy.data);
            (Chunk { images: packing.columns(), data: dx }, (gradients, buffer))
        };
        let parts = chunks.into_par_iter().zip(dy.chunks).zip(&packings[..]).map(of_chunk);
        let (chunks, rest): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
        let (mut gradients, buffers): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
        self.spare.keep_buffers(buffers);
        let mut take =
            |of: fn(&mut Gradients<T>) -> &mut Vec<T>| gradients.iter_mut().map(|g| std::mem::take(of(g))).collect();
        dy.share.sum_into(&mut self.recurrent, take(|g| &mut g.recurrent));
        if let Some(param) = &mut self.project {
            dy.share.sum_into(param, take(|g| &mut g.project));
        }
        if let Some(input) = input {
            dy.share.sum_into(&mut input.weight, take(|g| &mut g.input));
            if let Some(bias) = &mut input.bias {
                dy.share.sum_into(bias, take(|g| &mut g.bias));
            }
        }
        Batch { shape: [features, 1, 1], chunks, packings, share: dy.share }
    }
}
