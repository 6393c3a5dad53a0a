//! Steps that run one after another: what passed, what this machine cannot run and why, and what failed.

use crate::optional::OptionalStep;
use crate::reproduce::target;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The steps done so far.
pub(crate) struct Steps<'a> {
    root: &'a Path,
    /// See [`crate::prepare::prepare`].
    core_type: Option<&'static str>,
    /// Whether a failure ends everything.
    stops: bool,
    done: Vec<(&'static str, Outcome)>,
}

/// A step that runs beside others. It is stopped where nobody waits for it, because one of them failed.
pub(crate) struct Beside {
    name: &'static str,
    rerun: String,
    output: PathBuf,
    process: Child,
}

impl Drop for Beside {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

enum Outcome {
    Passed(Duration),
    /// With the reason, and what to do to have the step.
    Skipped(String),
    /// With what to do.
    Failed(String),
}

impl<'a> Steps<'a> {
    /// Steps of which the first failure ends all.
    pub(crate) fn stopping(root: &'a Path, core_type: Option<&'static str>) -> Self {
        Self { root, core_type, stops: true, done: Vec::new() }
    }

    /// Steps that all run, whatever fails.
    pub(crate) fn going_on(root: &'a Path, core_type: Option<&'static str>) -> Self {
        Self { stops: false, ..Self::stopping(root, core_type) }
    }

    /// Runs cargo in the workspace with `arguments`, separated by blanks.
    pub(crate) fn cargo(&mut self, name: &'static str, env: &[(&str, &str)], arguments: &str) -> Result<()> {
        self.command(name, env, &format!("cargo {arguments}"))
    }

    /// Runs a program with arguments, separated by blanks, in the workspace.
    pub(crate) fn command(&mut self, name: &'static str, env: &[(&str, &str)], command: &str) -> Result<()> {
        let mut program = self.program(env, command);
        self.run(name, &written(env, command), || succeed(&mut program))
    }

    fn program(&self, env: &[(&str, &str)], command: &str) -> Command {
        let mut words = command.split(' ');
        let mut program = Command::new(words.next().unwrap_or_default());
        program.args(words).envs(env.iter().copied()).current_dir(self.root);
        program.envs(self.core_type.map(|name| ("OPENBLAS_CORETYPE", name)));
        program
    }

    /// Starts a step that runs beside the others, in the time that they leave idle, and writes what it prints to a file in the target
    /// directory; `None` where something is missing for it.
    pub(crate) fn begin(&mut self, step: &OptionalStep) -> Result<Option<Beside>> {
        if let Some(missing) = step.missing() {
            self.skip(step.name, missing);
            return Ok(None);
        }
        let rerun = written(step.env, step.command);
        println!("\n=== {}, beside the next steps: {rerun}", step.name);
        let output = target(self.root).join(format!("{}.log", step.name));
        let file = File::create(&output).with_context(|| format!("cannot write {}", output.display()))?;
        let mut program = self.program(step.env, &format!("nice -n 19 {}", step.command));
        program.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let process = program.spawn().context("cannot start `nice`")?;
        Ok(Some(Beside { name: step.name, rerun, output, process }))
    }

    /// Waits for a step that runs beside the others.
    pub(crate) fn finish(&mut self, mut beside: Beside) -> Result<()> {
        let (name, rerun) = (beside.name, std::mem::take(&mut beside.rerun));
        self.run(name, &rerun, || {
            let status = beside.process.wait()?;
            print!("{}", fs::read_to_string(&beside.output)?);
            ensure!(status.success(), "{status}");
            Ok(())
        })
    }

    /// Runs a step, or notes what is missing for it.
    pub(crate) fn optional(&mut self, step: &OptionalStep) -> Result<()> {
        match step.missing() {
            None => self.command(step.name, step.env, step.command)?,
            Some(missing) => self.skip(step.name, missing),
        }
        Ok(())
    }

    /// Notes that a step cannot run, and why.
    pub(crate) fn skip(&mut self, name: &'static str, reason: String) {
        println!("\n=== {name}: skipped, {reason}");
        self.done.push((name, Outcome::Skipped(reason)));
    }

    /// Runs one step; `rerun` is the command that repeats it by hand.
    pub(crate) fn run(&mut self, name: &'static str, rerun: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n=== {name}: {rerun}");
        let start = Instant::now();
        let done = step().with_context(|| format!("'{name}' failed; to repeat this step:\n\n    {rerun}\n"));
        let time = start.elapsed();
        let outcome = match done {
            Ok(()) => {
                println!("=== {name}: passed in {:.1} s", time.as_secs_f64());
                Outcome::Passed(time)
            }
            Err(error) if self.stops => return Err(error),
            Err(error) => {
                println!("=== {name}: failed: {}", error.root_cause());
                Outcome::Failed(format!("{} ({rerun})", error.root_cause()))
            }
        };
        self.done.push((name, outcome));
        Ok(())
    }

    /// Prints a table of all steps.
    ///
    /// # Errors
    /// If one of them failed.
    pub(crate) fn summary(&self) -> Result<()> {
        let (mut total, mut failed) = (Duration::ZERO, 0);
        println!();
        for (name, outcome) in &self.done {
            if let Outcome::Passed(time) = outcome {
                println!("  {name:<30}{:>8.1} s", time.as_secs_f64());
                total += *time;
            }
        }
        println!("  {:<30}{:>8.1} s", "total", total.as_secs_f64());
        for (name, outcome) in &self.done {
            match outcome {
                Outcome::Passed(_) => {}
                Outcome::Skipped(reason) => println!("Skipped '{name}': {reason}"),
                Outcome::Failed(reason) => {
                    println!("FAILED '{name}': {reason}");
                    failed += 1;
                }
            }
        }
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.done.len());
        }
        println!("All passed.");
        Ok(())
    }
}

/// A command as one types it.
fn written(env: &[(&str, &str)], command: &str) -> String {
    let variables: String = env.iter().map(|(key, value)| format!("{key}='{value}' ")).collect();
    format!("{variables}{command}")
}

/// Runs a command to its end.
///
/// # Errors
/// If it does not exit with 0.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot start it")?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// What a command prints.
///
/// # Errors
/// If it does not exit with 0, with what it says.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}
