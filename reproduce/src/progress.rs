//! What a long run shows and writes while it goes on: progress bars, the metrics file, and the wish to stop.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A bar for `total` units of work; lines of its own where the output is no terminal.
pub(crate) fn bar(name: &str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    let style = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {pos}/{len}, {eta} left  {msg}");
    bar.set_style(style.expect("the template is valid").progress_chars("=> "));
    bar.set_prefix(name.to_owned());
    if bar.is_hidden() {
        eprintln!("{name} ...");
    }
    bar
}

/// Ends a bar with a line that stays.
pub(crate) fn finish(bar: &ProgressBar, name: &str, text: &str) {
    bar.finish_and_clear();
    eprintln!("{name:>10}  {text}");
}

/// Shows on the bar how much of how much is done, as the simulator reports it.
pub(crate) fn counting(bar: &ProgressBar) -> impl Fn(usize, usize) + Sync + '_ {
    |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }
}

/// Set once the user has asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches Ctrl-C: the first one asks the run to save its state and stop, a second one ends it at once.
    pub(crate) fn catch() -> Result<Self> {
        let interrupt = Self::default();
        let flag = interrupt.clone();
        let handler = move || {
            if flag.0.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            eprintln!("\nsaving the state; Ctrl-C again to stop without");
        };
        ctrlc::set_handler(handler).context("cannot catch Ctrl-C")?;
        Ok(interrupt)
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The metrics file of a run: one JSON object a line.
#[derive(Debug)]
pub(crate) struct Metrics {
    file: File,
    bytes: u64,
}

impl Metrics {
    /// Opens the file and cuts it at `bytes`: what a resumed run had written after its checkpoint, it writes again.
    pub(crate) fn open(path: &Path, bytes: u64) -> Result<Self> {
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            file.set_len(bytes.min(file.metadata()?.len()))?;
            Ok::<_, std::io::Error>(file)
        };
        let file = open().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file, bytes })
    }

    /// Appends a line.
    pub(crate) fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).context("cannot write the metrics file")?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}
