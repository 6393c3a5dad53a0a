//! The separate characters of a page.

mod layout;
mod lines;
mod mask;
mod pieces;

use crate::Picture;
use mask::Mask;

/// A character on a page: the rectangle around its ink, in pixels of the picture, and its place in the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Columns to its left.
    pub x: usize,
    /// Rows above it.
    pub y: usize,
    /// Its columns.
    pub width: usize,
    /// Its rows.
    pub height: usize,
    /// The row of characters that it stands in, from 0 at the top.
    pub row: usize,
    /// Its number in this row, from 0 at the left.
    pub column: usize,
}

/// Finds the characters of a page that is written in rows, in the order of reading: row after row from the top, from the left
/// in each.
///
/// Characters are told apart by the gaps between them, and by their size, which is about the same all over a page: the strokes of 川
/// and 二 stay together. A page without ink has none; one character alone is one region.
pub fn characters(picture: &Picture) -> Vec<Region> {
    let mut mask = Mask::new(&picture.image());
    let grid = lines::remove(&mut mask);
    let pieces = pieces::pieces(&mask);
    let rows = match grid {
        Some(grid) => layout::in_cells(&pieces, &grid),
        None => layout::rows(&pieces),
    };
    let place = |(row, cells): (usize, Vec<pieces::Rect>)| {
        let region = move |(column, cell): (usize, pieces::Rect)| {
            let [x, y] = [cell.left, cell.top].map(|v| v * mask.scale);
            let width = (cell.width() * mask.scale).min(picture.width() - x);
            let height = (cell.height() * mask.scale).min(picture.height() - y);
            Region { x, y, width, height, row, column }
        };
        cells.into_iter().enumerate().map(region).collect::<Vec<_>>()
    };
    rows.into_iter().enumerate().flat_map(place).collect()
}
