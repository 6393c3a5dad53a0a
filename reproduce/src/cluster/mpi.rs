//! The processes that `mpirun` started.
//!
//! The main thread speaks for the process. Where messages leave the machine, a second thread with a communicator of its own adds up
//! gradients while the network's earlier layers go on (docs/cluster.md says what that gains). Within a machine messages are copies: there
//! is little to wait for, and a second thread would take a core from the training.

use anyhow::{Context, Result, ensure};
use hccr_nn_train::{Sum, World, sum_in_pairs};
use mpi::environment::Universe;
use mpi::request::{Request, Scope, scope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Root};
use mpi::{Threading, initialize_with_threading};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

pub(crate) type Guard = Universe;

/// Between two looks whether a message has arrived.
const PATIENCE: Duration = Duration::from_micros(50);

/// Values to add up, and who waits for the sum.
type Order = (Vec<f32>, Sender<Vec<f32>>);

#[derive(Debug)]
struct Processes {
    /// Where messages leave the machine.
    adder: Option<Adder>,
}

/// A thread that adds up what the processes give.
#[derive(Debug)]
struct Adder {
    orders: Sender<Order>,
    /// Whether the main thread does nothing but wait for a sum.
    is_awaited: Arc<AtomicBool>,
}

pub(super) fn start() -> Result<(Guard, Arc<dyn World>)> {
    let (universe, threading) = initialize_with_threading(Threading::Multiple).context("MPI does not start")?;
    // A process that panics takes the others with it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        hook(info);
        abort();
    }));
    let world = SimpleCommunicator::world();
    let is_one_machine = world.split_shared(world.rank()).size() == world.size();
    ensure!(
        is_one_machine || threading == Threading::Multiple,
        "this MPI library lets one thread alone send messages: two are needed"
    );
    let adder = if is_one_machine { None } else { Some(Adder::start()?) };
    Ok((universe, Arc::new(Processes { adder })))
}

pub(super) fn abort() {
    SimpleCommunicator::world().abort(1);
}

impl Adder {
    fn start() -> Result<Self> {
        let (orders, queue) = channel::<Order>();
        let (ready, is_ready) = channel();
        let adder = Self { orders, is_awaited: Arc::default() };
        let is_awaited = adder.is_awaited.clone();
        thread::Builder::new().name("sums".into()).spawn(move || {
            let world = SimpleCommunicator::world().duplicate();
            let _ = ready.send(());
            // The orders come in the same order in all processes.
            for (values, sum) in queue {
                // Nobody waits any more in a process that is ending.
                let _ = sum.send(sum_of(&world, values, Some(&is_awaited)));
            }
        })?;
        is_ready.recv().context("the thread of the sums has ended")?;
        Ok(adder)
    }

    fn begin_sum(&self, values: Vec<f32>) -> Sum {
        let (sender, sum) = channel();
        // If the thread has ended, the receiver says so.
        let _ = self.orders.send((values, sender));
        let is_awaited = self.is_awaited.clone();
        Sum::new(move || {
            is_awaited.store(true, Ordering::Relaxed);
            let sum = sum.recv().expect("the thread of the sums has ended");
            is_awaited.store(false, Ordering::Relaxed);
            sum
        })
    }
}

/// The sum of what the processes give: each adds up its piece of the values, and gives it to the others. So it sends its values twice,
/// whatever their number. With `is_awaited`, another thread of the process may be at work meanwhile.
fn sum_of(world: &SimpleCommunicator, mut values: Vec<f32>, is_awaited: Option<&AtomicBool>) -> Vec<f32> {
    let (len, processes) = (values.len(), world.size() as usize);
    let piece = len.div_ceil(processes);
    values.resize(piece * processes, 0.0);
    let mut pieces = vec![0.0; values.len()];
    scope(|scope| finish(world.immediate_all_to_all_into(scope, &values[..], &mut pieces[..]), is_awaited));
    let sum = sum_in_pairs(pieces.chunks_exact(piece).map(<[f32]>::to_vec).collect());
    scope(|scope| finish(world.immediate_all_gather_into(scope, &sum[..], &mut values[..]), is_awaited));
    values.truncate(len);
    values
}

/// Waits until a message has arrived. MPI itself looks all the time, which would take a core from another thread at work.
fn finish<'a, D: ?Sized, S: Scope<'a>>(mut request: Request<'a, D, S>, is_awaited: Option<&AtomicBool>) {
    while let Some(false) = is_awaited.map(|is| is.load(Ordering::Relaxed)) {
        match request.test() {
            Ok(_) => return,
            Err(pending) => request = pending,
        }
        thread::sleep(PATIENCE);
    }
    request.wait();
}

impl World for Processes {
    fn rank(&self) -> usize {
        SimpleCommunicator::world().rank() as usize
    }

    fn size(&self) -> usize {
        SimpleCommunicator::world().size() as usize
    }

    fn gather(&self, values: &[f64]) -> Vec<f64> {
        let world = SimpleCommunicator::world();
        let mut all = vec![0.0; values.len() * world.size() as usize];
        world.all_gather_into(values, &mut all[..]);
        all
    }

    fn begin_sum(&self, values: Vec<f32>) -> Sum {
        if let Some(adder) = &self.adder {
            return adder.begin_sum(values);
        }
        let sum = sum_of(&SimpleCommunicator::world(), values, None);
        Sum::new(move || sum)
    }

    fn broadcast(&self, bytes: &[u8]) -> Vec<u8> {
        let (world, mut len) = (SimpleCommunicator::world(), bytes.len() as u64);
        let first = world.process_at_rank(0);
        first.broadcast_into(&mut len);
        let mut all = bytes.to_vec();
        all.resize(len as usize, 0);
        // MPI counts in 32 bits.
        all.chunks_mut(1 << 30).for_each(|part| first.broadcast_into(part));
        all
    }
}
