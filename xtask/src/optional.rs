//! Steps of the commands that need a tool which may be missing: emulators of other processors, the oldest compiler,
//! cargo-deny, sanitizers. Such a step is then skipped, and the summary says how to install the tool.

use std::path::Path;
use std::process::{Command, Stdio};

/// A step that is skipped where something is missing.
pub(crate) struct OptionalStep {
    pub(crate) name: &'static str,
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// The program and its arguments, separated by blanks.
    pub(crate) command: &'static str,
    needs: &'static [Need],
}

/// A tool that may be missing.
struct Need {
    what: &'static str,
    /// A command that succeeds where it is there, separated by blanks.
    probe: &'static str,
    /// Whether what the command prints must be the path of something.
    prints_path: bool,
    remedy: &'static str,
}

const WASM: Need = Need {
    what: "the Rust target wasm32-unknown-unknown",
    probe: "rustc --print target-libdir --target wasm32-unknown-unknown",
    prints_path: true,
    remedy: "rustup target add wasm32-unknown-unknown",
};

/// The runtime's tests for other processors.
pub(crate) const EMULATED: [OptionalStep; 3] = [
    OptionalStep {
        name: "kernels with NEON (qemu)",
        env: &[
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc"),
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64"),
            // Without shared libraries the emulator need not be told where they are.
            ("RUSTFLAGS", "-C target-feature=+crt-static"),
        ],
        // Two tests of sequences would take the emulator longer than all others.
        command: "cargo test -p hccr-runtime --target aarch64-unknown-linux-gnu --lib --test kernels --test bytes --test plan \
                    --test batch --test sequence -- --skip a_long_sequence --skip the_bits_do_not_depend",
        needs: &[
            Need {
                what: "the Rust target aarch64-unknown-linux-gnu",
                probe: "rustc --print target-libdir --target aarch64-unknown-linux-gnu",
                prints_path: true,
                remedy: "rustup target add aarch64-unknown-linux-gnu",
            },
            Need {
                what: "the linker aarch64-linux-gnu-gcc",
                probe: "aarch64-linux-gnu-gcc --version",
                prints_path: false,
                remedy: "apt-get install gcc-aarch64-linux-gnu",
            },
            Need {
                what: "the C library of AArch64",
                probe: "aarch64-linux-gnu-gcc -print-file-name=libc.a",
                prints_path: true,
                remedy: "apt-get install libc6-dev-arm64-cross",
            },
            Need {
                what: "the emulator qemu-aarch64",
                probe: "qemu-aarch64 --version",
                prints_path: false,
                remedy: "apt-get install qemu-user",
            },
        ],
    },
    OptionalStep {
        name: "a big-endian machine (qemu)",
        env: &[
            ("CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER", "s390x-linux-gnu-gcc"),
            ("CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER", "qemu-s390x"),
            ("RUSTFLAGS", "-C target-feature=+crt-static"),
            // The optimizer joins a conversion to f64 and a product into one instruction that qemu 7.2 gets wrong.
            ("CARGO_PROFILE_DEV_OPT_LEVEL", "0"),
            ("PROPTEST_CASES", "16"),
        ],
        // The tests of every byte of a file and of Winograd's tiles would take the emulator longer than all others.
        command: "cargo test -p hccr-runtime --target s390x-unknown-linux-gnu --lib --test bytes --test format --test kernels \
                    -- --skip every_altered_byte --skip winograd_s_tiles",
        needs: &[
            Need {
                what: "the Rust target s390x-unknown-linux-gnu",
                probe: "rustc --print target-libdir --target s390x-unknown-linux-gnu",
                prints_path: true,
                remedy: "rustup target add s390x-unknown-linux-gnu",
            },
            Need {
                what: "the linker s390x-linux-gnu-gcc",
                probe: "s390x-linux-gnu-gcc --version",
                prints_path: false,
                remedy: "apt-get install gcc-s390x-linux-gnu",
            },
            Need {
                what: "the C library of s390x",
                probe: "s390x-linux-gnu-gcc -print-file-name=libc.a",
                prints_path: true,
                remedy: "apt-get install libc6-dev-s390x-cross",
            },
            Need {
                what: "the emulator qemu-s390x",
                probe: "qemu-s390x --version",
                prints_path: false,
                remedy: "apt-get install qemu-user",
            },
        ],
    },
    OptionalStep {
        name: "kernels with simd128 (node)",
        env: &[
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "node tests/run_wasm.mjs"),
            ("RUSTFLAGS", "-C target-feature=+simd128"),
        ],
        command: "cargo test -p hccr-runtime --target wasm32-unknown-unknown --lib --test kernels --test bytes --test plan \
                    --test batch --test sequence",
        needs: &[
            WASM,
            Need { what: "node", probe: "node --version", prints_path: false, remedy: "apt-get install nodejs" },
        ],
    },
];

