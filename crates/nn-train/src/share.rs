//! Processes that train one network together.

use crate::param::Param;
use hccr_tensor::Scalar;
use rayon::prelude::*;
use std::fmt;
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Values of a parameter that one thread sums at a time.
const PIECE: usize = 1 << 14;

/// The processes that train one network together, each on its part of every mini-batch.
///
/// All of them call the functions below in the same order, with as many values.
pub trait World: fmt::Debug + Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes.
    fn size(&self) -> usize;

    /// The values that the processes give, in the order of their ranks.
    fn gather(&self, values: &[f64]) -> Vec<f64>;

    /// Begins to add the values that the processes give, [in pairs](sum_in_pairs) in the order of their ranks, while the process goes on.
    /// Other functions may be called before the sum has arrived.
    fn begin_sum(&self, values: Vec<f32>) -> Sum;

    /// What the first process gives; the others may give anything.
    fn broadcast(&self, bytes: &[u8]) -> Vec<u8>;

    /// Which of `count` samples are this process's.
    fn part(&self, count: usize) -> Range<usize> {
        count * self.rank() / self.size()..count * (self.rank() + 1) / self.size()
    }

    /// The sum of what the processes give.
    fn sum(&self, value: f64) -> f64 {
        self.gather(&[value]).iter().sum()
    }
}

/// A sum over the processes that is on its way.
pub struct Sum(Box<dyn FnOnce() -> Vec<f32> + Send>);

impl Sum {
    /// The sum that `wait` gives once it has arrived.
    pub fn new(wait: impl FnOnce() -> Vec<f32> + Send + 'static) -> Self {
        Self(Box::new(wait))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sum")
    }
}

/// Which part of a mini-batch a batch is: all of it, or a process's share.
///
/// What a share computes has the bits that one process would compute: sums over the chunks of a mini-batch are sums of two, of two such
/// sums, and so on, of which each process makes its own. So shares must be equal, and their number of chunks a power of two.
#[derive(Clone, Debug, Default)]
pub struct Share(Option<Arc<Joined>>);

/// What the batches of a step have in common, where they are a process's share.
#[derive(Debug)]
struct Joined {
    world: Arc<dyn World>,
    /// The gradients that are on their way, with the names of their parameters.
    sums: Mutex<Vec<(String, Sum)>>,
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        (self.rank(), self.size()) == (other.rank(), other.size())
    }
}

impl Share {
    /// The part of this process.
    pub fn of(world: Arc<dyn World>) -> Self {
        Self(Some(Arc::new(Joined { world, sums: Mutex::default() })))
    }

    /// The number of shares.
    pub fn size(&self) -> usize {
        self.0.as_ref().map_or(1, |joined| joined.world.size())
    }

    /// The number of this share, from 0.
    pub fn rank(&self) -> usize {
        self.0.as_ref().map_or(0, |joined| joined.world.rank())
    }

    /// The values that all shares give, in their order.
    pub(crate) fn all(&self, values: Vec<f64>) -> Vec<f64> {
        match &self.0 {
            Some(joined) => joined.world.gather(&values),
            None => values,
        }
    }

    /// Makes the sum over the parts of all shares the gradient of `param`; each share has as many. Where there are several shares, the
    /// gradient is in its place once it has [arrived](Self::take_sums): the layers before go on meanwhile.
    pub(crate) fn sum_into<T: Scalar>(&self, param: &mut Param<T>, parts: Vec<Vec<T>>) {
        param.grad = sum_in_pairs(parts);
        if let Some(joined) = self.0.as_ref().filter(|_| !param.grad.is_empty()) {
            // Networks train in f32.
            let values = param.grad.iter().map(|v| v.as_f64() as f32).collect();
            let sum = (param.name.clone(), joined.world.begin_sum(values));
            joined.sums.lock().unwrap_or_else(PoisonError::into_inner).push(sum);
        }
    }

    /// Waits for the gradients that are on their way; gives them with the names of their parameters.
    pub(crate) fn take_sums<T: Scalar>(&self) -> Vec<(String, Vec<T>)> {
        let Some(joined) = &self.0 else { return Vec::new() };
        let sums = mem::take(&mut *joined.sums.lock().unwrap_or_else(PoisonError::into_inner));
        let arrived = |(name, Sum(wait))| (name, wait().into_iter().map(|v| T::of(v.into())).collect());
        sums.into_iter().map(arrived).collect()
    }
}

/// Sums neighbours, then neighbouring sums, until one is left.
pub fn sum_in_pairs<T: Scalar>(mut parts: Vec<Vec<T>>) -> Vec<T> {
    while parts.len() > 1 {
        let mut rest = parts.into_iter();
        let mut sums = Vec::new();
        while let Some(mut sum) = rest.next() {
            if let Some(other) = rest.next() {
                sum.par_chunks_mut(PIECE).zip(other.par_chunks(PIECE)).for_each(|(sum, other)| {
                    for (s, &o) in sum.iter_mut().zip(other) {
                        *s += o;
                    }
                });
            }
            sums.push(sum);
        }
        parts = sums;
    }
    parts.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_in_pairs() {
        let parts = |n: usize| (0..n).map(|i| vec![i as f64, 1.0]).collect();
        for n in 1..9 {
            assert_eq!(sum_in_pairs::<f64>(parts(n)), [(n * (n - 1) / 2) as f64, n as f64]);
        }
        // The order matters: (1e8 + 1) + (1 + -1e8) in f32.
        assert_eq!(sum_in_pairs(vec![vec![1e8f32], vec![1.0], vec![1.0], vec![-1e8]]), [0.0]);
    }
}
