//! The runtime's tests for other processors, emulated.

use crate::optional::{NODE, Need, OptionalStep, WASM};

/// One step a processor.
pub(crate) const EMULATED: [OptionalStep; 3] = [
    OptionalStep {
        name: "kernels with NEON (qemu)",
        env: &[
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc"),
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64"),
            // Without shared libraries the emulator need not be told where they are.
            ("RUSTFLAGS", "-C target-feature=+crt-static"),
            ("PROPTEST_CASES", "64"),
        ],
        // These tests would take the emulator longer than all others.
        command: "cargo test -p hccr-runtime --target aarch64-unknown-linux-gnu --lib --test kernels --test bytes --test plan \
                    --test batch --test sequence --test any_model --test format --test limits \
                    -- --skip a_long_sequence --skip the_bits_do_not_depend --skip every_kernel_runs",
        needs: &[
            Need::by_hand(
                "the Rust target aarch64-unknown-linux-gnu",
                "rustc --print target-libdir --target aarch64-unknown-linux-gnu",
                "rustup target add aarch64-unknown-linux-gnu",
            )
            .prints_path(),
            Need::apt("the linker aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc --version", "gcc-aarch64-linux-gnu"),
            Need::apt(
                "the C library of AArch64",
                "aarch64-linux-gnu-gcc -print-file-name=libc.a",
                "libc6-dev-arm64-cross",
            )
            .prints_path(),
            Need::apt("the emulator qemu-aarch64", "qemu-aarch64 --version", "qemu-user"),
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
        // These tests would take the emulator longer than all others. What they are made of is tested in parts.
        command: "cargo test -p hccr-runtime --target s390x-unknown-linux-gnu --lib --test bytes --test format --test kernels \
                    --test any_model -- --skip every_altered_byte --skip winograd_s_tiles --skip every_kernel_runs \
                    --skip a_whole_network",
        needs: &[
            Need::by_hand(
                "the Rust target s390x-unknown-linux-gnu",
                "rustc --print target-libdir --target s390x-unknown-linux-gnu",
                "rustup target add s390x-unknown-linux-gnu",
            )
            .prints_path(),
            Need::apt("the linker s390x-linux-gnu-gcc", "s390x-linux-gnu-gcc --version", "gcc-s390x-linux-gnu"),
            Need::apt("the C library of s390x", "s390x-linux-gnu-gcc -print-file-name=libc.a", "libc6-dev-s390x-cross")
                .prints_path(),
            Need::apt("the emulator qemu-s390x", "qemu-s390x --version", "qemu-user"),
        ],
    },
    OptionalStep {
        name: "simd128, 32 bits (node)", // a `usize` of WebAssembly has 32 bits
        env: &[
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "node tests/run_wasm.mjs"),
            ("RUSTFLAGS", "-C target-feature=+simd128"),
        ],
        command: "cargo test -p hccr-runtime --target wasm32-unknown-unknown --lib --test kernels --test bytes --test plan \
                    --test batch --test sequence --test any_model --test format --test limits",
        needs: &[WASM, NODE],
    },
];
