//! What reading costs.

use crate::{ReadError, Reader};
use hccr_runtime::{LayerCost, Model};
use std::time::{Duration, Instant};

/// Samples read before the clock starts.
const WARM_UP: usize = 10;
/// A timing ends after this number of samples or after this time, whichever comes first.
const TIMED_RUNS: usize = 300;
const TIMED_SECONDS: Duration = Duration::from_secs(4);

/// Minimum and median time of one sample on this thread, in milliseconds, over samples spread over the set. An image is
/// normalized already; that an ink is normalized, and drawn where an image of it is read, is in its time.
///
/// # Errors
/// As [`Reader::probabilities`].
pub fn time(reader: &impl Reader) -> Result<[f64; 2], ReadError> {
    let mut reader = reader.clone();
    let samples = reader.samples().labels.len();
    let spread = samples.min(TIMED_RUNS);
    let order: Vec<usize> = (0..spread).map(|i| i * samples / spread).collect();
    let mut times = Vec::new();
    let begin = Instant::now();
    for (run, &i) in (0..WARM_UP + TIMED_RUNS).zip(order.iter().cycle()) {
        let start = Instant::now();
        reader.probabilities(i)?;
        if run >= WARM_UP {
            times.push(1e3 * start.elapsed().as_secs_f64());
        }
        if begin.elapsed() > TIMED_SECONDS && !times.is_empty() {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times.first().map_or([0.0; 2], |&least| [least, times[times.len() / 2]]))
}

/// Dense MACs, and MACs on non-zero weights, for a sample with this mean number of time steps (1 for images).
pub fn macs(model: &Model, steps: f64) -> [u64; 2] {
    let costs = model.costs();
    let sum = |macs: fn(&LayerCost) -> u64| costs.iter().map(|c| macs(c) as f64 * c.runs(steps)).sum::<f64>();
    [sum(|c| c.dense_macs), sum(|c| c.nonzero_macs)].map(|macs| macs.round() as u64)
}
