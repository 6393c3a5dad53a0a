//! Memory that starts at a cache line.

use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// Bytes in a cache line.
const LINE_BYTES: usize = 64;

/// Elements, zero at first, of which the first starts at a cache line.
pub(crate) struct Aligned<T> {
    /// The elements, with room before and after them.
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(crate) fn zeros(len: usize) -> Self {
        // Written now, and in order: pages that a packing kernel touches first, in its own order, made runs 5 % slower.
        let mut memory = Vec::new();
        memory.resize(len + LINE_BYTES / size_of::<T>(), T::default());
        let start = memory.as_ptr().align_offset(LINE_BYTES);
        Self { memory, start, len }
    }
}

/// Their number: the elements would fill pages.
impl<T> fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} elements", self.len)
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..][..self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_element_starts_a_line() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let values = Aligned::<f32>::zeros(len);
            assert_eq!((values.len(), values.as_ptr().addr() % LINE_BYTES), (len, 0));
            assert_eq!(Aligned::<u8>::zeros(len).as_ptr().addr() % LINE_BYTES, 0);
        }
    }
}
