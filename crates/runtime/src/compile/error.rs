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
    /// The plan would need more memory than this crate grants.
    TooLarge {
        /// Name of the layer.
        layer: String,
        /// Elements wanted.
        elements: usize,
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
    TooLarge { layer, elements } => "layer '{layer}' needs {elements} elements, too many to plan",
    IsaUnavailable { isa } => "instruction set {isa} is not available on this CPU",
    UnknownKernel { kernel } => "there is no kernel {kernel}",
}
