//! How threads share work.
//!
//! Results never depend on it: what is shared is cut between values, never within a sum.

/// Threads from which on they share products and passes. Fewer are busy with a part of the mini-batch each, and are faster so: a whole
/// product reads its matrix once.
const MANY: usize = 5;

/// Whether there are so many threads that a mini-batch has too few parts for them.
pub fn are_many() -> bool {
    rayon::current_num_threads() >= MANY
}

/// Calls `f` with so many threads.
#[cfg(test)]
pub(crate) fn with_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}
