//! Where the pixels of a value stand in its buffer.

use super::LINE;
use core::ops::Range;

/// A value as planes, each with a border of zeros: one plane per channel, or per four channels whose bytes are quads (see
/// [`Elements`](super::Elements)).
///
/// The gap between two rows is the right border of the upper and the left border of the lower one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Rows of zeros above and below; zeros left and right of a row.
    pub(crate) border: [usize; 2],
    /// Elements from one row to the next.
    pub(crate) row_stride: usize,
    /// Elements from one plane to the next.
    pub(crate) plane_stride: usize,
    /// What borders hold.
    pub(crate) zero: f32,
}

impl Layout {
    /// The layout without borders and gaps; the first dimension of `shape` gives the channels, the last the width.
    pub(crate) fn tight(shape: &[usize]) -> Self {
        let (channels, height, width) = match *shape {
            [c, h, w] => (c, h, w),
            _ => (shape[0], 1, shape[1..].iter().product()),
        };
        Self { channels, height, width, border: [0, 0], row_stride: width, plane_stride: height * width, zero: 0.0 }
    }

    /// Adds borders. With `lanes`, there is room for a kernel that writes whole vectors over the flat pixels.
    /// `None` where the size overflows.
    pub(crate) fn with_border(mut self, border: [usize; 2], row_stride: usize, lanes: Option<usize>) -> Option<Self> {
        self.border = border;
        self.row_stride = row_stride;
        let rows = border[0].checked_mul(2)?.checked_add(self.height)?;
        let mut plane = rows.checked_mul(row_stride)?.checked_add(border[1])?;
        if let Some(lanes) = lanes {
            let written = self.origin().checked_add(self.pixels().checked_next_multiple_of(lanes)?)?;
            plane = plane.max(written).checked_next_multiple_of(LINE)?;
            if plane.is_multiple_of(1024) {
                // The same pixel of all channels would fall into the same set of the first-level cache.
                plane = plane.checked_add(LINE)?;
            }
        }
        self.plane_stride = plane;
        Some(self)
    }

    /// The same value without borders and gaps.
    pub(crate) fn without_border(&self) -> Self {
        Self::tight(&[self.channels, self.height, self.width])
    }

    pub(crate) fn is_tight(&self) -> bool {
        self.row_stride == self.width && self.plane_stride == self.height * self.width
    }

    /// Elements of the value, without borders and gaps.
    pub(crate) fn pixels_of_all(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Elements of all planes, or `None` on overflow.
    pub(crate) fn elements(&self) -> Option<usize> {
        self.channels.checked_mul(self.plane_stride)
    }

    /// Position of the first pixel in a plane.
    pub(crate) fn origin(&self) -> usize {
        self.border[0] * self.row_stride + self.border[1]
    }

    /// Flat pixels: from the first to the last, those in the gaps included.
    pub(crate) fn pixels(&self) -> usize {
        (self.height - 1) * self.row_stride + self.width
    }

    /// The pixels of row `y` of `channel`.
    #[inline(always)]
    pub(crate) fn row(&self, channel: usize, y: usize) -> Range<usize> {
        let start = channel * self.plane_stride + self.origin() + y * self.row_stride;
        start..start + self.width
    }

    /// Sets the borders to zero.
    pub(crate) fn clear_border(&self, values: &mut [f32]) {
        if self.border == [0, 0] {
            return;
        }
        let (first, end) = (self.origin(), self.origin() + self.pixels());
        for plane in values.chunks_exact_mut(self.plane_stride).take(self.channels) {
            plane[..first].fill(self.zero);
            plane[end..].fill(self.zero);
            for y in 1..self.height {
                let next = first + y * self.row_stride;
                plane[next + self.width - self.row_stride..next].fill(self.zero);
            }
        }
    }
}
