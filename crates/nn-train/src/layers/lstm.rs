//! The recurrent part of an LSTM layer.

use super::mode::Mode;
use crate::batch::{Batch, Chunk, sum_in_order};
use crate::packing::Packing;
use crate::param::Param;
use hccr_random::Rng;
use hccr_tensor::{Scalar, Transpose, gemm};
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
    cache: Cache<T>,
}

/// What a training pass leaves for the backward pass.
#[derive(Clone, Debug)]
struct Cache<T> {
    packings: Arc<[Packing]>,
    chunks: Vec<States<T>>,
}

/// The values at every step of a chunk, one column a step of a sequence.
#[derive(Clone, Debug)]
struct States<T> {
    /// The gates after their activation functions, `[4 * hidden_size, columns]`.
    gates: Vec<T>,
    /// `c`, `[hidden_size, columns]`.
    cells: Vec<T>,
    /// `h`, `[hidden_size, columns]`.
    hidden: Vec<T>,
    /// `project` times the `h` of the step before, `[rank, columns]`; empty without `project`, nothing at first steps.
    projected: Vec<T>,
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
        Self { name: name.into(), hidden_size, project: None, recurrent, cache: Cache::default() }
    }

    /// Rank of the recurrent weight where it has two factors.
    pub fn rank(&self) -> Option<usize> {
        self.project.as_ref().map(|p| p.shape[0])
    }

    /// Replaces the recurrent weight by `u v`: `v` is `[rank, hidden_size]`, `u` `[4 * hidden_size, rank]`.
    pub(crate) fn factorize(&mut self, rank: usize, [v, u]: [Vec<T>; 2]) {
        let name = |suffix: &str| format!("{}_h_{suffix}.weight", self.name);
        self.project = Some(Param::weight(name("v"), &[rank, self.hidden_size], v));
        self.recurrent = Param::weight(name("u"), &[4 * self.hidden_size, rank], u);
    }

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let Batch { chunks, packings, .. } = x;
        assert_eq!(chunks.len(), packings.len(), "an LSTM reads sequences");
        let this = &*self;
        let of_chunk = |(chunk, packing): (Chunk<T>, &Packing)| this.forward_chunk(packing, chunk.data);
        let states: Vec<States<T>> = chunks.into_par_iter().zip(&packings[..]).map(of_chunk).collect();
        let columns = |packing: &Packing| packing.columns();
        let chunk = |(images, data)| Chunk { images, data };
        let images = packings.iter().map(columns);
        let shape = [self.hidden_size, 1, 1];
        if mode == Mode::Eval {
            let chunks = images.zip(states.into_iter().map(|s| s.hidden)).map(chunk).collect();
            return Batch { shape, chunks, packings };
        }
        let chunks = images.zip(states.iter().map(|s| s.hidden.clone())).map(chunk).collect();
        self.cache = Cache { packings: packings.clone(), chunks: states };
        Batch { shape, chunks, packings }
    }

    fn forward_chunk(&self, packing: &Packing, gates: Vec<T>) -> States<T> {
        let (hidden_size, columns) = (self.hidden_size, packing.columns());
        let zeros = || vec![T::zero(); hidden_size * columns];
        let projected = vec![T::zero(); self.rank().unwrap_or(0) * columns];
        let mut states = States { gates, cells: zeros(), hidden: zeros(), projected };
        let before_first = vec![T::zero(); packing.order().len()];
        for t in 0..packing.steps() {
            let now = packing.step(t);
            let n = now.len();
            if t > 0 {
                self.add_recurrent(&mut states, columns, [packing.step(t - 1).start, now.start], n);
            }
            let States { gates, cells, hidden, .. } = &mut states;
            let mut gates = gates.chunks_exact_mut(hidden_size * columns);
            let mut gate = || gates.next().expect("four gates").chunks_exact_mut(columns);
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let units = cells.chunks_exact_mut(columns).zip(hidden.chunks_exact_mut(columns));
            for ((((i, f), g), o), (cells, hidden)) in i.zip(f).zip(g).zip(o).zip(units) {
                let (before, cells) = cells.split_at_mut(now.start);
                let before = if t > 0 { &before[packing.step(t - 1).start..][..n] } else { &before_first };
                let gates = [i, f, g, o].map(|gate| &mut gate[now.clone()]);
                forward_unit(gates, before, &mut cells[..n], &mut hidden[now.clone()]);
            }
        }
        states
    }

    /// Adds the recurrent product to the `n` columns of a step, given the first columns of the step before and of this.
    fn add_recurrent(&self, states: &mut States<T>, columns: usize, [before, now]: [usize; 2], n: usize) {
        let (hidden_size, one) = (self.hidden_size, T::one());
        let h = (&states.hidden[before..], columns, Transpose::No);
        let z = (&mut states.gates[now..], columns);
        match &self.project {
            None => {
                let weight = (&self.recurrent.value[..], hidden_size, Transpose::No);
                gemm([4 * hidden_size, n, hidden_size], one, weight, h, one, z);
            }
            Some(project) => {
                let rank = project.shape[0];
                let v = (&project.value[..], hidden_size, Transpose::No);
                gemm([rank, n, hidden_size], one, v, h, T::zero(), (&mut states.projected[now..], columns));
                let p = (&states.projected[now..], columns, Transpose::No);
                gemm([4 * hidden_size, n, rank], one, (&self.recurrent.value, rank, Transpose::No), p, one, z);
            }
        }
    }

    pub(crate) fn backward(&mut self, dy: Batch<T>) -> Batch<T> {
        let Cache { packings, chunks } = std::mem::take(&mut self.cache);
        let this = &*self;
        let of_chunk = |((states, dy), packing): ((States<T>, Chunk<T>), &Packing)| {
            let (dz, weights) = this.backward_chunk(packing, states, dy.data);
            (Chunk { images: packing.columns(), data: dz }, weights)
        };
        let parts = chunks.into_par_iter().zip(dy.chunks).zip(&packings[..]).map(of_chunk);
        let (chunks, weights): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
        let (project, recurrent): (Vec<_>, Vec<_>) = weights.into_iter().unzip();
        self.recurrent.grad = sum_in_order(recurrent);
        if let Some(param) = &mut self.project {
            param.grad = sum_in_order(project);
        }
        Batch { shape: [4 * self.hidden_size, 1, 1], chunks, packings }
    }

    /// Gradients by the input and by the weights (`project`, empty where there is none, and `recurrent`), given those by
    /// the output, to which those that come back through the recurrence are added.
    fn backward_chunk(&self, packing: &Packing, states: States<T>, mut dh: Vec<T>) -> (Vec<T>, (Vec<T>, Vec<T>)) {
        let (hidden_size, columns) = (self.hidden_size, packing.columns());
        let (width, rank) = (packing.order().len(), self.recurrent.shape[1]);
        let States { mut gates, cells, hidden, projected } = states;
        let mut dc = vec![T::zero(); hidden_size * width];
        let before_first = vec![T::zero(); width];
        let mut dp = vec![T::zero(); projected.len()];
        for t in (0..packing.steps()).rev() {
            let now = packing.step(t);
            let n = now.len();
            let mut quarters = gates.chunks_exact_mut(hidden_size * columns);
            let mut gate = || quarters.next().expect("four gates").chunks_exact_mut(columns);
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let units = cells.chunks_exact(columns).zip(dh.chunks_exact(columns)).zip(dc.chunks_exact_mut(width));
            for ((((i, f), g), o), ((cells, dh), dc)) in i.zip(f).zip(g).zip(o).zip(units) {
                let before = if t > 0 { &cells[packing.step(t - 1).start..][..n] } else { &before_first };
                let gates = [i, f, g, o].map(|gate| &mut gate[now.clone()]);
                backward_unit(gates, before, &cells[now.clone()], &dh[now.clone()], &mut dc[..n]);
            }
            if t > 0 {
                let dz = (&gates[now.start..], columns, Transpose::No);
                let dh = (&mut dh[packing.step(t - 1).start..], columns);
                let (one, weight) = (T::one(), (&self.recurrent.value[..], rank, Transpose::Yes));
                match &self.project {
                    None => gemm([hidden_size, n, 4 * hidden_size], one, weight, dz, one, dh),
                    Some(project) => {
                        gemm([rank, n, 4 * hidden_size], one, weight, dz, T::zero(), (&mut dp[now.start..], columns));
                        let dp = (&dp[now.start..], columns, Transpose::No);
                        gemm([hidden_size, n, rank], one, (&project.value, hidden_size, Transpose::Yes), dp, one, dh);
                    }
                }
            }
        }
        // The weights' gradients are products over all steps but the first at once.
        let first = packing.step(0).len();
        let k = columns - first;
        let previous = before_each_step(packing, &hidden);
        let product = |d: &[T], rows: usize, (x, ld, of): (&[T], usize, usize)| {
            let mut dw = vec![T::zero(); rows * of];
            if k > 0 {
                let d = (&d[first..], columns, Transpose::No);
                gemm([rows, of, k], T::one(), d, (x, ld, Transpose::Yes), T::zero(), (&mut dw, of));
            }
            dw
        };
        let hidden = (&previous[..], k, hidden_size);
        let weights = match &self.project {
            None => (Vec::new(), product(&gates, 4 * hidden_size, hidden)),
            Some(_) => {
                let projected = (&projected[first..], columns, rank);
                (product(&dp, rank, hidden), product(&gates, 4 * hidden_size, projected))
            }
        };
        (gates, weights)
    }
}

