//! The program `hccr`.
#![forbid(unsafe_code)]

use clap::Parser;
use hccr_cli::Command;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Command::parse().run() {
        Ok(code) => code,
        // Who reads the output, `head` for one, has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("hccr: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(is))
}
