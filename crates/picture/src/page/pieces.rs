//! Connected pieces of ink.

use super::mask::Mask;

/// What is smaller than this share of the largest piece is no stroke.
const SPECK: usize = 400;

/// A piece of which less than this part is as dark as strokes is printed.
const DARK: usize = 5;
/// A piece as long as the page has more than this part of the square around it, or is a printed line.
const SPARSE: usize = 12;

/// A rectangle: `right` and `bottom` lie outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Rect {
    pub(super) fn width(&self) -> usize {
        self.right - self.left
    }

    pub(super) fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// The smallest rectangle around both.
    pub(super) fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// The rectangles around the pieces of ink that may be strokes.
pub(super) fn pieces(mask: &Mask) -> Vec<Rect> {
    let (width, height) = (mask.width, mask.height);
    let mut left = mask.ink.clone();
    let mut found = Vec::new();
    let mut stack = Vec::new();
    for start in 0..left.len() {
        if !left[start] {
            continue;
        }
        left[start] = false;
        stack.push(start);
        let mut rect = Rect { left: width, top: height, right: 0, bottom: 0 };
        let (mut pixels, mut cores) = (0, 0);
        while let Some(at) = stack.pop() {
            let (x, y) = (at % width, at / width);
            rect = rect.union(Rect { left: x, top: y, right: x + 1, bottom: y + 1 });
            pixels += 1;
            cores += usize::from(mask.core[at]);
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let neighbour = ny * width + nx;
                    if left[neighbour] {
                        left[neighbour] = false;
                        stack.push(neighbour);
                    }
                }
            }
        }
        if cores * DARK >= pixels {
            found.push((rect, pixels));
        }
    }
    // A printed frame or rule is as long as the page; a character alone may be, too.
    let is_line = |rect: &Rect, pixels: usize| {
        let (w, h) = (rect.width(), rect.height());
        (2 * w > width || 2 * h > height) && pixels * SPARSE < w.max(h) * w.max(h)
    };
    let of_lines: usize = found.iter().filter(|(rect, pixels)| is_line(rect, *pixels)).map(|&(_, pixels)| pixels).sum();
    let of_all: usize = found.iter().map(|&(_, pixels)| pixels).sum();
    if 4 * of_lines < 3 * of_all {
        found.retain(|(rect, pixels)| !is_line(rect, *pixels));
    }
    let largest = found.iter().map(|&(_, pixels)| pixels).max().unwrap_or(0);
    found.retain(|&(_, pixels)| pixels * SPECK >= largest);
    found.into_iter().map(|(rect, _)| rect).collect()
}
