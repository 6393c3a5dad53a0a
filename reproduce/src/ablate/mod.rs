//! Trains methods of compression against each other: `cargo xtask reproduce ablate`.
//!
//! A grid of methods, levels of compression and seeds. Each cell of it trains from the same start for as many steps as the others of
//! its family, and leaves a model. When all are trained, the test set is read, and the models are compared on its samples.

mod args;
mod claims;
mod measure;
mod method;
mod recipe;
mod report;
mod statistics;
mod train;

pub(crate) use args::AblateArgs;

use crate::offline::{self, Images};
use crate::pipeline::{Data, Test};
use crate::progress::{Interrupt, bar, counting, finish};
use crate::report::types::Threads;
use anyhow::{Context, Result, ensure};
use hccr_data::{Simulator, SimulatorConfig, Split, simulate};
use hccr_models::offline::EndlessImages;
use hccr_report::machine::{Machine, Versions, commit};
use hccr_runtime::{Model, Plan};
use recipe::Recipe;
use report::Ablation;
use train::Folder;

/// The name of the directory of its results.
const NAME: &str = "ablate";

/// Trains the grid, or goes on with it, measures and reports.
pub(crate) fn run(args: &AblateArgs, interrupt: &Interrupt) -> Result<()> {
    let offline = &args.offline;
    offline.check()?;
    ensure!(!offline.images.has_blocks(), "--zeros is of no use here: blocks are among the methods");
    let size = &offline.size;
    ensure!(
        size.epochs.is_none() && size.patience.is_none(),
        "--epochs and --patience are of no use here: all methods train for as long, and --effort says how long"
    );
    ensure!(!offline.images.is_as_in_thesis(), "--recipe is of no use here: each method has its own numbers");
    let grid = args.grid()?;
    ensure!(
        !offline.run.on_gpu() || !grid.methods.iter().any(|method| method.is_distilled()),
        "distilled methods train in this process alone: with --engine torch, list the others by --methods"
    );
    let plan = grid.plan();
    ensure!(!plan.is_empty(), "no method to compare, at no level or no seed");
    let recipe = Recipe::new(offline);
    let simulator = &recipe.offline.common.data;
    let out = offline.run.out(NAME);
    let _lock = hccr_files::lock(&out)?;
    let data = if offline.images.has_files() { offline::load(offline, simulator)? } else { endless(simulator)? };
    let folder = Folder::new(&out);
    let trained = train::all(args, &recipe, &data, &plan, &folder, interrupt)?;

    interrupt.set_saved(true);
    let Test { set: test, note } = offline::test(offline, simulator, &data)?;
    let cells = measure::cells(&trained, &folder, &test)?;
    let model = Model::from_bytes(&folder.model(plan[0].cell)?)?;
    let ablation = Ablation {
        command: command(args, &args.flags()),
        data: data.description.clone() + &note,
        machine: Machine::detect(),
        isa: Plan::new(&model)?.isa().name().into(),
        threads: Threads { training: rayon::current_num_threads(), timing: 1 },
        commit: commit(),
        versions: Versions::detect(),
        batch_size: recipe.offline.common.batch_size,
        compared: measure::compared(&cells),
        claims: measure::judged(&cells),
        cells,
    };
    report::write(&out, &ablation)?;
    println!("{}", report::terminal(&ablation));
    println!("report: {}", out.join("report.html").display());
    Ok(())
}

/// The command of a run with these flags beside those of data and lengths.
fn command(args: &AblateArgs, flags: &[(&'static str, String)]) -> String {
    let offline = &args.offline;
    let all = [offline.flags(), flags.to_vec()].concat();
    offline.run.command_of(&format!("reproduce {NAME}"), &all)
}

/// Writing that the simulator makes anew for each mini-batch.
fn endless(simulator: &SimulatorConfig) -> Result<Data<Images>> {
    let train = Box::new(EndlessImages::new(Simulator::new(simulator)?));
    let bar = bar("dev set", 0);
    let dev = simulate(simulator, Split::Dev, &counting(&bar)).context("simulating handwriting")?;
    finish(&bar, "dev set", &format!("{} simulated characters", dev.len()));
    let description = format!(
        "simulated handwriting of the first {} characters of GB2312 level 1: written anew for each mini-batch, by ever new writers, to \
         train; {} per character for development, {} by others to test",
        simulator.classes.len(),
        simulator.dev.samples_per_class,
        simulator.test.samples_per_class
    );
    Ok(Data { train, dev: Images::Memory(dev), description })
}