const CARGO_DENY: Need = Need {
    what: "cargo-deny",
    probe: "cargo deny --version",
    prints_path: false,
    remedy: "cargo install cargo-deny --locked",
};

const ADVISORIES: Need = Need {
    what: "the database of advisories",
    probe: "cargo deny fetch db",
    prints_path: false,
    remedy: "let this machine reach https://github.com/RustSec/advisory-db",
};

/// A step that checks dependencies against deny.toml.
const fn deny(name: &'static str, command: &'static str, needs: &'static [Need]) -> OptionalStep {
    OptionalStep { name, env: &[], command, needs }
}

/// The dependencies of each workspace against deny.toml. Advisories stand apart, since their database comes from the network.
pub(crate) const DEPENDENCIES: [OptionalStep; 6] = [
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
    needs: &[Need {
        what: "cargo-semver-checks",
        probe: "cargo semver-checks --version",
        prints_path: false,
        remedy: "cargo install cargo-semver-checks --locked",
    }],
};

const MAKE: Need = Need { what: "make", probe: "make --version", prints_path: false, remedy: "apt-get install make" };

const CXX: Need =
    Need { what: "a C++ compiler", probe: "c++ --version", prints_path: false, remedy: "apt-get install g++" };

const PKG_CONFIG: Need =
    Need { what: "pkg-config", probe: "pkg-config --version", prints_path: false, remedy: "apt-get install pkgconf" };

const VALGRIND: Need =
    Need { what: "valgrind", probe: "valgrind --version", prints_path: false, remedy: "apt-get install valgrind" };

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
            Need {
                what: "the headers of fcitx5",
                probe: "pkg-config --exists Fcitx5Core",
                prints_path: false,
                remedy: "apt-get install libfcitx5core-dev",
            },
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
        Need {
            what: "Python 3.11 or later",
            probe: "python3 -c assert(__import__('sys').version_info>=(3,11))",
            prints_path: false,
            remedy: "apt-get install python3, on a system that has it",
        },
        Need {
            what: "venv",
            probe: "python3 -c __import__('ensurepip')",
            prints_path: false,
            remedy: "apt-get install python3-venv",
        },
        Need {
            what: "PyPI, through pip,",
            probe: "python3 -m pip index versions maturin",
            prints_path: false,
            remedy: "apt-get install python3-pip, and let this machine reach https://pypi.org",
        },
    ],
};

/// The package and the page for browsers.
pub(crate) const WEB: OptionalStep = OptionalStep {
    name: "web (Chromium)",
    env: &[],
    command: "cargo xtask web --test",
    needs: &[
        WASM,
        Need {
            what: "node 20 or later",
            probe: "node -e process.exit(parseInt(process.versions.node)<20?1:0)",
            prints_path: false,
            remedy: "install it from https://nodejs.org",
        },
        Need { what: "npm", probe: "npm --version", prints_path: false, remedy: "apt-get install npm" },
        Need { what: "Chromium", probe: "chromium --version", prints_path: false, remedy: "apt-get install chromium" },
    ],
};

const NIGHTLY: Need = Need {
    what: "a nightly compiler",
    probe: "rustc +nightly --version",
    prints_path: false,
    remedy: "rustup toolchain install nightly --profile minimal",
};

/// The fuzz targets, in `fuzz/`.
pub(crate) const FUZZ: OptionalStep = OptionalStep {
    name: "fuzzing",
    env: &[],
    command: "cargo +nightly fuzz",
    needs: &[
        NIGHTLY,
        Need {
            what: "cargo-fuzz",
            probe: "cargo fuzz --version",
            prints_path: false,
            remedy: "cargo install cargo-fuzz --locked",
        },
        CXX,
    ],
};

/// The programs of the sanitizers are for this target alone. Cargo is told the target, so that it does not instrument macros.
const SANITIZED_TARGET: Need = Need {
    what: "the Rust target x86_64-unknown-linux-gnu of the nightly compiler",
    probe: "rustc +nightly --print target-libdir --target x86_64-unknown-linux-gnu",
    prints_path: true,
    remedy: "use Linux on a processor of that kind",
};

