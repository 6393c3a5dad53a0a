//! One engine on one network: a process of its own, pinned, that runs when it is told to.

use crate::cores;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The share of a process's CPU time that threads beyond those allowed may take.
const STRAY: f64 = 0.05;

/// A process that speaks the protocol of `benches/peers/peer.py`.
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    /// Which of several forms of the network, and which way of sharing a batch among threads; empty where there is one.
    pub(crate) form: String,
    pub(crate) version: String,
    pub(crate) max_abs_diff: f64,
    pub(crate) times_ms: Vec<f64>,
    threads: usize,
    cores: String,
    /// CPU time of each thread during the timed runs.
    busy: BTreeMap<u64, Duration>,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Engine {
    /// Starts `program` on `cores` (as taskset takes them), and waits until it is ready.
    ///
    /// # Errors
    /// What the engine says where it cannot run the network.
    pub(crate) fn start(
        name: &'static str,
        form: &str,
        program: &[String],
        cores: &str,
        threads: usize,
        log: &File,
    ) -> Result<Self> {
        let mut process = Command::new("taskset")
            .args(["-c", cores])
            .args(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone()?)
            .spawn()
            .context("cannot start `taskset` (package util-linux), which pins the engines")?;
        let input = process.stdin.take().context("a process without input")?;
        let output = BufReader::new(process.stdout.take().context("a process without output")?);
        let mut engine = Self {
            name,
            form: form.to_owned(),
            version: String::new(),
            max_abs_diff: f64::NAN,
            times_ms: Vec::new(),
            threads,
            cores: cores.to_owned(),
            busy: BTreeMap::new(),
            process,
            input,
            output,
        };
        let ready = engine.answer()?;
        if let Some(error) = ready["error"].as_str() {
            bail!("{error}");
        }
        engine.version = ready["version"].as_str().context("an engine without a version")?.to_owned();
        engine.max_abs_diff = ready["max_abs_diff"].as_f64().context("an answer that is not a number")?;
        Ok(engine)
    }

    /// Times so many runs, after one that is not counted: the engines before have emptied the caches.
    pub(crate) fn time(&mut self, runs: usize) -> Result<()> {
        self.run(1)?;
        let before = self.busy_threads()?;
        let times = self.run(runs)?;
        for (thread, time) in self.busy_threads()? {
            *self.busy.entry(thread).or_default() += time.saturating_sub(*before.get(&thread).unwrap_or(&time));
        }
        self.times_ms.extend(times);
        self.check_threads()
    }

    fn run(&mut self, runs: usize) -> Result<Vec<f64>> {
        writeln!(self.input, "{runs}").context("the engine has ended")?;
        let answer = self.answer()?;
        let times = answer.as_array().context("no list of times")?;
        times.iter().map(|time| time.as_f64().context("a time that is not a number")).collect()
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the engine has ended with {}", self.process.wait()?);
        }
        serde_json::from_str(&line).with_context(|| format!("the engine says: {line}"))
    }

    /// CPU time of each thread so far.
    fn busy_threads(&self) -> Result<BTreeMap<u64, Duration>> {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let path = task?.path();
            let id =
                path.file_name().and_then(|name| name.to_str()?.parse().ok()).context("a thread without a number")?;
            // A thread may end while its directory is read.
            let Ok(stat) = fs::read_to_string(path.join("schedstat")) else { continue };
            let nanos = stat.split_whitespace().next().and_then(|n| n.parse().ok()).context("no schedstat")?;
            threads.insert(id, Duration::from_nanos(nanos));
            let status = fs::read_to_string(path.join("status")).unwrap_or_default();
            let allowed = cores::allowed_list(&status).unwrap_or(&self.cores);
            ensure!(within(allowed, &self.cores), "a thread left core {} for {allowed}", self.cores);
        }
        Ok(threads)
    }

    /// Holds the engine to its number of threads: others that work as well would make the comparison unfair, or on one
    /// core disturb it.
    fn check_threads(&self) -> Result<()> {
        let strays = share_of_others(self.busy.values().map(Duration::as_secs_f64).collect(), self.threads);
        ensure!(
            strays <= STRAY,
            "was given {} thread(s), yet others take {:.0} % of its time",
            self.threads,
            100.0 * strays
        );
        Ok(())
    }

    pub(crate) fn min_ms(&self) -> f64 {
        self.times_ms.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn median_ms(&self) -> f64 {
        let mut sorted = self.times_ms.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It has nothing to save; an error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The share of the CPU time `busy` that all but the `threads` busiest threads took.
fn share_of_others(mut busy: Vec<f64>, threads: usize) -> f64 {
    busy.sort_by(|a, b| b.total_cmp(a));
    let total: f64 = busy.iter().sum();
    let others: f64 = busy.iter().skip(threads).sum();
    // A batch may have been worked off by threads that have ended.
    if total > 0.0 { others / total } else { 0.0 }
}

/// True where each core of the list `inner` (such as `0-1,3`) is in `outer`.
fn within(inner: &str, outer: &str) -> bool {
    match (cores::parse(inner), cores::parse(outer)) {
        (Some(inner), Some(outer)) => inner.iter().all(|core| outer.contains(core)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_beyond_those_given() {
        assert_eq!(share_of_others(vec![0.0, 3.0, 1.0], 1), 0.25);
        assert_eq!(share_of_others(vec![0.0, 3.0, 1.0], 2), 0.0);
        assert_eq!(share_of_others(Vec::new(), 1), 0.0);
    }

    #[test]
    fn lists_of_cores() {
        assert!(within("1", "1") && within("0-1", "0,1") && within("2", "0-3,7"));
        assert!(!within("0-1", "1") && !within("4", "0-3,7") && !within("", "1"));
    }
}
