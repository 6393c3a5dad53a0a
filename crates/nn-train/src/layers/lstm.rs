//! The recurrent part of an LSTM layer.

use super::mode::Mode;
use crate::batch::{Batch, Chunk};
use crate::packing::Packing;
use crate::param::Param;
use hccr_random::Rng;
use hccr_tensor::{Lines, Panels, Scalar, Transpose, gemm, multiply, threads};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Units whose gates one of many threads computes at least.
const UNITS: usize = 32;
/// Rows of the weights' gradients that one thread sums. Each reads all that the others read.
const ROWS: usize = 512;

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
}

/// What a training pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub(super) struct Cache<T> {
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

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let Batch { chunks, packings, share, .. } = x;
        assert_eq!(chunks.len(), packings.len(), "an LSTM reads sequences");
        let (this, panels) = (&*self, self.forward_panels());
        let of_chunk = |(chunk, packing): (Chunk<T>, &Packing)| this.forward_chunk(packing, &panels, chunk.data);
        let states: Vec<States<T>> = chunks.into_par_iter().zip(&packings[..]).map(of_chunk).collect();
        let columns = |packing: &Packing| packing.columns();
        let chunk = |(images, data)| Chunk { images, data };
        let images = packings.iter().map(columns);
        let shape = [self.hidden_size, 1, 1];
        if mode == Mode::Eval {
            let chunks = images.zip(states.into_iter().map(|s| s.hidden)).map(chunk).collect();
            return Batch { shape, chunks, packings, share };
        }
        let chunks = images.zip(states.iter().map(|s| s.hidden.clone())).map(chunk).collect();
        self.cache = Cache { packings: packings.clone(), chunks: states };
        Batch { shape, chunks, packings, share }
    }

    /// How many units' gates a thread computes at least.
    fn units_per_thread(&self) -> usize {
        if threads::are_many() { UNITS } else { self.hidden_size }
    }

    /// The factors of the recurrent weight, in the order in which they are applied.
    fn weights(&self) -> impl Iterator<Item = &Param<T>> {
        self.project.iter().chain([&self.recurrent])
    }

    fn forward_panels(&self) -> Vec<Panels<T>> {
        let of = |p: &Param<T>| Panels::new(p.shape[0], p.shape[1], |row, k| p.value[row * p.shape[1] + k]);
        self.weights().map(of).collect()
    }

    /// The same transposed, and so in the other order.
    fn backward_panels(&self) -> Vec<Panels<T>> {
        let of = |p: &Param<T>| Panels::new(p.shape[1], p.shape[0], |row, k| p.value[k * p.shape[1] + row]);
        self.weights().map(of).collect::<Vec<_>>().into_iter().rev().collect()
    }

    fn forward_chunk(&self, packing: &Packing, panels: &[Panels<T>], gates: Vec<T>) -> States<T> {
        let (hidden_size, columns) = (self.hidden_size, packing.columns());
        let zeros = || vec![T::zero(); hidden_size * columns];
        let projected = vec![T::zero(); self.rank().unwrap_or(0) * columns];
        let mut states = States { gates, cells: zeros(), hidden: zeros(), projected };
        let width = packing.order().len();
        let before_first = vec![T::zero(); width];
        // The recurrent product of a step, `[4 * hidden_size, sequences]`: zero before the first.
        let (mut product, mut step) = (vec![T::zero(); 4 * hidden_size * width], Step::new());
        for t in 0..packing.steps() {
            let now = packing.step(t);
            let n = now.len();
            if t > 0 {
                let hidden = step.copy(&states.hidden, columns, packing.step(t - 1).start, n);
                match panels {
                    [recurrent] => multiply(recurrent, hidden, &mut product, n),
                    [project, recurrent, ..] => {
                        multiply(project, hidden, &mut states.projected[now.start..], columns);
                        let projected = step.copy(&states.projected, columns, now.start, n);
                        multiply(recurrent, projected, &mut product, n);
                    }
                    [] => unreachable!("an LSTM has a recurrent weight"),
                }
            }
            let States { gates, cells, hidden, .. } = &mut states;
            let mut gates = gates.chunks_exact_mut(hidden_size * columns).zip(product.chunks_exact(hidden_size * n));
            let mut gate = || {
                let (gates, product) = gates.next().expect("four gates");
                gates.par_chunks_exact_mut(columns).zip(product.par_chunks_exact(n))
            };
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let units = cells.par_chunks_exact_mut(columns).zip(hidden.par_chunks_exact_mut(columns));
            i.zip(f).zip(g).zip(o).zip(units).with_min_len(self.units_per_thread()).for_each(
                |((((i, f), g), o), (cells, hidden))| {
                    let (before, cells) = cells.split_at_mut(now.start);
                    let before = if t > 0 { &before[packing.step(t - 1).start..][..n] } else { &before_first };
                    let products = [i.1, f.1, g.1, o.1];
                    let gates = [i.0, f.0, g.0, o.0].map(|gate| &mut gate[now.clone()]);
                    forward_unit(gates, products, before, &mut cells[..n], &mut hidden[now.clone()]);
                },
            );
        }
        states
    }

    pub(crate) fn backward(&mut self, dy: Batch<T>) -> Batch<T> {
        let Cache { packings, chunks } = std::mem::take(&mut self.cache);
        let (this, panels) = (&*self, self.backward_panels());
        let of_chunk = |((states, dy), packing): ((States<T>, Chunk<T>), &Packing)| {
            let (dz, weights) = this.backward_chunk(packing, &panels, states, dy.data);
            (Chunk { images: packing.columns(), data: dz }, weights)
        };
        let parts = chunks.into_par_iter().zip(dy.chunks).zip(&packings[..]).map(of_chunk);
        let (chunks, weights): (Vec<_>, Vec<_>) = parts.collect::<Vec<_>>().into_iter().unzip();
        let (project, recurrent): (Vec<_>, Vec<_>) = weights.into_iter().unzip();
        dy.share.sum_into(&mut self.recurrent, recurrent);
        if let Some(param) = &mut self.project {
            dy.share.sum_into(param, project);
        }
        Batch { shape: [4 * self.hidden_size, 1, 1], chunks, packings, share: dy.share }
    }

    /// Gradients by the input and by the weights (`project`, empty where there is none, and `recurrent`), given those by
    /// the output, to which those that come back through the recurrence are added.
    fn backward_chunk(
        &self,
        packing: &Packing,
        panels: &[Panels<T>],
        states: States<T>,
        mut dh: Vec<T>,
    ) -> (Vec<T>, (Vec<T>, Vec<T>)) {
        let (hidden_size, columns) = (self.hidden_size, packing.columns());
        let width = packing.order().len();
        let States { mut gates, cells, hidden, projected } = states;
        let mut dc = vec![T::zero(); hidden_size * width];
        let before_first = vec![T::zero(); width];
        let mut dp = vec![T::zero(); projected.len()];
        let (mut product, mut step) = (vec![T::zero(); hidden_size * width], Step::new());
        for t in (0..packing.steps()).rev() {
            let now = packing.step(t);
            let n = now.len();
            let mut quarters = gates.chunks_exact_mut(hidden_size * columns);
            let mut gate = || quarters.next().expect("four gates").par_chunks_exact_mut(columns);
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let units = cells.par_chunks_exact(columns).zip(dh.par_chunks_exact(columns));
            let units = i.zip(f).zip(g).zip(o).zip(units.zip(dc.par_chunks_exact_mut(width)));
            units.with_min_len(self.units_per_thread()).for_each(|((((i, f), g), o), ((cells, dh), dc))| {
                let before = if t > 0 { &cells[packing.step(t - 1).start..][..n] } else { &before_first };
                let gates = [i, f, g, o].map(|gate| &mut gate[now.clone()]);
                backward_unit(gates, before, &cells[now.clone()], &dh[now.clone()], &mut dc[..n]);
            });
            if t > 0 {
                let dz = step.copy(&gates, columns, now.start, n);
                match panels {
                    [recurrent] => multiply(recurrent, dz, &mut product, n),
                    [recurrent, project, ..] => {
                        multiply(recurrent, dz, &mut dp[now.start..], columns);
                        multiply(project, step.copy(&dp, columns, now.start, n), &mut product, n);
                    }
                    [] => unreachable!("an LSTM has a recurrent weight"),
                }
                for (dh, product) in dh.chunks_exact_mut(columns).zip(product.chunks_exact(n)) {
                    for (dh, &p) in dh[packing.step(t - 1).start..].iter_mut().zip(product) {
                        *dh += p;
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
                dw.par_chunks_mut(ROWS * of).enumerate().for_each(|(piece, dw)| {
                    let d = (&d[piece * ROWS * columns + first..], columns, Transpose::No);
                    gemm([dw.len() / of, of, k], T::one(), d, (x, ld, Transpose::Yes), T::zero(), (dw, of));
                });
            }
            dw
        };
        let hidden = (&previous[..], k, hidden_size);
        let weights = match &self.project {
            None => (Vec::new(), product(&gates, 4 * hidden_size, hidden)),
            Some(_) => {
                let projected = (&projected[first..], columns, self.recurrent.shape[1]);
                (product(&dp, dp.len() / columns, hidden), product(&gates, 4 * hidden_size, projected))
            }
        };
        (gates, weights)
    }
}

/// The columns of one step, copied: in place their rows are so far apart that each has a page of its own.
#[derive(Debug)]
struct Step<T> {
    data: Vec<T>,
    starts: Vec<usize>,
}

impl<T: Scalar> Step<T> {
    fn new() -> Self {
        Self { data: Vec::new(), starts: Vec::new() }
    }

    /// `n` columns of a matrix of `columns` columns, from column `first` on.
    fn copy(&mut self, values: &[T], columns: usize, first: usize, n: usize) -> Lines<'_, T> {
        self.data.clear();
        self.starts.clear();
        for row in values.chunks_exact(columns) {
            self.starts.push(self.data.len());
            self.data.extend_from_slice(&row[first..first + n]);
        }
        Lines { data: &self.data, starts: &self.starts, columns: n }
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

/// One unit at one step of several sequences: from the gates' inputs, in two terms, to their values, `c` and `h`.
#[inline(always)]
fn forward_unit<T: Scalar>(
    [i, f, g, o]: [&mut [T]; 4],
    [wi, wf, wg, wo]: [&[T]; 4],
    before: &[T],
    c: &mut [T],
    h: &mut [T],
) {
    let n = before.len();
    let (i, f, g, o, c, h) = (&mut i[..n], &mut f[..n], &mut g[..n], &mut o[..n], &mut c[..n], &mut h[..n]);
    let (wi, wf, wg, wo) = (&wi[..n], &wf[..n], &wg[..n], &wo[..n]);
    for s in 0..n {
        i[s] = (i[s] + wi[s]).sigmoid();
        f[s] = (f[s] + wf[s]).sigmoid();
        g[s] = (g[s] + wg[s]).fast_tanh();
        o[s] = (o[s] + wo[s]).sigmoid();
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
