//! `hccr bench`: how long a model takes on this machine.

use anyhow::{Context, Result, bail};
use clap::Args;
use hccr::ink::FEATURES;
use hccr::{IsaKind, Plan, Session};
use hccr_gauge::ModelSource;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Steps of a character of mean length, where the input is pen strokes.
const STEPS: usize = 46;
/// How long each row of the table takes; enough runs for a median.
const DURATION: Duration = Duration::from_secs(1);
const MIN_RUNS: usize = 20;

/// Time a model: the minimum and the median of many runs for one character, on one thread
///
/// The times are those of the network alone, without decoding and normalization. Of a model of pen strokes, they are those of a
/// character of 46 steps of the pen. Run nothing else meanwhile.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// The model [default: both in the box]
    model: Option<ModelSource>,
    /// Use this instruction set, such as scalar, avx2 or avx512, or `all` of this machine [default: the fastest]
    #[arg(long, value_name = "NAME")]
    isa: Option<String>,
}

impl BenchArgs {
    pub(crate) fn run(&self) -> Result<()> {
        let sources = match &self.model {
            Some(source) => vec![source.clone()],
            None => vec![ModelSource::Offline, ModelSource::Online],
        };
        let isas = self.instruction_sets()?;
        anstream::println!("{:>9} {:>9}  {:<8} {:>7}  model", "min ms", "median ms", "set", "runs");
        for source in &sources {
            let model = source.read()?;
            for &isa in &isas {
                let plan = Plan::with_isa(&model, isa).with_context(|| format!("{source} cannot run here"))?;
                let times = times(plan)?;
                let [min, median] = [times[0], times[times.len() / 2]].map(|time| 1e3 * time.as_secs_f64());
                anstream::println!("{min:>9.3} {median:>9.3}  {:<8} {:>7}  {source}", isa.name(), times.len());
            }
        }
        Ok(())
    }

    fn instruction_sets(&self) -> Result<Vec<IsaKind>> {
        let available = IsaKind::available();
        let chosen: Vec<IsaKind> = match self.isa.as_deref() {
            None => available.last().copied().into_iter().collect(),
            Some("all") => available.clone(),
            Some(name) => available.iter().copied().filter(|isa| isa.name() == name).collect(),
        };
        if chosen.is_empty() {
            let names: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
            bail!("this machine has the instruction sets {}; choose one of them by --isa, or all", names.join(", "));
        }
        Ok(chosen)
    }
}

/// The times of many runs, the shortest first.
fn times(plan: Plan) -> Result<Vec<Duration>> {
    // A network may read several at once.
    let steps = if plan.is_sequence() { (STEPS * FEATURES).div_ceil(plan.input_len()) } else { 1 };
    let input = vec![0.5; steps * plan.input_len()];
    let mut session = Session::new(Arc::new(plan));
    session.run(&input)?; // brings the weights into the cache
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < DURATION || times.len() < MIN_RUNS {
        let start = Instant::now();
        session.run(&input)?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}
