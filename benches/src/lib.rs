//! What the benchmarks of the runtime share: random weights, networks, and timing on every instruction set.

use hccr_runtime::{IsaKind, Model, Op, Plan, PlannedLayer, Session, Weight};
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 30;

/// See [`tolerance`].
const ROUNDED_SHARE: f32 = 3e-2;

/// Time steps of the sequences that are timed: about as many as a character has.
pub const SEQUENCE_LENGTH: usize = 50;

/// Seed of the networks' weights.
pub const SEED: u64 = 1;

/// SplitMix64, as values uniform in [-1, 1).
#[derive(Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next value.
    pub fn value(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    /// A weight with a share `density` of non-zero values. Its sums over inputs of variance 1 have the variance `gain`.
    pub fn weight(&mut self, name: &str, shape: &[usize], density: f64, gain: f64) -> Weight {
        let inputs: usize = shape[1..].iter().product();
        let largest = (3.0 * gain / (inputs as f64 * density)).sqrt() as f32;
        let values: Vec<f32> = (0..shape[0] * inputs)
            .map(|_| {
                let keep = f64::from(self.value()) < 2.0 * density - 1.0;
                if keep { largest * self.value() } else { 0.0 }
            })
            .collect();
        if density < 1.0 { Weight::sparse(name, shape, &values) } else { Weight::dense(name, shape, values) }
    }
}

/// By how much another answer of `model` may differ from `logits`: by `share` of the largest. Where values are rounded it is
/// more, since sums in another order round some of them to another quantization step.
pub fn tolerance(model: &Model, logits: &[f32], share: f32) -> f32 {
    let rounds = model.nodes().iter().any(|node| matches!(node.op, Op::FakeQuantize { .. }));
    let share = if rounds { ROUNDED_SHARE } else { share };
    share * largest(logits)
}

/// The largest magnitude of `values`.
pub fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// Times each of the networks, or those that the command line names, on `input` with every instruction set, after
/// comparing its answer with the scalar one.
///
/// # Panics
/// Where answers differ, or a network does not take the input.
pub fn compare<N: AsRef<str>>(networks: impl IntoIterator<Item = (N, Box<dyn Fn() -> Model>)>, input: &[f32]) {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    for (name, network) in networks {
        let name = name.as_ref();
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let model = network();
        let mut reference = Vec::new();
        for isa in IsaKind::available() {
            let start = Instant::now();
            let plan = Plan::with_isa(&model, isa).expect("a valid model");
            let planned = start.elapsed();
            let mut session = Session::new(Arc::new(plan));
            let output = session.run(input).expect("a valid input").to_vec();
            if isa == IsaKind::Scalar {
                reference = output;
                continue;
            }
            let tolerance = tolerance(&model, &reference, 1e-4);
            for (found, want) in output.iter().zip(&reference) {
                assert!((found - want).abs() <= tolerance, "{name} {isa}: {found} instead of {want}");
            }
            measure(name, &mut session, input, planned);
        }
    }
}

/// Prints the time of the plan, the minimum and median of a run, and the minimum of each layer.
fn measure(name: &str, session: &mut Session, input: &[f32], planned: Duration) {
    let mut total: Vec<Duration> = Vec::with_capacity(RUNS);
    let plan = Arc::clone(session.plan());
    let mut least = vec![Duration::MAX; plan.layers().len()];
    for _ in 0..RUNS {
        let start = Instant::now();
        session.run(input).expect("a valid input");
        total.push(start.elapsed());

        // A layer over a sequence runs once per chunk: its time is the sum.
        let mut run = vec![Duration::ZERO; least.len()];
        let mut before = Instant::now();
        let observe = |layer: &PlannedLayer| {
            let number = plan.layers().iter().position(|other| std::ptr::eq(other, layer));
            run[number.expect("a layer of the plan")] += before.elapsed();
            before = Instant::now();
        };
        session.run_observed(input, observe).expect("a valid input");
        least.iter_mut().zip(run).for_each(|(least, time)| *least = time.min(*least));
    }
    total.sort_unstable();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let (isa, planned, fastest, median) = (plan.isa(), ms(planned), ms(total[0]), ms(total[RUNS / 2]));
    println!("{name} {isa}: plan {planned:.1} ms; run min {fastest:.3} ms, median {median:.3} ms");
    for (layer, least) in plan.layers().iter().zip(least) {
        println!("  {:>8.3} ms  {layer}", ms(least));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_logits_have_a_tolerance() {
        let exact = hccr_runtime::ModelBuilder::new(&[3]).finish().expect("a model of its input");
        assert_eq!(tolerance(&exact, &[-8.0, -2.0, 4.0], 0.5), 4.0);
    }
}
