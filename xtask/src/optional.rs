//! Steps of the commands that need a tool which may be missing, as cargo-deny or the oldest compiler. Packages of the system are
//! installed where that is possible without a question. Otherwise the step is skipped, and the summary says what to do.

use std::path::Path;
use std::process::{Command, Stdio};

/// A step that is skipped where something is missing.
pub(crate) struct OptionalStep {
    pub(crate) name: &'static str,
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// The program and its arguments, separated by blanks.
    pub(crate) command: &'static str,
    pub(crate) needs: &'static [Need],
}

/// A tool that may be missing.
pub(crate) struct Need {
    what: &'static str,
    /// A command that succeeds where it is there, separated by blanks.
    probe: &'static str,
    /// Whether what the command prints must be the path of something.
    prints_path: bool,
    /// The least version that the command must print, of two numbers; any where it is zero.
    at_least: [u32; 2],
    remedy: Remedy,
}

enum Remedy {
    /// A package of Debian and Ubuntu, which is installed where that is possible without a question.
    Apt(&'static str),
    ByHand(&'static str),
}

pub(crate) const WASM: Need = Need::by_hand(
    "the Rust target wasm32-unknown-unknown",
    "rustc --print target-libdir --target wasm32-unknown-unknown",
    "rustup target add wasm32-unknown-unknown",
)
.prints_path();

const CARGO_DENY: Need = Need::by_hand("cargo-deny", "cargo deny --version", "cargo install cargo-deny --locked");

const ADVISORIES: Need = Need::by_hand(
    "the database of advisories",
    "cargo deny fetch db",
    "let this machine reach https://github.com/RustSec/advisory-db",
);

/// A step that checks dependencies against deny.toml.
const fn deny(name: &'static str, command: &'static str, needs: &'static [Need]) -> OptionalStep {
    OptionalStep { name, env: &[], command, needs }
}

/// The dependencies of each workspace against deny.toml. Advisories stand apart, since their database comes from the network.
pub(crate) const DEPENDENCIES: [OptionalStep; 7] = [
    deny("dependencies", "cargo deny check --hide-inclusion-graph bans licenses sources", &[CARGO_DENY]),
    deny(
        "dependencies: web",
        "cargo deny --manifest-path bindings/web/Cargo.toml check --hide-inclusion-graph bans licenses sources",
        &[CARGO_DENY],
    ),
    deny(
        "dependencies: fuzzing",
        "cargo deny --manifest-path fuzz/Cargo.toml check --hide-inclusion-graph bans licenses sources",
        &[CARGO_DENY],
    ),
    deny(
        "dependencies: minimal example",
        "cargo deny --manifest-path crates/runtime/examples/minimal/Cargo.toml check --hide-inclusion-graph \
            bans licenses sources",
        &[CARGO_DENY],
    ),
    deny(
        "dependencies: burn",
        "cargo deny --manifest-path crates/burn-engine/Cargo.toml check --hide-inclusion-graph bans licenses sources",
        &[CARGO_DENY],
    ),
    deny("advisories", "cargo deny check advisories", &[CARGO_DENY, ADVISORIES]),
    deny(
        "advisories: web",
        "cargo deny --manifest-path bindings/web/Cargo.toml check advisories",
        &[CARGO_DENY, ADVISORIES],
    ),
];

/// The public interfaces against those of the last release.
pub(crate) const SEMVER: OptionalStep = OptionalStep {
    name: "semantic versions",
    env: &[],
    command: "cargo semver-checks -p hccr-runtime -p hccr",
    needs: &[Need::by_hand(
        "cargo-semver-checks",
        "cargo semver-checks --version",
        "cargo install cargo-semver-checks --locked",
    )],
};

const MAKE: Need = Need::apt("make", "make --version", "make");

pub(crate) const CXX: Need = Need::apt("a C++ compiler", "c++ --version", "g++");

const PKG_CONFIG: Need = Need::apt("pkg-config", "pkg-config --version", "pkgconf");

const VALGRIND: Need = Need::apt("valgrind", "valgrind --version", "valgrind");

/// The C library: its example under valgrind, and the add-on over it, which uses what the example's step has built.
pub(crate) const C: [OptionalStep; 2] = [
    OptionalStep {
        name: "C and C++ (valgrind)",
        env: &[],
        command: "make -C bindings/c check PROFILE=dev",
        needs: &[MAKE, CXX, PKG_CONFIG, VALGRIND],
    },
    OptionalStep {
        name: "fcitx5 add-on",
        env: &[("PKG_CONFIG_PATH", "../../target/c/lib/pkgconfig")],
        command: "make -C bindings/fcitx5",
        needs: &[
            MAKE,
            CXX,
            PKG_CONFIG,
            VALGRIND,
            Need::apt("the headers of fcitx5", "pkg-config --exists Fcitx5Core", "libfcitx5core-dev"),
        ],
    },
];

/// The Python package, built as its users do and compared with the command line.
pub(crate) const PYTHON: OptionalStep = OptionalStep {
    name: "Python",
    env: &[],
    command: "make -C bindings/python check PROFILE=dev",
    needs: &[
        MAKE,
        Need::by_hand(
            "Python 3.11 or later",
            "python3 -c assert(__import__('sys').version_info>=(3,11))",
            "apt-get install python3, on a system that has it",
        ),
        Need::apt("venv", "python3 -c __import__('ensurepip')", "python3-venv"),
        Need::apt("pip", "python3 -m pip --version", "python3-pip"),
        Need::by_hand("PyPI", "python3 -m pip index versions maturin", "let this machine reach https://pypi.org"),
    ],
};

/// The programs of Node.js, of any version.
pub(crate) const NODE: Need = Need::apt("node", "node --version", "nodejs");

/// The package and the page for browsers.
pub(crate) const WEB: OptionalStep = OptionalStep {
    name: "web (Chromium)",
    env: &[],
    command: "cargo xtask web --test",
    needs: &[
        WASM,
        NODE,
        Need::by_hand(
            "node 20 or later",
            "node -e process.exit(parseInt(process.versions.node)<20?1:0)",
            "install it from https://nodejs.org",
        ),
        Need::apt("npm", "npm --version", "npm"),
        Need::apt("Chromium", "chromium --version", "chromium"),
    ],
};

pub(crate) const NIGHTLY: Need = Need::by_hand(
    "a nightly compiler",
    "rustc +nightly --version",
    "rustup toolchain install nightly --profile minimal",
);

/// The engine that trains with burn, with its losses and a toy that it trains and compresses.
pub(crate) const BURN: OptionalStep = OptionalStep {
    name: "burn",
    env: &[("CARGO_TARGET_DIR", "target/burn")],
    command: "cargo test --locked --manifest-path crates/burn-engine/Cargo.toml",
    needs: &[Need::by_hand("Rust 1.95 or later", "rustc --version", "rustup update").at_least([1, 95])],
};

/// All crates with the oldest compiler that the workspace promises to build with.
pub(crate) const OLDEST_COMPILER: OptionalStep = OptionalStep {
    name: "oldest compiler",
    env: &[],
    command: concat!("rustup run ", env!("CARGO_PKG_RUST_VERSION"), " cargo check --workspace"),
    needs: &[Need::by_hand(
        concat!("the toolchain ", env!("CARGO_PKG_RUST_VERSION")),
        concat!("rustup run ", env!("CARGO_PKG_RUST_VERSION"), " cargo --version"),
        concat!("rustup toolchain install --profile minimal ", env!("CARGO_PKG_RUST_VERSION")),
    )],
};

impl OptionalStep {
    /// What is missing here, with its remedy, if anything is.
    pub(crate) fn missing(&self) -> Option<String> {
        let missing = self.needs.iter().find(|need| !need.is_met())?;
        let remedy = match missing.remedy {
            Remedy::Apt(package) => format!("apt-get install {package}"),
            Remedy::ByHand(remedy) => remedy.into(),
        };
        Some(format!("{} is missing; to have it: {remedy}", missing.what))
    }

    /// The packages to install for it; none where something is missing that is no package, since they would not help.
    pub(crate) fn missing_packages(&self) -> Vec<&'static str> {
        let end = self.needs.iter().rposition(|need| matches!(need.remedy, Remedy::Apt(_))).map_or(0, |last| last + 1);
        let mut packages = Vec::new();
        for need in self.needs[..end].iter().filter(|need| !need.is_met()) {
            match need.remedy {
                Remedy::Apt(package) => packages.push(package),
                Remedy::ByHand(_) if packages.is_empty() => break,
                Remedy::ByHand(_) => {} // it may come with the packages before it
            }
        }
        packages
    }
}

impl Need {
    /// A tool in the package `package` of Debian and Ubuntu.
    pub(crate) const fn apt(what: &'static str, probe: &'static str, package: &'static str) -> Self {
        Self { what, probe, prints_path: false, at_least: [0, 0], remedy: Remedy::Apt(package) }
    }

