//! CPU cores by number, as Linux lists them.

use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::process::Command;

/// The cores that this process may run on, in increasing order: not always the first ones, and not always all.
pub(crate) fn allowed() -> Result<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    allowed_list(&status).and_then(parse).context("no list of cores in /proc/self/status")
}

/// A command for `program` on the last of the allowed cores, where the system can pin it.
pub(crate) fn pinned(program: impl AsRef<OsStr>) -> Result<Command> {
    if !cfg!(target_os = "linux") {
        return Ok(Command::new(program));
    }
    let allowed = allowed()?;
    let last = allowed.last().context("no core is allowed")?;
    let mut command = Command::new("taskset");
    command.args(["-c", &last.to_string()]).arg(program);
    Ok(command)
}

/// The list of cores in a `status` file of /proc.
pub(crate) fn allowed_list(status: &str) -> Option<&str> {
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(str::trim)
}

/// The cores of a list such as `0-1,3`.
pub(crate) fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cores)
}

/// The cores `allowed` in the order in which threads take them: `core`, those before it, and from the last on the rest. None where
/// `core` is not among them.
pub(crate) fn downwards(core: usize, mut allowed: Vec<usize>) -> Option<Vec<usize>> {
    let at = allowed.iter().position(|&other| other == core)?;
    allowed.rotate_left(at + 1);
    allowed.reverse();
    Some(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let status = "Name:\tcargo\nCpus_allowed:\tf0\nCpus_allowed_list:\t4-7,9\n";
        assert_eq!(allowed_list(status).and_then(parse), Some(vec![4, 5, 6, 7, 9]));
        assert_eq!(parse("3"), Some(vec![3]));
        assert_eq!([parse(""), parse("1-"), parse("a")], [None, None, None]);
    }

    #[test]
    fn order_of_threads() {
        assert_eq!(downwards(7, vec![4, 5, 7]), Some(vec![7, 5, 4]));
        assert_eq!(downwards(5, vec![4, 5, 7]), Some(vec![5, 4, 7]));
        assert_eq!(downwards(3, vec![4, 5, 7]), None);
    }
}
