//! The recurrent part of an LSTM over a chunk of steps: a product with the fused matrix of the four gates, and the
//! update of the state, step after step.

use super::activation::{sigmoid, tanh};
use crate::isa::{Body, Isa, MAX_LANES, Token};
use crate::kernels::kernel::{Extent, Facts, Io, Kernel};
use crate::tensor::shape::LstmParams;
use crate::tensor::{LINE, Layout};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Packed matrices and sizes.
pub(crate) struct Lstm {
    params: LstmParams,
    /// The right factor, where the matrix has a low rank.
    project: Option<Box<dyn Kernel>>,
    recurrent: Box<dyn Kernel>,
    /// Elements from one feature of the input to the next, and of the output.
    strides: [usize; 2],
}

impl Lstm {
    /// For chunks laid out like these.
    pub(crate) fn new(
        params: LstmParams,
        project: Option<Box<dyn Kernel>>,
        recurrent: Box<dyn Kernel>,
        [src, dst]: [&Layout; 2],
    ) -> Self {
        Self { params, project, recurrent, strides: [src.plane_stride, dst.plane_stride] }
    }

    /// Elements of the state: h, then c, each filled up to whole vectors.
    pub(crate) fn state_len(params: &LstmParams) -> usize {
        2 * params.hidden_size.next_multiple_of(LINE)
    }
}

impl Kernel for Lstm {
    /// The kind has those of its products, in the order of use.
    fn facts(&self, token: Token) -> Facts {
        let products = self.project.iter().chain([&self.recurrent]).map(|product| product.facts(token));
        let (mut kinds, mut weight_bytes) = (Vec::new(), 0);
        for facts in products {
            kinds.push(String::from(facts.kind.trim_start_matches("f32_")));
            weight_bytes += facts.weight_bytes;
        }
        let filled = self.params.hidden_size.next_multiple_of(LINE);
        // The inputs and outputs of some steps, the recurrent products, the projected state.
        let scratch_len =
            (LINE + 1) * gates_stride(self.params.hidden_size) + LINE * filled + self.params.rank.unwrap_or(0);
        Facts {
            kind: ("f32_lstm_".to_owned() + &kinds.join(".")).into(),
            tile: None,
            by_isa: true,
            weight_bytes,
            scratch_len,
            takes_groups: false,
        }
    }

    /// Columns become rows, and rows columns, as many at once as a cache line has.
    fn run(&self, token: Token, Io { src, dst, state, scratch, extent, .. }: Io<'_>) {
        let (hidden, [src_stride, dst_stride]) = (self.params.hidden_size, self.strides);
        let steps = extent.of(src_stride);
        let (stride, filled) = (gates_stride(hidden), hidden.next_multiple_of(LINE));
        let (inputs, rest) = scratch.split_at_mut(LINE * stride);
        let (outputs, rest) = rest.split_at_mut(LINE * filled);
        let (gates, projected) = rest.split_at_mut(stride);
        let (h, c) = state[..Self::state_len(&self.params)].split_at_mut(filled);
        let multiply = |product: &dyn Kernel, src: &[f32], dst: &mut [f32], backwards| {
            let (state, scratch) = (&mut [][..], &mut [][..]);
            product.run(token, Io { src, dst, state, scratch, extent: Extent::Whole, backwards });
        };
        for start in (0..steps).step_by(LINE) {
            let (src, strides, shape) = (&src[start..], [src_stride, stride], [4 * hidden, LINE]);
            token.enter(Transpose { src, dst: inputs, strides, shape });
            let rows = inputs.chunks_exact(stride).zip(outputs.chunks_exact_mut(filled));
            for (t, (inputs, output)) in rows.take(steps - start).enumerate() {
                let backwards = t % 2 == 1;
                match &self.project {
                    Some(project) => {
                        multiply(&**project, h, projected, backwards);
                        multiply(&*self.recurrent, projected, gates, backwards);
                    }
                    None => multiply(&*self.recurrent, h, gates, backwards),
                }
                token.enter(Update { hidden, inputs, gates, h, c });
                output.copy_from_slice(h);
            }
            let (dst, strides, shape) = (&mut dst[start..], [filled, dst_stride], [LINE, hidden]);
            token.enter(Transpose { src: outputs, dst, strides, shape });
        }
    }
}

/// Elements from one step's gates to the next: the last gate has room for whole vectors, and steps do not all fall into
/// the same sets of the first-level cache.
fn gates_stride(hidden: usize) -> usize {
    3 * hidden + hidden.next_multiple_of(LINE) + LINE
}

/// `dst[column][row] = src[row][column]`.
struct Transpose<'a> {
    src: &'a [f32],
    dst: &'a mut [f32],
    /// From one row of the source, and of the destination, to the next.
    strides: [usize; 2],
    /// Rows and columns of the source.
    shape: [usize; 2],
}

impl Body for Transpose<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { src, dst, strides: [src_stride, dst_stride], shape: [rows, columns] } = self;
        assert!((rows - 1) * src_stride + columns <= src.len(), "a source too short");
        assert!((columns - 1) * dst_stride + rows <= dst.len(), "a destination too short");
        let [whole_rows, whole_columns] = [rows, columns].map(|n| n / I::LANES * I::LANES);
        for row in (0..whole_rows).step_by(I::LANES) {
            for column in (0..whole_columns).step_by(I::LANES) {
                let mut block = [isa.splat(0.0); MAX_LANES];
                // SAFETY: `LANES` rows and columns from these on are within the matrix, whose lengths were checked.
                unsafe {
                    for j in 0..I::LANES {
                        block[j] = isa.load(src.as_ptr().add((row + j) * src_stride + column));
                    }
                    transpose(isa, &mut block);
                    for j in 0..I::LANES {
                        isa.store(dst.as_mut_ptr().add((column + j) * dst_stride + row), block[j]);
                    }
                }
            }
        }
        for row in 0..rows {
            for column in if row < whole_rows { whole_columns } else { 0 }..columns {
                dst[column * dst_stride + row] = src[row * src_stride + column];
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

impl Body for Update<'_> {
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