/// The runtime and the C library under Miri and the sanitizers.
pub(crate) const SANITIZERS: [OptionalStep; 4] = [
    OptionalStep {
        name: "scalar code (Miri)",
        env: &[
            // Proptest asks for the directory that it runs in.
            ("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-deterministic-floats"),
            ("PROPTEST_CASES", "8"),
        ],
        // Miri has the scalar code alone. These are the tests that take milliseconds elsewhere: Miri is a thousand times slower.
        // Models of any kind reach every kernel, Winograd's and those for bytes included.
        command: "cargo +nightly miri test -p hccr-runtime --lib --test any_model --test bytes --test kernels --test plan \
                    --test sequence -- tests:: all_instruction_sets_agree any_convolution any_linear_layer poolings softmax \
                    matrices_of_zeros few_shared_values values_of_two values_that_others a_flattened_row branches \
                    sessions_repeat several_inputs a_saved_state vectors_and_steps --skip bounds_hold --skip every_form",
        needs: &[
            NIGHTLY,
            Need {
                what: "Miri",
                probe: "cargo +nightly miri --version",
                prints_path: false,
                remedy: "rustup +nightly component add miri rust-src",
            },
        ],
    },
    OptionalStep {
        name: "runtime (AddressSanitizer)",
        env: &ADDRESS,
        command: "cargo +nightly test --release --target x86_64-unknown-linux-gnu -p hccr-runtime --lib --tests",
        needs: &[NIGHTLY, SANITIZED_TARGET],
    },
    OptionalStep {
        name: "C border (AddressSanitizer)",
        env: &ADDRESS,
        command: "cargo +nightly test --release --target x86_64-unknown-linux-gnu -p hccr-c --lib",
        needs: &[NIGHTLY, SANITIZED_TARGET],
    },
    OptionalStep {
        name: "threads (ThreadSanitizer)",
        env: &[
            // The standard library is not built for it. Where that leads to false reports, they are suppressed by name.
            ("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"),
            ("CARGO_TARGET_DIR", "target/sanitize/thread"),
            ("TSAN_OPTIONS", "suppressions=../../xtask/tsan.supp"),
        ],
        command: "cargo +nightly test --release --target x86_64-unknown-linux-gnu -p hccr-runtime --test threads",
        needs: &[NIGHTLY, SANITIZED_TARGET],
    },
];

const ADDRESS: [(&str, &str); 3] = [
    ("RUSTFLAGS", "-Zsanitizer=address"),
    ("CARGO_TARGET_DIR", "target/sanitize/address"),
    // Leaks are looked for through ptrace, which containers forbid.
    ("ASAN_OPTIONS", "detect_leaks=0"),
];

/// All crates with the oldest compiler that the workspace promises to build with.
pub(crate) const OLDEST_COMPILER: OptionalStep = OptionalStep {
    name: "oldest compiler",
    env: &[],
    command: concat!("rustup run ", env!("CARGO_PKG_RUST_VERSION"), " cargo check --workspace"),
    needs: &[Need {
        what: concat!("the toolchain ", env!("CARGO_PKG_RUST_VERSION")),
        probe: concat!("rustup run ", env!("CARGO_PKG_RUST_VERSION"), " cargo --version"),
        prints_path: false,
        remedy: concat!("rustup toolchain install --profile minimal ", env!("CARGO_PKG_RUST_VERSION")),
    }],
};

impl OptionalStep {
    /// What is missing here, with its remedy, if anything is.
    pub(crate) fn missing(&self) -> Option<String> {
        let missing = self.needs.iter().find(|need| !need.is_met())?;
        Some(format!("{} is missing; to have it: {}", missing.what, missing.remedy))
    }
}

impl Need {
    fn is_met(&self) -> bool {
        let mut words = self.probe.split(' ');
        let program = words.next().unwrap_or_default();
        let Ok(output) = Command::new(program).args(words).stderr(Stdio::null()).output() else { return false };
        let printed = String::from_utf8_lossy(&output.stdout);
        output.status.success() && (!self.prints_path || Path::new(printed.trim()).exists())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn need(what: &'static str, probe: &'static str, prints_path: bool) -> Need {
        Need { what, probe, prints_path, remedy: "install it" }
    }

    #[test]
    fn the_first_thing_missing_is_named() {
        const COMPILER: Need = need("the compiler", "rustc --version", false);
        let missing = |needs: &'static [Need]| OptionalStep { name: "", env: &[], command: "", needs }.missing();
        assert_eq!(missing(const { &[COMPILER, need("its directory", "rustc --print sysroot", true)] }), None);
        let found = [
            missing(const { &[COMPILER, need("it", "no-such-program --version", false), need("more", "none", true)] }),
            missing(const { &[COMPILER, need("it", "rustc --no-such-flag", false)] }),
            missing(const { &[COMPILER, need("it", "rustc --version", true)] }), // prints no path
        ];
        for message in found {
            assert_eq!(message.as_deref(), Some("it is missing; to have it: install it"));
        }
    }
}
