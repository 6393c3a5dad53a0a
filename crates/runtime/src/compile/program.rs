//! What a model becomes: tasks, and one arena for all that they read and write.

use crate::isa::Token;
use crate::kernels::{Extent, GROUP, GROUP_KERNELS, Io, Kernel, Sample};
use crate::model::LayerCost;
use crate::tensor::Layout;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::array::from_fn;
use core::ops::Range;

/// Tasks in the order in which they run.
pub(crate) struct Program {
    pub(crate) tasks: Vec<Task>,
    /// What each task is, for its reader.
    pub(crate) layers: Vec<PlannedLayer>,
    /// How many of the tasks run once for each chunk of a sequence; the others follow the last chunk.
    pub(crate) chunk_tasks: usize,
    /// Elements of the arena.
    pub(crate) arena_len: usize,
    /// The front of the arena that a sequence carries from chunk to chunk; all zero at its start.
    pub(crate) state_len: usize,
    pub(crate) inputs: Vec<Input>,
    /// Where each output stands after a run.
    pub(crate) outputs: Vec<Range<usize>>,
    /// How it looks twice, if it does.
    pub(crate) tilt: Option<Tilt>,
    /// The tasks that several samples of a batch can take together.
    pub(crate) tail: Option<Tail>,
}

/// See [`Model::tilt`](crate::Model::tilt).
pub(crate) struct Tilt {
    pub(crate) tangent: f32,
    /// Where the output of the first look is kept.
    pub(crate) first_look: Range<usize>,
}

/// Where an input of the model goes.
pub(crate) struct Input {
    pub(crate) arena: Range<usize>,
    pub(crate) layout: Layout,
}

/// The tasks from the first fully connected layer on that has a kernel for a group of samples, behind the last task over images:
/// they read most weights, and each of them once.
///
/// The part of the arena that these tasks use, its front, is small. A group has that much for each of its samples.
pub(crate) struct Tail {
    /// The first of the tasks.
    pub(crate) first: usize,
    /// What was made before and is read then, or is an output.
    pub(crate) carried: Vec<Range<usize>>,
    /// Elements of each sample.
    pub(crate) len: usize,
}

/// Runs one kernel from one buffer of the arena to another.
pub(crate) struct Task {
    pub(crate) kernel: Box<dyn Kernel>,
    /// Source, destination, what an LSTM carries from step to step, and working memory: empty where it has none.
    pub(crate) buffers: [Range<usize>; 4],
    pub(crate) dst_layout: Layout,
    /// Whether the borders are to be cleared behind the kernel.
    pub(crate) clears_border: bool,
}

impl Task {
    /// Runs the kernel.
    pub(crate) fn run(&self, token: Token, arena: &mut [f32], extent: Extent) {
        let [src, dst, state, scratch] = arena.get_disjoint_mut(self.buffers.clone()).expect("planned apart");
        self.kernel.run(token, Io { src, dst, state, scratch, extent, backwards: false });
        if self.clears_border {
            self.dst_layout.clear_border(dst);
        }
    }

    /// Runs the kernel for the first `samples` of a group, each of which has its own `stride` elements of `arenas`.
    pub(crate) fn run_group(&self, token: Token, arenas: &mut [f32], stride: usize, samples: usize) {
        let mut arenas = arenas.chunks_exact_mut(stride);
        let Some(kernel) = GROUP_KERNELS.iter().find_map(|group| (group.of)(&*self.kernel)) else {
            arenas.take(samples).for_each(|arena| self.run(token, arena, Extent::Whole));
            return;
        };
        let mut all: [_; GROUP] = from_fn(|_| {
            let arena = arenas.next().expect("a group has as many");
            let [src, dst, ..] = arena.get_disjoint_mut(self.buffers.clone()).expect("planned apart");
            Sample { src, dst }
        });
        kernel.run_group(token, &mut all[..samples]);
    }

    /// True for what makes a vector.
    pub(crate) fn makes_vector(&self) -> bool {
        self.dst_layout.height == 1 && self.dst_layout.width == 1
    }
}

/// One row of a [`Plan`](crate::Plan): a layer of the model, or several that one kernel runs.
///
/// ```no_run
/// # use hccr_runtime::{Model, Plan};
/// # let model = Model::from_bytes(&std::fs::read("model.hccr")?)?;
/// for layer in Plan::new(&model)?.layers() {
///     println!("{} runs {}", layer.name, layer.kernel);
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlannedLayer {
    /// Name of the (first) layer.
    pub name: String,
    /// Name of the kernel, such as `f32_spmm_64x1_avx2`: element type, kind, tile (pixels or outputs), instruction set.
    pub kernel: String,
    /// Shape of the value that it makes, without the batch (see [`shape`](crate::shape)).
    pub output: Vec<usize>,
    /// Bytes of the packed weights.
    pub weight_bytes: usize,
    /// Weights and multiply-accumulates, of a layer with matrices.
    pub cost: Option<LayerCost>,
}

impl PlannedLayer {
    /// What the kernel multiplies: `f32` or `u8`.
    pub fn dtype(&self) -> &str {
        self.kernel.split('_').next().unwrap_or_default()
    }
}
