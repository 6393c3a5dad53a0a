//! Why a plan cannot be made.

use crate::messages::messages;
use alloc::string::String;

/// A plan that could not be made.
///
/// ```
/// use hccr_runtime::{ModelBuilder, Op, Plan, PlanError};
///
/// let mut network = ModelBuilder::new(&[1 << 30]);
/// network.push("huge", Op::Softmax);
/// assert!(matches!(Plan::new(&network.finish()?), Err(PlanError::TooLarge { .. })));
/// # Ok::<_, hccr_runtime::ModelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The plan may need more memory than its [`Limits`](crate::Limits) grant.
    TooLarge {
        /// Name of the layer.
        layer: String,
        /// Bytes wanted up to this layer.
        bytes: usize,
    },
    /// A run would take more work than the plan's [`Limits`](crate::Limits) grant.
    TooSlow {
        /// Name of the layer.
        layer: String,
        /// Multiply-accumulates up to this layer.
        macs: u64,
    },
    /// The wanted instruction set is not available on this CPU.
    IsaUnavailable {
        /// Its name.
        isa: &'static str,
    },
    /// There is no kernel of the wanted name.
    UnknownKernel {
        /// The name.
        kernel: String,
    },
}

messages! { PlanError:
    TooLarge { layer, bytes } => "layer '{layer}' may bring the plan to {bytes} bytes, more than its limit",
    TooSlow { layer, macs } => "layer '{layer}' brings a run to {macs} multiply-accumulates, more than its limit",
    IsaUnavailable { isa } => "instruction set {isa} is not available on this CPU",
    UnknownKernel { kernel } => "there is no kernel {kernel}",
}
