//! Running a program: plans, and the memory that a run needs.

mod batch;
mod error;
mod layers;
mod plan;
mod sequence;
mod session;
mod tilt;

pub use batch::{Batch, Job};
pub use error::RunError;
pub use plan::Plan;
pub use sequence::{SequenceSession, SequenceState};
pub use session::Session;
