//! What the tests of training share.

/// Holds what `run` gives on one thread equal to what it gives on two, and on eight, which share what a part of a mini-batch needs.
pub(crate) fn assert_threads_change_nothing<T: PartialEq + std::fmt::Debug + Send>(run: impl Fn() -> T + Sync) {
    hccr_tensor::blas::use_one_thread().unwrap();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&run)
    };
    let alone = with(1);
    for threads in [2, 8] {
        assert_eq!(with(threads), alone, "{threads} threads");
    }
}
