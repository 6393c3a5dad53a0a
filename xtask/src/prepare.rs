//! Prepares the machine: OpenBLAS, which the training crates link, and packages in general.

use crate::optional::OptionalStep;
use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::process::{Command, ExitStatus, Stdio};

/// Uses the C and LAPACK interfaces that the workspace links; prints the CPU that OpenBLAS takes this one for and exits
/// with its kind of threads.
const PROBE: &str = "
    int puts(const char *);
    char *openblas_get_corename(void);
    int openblas_get_parallel(void);
    void cblas_sgemm(void);
    void dgesdd_(void);
    void (*volatile used[])(void) = {cblas_sgemm, dgesdd_};
    int main(void) {
        puts(openblas_get_corename());
        return used[0] && used[1] ? openblas_get_parallel() : 3;
    }
";

/// What the probe found.
#[derive(PartialEq)]
enum OpenBlas {
    Missing,
    OpenMp,
    /// With the name of the CPU that it takes this one for.
    Usable(String),
}

/// Makes sure that OpenBLAS can be linked, and installs it where that is possible without a question.
///
/// Returns the value to give `OPENBLAS_CORETYPE`, where OpenBLAS does not know this CPU: an OpenBLAS older than the CPU
/// falls back to its SSE3 kernels, at a fifth of the speed, or leaves AVX-512 unused: a training step of the LSTM then takes
/// 1.3 times as long on a Zen 5 (184 and 142 ms).
///
/// Elsewhere than on Linux it is left to the build script of `openblas-src`, which knows Homebrew and vcpkg.
pub(crate) fn prepare() -> Result<Option<&'static str>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let mut found = probe()?;
    if found == OpenBlas::Missing {
        install(
            "OpenBLAS",
            "libopenblas-dev",
            "its pthread build with the development files (Fedora: openblas-devel, Arch: openblas)",
        )?;
        found = probe()?;
    }
    match found {
        OpenBlas::Usable(core) => Ok(core_type(&core)),
        OpenBlas::Missing => bail!("OpenBLAS is installed, but a program cannot be linked with -lopenblas"),
        OpenBlas::OpenMp => bail!(
            "this OpenBLAS is the OpenMP build, which falls to a tenth of its speed under rayon. Use the pthread \
             build; on Debian and Ubuntu:\n\n    sudo apt-get install libopenblas0-pthread libopenblas-pthread-dev"
        ),
    }
}

/// A better choice than `found`, the CPU that OpenBLAS takes this one for, unless the user has made one.
fn core_type(found: &str) -> Option<&'static str> {
    let without_avx2 = ["prescott", "core2", "penryn", "nehalem", "generic", "atom", "sandybridge"].contains(&found);
    let without_avx512 = without_avx2 || ["haswell", "zen"].contains(&found);
    if std::env::var_os("OPENBLAS_CORETYPE").is_some() || !without_avx512 {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
    {
        return Some("SkylakeX");
    } else if without_avx2 && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        return Some("Haswell");
    }
    None
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
    let output = Command::new(&program).output();
    std::fs::remove_file(&program)?;
    let output = output?;
    match output.status.code() {
        Some(0 | 1) => Ok(OpenBlas::Usable(String::from_utf8_lossy(&output.stdout).trim().to_lowercase())),
        Some(2) => Ok(OpenBlas::OpenMp),
        _ => Ok(OpenBlas::Missing),
    }
}

/// Installs the packages that steps need, where that is possible without a question. A step whose package is still missing is
/// skipped.
pub(crate) fn prepare_for<'a>(steps: impl Iterator<Item = &'a OptionalStep>) {
    let mut packages: Vec<&str> = steps.flat_map(OptionalStep::missing_packages).collect();
    packages.sort_unstable();
    packages.dedup();
    if !packages.is_empty()
        && let Ok(apt) = Apt::find()
        && let Err(error) = apt.install(&packages)
    {
        println!("{error}");
    }
}

/// Installs a package with apt as root or through a sudo that does not ask; otherwise says what to run.
///
/// `what` is what is missing, `package` its package on Debian and Ubuntu, `others` what it is elsewhere.
pub(crate) fn install(what: &str, package: &str, others: &str) -> Result<()> {
    match Apt::find() {
        Ok(apt) => apt.install(&[package]),
        Err(NoApt::Missing) => bail!("{what} is missing. Install {others}, then run this command again"),
        Err(NoApt::Asks) => bail!(
            "{what} is missing. Install it, then run this command again:\n\n    \
             sudo apt-get update && sudo apt-get install --yes {package}"
        ),
    }
}

/// An apt-get that installs without a question.
struct Apt {
    /// The program that starts it, with its first arguments.
    through: &'static [&'static str],
}

/// Why there is none.
enum NoApt {
    Missing,
    Asks,
}

impl Apt {
    fn find() -> Result<Self, NoApt> {
        let output = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).output().ok()?;
            output.status.success().then_some(output.stdout)
        };
        output("apt-get", &["--version"]).ok_or(NoApt::Missing)?;
        if output("id", &["-u"]).is_some_and(|user| user.trim_ascii() == b"0") {
            Ok(Self { through: &["env"] })
        } else if output("sudo", &["-n", "true"]).is_some() {
            Ok(Self { through: &["sudo", "-n", "env"] })
        } else {
            Err(NoApt::Asks)
        }
    }

    fn run(&self, args: &[&str]) -> Result<ExitStatus> {
        let (program, first) = self.through.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(first).args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args);
        command.status().context("cannot start apt-get")
    }

    /// Installs those of the packages that this system has.
    fn install(&self, packages: &[&str]) -> Result<()> {
        println!("Installing {} with apt-get", packages.join(" "));
        // One unreachable source of many fails the update, yet not the installation.
        self.run(&["update"])?;
        let is_known = |package: &&str| {
            let shown = Command::new("apt-cache").args(["show", package]).output();
            shown.is_ok_and(|output| output.status.success())
        };
        let (known, unknown): (Vec<&str>, Vec<&str>) = packages.iter().copied().partition(is_known);
        ensure!(unknown.is_empty() || !known.is_empty(), "apt-get knows no {}", unknown.join(", "));
        let status = self.run(&[&["install", "--yes", "--no-install-recommends"], &known[..]].concat())?;
        ensure!(status.success(), "apt-get could not install {}", known.join(", "));
        Ok(())
    }
}
