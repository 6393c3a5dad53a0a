//! The passes of an LSTM over the steps of sequences, with those of the linear layer before it.
//!
//! What a step computes, all gates of some sequences, is used at once, while it is in the cache: an output of the linear layer for all steps
//! would be the largest value of the network, and go through memory several times. So both layers' weights, and the bias, are one matrix here,
//! which multiplies the step's *inputs*: the linear layer's, the values that come back from the step before, and a row of ones for the bias.

use super::{Linear, Lstm};
use crate::packing::Packing;
use hccr_tensor::{Columns, Lines, Panels, Scalar, multiply, multiply_transposed, threads};
use rayon::prelude::*;
use std::borrow::Cow;

/// Units whose gates one of many threads computes at least.
const UNITS: usize = 32;

/// An LSTM, with the linear layer before it where both are computed as one.
#[derive(Debug)]
pub(super) struct Recurrence<'a, T> {
    pub(super) input: Option<&'a Linear<T>>,
    pub(super) lstm: &'a Lstm<T>,
}

/// The values at every step of a chunk. Those of a step are side by side, as a matrix of one column per sequence.
#[derive(Clone, Debug)]
pub(super) struct States<T> {
    /// The gates after their activation functions, `4 * hidden_size` rows.
    pub(super) gates: Vec<T>,
    /// `c`, `hidden_size` rows.
    cells: Vec<T>,
    /// `h`, `hidden_size` rows.
    pub(super) hidden: Vec<T>,
    /// The inputs.
    inputs: Vec<T>,
}

/// Weights as products read them.
pub(super) struct Weights<T> {
    /// From `h` of a step to what comes back to the next; `None` where that is `h` itself.
    project: Option<Panels<T>>,
    /// From a step's inputs to its gates.
    gates: Panels<T>,
}

/// The gradients by the parameters, empty where there is none.
#[derive(Default)]
pub(super) struct Gradients<T> {
    pub(super) input: Vec<T>,
    pub(super) bias: Vec<T>,
    pub(super) project: Vec<T>,
    pub(super) recurrent: Vec<T>,
}

