//! Reads an embedded image of a character with an embedded model, as `../recognize.rs` does, without `std`, which would be
//! 300 KB of the binary; from C's library come memory and output. For Linux, and built for release only:
//!
//! ```text
//! cargo run --release --manifest-path crates/runtime/examples/minimal/Cargo.toml
//! ```
#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_int, c_void};
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use hccr_runtime::Recognizer;
use hccr_runtime::image::{Image, PixelFormat};

const MODEL: &[u8] = include_bytes!("../../data/tiny.hccr");
/// 96 x 96 grey pixels, dark ink on white.
const IMAGE: &[u8] = include_bytes!("../../data/character.gray");

fn recognize() -> fmt::Result {
    let mut recognizer = Recognizer::from_bytes(MODEL).map_err(say)?;
    let image = Image::new(IMAGE, 96, 96, PixelFormat::Gray).map_err(say)?;
    for candidate in recognizer.recognize(&image, 5).map_err(say)? {
        // Without floating-point numbers in the text, whose formatting would be another 18 KB.
        let per_mille = (candidate.probability * 1000.0 + 0.5) as u32;
        writeln!(Stdout, "{}  {:3}.{} %", candidate.character, per_mille / 10, per_mille % 10)?;
    }
    Ok(())
}

/// Prints an error; as a `Box<dyn Error>` it would bring its `Debug` along.
fn say(error: impl fmt::Display) -> fmt::Error {
    let _ = writeln!(Stdout, "{error}");
    fmt::Error
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    c_int::from(recognize().is_err())
}

// SAFETY: the declarations are those of C's stdlib.h and unistd.h.
#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
    fn write(file: c_int, bytes: *const c_void, count: usize) -> isize;
    safe fn abort() -> !;
}

struct Stdout;

impl Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the text has as many bytes as it says.
        let written = unsafe { write(1, text.as_ptr().cast(), text.len()) };
        if usize::try_from(written) == Ok(text.len()) { Ok(()) } else { Err(fmt::Error) }
    }
}

struct Libc;

#[global_allocator]
static ALLOCATOR: Libc = Libc;

// SAFETY: C's allocator gives memory of the size and alignment asked for, or null, and takes back its own.
unsafe impl GlobalAlloc for Libc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: an alignment is a power of two, and the size is made a multiple of it.
        unsafe { aligned_alloc(layout.align(), layout.pad_to_align().size()).cast() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: the caller got the memory from `alloc`.
        unsafe { free(memory.cast()) }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}

// The precompiled `alloc` names both, for an unwinding that never happens here.

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    abort()
}
