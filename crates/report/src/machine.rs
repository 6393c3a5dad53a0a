//! What the run ran on: machine, compiler and commit, without anything that names a host or a user.

use serde::{Deserialize, Serialize};
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

const UNKNOWN: &str = "unknown";

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the CPU's model.
    pub cpu: String,
    /// Cores as the system counts them.
    pub logical_cores: usize,
    /// Installed memory; `None` where the system does not say.
    pub memory_bytes: Option<u64>,
    /// The system and the architecture.
    pub os: String,
}

/// The software.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// What the compiler says of itself.
    pub rustc: String,
    /// Version of this workspace.
    pub hccr: String,
}

impl Machine {
    /// This machine, as far as the system describes it.
    pub fn detect() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let system = [std::env::consts::OS, std::env::consts::ARCH].join(" ");
        let distribution =
            field(&read("/etc/os-release"), "PRETTY_NAME", '=').map(|name| name.trim_matches('"').into());
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or(UNKNOWN.into()),
            logical_cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            memory_bytes: field(&read("/proc/meminfo"), "MemTotal", ':').and_then(|value| kibibytes(&value)),
            os: distribution.map_or(system.clone(), |name: String| format!("{name}, {system}")),
        }
    }
}

impl Versions {
    /// The compiler found now, and this workspace.
    pub fn detect() -> Self {
        Self {
            rustc: output("rustc", &["--version"]).unwrap_or(UNKNOWN.into()),
            hccr: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// Short hash of the checkout's commit, `-dirty` where a tracked file differs, `unknown` outside a checkout.
///
/// Always as it was at the first call: a program that runs for long asks at its start, since the checkout may change while it runs.
pub fn commit() -> &'static str {
    static COMMIT: OnceLock<String> = OnceLock::new();
    COMMIT.get_or_init(read_commit)
}

fn read_commit() -> String {
    let git = |args: &[&str]| output("git", &[&["-C", env!("CARGO_MANIFEST_DIR")], args].concat());
    let Some(hash) = git(&["rev-parse", "--short", "HEAD"]) else { return UNKNOWN.into() };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => hash,
        _ => hash + "-dirty",
    }
}

/// What `program` prints, if it can be run and succeeds.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The first value of `key` in lines of the form `key <separator> value`.
fn field(text: &str, key: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().into())
}

fn kibibytes(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fields() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU: 9000\nmodel name\t: other\n";
        assert_eq!(field(cpuinfo, "model name", ':').as_deref(), Some("Fast CPU: 9000"));
        assert_eq!(field(cpuinfo, "model", ':'), None);
        assert_eq!(kibibytes("16 kB"), Some(16384));
        assert_eq!(kibibytes("16"), None);
    }

    #[test]
    fn missing_programs_give_nothing() {
        assert_eq!(output("no-such-program-here", &[]), None);
        assert!(Machine::detect().logical_cores >= 1);
        assert!(!commit().is_empty());
    }
}
