//! Planes, cut into tiles.

use super::transform::{LANES, Squares};
use crate::scalar::Scalar;
use std::ops::Range;

/// The planes of a mini-batch's part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes {
    pub(crate) images: usize,
    pub(crate) size: [usize; 2],
}

impl Planes {
    pub(super) fn elements(&self) -> usize {
        self.images * self.size[0] * self.size[1]
    }

    /// All tiles of `side` by `side` outputs, so many at a time.
    pub(super) fn blocks(&self, side: usize, block: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let tiles = self.images * self.size.map(|length| length.div_ceil(side)).iter().product::<usize>();
        (0..tiles).step_by(block).map(move |first| first..(first + block).min(tiles))
    }
}

/// A copy of what the tiles of a block read of a channel, with zeros beside the planes: for each row of tiles `N` rows.
pub(super) struct Strip<T, const N: usize> {
    rows: Vec<T>,
    /// Elements of a row.
    pitch: usize,
    border: usize,
    width: usize,
    /// Where each row comes from; rows beside the planes come from nowhere.
    sources: Vec<Option<usize>>,
    /// Where each tile begins.
    tiles: Vec<usize>,
}

impl<T: Scalar, const N: usize> Strip<T, N> {
    /// For tiles of which the first `border` rows and columns belong to the tile before.
    pub(super) fn new(planes: Planes, border: usize, block: Range<usize>) -> Self {
        let (side, [h, width]) = (N - 2 * border, planes.size);
        let [rows, columns] = planes.size.map(|length| length.div_ceil(side));
        let pitch = columns * side + 2 * border;
        let lines = block.start / columns..block.end.div_ceil(columns);
        let source = |line: usize, i: usize| {
            let y = (line % rows * side + i).checked_sub(border).filter(|&y| y < h)?;
            Some((line / rows * h + y) * width)
        };
        let sources: Vec<_> = lines.clone().flat_map(|line| (0..N).map(move |i| source(line, i))).collect();
        let tile = |tile: usize| (tile / columns - lines.start) * N * pitch + tile % columns * side;
        let rows = vec![T::zero(); sources.len() * pitch];
        Self { rows, pitch, border, width, sources, tiles: block.map(tile).collect() }
    }

    /// Copies from a channel.
    pub(super) fn read(&mut self, channel: &[T]) {
        for (row, source) in self.rows.chunks_exact_mut(self.pitch).zip(&self.sources) {
            if let &Some(source) = source {
                row[self.border..][..self.width].copy_from_slice(&channel[source..][..self.width]);
            }
        }
    }

    /// How many times [`squares`](Self::squares) gives tiles.
    pub(super) fn groups(&self) -> usize {
        self.tiles.len().div_ceil(LANES)
    }

    /// Puts the tiles of a group side by side, as many as are transformed at a time; what the last group leaves free stays as it is.
    pub(super) fn squares(&self, group: usize, squares: &mut Squares<T, N>) {
        for (lane, &tile) in self.tiles[group * LANES..].iter().take(LANES).enumerate() {
            for (i, squares) in squares.iter_mut().enumerate() {
                let row: &[T; N] = self.rows[tile + i * self.pitch..][..N].try_into().expect("N elements");
                squares.iter_mut().zip(row).for_each(|(square, &value)| square[lane] = value);
            }
        }
    }
}

/// Where the outputs of a tile belong in a channel: from where on, and how many rows and columns there are.
pub(super) struct Spot {
    at: usize,
    rows: usize,
    columns: usize,
}

impl Spot {
    /// Of the tiles of a block.
    pub(super) fn of_block(planes: Planes, side: usize, block: Range<usize>) -> Vec<Self> {
        let ([h, w], [rows, columns]) = (planes.size, planes.size.map(|length| length.div_ceil(side)));
        let spot = |tile: usize| {
            let (image, row, column) = (tile / columns / rows, tile / columns % rows * side, tile % columns * side);
            Self { at: (image * h + row) * w + column, rows: side.min(h - row), columns: side.min(w - column) }
        };
        block.map(spot).collect()
    }

    /// Writes the outputs in one lane to a channel whose rows have `width` elements.
    pub(super) fn write<T: Scalar, const M: usize>(
        &self,
        outputs: &Squares<T, M>,
        lane: usize,
        width: usize,
        y: &mut [T],
    ) {
        let y = &mut y[self.at..];
        if self.rows == M && self.columns == M {
            for (i, outputs) in outputs.iter().enumerate() {
                let row: &mut [T; M] = (&mut y[i * width..][..M]).try_into().expect("M elements");
                row.iter_mut().zip(outputs).for_each(|(y, output)| *y = output[lane]);
            }
            return;
        }
        for (row, outputs) in y.chunks_mut(width).zip(&outputs[..self.rows]) {
            row[..self.columns].iter_mut().zip(outputs).for_each(|(y, output)| *y = output[lane]);
        }
    }
}
