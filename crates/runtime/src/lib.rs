#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)] // allowed in `isa` and `kernels` alone

extern crate alloc;

mod batch;
pub mod error;
pub mod ink;
#[allow(unsafe_code)]
mod isa;
#[allow(unsafe_code)]
mod kernels;
pub mod model;
mod plan;
pub mod preprocess;
mod recognizer;
mod session;
pub mod shape;

pub use batch::{Batch, Job};
pub use error::{LoadError, PlanError, RunError};
pub use isa::IsaKind;
pub use model::{Model, ModelBuilder, Node, Op, ValueId, Weight, WeightData, WeightId};
pub use plan::Plan;
pub use recognizer::{Candidate, FusedRecognizer, InkRecognizer, InkSession, Recognizer, fuse};
pub use session::{SequenceState, Session};