impl<T: Scalar> Recurrence<'_, T> {
    /// How many rows of a step's inputs the linear layer reads, how many come back from the step before, and whether ones follow (0 or 1).
    fn rows(&self) -> [usize; 3] {
        let read = self.input.map_or(0, |input| input.params.in_features);
        let back = self.lstm.rank().unwrap_or(self.lstm.hidden_size);
        [read, back, usize::from(self.bias().is_some())]
    }

    fn bias(&self) -> Option<&[T]> {
        self.input.and_then(|input| input.bias.as_ref()).map(|bias| &bias.value[..])
    }

    pub(super) fn forward_panels(&self) -> Weights<T> {
        let ([read, back, ones], recurrent) = (self.rows(), &self.lstm.recurrent.value);
        let input = self.input.map_or(&[][..], |input| &input.weight.value);
        let bias = self.bias().unwrap_or_default();
        let gates = Panels::new(4 * self.lstm.hidden_size, read + back + ones, |row, k| match k {
            _ if k < read => input[row * read + k],
            _ if k < read + back => recurrent[row * back + k - read],
            _ => bias[row],
        });
        let project = self.lstm.project.as_ref();
        let project = project.map(|p| Panels::new(p.shape[0], p.shape[1], |row, k| p.value[row * p.shape[1] + k]));
        Weights { project, gates }
    }

    /// The same transposed, without the bias.
    pub(super) fn backward_panels(&self) -> Weights<T> {
        let ([read, back, _], recurrent) = (self.rows(), &self.lstm.recurrent.value);
        let input = self.input.map_or(&[][..], |input| &input.weight.value);
        let gates = Panels::new(read + back, 4 * self.lstm.hidden_size, |row, k| match row {
            _ if row < read => input[k * read + row],
            _ => recurrent[k * back + row - read],
        });
        let project = self.lstm.project.as_ref();
        let project = project.map(|p| Panels::new(p.shape[1], p.shape[0], |row, k| p.value[k * p.shape[1] + row]));
        Weights { project, gates }
    }

    /// How many units' gates a thread computes at least.
    fn units_per_thread(&self) -> usize {
        if threads::are_many() { UNITS } else { self.lstm.hidden_size }
    }

    /// All values, given what the linear layer reads; without one, what it would give. The gates are written to `buffer`.
    pub(super) fn forward_chunk(
        &self,
        packing: &Packing,
        weights: &Weights<T>,
        x: Vec<T>,
        mut buffer: Vec<T>,
    ) -> States<T> {
        let (hidden_size, [read, back, ones]) = (self.lstm.hidden_size, self.rows());
        let (columns, depth) = (packing.columns(), read + back + ones);
        let zeros = |rows| vec![T::zero(); rows * columns];
        buffer.resize(4 * hidden_size * columns, T::zero());
        let mut states =
            States { gates: buffer, cells: zeros(hidden_size), hidden: zeros(hidden_size), inputs: zeros(depth) };
        match self.input {
            Some(_) => packing.spread(&x, read, &mut states.inputs, depth),
            None => packing.spread(&x, 4 * hidden_size, &mut states.gates, 4 * hidden_size),
        }
        drop(x);
        // What is added to the gates of the layer before, where it was computed apart.
        let mut product =
            vec![T::zero(); if self.input.is_none() { 4 * hidden_size * packing.order().len() } else { 0 }];
        for t in 0..packing.steps() {
            let now = packing.step(t);
            let n = now.len();
            let of_step = |rows: usize| now.start * rows..now.end * rows;
            let inputs = &mut states.inputs[of_step(depth)];
            inputs[(read + back) * n..].fill(T::one());
            if t > 0 {
                let last = packing.step(t - 1);
                let hidden = (&states.hidden[last.start * hidden_size..], last.len());
                let back = &mut inputs[read * n..(read + back) * n];
                match &weights.project {
                    Some(project) => product_with(project, hidden, n, back),
                    None => {
                        let rows = back.chunks_exact_mut(n).zip(hidden.0.chunks_exact(hidden.1));
                        rows.for_each(|(back, hidden)| back.copy_from_slice(&hidden[..n]));
                    }
                }
            }
            let gates = &mut states.gates[of_step(4 * hidden_size)];
            match self.input {
                Some(_) => product_with(&weights.gates, (inputs, n), n, gates),
                None => {
                    product_with(&weights.gates, (inputs, n), n, &mut product);
                    gates.iter_mut().zip(&product).for_each(|(gate, &p)| *gate += p);
                }
            }
            let (done, cells) = states.cells.split_at_mut(now.start * hidden_size);
            let before = cells_before(done, packing, t, hidden_size);
            let [units, quarter] = [self.units_per_thread(), hidden_size].map(|units| units * n);
            let mut gates = gates.chunks_exact_mut(quarter);
            let mut gate = || gates.next().expect("four gates").par_chunks_mut(units);
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let cells = cells[..quarter].par_chunks_mut(units);
            let hidden = states.hidden[of_step(hidden_size)].par_chunks_mut(units);
            i.zip(f).zip(g).zip(o).zip(before.par_chunks(units).zip(cells.zip(hidden))).for_each(
                |((((i, f), g), o), (before, (cells, hidden)))| forward_units([i, f, g, o], before, cells, hidden),
            );
        }
        states
    }

    /// Gradients by what [`forward_chunk`](Self::forward_chunk) was given and by the parameters, given those by the output, to which those
    /// that come back through the recurrence are added. Gives the gates' buffer back.
    pub(super) fn backward_chunk(
        &self,
        packing: &Packing,
        weights: &Weights<T>,
        states: States<T>,
        dy: &[T],
    ) -> (Vec<T>, Gradients<T>, Vec<T>) {
        let (hidden_size, [read, back, _]) = (self.lstm.hidden_size, self.rows());
        let (columns, width) = (packing.columns(), packing.order().len());
        let States { mut gates, cells, hidden, inputs } = states;
        let mut dh = vec![T::zero(); hidden_size * columns];
        packing.spread(dy, hidden_size, &mut dh, hidden_size);
        // By the inputs but the ones.
        let given = read + back;
        let mut d_inputs = vec![T::zero(); given * columns];
        let zeros = || vec![T::zero(); hidden_size * width];
        // Of the step at hand, `[hidden_size, sequences]`: the gradient by `c` that comes back from the step after, and that by `h`.
        let (mut dc, mut product) = (zeros(), zeros());
        for t in (0..packing.steps()).rev() {
            let now = packing.step(t);
            let n = now.len();
            let of_step = |rows: usize| now.start * rows..now.end * rows;
            let before = cells_before(&cells, packing, t, hidden_size);
            let [units, quarter] = [self.units_per_thread(), hidden_size].map(|units| units * n);
            let dz = &mut gates[of_step(4 * hidden_size)];
            let mut quarters = dz.chunks_exact_mut(quarter);
            let mut gate = || quarters.next().expect("four gates").par_chunks_mut(units);
            let (i, f, g, o) = (gate(), gate(), gate(), gate());
            let cells = before.par_chunks(units).zip(cells[of_step(hidden_size)].par_chunks(units));
            let gradients = dh[of_step(hidden_size)].par_chunks(units).zip(dc[..quarter].par_chunks_mut(units));
            i.zip(f).zip(g).zip(o).zip(cells.zip(gradients)).for_each(
                |((((i, f), g), o), ((before, cells), (dh, dc)))| backward_units([i, f, g, o], before, cells, dh, dc),
            );
            let d_inputs = &mut d_inputs[of_step(given)];
            product_with(&weights.gates, (dz, n), n, d_inputs);
            if t > 0 {
                let d_back = &d_inputs[read * n..];
                let d_hidden = match &weights.project {
                    Some(project) => {
                        product_with(project, (d_back, n), n, &mut product);
                        &product[..quarter]
                    }
                    None => d_back,
                };
                let last = packing.step(t - 1);
                let rows = dh[last.start * hidden_size..].chunks_exact_mut(last.len()).zip(d_hidden.chunks_exact(n));
                rows.for_each(|(dh, d)| dh.iter_mut().zip(d).for_each(|(dh, &d)| *dh += d));
                widen(&mut dc[..hidden_size * last.len()], n, last.len());
            }
        }
        let gradients = self.gradients(packing, &gates, &inputs, &d_inputs, &hidden);
        let dx = match self.input {
            Some(_) => packing.gather(&d_inputs, given, read),
            None => packing.gather(&gates, 4 * hidden_size, 4 * hidden_size),
        };
        (dx, gradients, gates)
    }

    /// Gradients by the parameters, given those by the gates' inputs (of their activation functions) and by the step's inputs.
    fn gradients(&self, packing: &Packing, dz: &[T], inputs: &[T], d_inputs: &[T], hidden: &[T]) -> Gradients<T> {
        let (hidden_size, [read, back, ones]) = (self.lstm.hidden_size, self.rows());
        let (given, depth) = (read + back, read + back + ones);
        let gates = columns_of(packing, (dz, 4 * hidden_size), (inputs, depth), 0);
        let gates = multiply_transposed([4 * hidden_size, depth], &gates);
        let of_columns = |first: usize, count: usize| {
            gates.chunks_exact(depth).flat_map(|row| &row[first..first + count]).copied().collect()
        };
        let mut project = Vec::new();
        if self.lstm.project.is_some() {
            let mut parts = columns_of(packing, (d_inputs, given), (hidden, hidden_size), 1);
            for Columns { left: (left, stride), .. } in &mut parts {
                *left = &left[read * *stride..];
            }
            project = multiply_transposed([back, hidden_size], &parts);
        }
        let [input, recurrent, bias] =
            [(0, read), (read, back), (given, ones)].map(|(first, count)| of_columns(first, count));
        Gradients { input, bias, project, recurrent }
    }
}

/// For each step from the step `before` on: its columns of the left values, and those of the right values that many steps before.
fn columns_of<'a, T>(
    packing: &Packing,
    (left, left_rows): (&'a [T], usize),
    (right, right_rows): (&'a [T], usize),
    before: usize,
) -> Vec<Columns<'a, T>> {
    let of_step = |t: usize| {
        let (now, then) = (packing.step(t), packing.step(t - before));
        Columns {
            left: (&left[now.start * left_rows..], now.len()),
            right: (&right[then.start * right_rows..], then.len()),
            count: now.len(),
        }
    };
    (before..packing.steps()).map(of_step).collect()
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

/// Some units at one step of several sequences: from the gates' inputs to their values, `c` and `h`.
#[inline(always)]
fn forward_units<T: Scalar>([i, f, g, o]: [&mut [T]; 4], before: &[T], c: &mut [T], h: &mut [T]) {
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
