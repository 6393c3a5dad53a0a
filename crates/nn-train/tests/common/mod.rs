//! What the tests of training share.

/// Holds what `run` gives on one thread equal to what it gives on three.
pub(crate) fn assert_threads_change_nothing<T: PartialEq + std::fmt::Debug + Send>(run: impl Fn() -> T + Sync) {
    hccr_tensor::blas::use_one_thread().unwrap();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&run)
    };
    assert_eq!(with(1), with(3));
}
