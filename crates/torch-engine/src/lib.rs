//! Trains the networks of `hccr-models` with PyTorch, on a GPU where there is one.
//!
//! [`Torch`] starts a Python process (`engine.py`, which is part of this crate) and is an [`Engine`] of a
//! [`NetworkTrainer`](hccr_models::NetworkTrainer). Networks, optimizers, constraints and checkpoints stay what they are: each call
//! sends the whole state, then the mini-batches, which all cores make while Python trains, and takes the new state back. Sums are taken
//! in another order than on the CPU, so results agree with those of the CPU up to rounding, and are not the same in every run.
//!
//! # Protocol
//! All numbers are little-endian. A JSON object is preceded by its length, a `u32`.
//!
//! - Python begins with a JSON object: `device`, or `error`.
//! - A request is a JSON object (the layers, the optimizer, what the parameters are), the state and that of the teacher, where there is
//!   one (`state.rs`), then `steps` mini-batches (`minibatch.rs`).
//! - The reply is a JSON object (`loss`, `accuracy`, ...) and the new state, or a JSON object with an `error`, a traceback; Python then
//!   ends.
#![forbid(unsafe_code)]

mod error;
mod minibatch;
mod process;
mod state;

pub use error::TorchError;

use hccr_compress::TrainStats;
use hccr_models::{Engine, TrainError, Work};
use hccr_nn_train::{Network, Optimizer};
use process::Process;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;

/// How a GPU computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Products of images in bfloat16 and those of sequences in TF32, everything else in `f32`.
    Mixed,
    /// Everything in `f32`.
    Full,
}

/// An engine in a Python process.
#[derive(Debug)]
pub struct Torch {
    process: Process,
    precision: Precision,
    device: String,
}

/// What Python says at its start.
#[derive(Deserialize)]
struct Greeting {
    device: String,
}

/// What Python says after training.
#[derive(Deserialize)]
struct Reply {
    /// `None` where it is no longer a number.
    loss: Option<f32>,
    accuracy: f32,
    updates: Vec<i32>,
    squares: bool,
}

impl Torch {
    /// Starts the interpreter `python`, which must find PyTorch.
    ///
    /// # Errors
    /// [`TorchError`] where it cannot be started, or PyTorch cannot be imported.
    pub fn start(python: &OsStr, precision: Precision) -> Result<Self, TorchError> {
        let mut process = Process::start(python)?;
        let Greeting { device } = process.read_json()?;
        Ok(Self { process, precision, device })
    }

    /// Which version of PyTorch trains, and on what.
    pub fn device(&self) -> &str {
        &self.device
    }

    fn request<O: Serialize>(
        &mut self,
        network: &mut Network<f32>,
        optimizer: &O,
        work: &Work<'_>,
    ) -> Result<Reply, TorchError> {
        let mixed = self.precision == Precision::Mixed;
        let (header, state) = state::request(network, optimizer, work, mixed);
        self.process.write_json(&header)?;
        self.process.write(&state)?;
        minibatch::send(work, |frame| self.process.write(frame))?;
        let reply: Reply = self.process.read_json()?;
        let bytes = self.process.read(4 * state::floats(network, reply.squares))?;
        state::restore(network, &bytes, reply.squares, &reply.updates)?;
        Ok(reply)
    }
}

impl<O: Optimizer + Serialize> Engine<O> for Torch {
    fn has_teachers(&self) -> bool {
        true
    }

    fn train(&mut self, network: &mut Network<f32>, optimizer: &O, work: &Work<'_>) -> Result<TrainStats, TrainError> {
        let reply = self.request(network, optimizer, work).map_err(|e| TrainError::Engine(Box::new(e)))?;
        let (step, learning_rate) = (work.first_step, work.learning_rate);
        let loss = reply.loss.ok_or(TrainError::Diverged { step, learning_rate })?;
        Ok(TrainStats { loss, accuracy: reply.accuracy })
    }
}
