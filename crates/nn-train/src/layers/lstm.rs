//! The recurrent part of an LSTM layer.

use super::mode::Mode;
use crate::batch::{Batch, Chunk};
use crate::packing::Packing;
use crate::param::Param;
use hccr_random::Rng;
use hccr_tensor::{Lines, Panels, Scalar, Transpose, gemm, multiply, threads};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
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

/// The values at every step of a chunk: those of a step are side by side ([`Packing::by_step`]), so that what a step works on stays in the
/// cache.
#[derive(Clone, Debug)]
struct States<T> {
    /// The gates after their activation functions, `4 * hidden_size` rows.
    gates: Vec<T>,
    /// `c`, `hidden_size` rows.
    cells: Vec<T>,
    /// `h`, `hidden_size` rows.
    hidden: Vec<T>,
    /// `project` times the `h` of the step before, `rank` rows; empty without `project`, nothing at first steps.
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

    /// A layer of given weights: the recurrent one, or its two factors.
    pub(crate) fn with_weights(name: &str, hidden_size: usize, project: Option<Vec<T>>, recurrent: Vec<T>) -> Self {
        let empty = Param::default();
        let mut layer =
            Self { name: name.into(), hidden_size, project: None, recurrent: empty, cache: Cache::default() };
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

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let Batch { chunks, packings, share, .. } = x;
        assert_eq!(chunks.len(), packings.len(), "an LSTM reads sequences");
        let (this, panels) = (&*self, self.forward_panels());
        let of_chunk = |(chunk, packing): (Chunk<T>, &Packing)| this.forward_chunk(packing, &panels, chunk.data);
        let states: Vec<States<T>> = chunks.into_par_iter().zip(&packings[..]).map(of_chunk).collect();
        let chunk = |(packing, states): (&Packing, &States<T>)| Chunk {
            images: packing.columns(),
            data: packing.by_column(&states.hidden, this.hidden_size),
        };
        let chunks = packings.par_iter().zip(&states).map(chunk).collect();
        if mode != Mode::Eval {
            self.cache = Cache { packings: packings.clone(), chunks: states };
        }
        Batch { shape: [self.hidden_size, 1, 1], chunks, packings, share }
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
        let (hidden_size, rank) = (self.hidden_size, self.rank().unwrap_or(0));
        let zeros = |rows| vec![T::zero(); rows * packing.columns()];
        let gates = packing.by_step(gates, 4 * hidden_size);
        let mut states =
            States { gates, cells: zeros(hidden_size), hidden: zeros(hidden_size), projected: zeros(rank) };
        let width = packing.order().len();
        // The recurrent product of a step, `[4 * hidden_size, sequences]`: zero before the first.
        let mut product = vec![T::zero(); 4 * hidden_size * width];
        for t in 0..packing.steps() {
            let now = packing.step(t);
            let n = now.len();
            if t > 0 {
                let last = packing.step(t - 1);
                let hidden = (&states.hidden[last.start * hidden_size..], last.len());
                match panels {
                    [recurrent] => product_with(recurrent, hidden, n, &mut product),
                    [project, recurrent, ..] => {
                        let projected = &mut states.projected[now.start * rank..];
                        product_with(project, hidden, n, projected);
                        product_with(recurrent, (projected, n), n, &mut product);
                    }
                    [] => unreachable!("an LSTM has a recurrent weight"),
                }
            }
            let (done, cells) = states.cells.split_at_mut(now.start * hidden_size);
            let before = cells_before(done, packing, t, hidden_size);
            let of_step = |rows: usize| now.start * rows..now.end * rows;
            let [units, quarter] = [self.units_per_thread(), hidden_size].map(|units| units * n);
            let mut gates =
                states.gates[of_step(4 * hidden_size)].chunks_exact_mut(quarter).zip(product.chunks_exact(quarter));
            let mut gate = || {
                let (gates, product) = gates.next().expect("four gates");
                gates.par_chunks_mut(units).zip(product.par_chunks(units))
            };
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let cells = cells[..quarter].par_chunks_mut(units);
            let hidden = states.hidden[of_step(hidden_size)].par_chunks_mut(units);
            i.zip(f).zip(g).zip(o).zip(before.par_chunks(units).zip(cells.zip(hidden))).for_each(
                |((((i, f), g), o), (before, (cells, hidden)))| {
                    forward_units([i.0, f.0, g.0, o.0], [i.1, f.1, g.1, o.1], before, cells, hidden);
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
        dh: Vec<T>,
    ) -> (Vec<T>, (Vec<T>, Vec<T>)) {
        let (hidden_size, rank) = (self.hidden_size, self.rank().unwrap_or(0));
        let States { mut gates, cells, hidden, projected } = states;
        let mut dh = packing.by_step(dh, hidden_size);
        let mut dp = vec![T::zero(); projected.len()];
        let width = packing.order().len();
        let zeros = || vec![T::zero(); hidden_size * width];
        // Of the step at hand, `[hidden_size, sequences]`: the gradient by `c` that comes back from the step after, and that by `h`.
        let (mut dc, mut product) = (zeros(), zeros());
        for t in (0..packing.steps()).rev() {
            let now = packing.step(t);
            let n = now.len();
            let of_step = |rows: usize| now.start * rows..now.end * rows;
            let before = cells_before(&cells, packing, t, hidden_size);
            let [units, quarter] = [self.units_per_thread(), hidden_size].map(|units| units * n);
            let mut quarters = gates[of_step(4 * hidden_size)].chunks_exact_mut(quarter);
            let mut gate = || quarters.next().expect("four gates").par_chunks_mut(units);
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let cells = before.par_chunks(units).zip(cells[of_step(hidden_size)].par_chunks(units));
            let gradients = dh[of_step(hidden_size)].par_chunks(units).zip(dc[..quarter].par_chunks_mut(units));
            i.zip(f).zip(g).zip(o).zip(cells.zip(gradients)).for_each(
                |((((i, f), g), o), ((before, cells), (dh, dc)))| backward_units([i, f, g, o], before, cells, dh, dc),
            );
            if t > 0 {
                let dz = (&gates[of_step(4 * hidden_size)], n);
                match panels {
                    [recurrent] => product_with(recurrent, dz, n, &mut product),
                    [recurrent, project, ..] => {
                        let dp = &mut dp[of_step(rank)];
                        product_with(recurrent, dz, n, dp);
                        product_with(project, (dp, n), n, &mut product);
                    }
                    [] => unreachable!("an LSTM has a recurrent weight"),
                }
                let last = packing.step(t - 1);
                let rows =
                    dh[last.start * hidden_size..].chunks_exact_mut(last.len()).zip(product[..quarter].chunks_exact(n));
                for (dh, product) in rows {
                    dh.iter_mut().zip(product).for_each(|(dh, &p)| *dh += p);
                }
                widen(&mut dc[..hidden_size * last.len()], n, last.len());
            }
        }
        let columns = packing.columns();
        let of_rows = |values: Vec<T>, rows| packing.by_column(&values, rows);
        let (gates, dp) = (of_rows(gates, 4 * hidden_size), of_rows(dp, rank));
        let projected = of_rows(projected, rank);
        // The weights' gradients are products over all steps but the first at once.
        let first = packing.step(0).len();
        let k = columns - first;
        let previous = packing.before_each_step(&hidden, hidden_size);
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
                let projected = (&projected[first..], columns, rank);
                (product(&dp, rank, hidden), product(&gates, 4 * hidden_size, projected))
            }
        };
        (gates, weights)
    }
}

/// The first `columns` columns of a matrix of rows of `stride` elements, multiplied by `w`.
fn product_with<T: Scalar>(w: &Panels<T>, (data, stride): (&[T], usize), columns: usize, y: &mut [T]) {
    let starts: Vec<usize> = (0..w.depth()).map(|row| row * stride).collect();
    multiply(w, Lines { data, starts: &starts, columns }, y, columns);
}

/// `c` of the step before step `t`, `[hidden_size, sequences of step t]`.
fn cells_before<'a, T: Scalar>(states: &'a [T], packing: &Packing, t: usize, hidden_size: usize) -> Cow<'a, [T]> {
    let n = packing.step(t).len();
    if t == 0 {
        return vec![T::zero(); hidden_size * n].into();
    }
    let before = packing.step(t - 1);
    let cells = &states[before.start * hidden_size..before.end * hidden_size];
    if before.len() == n {
        return cells.into();
    }
    cells.chunks_exact(before.len()).flat_map(|row| &row[..n]).copied().collect()
}

/// Rows of `n` elements as rows of `wider` elements, with zeros behind.
fn widen<T: Scalar>(values: &mut [T], n: usize, wider: usize) {
    if wider == n {
        return;
    }
    for row in (0..values.len() / wider).rev() {
        values.copy_within(row * n..(row + 1) * n, row * wider);
        values[row * wider + n..(row + 1) * wider].fill(T::zero());
    }
}

/// Some units at one step of several sequences: from the gates' inputs, in two terms, to their values, `c` and `h`.
#[inline(always)]
fn forward_units<T: Scalar>(
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
fn backward_units<T: Scalar>([i, f, g, o]: [&mut [T]; 4], before: &[T], c: &[T], dh: &[T], dc: &mut [T]) {
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