/// For every column but those of the first step, the column of the same sequence one step before.
fn before_each_step<T: Scalar>(packing: &Packing, values: &[T]) -> Vec<T> {
    let columns = packing.columns();
    let mut previous = Vec::with_capacity(values.len());
    for row in values.chunks_exact(columns) {
        for t in 1..packing.steps() {
            previous.extend_from_slice(&row[packing.step(t - 1).start..][..packing.step(t).len()]);
        }
    }
    previous
}

/// One unit at one step of several sequences: from the gates' inputs to their values, `c` and `h`.
#[inline(always)]
fn forward_unit<T: Scalar>([i, f, g, o]: [&mut [T]; 4], before: &[T], c: &mut [T], h: &mut [T]) {
    let n = before.len();
    let (i, f, g, o, c, h) = (&mut i[..n], &mut f[..n], &mut g[..n], &mut o[..n], &mut c[..n], &mut h[..n]);
    for s in 0..n {
        i[s] = i[s].sigmoid();
        f[s] = f[s].sigmoid();
        g[s] = g[s].fast_tanh();
        o[s] = o[s].sigmoid();
        c[s] = f[s] * before[s] + i[s] * g[s];
        h[s] = o[s] * c[s].fast_tanh();
    }
}

/// The same backwards: replaces the gates' values by the gradients by their inputs, and the gradient by `c` that came from
/// the step after by the one for the step before.
#[inline(always)]
fn backward_unit<T: Scalar>([i, f, g, o]: [&mut [T]; 4], before: &[T], c: &[T], dh: &[T], dc: &mut [T]) {
    let (n, one) = (before.len(), T::one());
    let (i, f, g, o) = (&mut i[..n], &mut f[..n], &mut g[..n], &mut o[..n]);
    let (c, dh, dc) = (&c[..n], &dh[..n], &mut dc[..n]);
    for s in 0..n {
        let tanh_c = c[s].fast_tanh();
        let d = dc[s] + dh[s] * o[s] * (one - tanh_c * tanh_c);
        let [di, df, dg, d_out] = [d * g[s], d * before[s], d * i[s], dh[s] * tanh_c];
        dc[s] = d * f[s];
        i[s] = di * i[s] * (one - i[s]);
        f[s] = df * f[s] * (one - f[s]);
        g[s] = dg * (one - g[s] * g[s]);
        o[s] = d_out * o[s] * (one - o[s]);
    }
}
