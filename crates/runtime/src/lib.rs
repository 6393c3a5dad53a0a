#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)] // allowed in `isa` and `kernels` alone
#![warn(missing_debug_implementations)]

extern crate alloc;

mod compile;
mod exec;
pub mod image;
pub mod ink;
#[allow(unsafe_code)]
mod isa;
#[allow(unsafe_code)]
mod kernels;
mod limits;
mod messages;
mod model;
mod recognizer;
mod tensor;
mod weights;

pub use compile::{PlanError, PlannedLayer};
pub use exec::{Batch, Job, Plan, RunError, SequenceSession, SequenceState, Session};
pub use isa::IsaKind;
pub use limits::Limits;
pub use model::{FormatError, Fusion, LayerCost, Model, ModelBuilder, ModelError, Node, Op, ValueId};
pub use recognizer::{
    Candidate, FusedRecognizer, InkRecognizer, InkSession, LineSession, Recognizer, RecognizerError, Segment, fuse,
};
pub use tensor::shape;
pub use weights::{Pattern, Weight, WeightData, WeightId};
