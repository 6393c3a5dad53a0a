//! The recurrent part of an LSTM over a chunk of steps: a product with the fused matrix of the four gates, and the
//! update of the state, step after step.

use super::LINE;
use super::activation::{sigmoid, tanh};
use super::product::Product;
use crate::isa::{Isa, Kernel, MAX_LANES, Token};
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

    /// Elements of working memory: the input of some steps, the recurrent products, the projected state.
    pub(crate) fn scratch_len(params: &LstmParams) -> usize {
        (LINE + 1) * gates_stride(params.hidden_size) + params.rank.unwrap_or(0)
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
        let (inputs, rest) = scratch.split_at_mut(LINE * stride);
        let (gates, projected) = rest.split_at_mut(stride);
        let (h, c) = state[..Self::state_len(&self.params)].split_at_mut(hidden.next_multiple_of(LINE));
        for t in 0..steps {
            if t.is_multiple_of(LINE) {
                token.enter(Transpose { src, from, start: t, rows: inputs, stride });
            }
            match &self.project {
                Some(project) => {
                    project.run(token, h, projected);
                    self.recurrent.run(token, projected, gates);
                }
                None => self.recurrent.run(token, h, gates),
            }
            let inputs = &inputs[t % LINE * stride..][..stride];
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

/// The columns from `start` on of `src` as rows `stride` elements apart, as many as a cache line has.
struct Transpose<'a> {
    src: &'a [f32],
    from: &'a Layout,
    start: usize,
    rows: &'a mut [f32],
    stride: usize,
}

impl Kernel for Transpose<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { src, from, start, rows, stride } = self;
        assert!(start + LINE <= from.width && from.is_tight() && from.channels * from.width <= src.len());
        assert!(from.channels.next_multiple_of(LINE) <= stride && LINE * stride <= rows.len());
        let whole = from.channels / I::LANES * I::LANES;
        for channel in (0..whole).step_by(I::LANES) {
            for column in (0..LINE).step_by(I::LANES) {
                let mut block = [isa.splat(0.0); MAX_LANES];
                // SAFETY: `LANES` channels from `channel` on exist, with `LANES` columns from `start + column` on each,
                // and so do their places in `rows`; the lengths were checked.
                unsafe {
                    for j in 0..I::LANES {
                        block[j] = isa.load(src.as_ptr().add((channel + j) * from.width + start + column));
                    }
                    transpose(isa, &mut block);
                    for t in 0..I::LANES {
                        isa.store(rows.as_mut_ptr().add((column + t) * stride + channel), block[t]);
                    }
                }
            }
        }
        for channel in whole..from.channels {
            for t in 0..LINE {
                rows[t * stride + channel] = src[channel * from.width + start + t];
            }
        }
    }
}

/// Transposes the first `LANES` vectors. Each round moves the lowest bit of an element's index to the top; after as many
/// rounds as a lane's number has bits, the two halves of the index, vector and lane, have changed places.
#[inline(always)]
fn transpose<I: Isa>(isa: I, block: &mut [I::F32; MAX_LANES]) {
    let mut rounds = I::LANES.trailing_zeros();
    while rounds > 0 {
        let old = *block;
        for i in 0..I::LANES / 2 {
            (block[i], block[i + I::LANES / 2]) = isa.deinterleave(old[2 * i], old[2 * i + 1]);
        }
        rounds -= 1;
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
