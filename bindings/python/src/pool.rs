//! A recognizer that many threads use at the same time.

use pyo3::PyResult;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A recognizer, and clones of it, which share its weights: as many as have been in use at the same time.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    original: T,
    spare: Mutex<Vec<T>>,
}

impl<T: Clone + Send + Sync> Pool<T> {
    pub(crate) fn new(original: T) -> Self {
        Self { original, spare: Mutex::default() }
    }

    pub(crate) fn original(&self) -> &T {
        &self.original
    }

    /// Lends one that nobody else uses meanwhile.
    pub(crate) fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = spare().pop();
        let mut recognizer = taken.unwrap_or_else(|| self.original.clone());
        let result = work(&mut recognizer);
        spare().push(recognizer);
        result
    }

    /// What `read` gives for each input, on `threads` threads, or on as many as there are cores.
    pub(crate) fn read_many<I: Sync, R: Send>(
        &self,
        inputs: &[I],
        threads: Option<NonZeroUsize>,
        read: impl Fn(&mut T, &I) -> PyResult<R> + Sync,
    ) -> Vec<PyResult<R>> {
        let threads = threads.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
        let next = AtomicUsize::new(0);
        let work = || {
            self.lend(|recognizer| {
                let mut read_here = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = inputs.get(number) else { return read_here };
                    read_here.push((number, read(recognizer, input)));
                }
            })
        };
        let mut results: Vec<_> = thread::scope(|scope| {
            // Where the system gives no more threads, those that there are do the work.
            let worker = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
            let workers: Vec<_> = (1..threads.min(inputs.len())).map_while(worker).collect();
            let mut results = work();
            for worker in workers {
                results.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            results
        });
        results.sort_unstable_by_key(|&(number, _)| number);
        results.into_iter().map(|(_, result)| result).collect()
    }
}
