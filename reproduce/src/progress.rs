//! Progress bars and the metrics file of a long run, and the user's request to stop it.

use crate::args::resuming_command;
use crate::cluster;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A bar for `total` units of work; where the output is no terminal, it prints lines instead.
pub(crate) fn bar(name: &str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    let style = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {pos}/{len}, {eta} left  {msg}");
    bar.set_style(style.expect("the template is valid").progress_chars("=> "));
    bar.set_prefix(name.to_owned());
    if !cluster::is_first() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    } else if bar.is_hidden() {
        eprintln!("{name} ...");
    }
    bar
}

/// Ends a bar with a line that stays.
pub(crate) fn finish(bar: &ProgressBar, name: &str, text: &str) {
    bar.finish_and_clear();
    if cluster::is_first() {
        eprintln!("{name:>10}  {text}");
    }
}

/// Shows on the bar how much of how much is done, as the simulator reports it.
pub(crate) fn counting(bar: &ProgressBar) -> impl Fn(usize, usize) + Sync + '_ {
    |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }
}

/// Signals in such a time are one: a terminal that closes sends two.
const TOGETHER: Duration = Duration::from_secs(1);

/// Whether the user has asked to stop, and whether that would lose anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    asked: AtomicBool,
    /// When it was asked first.
    first: OnceLock<Instant>,
    saved: AtomicBool,
}

impl Interrupt {
    /// Catches Ctrl-C, SIGTERM and SIGHUP: the first one asks the run to save its state and stop, a later one ends it at once, as
    /// does the first one where all is saved. SIGHUP is not caught where it is ignored from the start: so `nohup` keeps its meaning.
    pub(crate) fn catch() -> Result<Self> {
        let interrupt = Self::default();
        let flags = interrupt.0.clone();
        let on_signal = move || {
            if flags.saved.load(Ordering::Relaxed) {
                let command = resuming_command(std::env::args_os().skip(1));
                eprintln!("\nstopped after training, before all was measured; go on with: {command}");
                std::process::exit(130);
            }
            let first = *flags.first.get_or_init(Instant::now);
            if flags.asked.swap(true, Ordering::Relaxed) {
                if first.elapsed() > TOGETHER {
                    std::process::exit(130);
                }
                return;
            }
            eprintln!("\nsaving the state; Ctrl-C again to stop without");
        };
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let caught = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal, &status));
        let mut signals = Signals::new(caught).context("cannot catch Ctrl-C")?;
        std::thread::spawn(move || signals.forever().for_each(|_| on_signal()));
        Ok(interrupt)
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// Says whether there is nothing to save: a run that only measures can end at any time.
    pub(crate) fn set_saved(&self, saved: bool) {
        self.0.saved.store(saved, Ordering::Relaxed);
    }
}

/// Whether a process ignores a signal, by its status as Linux gives it; `false` on other systems.
fn is_ignored(signal: i32, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// The metrics file of a run: one JSON object per line.
#[derive(Debug)]
pub(crate) struct Metrics {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Metrics {
    /// Opens the file and cuts it at `bytes`: a resumed run writes again what it had written after its checkpoint.
    pub(crate) fn open(path: &Path, bytes: u64) -> Result<Self> {
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            let bytes = bytes.min(file.metadata()?.len());
            file.set_len(bytes)?;
            Ok::<_, std::io::Error>((file, bytes))
        };
        let (file, bytes) = open().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: path.into(), file, bytes })
    }

    /// Appends a line.
    pub(crate) fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Makes what was written last, before a checkpoint counts on it; returns its bytes.
    pub(crate) fn sync(&self) -> Result<u64> {
        self.file.sync_data().with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_are_ignored_from_the_start() {
        let status = "SigBlk:\t0000000000004002\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n";
        assert_eq!([SIGHUP, SIGINT, SIGTERM].map(|signal| is_ignored(signal, status)), [true, false, false]);
        assert!(!is_ignored(SIGHUP, ""));
    }

    #[test]
    fn metrics_go_on_where_the_checkpoint_or_the_file_ends() {
        let path = std::env::temp_dir().join(format!("hccr-metrics-{}", std::process::id()));
        let write = |bytes: u64, number: u32| {
            let mut metrics = Metrics::open(&path, bytes).unwrap();
            metrics.write(&number).unwrap();
            metrics.sync().unwrap()
        };
        assert_eq!(write(0, 1), 2);
        assert_eq!(write(2, 22), 5);
        assert_eq!(write(2, 3), 4); // cut behind the first line
        assert_eq!(write(100, 4), 6); // shorter than the checkpoint says
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "1\n3\n4\n");
    }
}
