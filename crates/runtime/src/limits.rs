//! What a model may take: memory and work.

/// What loading a model, planning it and running it may take at most, so that a file from a stranger cannot exhaust a machine.
///
/// [`Model::from_bytes`](crate::Model::from_bytes) and [`Plan::new`](crate::Plan::new) hold the default: 256 MiB, and 2^34
/// multiply-accumulates per run. It is far above any network of this kind, and low enough for a phone.
///
/// Some limits are fixed. A model has at most 1024 inputs, outputs, nodes and weights each, and each shape at most 4 dimensions.
///
/// ```
/// use hccr_runtime::{Limits, ModelBuilder, Op, Plan, PlanError};
///
/// let mut network = ModelBuilder::new(&[1000]);
/// network.push("softmax", Op::Softmax);
/// let model = network.finish()?;
/// let small = Limits { memory_bytes: 4000, ..Limits::default() };
/// assert!(matches!(Plan::with_limits(&model, small), Err(PlanError::TooLarge { .. })));
/// assert!(Plan::new(&model).is_ok());
/// # Ok::<_, hccr_runtime::ModelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that the weights of a file may take while they are decoded, and that the packed weights of a plan and the working
    /// memory of one session may take together. The working memory alone is never above 256 MiB.
    pub memory_bytes: usize,
    /// Multiply-accumulates of a run, zeros of the weights included; of a sequence, of one time step. For operations without
    /// products, elements compared or changed count the same.
    pub macs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 1 << 28, macs: 1 << 34 }
    }
}

/// The most inputs, outputs, nodes and weights of a model, each: what each of them takes beside its elements stays below 1 MiB.
pub(crate) const MAX_ITEMS: usize = 1 << 10;

/// The most dimensions of a shape.
pub(crate) const MAX_DIMENSIONS: usize = 4;

/// The largest number that a file holds, and so a parameter of an operation and the length of a name.
pub(crate) const MAX_NUMBER: usize = (1 << 31) - 1;