    /// A tool that its user installs.
    pub(crate) const fn by_hand(what: &'static str, probe: &'static str, remedy: &'static str) -> Self {
        Self { what, probe, prints_path: false, at_least: [0, 0], remedy: Remedy::ByHand(remedy) }
    }

    /// Older versions do not count.
    const fn at_least(self, version: [u32; 2]) -> Self {
        Self { at_least: version, ..self }
    }

    /// The tool is there only where the path exists that the probe prints.
    pub(crate) const fn prints_path(self) -> Self {
        Self { prints_path: true, ..self }
    }

    fn is_met(&self) -> bool {
        let mut words = self.probe.split(' ');
        let program = words.next().unwrap_or_default();
        let Ok(output) = Command::new(program).args(words).stderr(Stdio::null()).output() else { return false };
        let printed = String::from_utf8_lossy(&output.stdout);
        output.status.success()
            && (!self.prints_path || Path::new(printed.trim()).exists())
            && version(&printed).unwrap_or_default() >= self.at_least
    }
}

/// The first two numbers of the version in what a tool prints.
fn version(printed: &str) -> Option<[u32; 2]> {
    printed.split_whitespace().find_map(|word| {
        let mut numbers = word.split('.').map(str::parse);
        Some([numbers.next()?.ok()?, numbers.next()?.ok()?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPILER: Need = Need::by_hand("the compiler", "rustc --version", "install it");

    const fn missing(remedy: Remedy) -> Need {
        Need { what: "it", probe: "no-such-program --version", prints_path: false, at_least: [0, 0], remedy }
    }

    const fn step(needs: &'static [Need]) -> OptionalStep {
        OptionalStep { name: "", env: &[], command: "", needs }
    }

    #[test]
    fn the_first_thing_missing_is_named() {
        const SYSROOT: Need = Need::by_hand("its directory", "rustc --print sysroot", "").prints_path();
        assert_eq!(step(const { &[COMPILER, SYSROOT] }).missing(), None);
        let found = [
            step(const { &[COMPILER, missing(Remedy::ByHand("install it")), Need::apt("more", "none", "none")] }),
            step(const { &[COMPILER, Need::by_hand("it", "rustc --no-such-flag", "install it")] }),
            step(const { &[COMPILER, Need::by_hand("it", "rustc --version", "install it").prints_path()] }),
        ];
        for step in found {
            assert_eq!(step.missing().as_deref(), Some("it is missing; to have it: install it"));
        }
        let step = step(const { &[missing(Remedy::Apt("its-package"))] });
        assert_eq!(step.missing().as_deref(), Some("it is missing; to have it: apt-get install its-package"));
    }

    #[test]
    fn versions() {
        assert_eq!(version("rustc 1.95.0 (59807616e 2026-04-14)\n"), Some([1, 95]));
        assert_eq!(version("v20.1"), None);
        let rust = |least| Need::by_hand("it", "rustc --version", "").at_least(least).is_met();
        assert!(rust([1, 85]) && !rust([1, 1000]));
    }

    #[test]
    fn packages_are_wanted_only_where_they_help() {
        const A: Need = missing(Remedy::Apt("a"));
        const B: Need = missing(Remedy::Apt("b"));
        const HAND: Need = missing(Remedy::ByHand("install it"));
        assert_eq!(step(const { &[COMPILER, A, B] }).missing_packages(), ["a", "b"]);
        assert_eq!(step(const { &[A, HAND, B] }).missing_packages(), ["a", "b"]);
        assert!(step(const { &[HAND, A] }).missing_packages().is_empty());
        assert!(step(const { &[COMPILER] }).missing_packages().is_empty());
    }
}
