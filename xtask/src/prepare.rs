//! Prepares the machine: OpenBLAS, which the training crates link.

use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::process::{Command, Stdio};

/// Uses the C and LAPACK interfaces that the workspace links; exits with OpenBLAS's kind of threads.
const PROBE: &str = "
    int openblas_get_parallel(void);
    void cblas_sgemm(void);
    void dgesdd_(void);
    void (*volatile used[])(void) = {cblas_sgemm, dgesdd_};
    int main(void) { return used[0] && used[1] ? openblas_get_parallel() : 3; }
";

/// What the probe found.
#[derive(PartialEq)]
enum OpenBlas {
    Missing,
    OpenMp,
    Usable,
}

/// Makes sure that OpenBLAS can be linked, and installs it where that is possible without a question.
///
/// Elsewhere than on Linux it is left to the build script of `openblas-src`, which knows Homebrew and vcpkg.
pub(crate) fn prepare() -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let mut found = probe()?;
    if found == OpenBlas::Missing {
        install()?;
        found = probe()?;
    }
    match found {
        OpenBlas::Usable => Ok(()),
        OpenBlas::Missing => bail!("OpenBLAS is installed, but a program cannot be linked with -lopenblas"),
        OpenBlas::OpenMp => bail!(
            "this OpenBLAS is the OpenMP build, which falls to a tenth of its speed under rayon. Use the pthread \
             build; on Debian and Ubuntu:\n\n    sudo apt-get install libopenblas0-pthread libopenblas-pthread-dev"
        ),
    }
}

/// Links and runs a small program in the way of `openblas-src`: as pkg-config says, else with `-lopenblas`.
fn probe() -> Result<OpenBlas> {
    let pkg_config = Command::new("pkg-config").args(["--libs", "openblas"]).stderr(Stdio::null()).output();
    let flags = match pkg_config {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)?,
        _ => "-lopenblas".into(),
    };
    let program = std::env::temp_dir().join(format!("openblas-probe-{}", std::process::id()));
    let mut cc = Command::new("cc")
        .args(["-x", "c", "-", "-o"])
        .arg(&program)
        .args(flags.split_whitespace())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the C compiler `cc`, which Rust needs to link")?;
    cc.stdin.take().context("cc takes no input")?.write_all(PROBE.as_bytes())?;
    if !cc.wait()?.success() {
        return Ok(OpenBlas::Missing);
    }
    let status = Command::new(&program).status();
    std::fs::remove_file(&program)?;
    match status?.code() {
        Some(0 | 1) => Ok(OpenBlas::Usable),
        Some(2) => Ok(OpenBlas::OpenMp),
        _ => Ok(OpenBlas::Missing),
    }
}

/// Installs OpenBLAS with apt as root or through a sudo that does not ask; otherwise says what to run.
fn install() -> Result<()> {
    let succeeds = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|s| s.success())
    };
    ensure!(
        succeeds("apt-get", &["--version"]),
        "OpenBLAS is missing. Install its pthread build with the development files (Fedora: openblas-devel, \
         Arch: openblas), then run this command again"
    );
    let user = Command::new("id").arg("-u").output().context("cannot start id")?;
    let root = user.stdout.trim_ascii() == b"0";
    ensure!(
        root || succeeds("sudo", &["-n", "true"]),
        "OpenBLAS is missing. Install it, then run this command again:\n\n    \
         sudo apt-get update && sudo apt-get install --yes libopenblas-dev"
    );

    println!("OpenBLAS is missing: installing libopenblas-dev with apt-get");
    let apt_get = |args: &[&str]| {
        let mut command = if root { Command::new("env") } else { Command::new("sudo") };
        if !root {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args).status().context("cannot start apt-get")
    };
    // One unreachable source of many fails the update, yet not the installation.
    apt_get(&["update"])?;
    let status = apt_get(&["install", "--yes", "--no-install-recommends", "libopenblas-dev"])?;
    ensure!(status.success(), "apt-get could not install libopenblas-dev");
    Ok(())
}
