//! `cargo xtask test`: everything that must hold before a change is merged. Stops at the first failure.

use crate::optional::{C, DEPENDENCIES, EMULATED, OLDEST_COMPILER, OptionalStep, PYTHON, WEB};
use crate::prepare::{chromium, prepare};
use crate::reproduce;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs all steps; `fast` leaves out the web, the release build and the smoke reproduction.
pub(crate) fn run(root: &Path, fast: bool) -> Result<()> {
    let core_type = prepare()?;
    let mut steps = Steps::new(root, core_type);
    steps.cargo("formatting", &[], "fmt --all --check")?;
    steps.cargo("lints", &[], "clippy --workspace --all-targets -- -D warnings")?;
    steps.cargo("minimal example: formatting", &[], &format!("fmt {MINIMAL} --check"))?;
    steps.cargo(
        "minimal example: lints",
        &[],
        &format!("clippy {MINIMAL} --target-dir target/minimal -- -D warnings"),
    )?;
    steps.cargo("tests", &[], "test --workspace")?;
    EMULATED.iter().try_for_each(|step| steps.optional(step))?;
    C.iter().try_for_each(|step| steps.optional(step))?;
    steps.optional(&PYTHON)?;
    steps.cargo("docs", &[("RUSTDOCFLAGS", "-D warnings")], "doc --workspace --no-deps")?;
    steps.cargo("runtime without std", &[], "build -p hccr-runtime --no-default-features")?;
    steps.run("runtime without dependencies", TREE, || has_no_dependencies(root))?;
    steps.cargo("published packages", &[], "package -p hccr-runtime -p hccr --allow-dirty")?;
    DEPENDENCIES.iter().try_for_each(|step| steps.optional(step))?;
    steps.optional(&OLDEST_COMPILER)?;
    if !fast {
        chromium();
        steps.optional(&WEB)?;
        let out = reproduce::target(root).join("smoke");
        let rerun = format!("cargo xtask reproduce --tier smoke --out {}", out.display());
        steps.run("release build", &rerun, || succeed(&mut reproduce::cargo(root, "build", core_type)))?;
        steps.run("smoke reproduction", &rerun, || {
            if out.exists() {
                std::fs::remove_dir_all(&out)?;
            }
            succeed(reproduce::cargo(root, "run", core_type).args(["--", "--tier", "smoke", "--out"]).arg(&out))
        })?;
        let out = reproduce::target(root).join("smoke-models");
        let rerun = format!("cargo xtask models --tier smoke --out {}", out.display());
        steps.run("smoke models", &rerun, || {
            succeed(
                reproduce::cargo(root, "run", core_type).args(["--", "models", "--tier", "smoke", "--out"]).arg(&out),
            )
        })?;
    }
    steps.summary();
    Ok(())
}

/// The example that is a workspace of its own.
const MINIMAL: &str = "--manifest-path crates/runtime/examples/minimal/Cargo.toml";

const TREE: &str = "cargo tree -p hccr-runtime -e normal";

fn has_no_dependencies(root: &Path) -> Result<()> {
    let output = Command::new("cargo").args(TREE.split(' ').skip(1)).current_dir(root).output()?;
    let tree = String::from_utf8(output.stdout)?;
    ensure!(tree.lines().count() == 1, "expected one line, not:\n{tree}{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot start it")?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// The steps done so far, with their times.
pub(crate) struct Steps<'a> {
    root: &'a Path,
    /// See [`prepare`].
    core_type: Option<&'static str>,
    done: Vec<(&'static str, Duration)>,
    /// Steps that this machine cannot run, with the tool that is missing.
    skipped: Vec<(&'static str, String)>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(root: &'a Path, core_type: Option<&'static str>) -> Self {
        Self { root, core_type, done: Vec::new(), skipped: Vec::new() }
    }

    /// Runs cargo in the workspace with `arguments`, separated by blanks.
    fn cargo(&mut self, name: &'static str, env: &[(&str, &str)], arguments: &str) -> Result<()> {
        self.command(name, env, &format!("cargo {arguments}"))
    }

    /// Runs a program with arguments, separated by blanks, in the workspace.
    fn command(&mut self, name: &'static str, env: &[(&str, &str)], command: &str) -> Result<()> {
        let variables: String = env.iter().map(|(key, value)| format!("{key}='{value}' ")).collect();
        let mut words = command.split(' ');
        let mut program = Command::new(words.next().unwrap_or_default());
        program.args(words).envs(env.iter().copied()).current_dir(self.root);
        program.envs(self.core_type.map(|name| ("OPENBLAS_CORETYPE", name)));
        self.run(name, &format!("{variables}{command}"), || succeed(&mut program))
    }

    /// Runs a step, or notes what is missing for it.
    pub(crate) fn optional(&mut self, step: &OptionalStep) -> Result<()> {
        let Some(missing) = step.missing() else {
            return self.command(step.name, step.env, step.command);
        };
        println!("\n=== {}: skipped, {missing}", step.name);
        self.skipped.push((step.name, missing));
        Ok(())
    }

    /// Runs one step; `rerun` is the command that repeats it by hand.
    fn run(&mut self, name: &'static str, rerun: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n=== {name}: {rerun}");
        let start = Instant::now();
        step().with_context(|| format!("'{name}' failed; to repeat this step:\n\n    {rerun}\n"))?;
        let time = start.elapsed();
        println!("=== {name}: passed in {:.1} s", time.as_secs_f64());
        self.done.push((name, time));
        Ok(())
    }

    pub(crate) fn summary(&self) {
        println!("\nAll passed:");
        for (name, time) in &self.done {
            println!("  {name:<30}{:>8.1} s", time.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, time)| time).sum();
        println!("  {:<30}{:>8.1} s", "total", total.as_secs_f64());
        for (name, missing) in &self.skipped {
            println!("Skipped '{name}': {missing}");
        }
    }
}
