//! Planes, cut into tiles.

use super::transform::LANES;
use crate::scalar::Scalar;
use std::borrow::Cow;
use std::ops::Range;

/// An element of a plane, of all images.
pub(super) type Element<T> = [T; LANES];

/// The planes of a mini-batch's part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes {
    pub(crate) images: usize,
    pub(crate) size: [usize; 2],
}

/// Where a tile is.
#[derive(Debug)]
pub(super) struct Tile {
    /// Of its rows those inside the plane, and of its columns.
    pub(super) inside: [Range<usize>; 2],
    /// Where in a channel the first element inside is.
    pub(super) at: usize,
}

impl Planes {
    /// Elements of a channel.
    pub(super) fn elements(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Some images at a time, as many as an [`Element`] has place for.
    pub(super) fn parts(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let images = self.images;
        (0..images).step_by(LANES).map(move |first| first..(first + LANES).min(images))
    }

    /// The values of some images, with zeros for those that an element has place for besides.
    pub(super) fn read<'a, T: Scalar>(&self, values: &'a [T], images: &Range<usize>) -> Cow<'a, [Element<T>]> {
        if self.images == LANES {
            return Cow::Borrowed(values.as_chunks().0);
        }
        let element = |values: &[T]| {
            let mut element = [T::zero(); LANES];
            element[..images.len()].copy_from_slice(&values[images.clone()]);
            element
        };
        Cow::Owned(values.chunks_exact(self.images).map(element).collect())
    }

    /// The reverse of [`read`](Self::read), where the elements are not those of `values` themselves.
    pub(super) fn write<T: Scalar>(&self, elements: &[Element<T>], images: &Range<usize>, values: &mut [T]) {
        for (values, element) in values.chunks_exact_mut(self.images).zip(elements) {
            values[images.clone()].copy_from_slice(&element[..images.len()]);
        }
    }

    /// All tiles of `side` by `side` outputs, so many at a time.
    pub(super) fn blocks(&self, side: usize, block: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let tiles = self.size.map(|length| length.div_ceil(side)).iter().product::<usize>();
        (0..tiles).step_by(block).map(move |first| first..(first + block).min(tiles))
    }

    /// A tile of `side` by `side`, with a `border` around.
    pub(super) fn tile(&self, side: usize, border: usize, tile: usize) -> Tile {
        let columns = self.size[1].div_ceil(side);
        let origin = [tile / columns * side, tile % columns * side];
        // Element `i` of the tile is `origin + i - border` of the plane.
        let inside: [Range<usize>; 2] = std::array::from_fn(|axis| {
            let first = border.saturating_sub(origin[axis]);
            first..(self.size[axis] + border - origin[axis]).min(side + 2 * border)
        });
        let [y, x] = [0, 1].map(|axis| origin[axis] + inside[axis].start - border);
        Tile { inside, at: y * self.size[1] + x }
    }
}
