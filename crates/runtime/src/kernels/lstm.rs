//! The recurrent part of an LSTM over a chunk of steps: a product with the fused matrix of the four gates, and the
//! update of the state, step after step.

use super::activation::{sigmoid, tanh};
use super::product::Product;
use super::{CHUNK, LINE};
use crate::isa::{Isa, Kernel, Token};
use crate::plan::Layout;
use crate::shape::LstmParams;
use alloc::string::String;

/// Packed matrices and sizes.
pub(crate) struct Lstm {
    pub(crate) params: LstmParams,
    /// The right factor, where the matrix has a low rank.
    pub(crate) project: Option<Product>,
    pub(crate) recurrent: Product,
}

impl Lstm {
    pub(crate) fn bytes(&self) -> usize {
        self.recurrent.bytes() + self.project.as_ref().map_or(0, Product::bytes)
    }

    /// The kinds of its products, in the order of use.
    pub(crate) fn kinds(&self) -> String {
        match &self.project {
            Some(project) => alloc::format!("{}.{}", project.kind(), self.recurrent.kind()),
            None => self.recurrent.kind().into(),
        }
    }

    /// Elements of the state: h, then c, each filled up to whole vectors.
    pub(crate) fn state_len(params: &LstmParams) -> usize {
        2 * params.hidden_size.next_multiple_of(LINE)
    }

    /// Elements of working memory: the chunk's input by steps, the recurrent products, the projected state.
    pub(crate) fn scratch_len(params: &LstmParams) -> usize {
        (CHUNK + 1) * gates_stride(params.hidden_size) + params.rank.unwrap_or(0)
    }

    /// The first `steps` columns of `src`, into those of `dst`.
    pub(crate) fn run(
        &self,
        token: Token,
        (src, from): (&[f32], &Layout),
        (dst, to): (&mut [f32], &Layout),
        state: &mut [f32],
        scratch: &mut [f32],
        steps: usize,
    ) {
        let hidden = self.params.hidden_size;
        let stride = gates_stride(hidden);
        let (inputs, rest) = scratch.split_at_mut(CHUNK * stride);
        let (gates, projected) = rest.split_at_mut(stride);
        let (h, c) = state[..Self::state_len(&self.params)].split_at_mut(hidden.next_multiple_of(LINE));
        transpose(src, from, inputs, stride, steps);
        for (t, inputs) in inputs.chunks_exact(stride).take(steps).enumerate() {
            match &self.project {
                Some(project) => {
                    project.run(token, h, projected);
                    self.recurrent.run(token, projected, gates);
                }
                None => self.recurrent.run(token, h, gates),
            }
            token.enter(Update { hidden, inputs, gates, h, c });
            for (j, &h) in h[..hidden].iter().enumerate() {
                dst[to.row(j, 0).start + t] = h;
            }
        }
    }
}

/// Elements from one step's gates to the next: the last gate has room for whole vectors, and steps do not all fall into
/// the same sets of the first-level cache.
fn gates_stride(hidden: usize) -> usize {
    3 * hidden + hidden.next_multiple_of(LINE) + LINE
}

/// The first `steps` columns of `src` as rows, `stride` elements apart. It goes by blocks that stay in the cache.
fn transpose(src: &[f32], from: &Layout, rows: &mut [f32], stride: usize, steps: usize) {
    for start in (0..from.channels).step_by(LINE) {
        let end = (start + LINE).min(from.channels);
        for (t, row) in rows.chunks_exact_mut(stride).take(steps).enumerate() {
            for (j, x) in (start..end).zip(&mut row[start..end]) {
                *x = src[from.row(j, 0).start + t];
            }
        }
    }
}

/// Gates, cell and output of one step.
struct Update<'a> {
    hidden: usize,
    /// What the input gives to the gates, and what the state gives.
    inputs: &'a [f32],
    gates: &'a [f32],
    h: &'a mut [f32],
    c: &'a mut [f32],
}

impl Kernel for Update<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { hidden, inputs, gates, h, c } = self;
        let filled = hidden.next_multiple_of(I::LANES);
        let last = 3 * hidden + filled;
        assert!(last <= inputs.len() && last <= gates.len() && filled <= h.len() && filled <= c.len());
        let mut at = 0;
        while at < hidden {
            // SAFETY: `at + LANES` is at most `filled`, for which the lengths were checked.
            unsafe {
                let i = sigmoid(isa, sum(isa, inputs, gates, at));
                let f = sigmoid(isa, sum(isa, inputs, gates, hidden + at));
                let g = tanh(isa, sum(isa, inputs, gates, 2 * hidden + at));
                let o = sigmoid(isa, sum(isa, inputs, gates, 3 * hidden + at));
                let cell = isa.mul_add(f, isa.load(c.as_ptr().add(at)), isa.mul(i, g));
                isa.store(c.as_mut_ptr().add(at), cell);
                isa.store(h.as_mut_ptr().add(at), isa.mul(o, tanh(isa, cell)));
            }
            at += I::LANES;
        }
    }
}

/// `a + b`, one vector from `at` on.
///
/// # Safety
/// `at + LANES` is at most the length of both.
#[inline(always)]
unsafe fn sum<I: Isa>(isa: I, a: &[f32], b: &[f32], at: usize) -> I::F32 {
    // SAFETY: the caller vouches for the vectors.
    unsafe { isa.add(isa.load(a.as_ptr().add(at)), isa.load(b.as_ptr().add(at))) }
}
