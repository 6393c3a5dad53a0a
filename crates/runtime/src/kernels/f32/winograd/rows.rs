//! From vectors of output channels to rows of pixels.

use super::PIXELS;
use crate::isa::{Isa, MAX_LANES};

/// Writes rows of `COLUMNS` pixels of `channels` channels.
///
/// # Safety
/// `to` points to the first pixel of the first channel, whose planes and rows are `strides` apart.
#[inline(always)]
pub(super) unsafe fn write_rows<const COLUMNS: usize>(
    rows: &[f32; PIXELS * MAX_LANES],
    channels: usize,
    to: *mut f32,
    [plane_stride, row_stride]: [usize; 2],
) {
    for (c, pixels) in rows.as_chunks::<PIXELS>().0.iter().enumerate().take(channels) {
        for (y, row) in pixels.as_chunks::<COLUMNS>().0.iter().enumerate() {
            // SAFETY: the caller vouches for the rows.
            unsafe { *to.add(c * plane_stride + y * row_stride).cast() = *row };
        }
    }
}

/// Writes the first `count` pixels of `height` rows of `channels` channels.
///
/// # Safety
/// As for [`write_rows`].
#[inline(always)]
pub(super) unsafe fn write_parts(
    rows: &[f32; PIXELS * MAX_LANES],
    channels: usize,
    to: *mut f32,
    [plane_stride, row_stride]: [usize; 2],
    height: usize,
    count: usize,
) {
    for c in 0..channels {
        for y in 0..height {
            // SAFETY: the caller vouches for the rows; the parts are those of `count` in binary.
            unsafe {
                let mut from = rows.as_ptr().add(c * PIXELS + y * (PIXELS / height));
                let mut to = to.add(c * plane_stride + y * row_stride);
                for part in [8, 4, 2, 1] {
                    if count & part > 0 {
                        from.copy_to_nonoverlapping(to, part);
                        (from, to) = (from.add(part), to.add(part));
                    }
                }
            }
        }
    }
}

/// From a vector of channels a pixel to `PIXELS` pixels a channel.
#[inline(always)]
pub(super) fn channels_to_rows<I: Isa>(isa: I, mut pixels: [I::F32; PIXELS]) -> [f32; PIXELS * MAX_LANES] {
    // Each pass rotates the bits of an element's position, pixel before lane, by one.
    for _ in 0..I::LANES.ilog2() {
        let before = pixels;
        for i in 0..PIXELS / 2 {
            (pixels[i], pixels[i + PIXELS / 2]) = isa.deinterleave(before[2 * i], before[2 * i + 1]);
        }
    }
    let mut rows = [0.0; PIXELS * MAX_LANES];
    for i in 0..PIXELS {
        isa.write(pixels[i], &mut rows[i * I::LANES..]);
    }
    rows
}
