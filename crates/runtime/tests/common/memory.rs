//! The memory that a thread takes. A test that includes this file counts what it allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has, and the most that it had.
    static BYTES: Cell<[isize; 2]> = const { Cell::new([0; 2]) };
}

struct Counting;

fn count(bytes: isize) {
    let [now, most] = BYTES.get();
    BYTES.set([now + bytes, most.max(now + bytes)]);
}

// SAFETY: hands every request on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` gives, and the most bytes that it had at one time.
pub(crate) fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let [before, _] = BYTES.get();
    BYTES.set([before; 2]);
    let result = work();
    (result, (BYTES.get()[1] - before).cast_unsigned())
}
