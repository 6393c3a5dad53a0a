#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)] // allowed in `isa` and `kernels` alone

extern crate alloc;

mod compile;
pub mod error;
mod exec;
pub mod ink;
#[allow(unsafe_code)]
mod isa;
#[allow(unsafe_code)]
mod kernels;
pub mod model;
pub mod preprocess;
mod recognizer;
mod tensor;
mod weights;

pub use compile::PlannedLayer;
pub use error::{LoadError, PlanError, RunError};
pub use exec::{Batch, Job, Plan, SequenceSession, SequenceState, Session};
pub use isa::IsaKind;
pub use model::{Model, ModelBuilder, Node, Op, ValueId};
pub use recognizer::{Candidate, FusedRecognizer, InkRecognizer, InkSession, Recognizer, fuse};
pub use tensor::shape;
pub use weights::{Pattern, Weight, WeightData, WeightId};
