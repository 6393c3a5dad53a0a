//! Portable graph rewrites: each pass takes a model and returns one that computes the same with less work.
//!
//! What is portable is saved: an optimized model is an ordinary [`Model`] that can be written to a file. Rewrites for
//! one machine (packing, choice of kernels) are the work of the runtime's plan and never saved.
//!
//! [`keep_classes`] is no pass: it cuts classes away.
//!
//! Values that several nodes read, or that the model returns, keep their meaning: no pass folds through them.
#![forbid(unsafe_code)]

mod batch_norm;
mod classes;
mod dead_nodes;
mod edit;
mod identities;
mod prelu;
mod unused_weights;

pub use batch_norm::fold_batch_norm;
pub use classes::{ClassesError, keep_classes};
pub use dead_nodes::remove_dead_nodes;
pub use identities::remove_identities;
pub use prelu::fuse_prelu;
pub use unused_weights::remove_unused_weights;

use hccr_runtime::Model;

/// A rewrite with its name.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Name, as reports print it.
    pub name: &'static str,
    /// The rewrite.
    pub run: fn(&Model) -> Model,
}

/// All passes, in the order in which [`optimize`] runs them.
///
/// Dead readers and identities go first, since they stand between a layer and what it could absorb; one round then
/// leaves nothing to do for a second.
pub const PASSES: [Pass; 5] = [
    Pass { name: "remove-dead-nodes", run: remove_dead_nodes },
    Pass { name: "remove-identities", run: remove_identities },
    Pass { name: "fold-batch-norm", run: fold_batch_norm },
    Pass { name: "fuse-prelu", run: fuse_prelu },
    Pass { name: "remove-unused-weights", run: remove_unused_weights },
];

/// Runs all [`PASSES`].
///
/// The result computes the outputs of `model` up to the rounding of the folded weights. Inputs, outputs and labels
/// keep their order; sparse weights keep their pattern, and codebooks every bit.
pub fn optimize(model: &Model) -> Model {
    PASSES.iter().fold(model.clone(), |model, pass| (pass.run)(&model))
}
