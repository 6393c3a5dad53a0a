//! Many samples at once, on the caller's threads.

use super::error::RunError;
use super::plan::Plan;
use super::session::{Session, check_finite};
use crate::tensor::Aligned;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Sessions of one [`Plan`] that share the samples of a batch.
///
/// The runtime starts no threads. [`Batch::jobs`] divides a batch into as many parts as there are sessions, for the caller
/// to run wherever it likes; every sample has the bits that a [`Session`] alone would give it. Behind the last convolution,
/// a part takes its samples through the network in groups of up to sixteen: dense fully connected layers, and those in 8
/// bits, then read their weights once a group.
///
/// ```
/// # use hccr_runtime::{Batch, ModelBuilder, Op, Plan};
/// # use std::sync::Arc;
/// # let mut network = ModelBuilder::new(&[3]);
/// # network.push("softmax", Op::Softmax);
/// # let plan = Arc::new(Plan::new(&network.finish()?)?);
/// let mut batch = Batch::new(plan, 2)?;
/// let inputs = vec![0.5; 32 * 3]; // 32 samples of 3 elements
/// let mut outputs = vec![0.0; 32 * 3];
/// std::thread::scope(|scope| {
///     for job in batch.jobs(&inputs, &mut outputs)? {
///         scope.spawn(move || job.run()); // or a pool's own `spawn`
///     }
///     Ok::<_, hccr_runtime::RunError>(())
/// })?;
/// # assert!(outputs.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-6));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    workers: Vec<Worker>,
}

/// A session, and memory for a group of samples.
#[derive(Debug)]
struct Worker {
    session: Session,
    group: Aligned<f32>,
}

/// A part of a batch, with the session to run it.
///
/// ```no_run
/// # use hccr_runtime::{Batch, Model, Plan};
/// # let plan = Plan::new(&Model::from_bytes(&std::fs::read("model.hccr")?)?)?;
/// # let (inputs, mut outputs) = (vec![0.0; 2 * plan.input_len()], vec![0.0; 2 * plan.output_len()]);
/// let mut batch = Batch::new(plan.into(), 2)?;
/// batch.jobs(&inputs, &mut outputs)?.for_each(|job| job.run()); // one after the other, for once
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Job<'a> {
    worker: &'a mut Worker,
    /// Samples one after the other.
    inputs: &'a [f32],
    outputs: &'a mut [f32],
}

impl Batch {
    /// As many sessions as `threads` (one for 0), each with memory of its own: [`Plan::arena_bytes`] and
    /// [`Plan::group_bytes`].
    ///
    /// # Errors
    /// [`RunError::IsASequence`] for a plan whose samples have no fixed length.
    pub fn new(plan: Arc<Plan>, threads: usize) -> Result<Self, RunError> {
        if plan.is_sequence() {
            return Err(RunError::IsASequence);
        }
        let worker = |_| Worker { session: Session::new(Arc::clone(&plan)), group: Aligned::zeros(plan.group_len()) };
        Ok(Self { workers: (0..threads.max(1)).map(worker).collect() })
    }

    /// Divides a batch into jobs of nearly equal size, at most one a session. A sample's output is there when its job has run.
    ///
    /// # Shapes
    /// `inputs` holds any number of samples of [`Plan::input_len`] elements; `outputs` as many first outputs of
    /// [`Plan::output_len`].
    ///
    /// # Errors
    /// [`RunError::InputLength`] and [`RunError::OutputLength`] for other lengths, [`RunError::NonFiniteInput`] for a NaN or an
    /// infinity. No output is written then.
    pub fn jobs<'a>(
        &'a mut self,
        inputs: &'a [f32],
        outputs: &'a mut [f32],
    ) -> Result<impl Iterator<Item = Job<'a>>, RunError> {
        let plan = self.workers[0].session.plan();
        let [input_len, output_len] = [plan.input_len(), plan.output_len()];
        let samples = inputs.len().div_ceil(input_len);
        if inputs.len() != samples * input_len {
            return Err(RunError::InputLength { expected: samples * input_len, found: inputs.len() });
        }
        if outputs.len() != samples * output_len {
            return Err(RunError::OutputLength { expected: samples * output_len, found: outputs.len() });
        }
        check_finite(inputs)?;
        let share = samples.div_ceil(self.workers.len()).max(1);
        let parts = inputs.chunks(share * input_len).zip(outputs.chunks_mut(share * output_len));
        Ok(self.workers.iter_mut().zip(parts).map(|(worker, (inputs, outputs))| Job { worker, inputs, outputs }))
    }
}

impl Job<'_> {
    /// Runs the samples of the job, on the calling thread. Where sums overflow, outputs are NaN or infinite.
    pub fn run(self) {
        let Self { worker: Worker { session, group }, inputs, outputs } = self;
        let [input_len, output_len] = [session.plan().input_len(), session.plan().output_len()];
        let group_of = session.plan().group();
        for (inputs, outputs) in inputs.chunks(group_of * input_len).zip(outputs.chunks_mut(group_of * output_len)) {
            session.run_group(inputs.chunks_exact(input_len), outputs.chunks_exact_mut(output_len), group);
        }
    }
}

impl fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("elements", &self.inputs.len()).finish_non_exhaustive()
    }
}
