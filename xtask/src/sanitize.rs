//! `cargo xtask sanitize`: tests of what is `unsafe` or shared among threads, under Miri, AddressSanitizer and ThreadSanitizer.

use crate::optional::{NIGHTLY, Need, OptionalStep};
use crate::steps::Steps;
use anyhow::Result;
use std::path::Path;

/// Runs all steps, and skips those for which something is missing.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut steps = Steps::going_on(root, None);
    SANITIZERS.iter().try_for_each(|step| steps.optional(step))?;
    steps.summary()
}

/// The programs of the sanitizers are for this target alone. Cargo is told the target, so that it does not instrument macros.
const SANITIZED_TARGET: Need = Need::by_hand(
    "the Rust target x86_64-unknown-linux-gnu of the nightly compiler",
    "rustc +nightly --print target-libdir --target x86_64-unknown-linux-gnu",
    "use Linux on a processor of that kind",
)
.prints_path();

/// The runtime and the C library under Miri and the sanitizers.
const SANITIZERS: [OptionalStep; 4] = [
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
            Need::by_hand("Miri", "cargo +nightly miri --version", "rustup +nightly component add miri rust-src"),
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
