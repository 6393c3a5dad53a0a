//! Trains methods of compression against each other: `cargo xtask reproduce ablate`, and `ablate-online`.
//!
//! A grid of methods, levels of compression and seeds. Each cell of it trains from the same start for as many steps as the others of
//! its family, and leaves a model. When all are trained, the test set is read, and the models are compared on its samples.

mod args;
mod claims;
mod experiment;
mod measure;
mod method;
mod offline;
mod online;
mod recipe;
mod report;
mod statistics;
mod train;

pub(crate) use args::AblateArgs;

use crate::offline::OfflineArgs;
use crate::online::OnlineArgs;
use crate::pipeline::Test;
use crate::progress::Interrupt;
use crate::report::types::Threads;
use anyhow::{Result, ensure};
use args::GridArgs;
use experiment::Experiment;
use hccr_report::machine::{Machine, Versions, commit};
use hccr_runtime::{Model, Plan};
use report::Ablation;
use train::Folder;

/// The ablation of the offline pipeline.
pub(crate) fn offline(args: &AblateArgs<OfflineArgs>, interrupt: &Interrupt) -> Result<()> {
    run(&offline::Offline::new(&args.pipeline)?, &args.grid, interrupt)
}

/// The ablation of the online pipeline.
pub(crate) fn online(args: &AblateArgs<OnlineArgs>, interrupt: &Interrupt) -> Result<()> {
    run(&online::Online::new(&args.pipeline)?, &args.grid, interrupt)
}

/// Trains the grid, or goes on with it, measures and reports.
fn run<E: Experiment>(experiment: &E, args: &GridArgs, interrupt: &Interrupt) -> Result<()> {
    let (grid, run) = (args.grid::<E>()?, experiment.setting().run);
    let plan = grid.plan();
    ensure!(!plan.is_empty(), "no method to compare, at no level or no seed");
    let out = run.out(E::NAME);
    let _lock = hccr_files::lock(&out)?;
    let data = experiment.data()?;
    let folder = Folder::new(&out);
    let trained = train::all(experiment, &data, &plan, &folder, interrupt)?;

    interrupt.set_saved(true);
    let Test { set: test, note } = experiment.test(&data)?;
    let cells = measure::cells(&trained, &folder, &test)?;
    let model = Model::from_bytes(&folder.model(plan[0].cell)?)?;
    let ablation = Ablation {
        command: command(experiment, &args.flags()),
        data: data.description.clone() + &note,
        machine: Machine::detect(),
        isa: Plan::new(&model)?.isa().name().into(),
        threads: Threads { training: rayon::current_num_threads(), timing: 1 },
        commit: commit().into(),
        versions: Versions::detect(),
        batch_size: experiment.setting().batch_size,
        pruned: E::PRUNED,
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
fn command<E: Experiment>(experiment: &E, flags: &[(&'static str, String)]) -> String {
    let all = [&experiment.setting().flags[..], flags].concat();
    experiment.setting().run.command_of(&format!("reproduce {}", E::NAME), &all)
}
