//! Pieces of ink put together to characters, by gaps and a common size.

use super::lines::Grid;
use super::pieces::Rect;
use std::collections::BTreeMap;

/// Sizes of characters that are tried: each so many times the one before.
const STEP: f32 = 1.15;
/// The smallest size tried, in pixels.
const SMALLEST: f32 = 8.0;
/// The longest side that a character may have, in sizes.
const LONGEST: f32 = 1.25;

/// The rows of characters in printed cells; empty cells are passed over.
pub(super) fn in_cells(pieces: &[Rect], grid: &Grid) -> Vec<Vec<Rect>> {
    let mut cells: BTreeMap<(usize, usize), Rect> = BTreeMap::new();
    for piece in pieces {
        if let Some(cell) = grid.cell(piece) {
            cells.entry(cell).and_modify(|ink| *ink = ink.union(*piece)).or_insert(*piece);
        }
    }
    let mut rows: BTreeMap<usize, Vec<Rect>> = BTreeMap::new();
    for ((row, _), ink) in cells.into_iter().filter(|(_, ink)| ink.width().max(ink.height()) > grid.least_side()) {
        rows.entry(row).or_default().push(ink);
    }
    rows.into_values().collect()
}

/// The rows of characters of a page, of the size of characters that explains its gaps best.
pub(super) fn rows(pieces: &[Rect]) -> Vec<Vec<Rect>> {
    let Some(page) = pieces.iter().copied().reduce(Rect::union) else { return Vec::new() };
    let mut best = (f32::INFINITY, Vec::new());
    let mut size = SMALLEST;
    while size <= STEP * page.width().max(page.height()) as f32 {
        let rows = of_size(pieces, size);
        let cells = rows.iter().map(Vec::len).sum::<usize>() as f32;
        let cost = rows.iter().flatten().map(|cell| misfit(cell, size)).sum::<f32>() / cells;
        if cost < best.0 {
            best = (cost, rows);
        }
        size *= STEP;
    }
    let whole = |cell: Vec<Rect>| cell.into_iter().reduce(Rect::union);
    best.1.into_iter().map(|row| row.into_iter().filter_map(whole).collect()).collect()
}

/// Cuts rows, and then characters in each, of about `size`: the pieces of each.
fn of_size(pieces: &[Rect], size: f32) -> Vec<Vec<Vec<Rect>>> {
    let rows = groups(pieces, |piece| (piece.top, piece.bottom), size);
    rows.into_iter().map(|row| groups(&row, |piece| (piece.left, piece.right), size)).collect()
}

/// How badly the pieces of a cell fit a character of `size`: too small, too large, or with gaps through all of it.
fn misfit(pieces: &[Rect], size: f32) -> f32 {
    let Some(cell) = pieces.iter().copied().reduce(Rect::union) else { return 0.0 };
    let gap = |span: fn(&Rect) -> (usize, usize)| {
        let bands = bands(pieces, span);
        bands.windows(2).map(|pair| pair[1].0 - pair[0].1).sum::<usize>() as f32 / size
    };
    let gaps = gap(|piece| (piece.left, piece.right)) + gap(|piece| (piece.top, piece.bottom));
    let (longest, shortest) = (cell.width().max(cell.height()) as f32, cell.width().min(cell.height()) as f32);
    let small = (0.7 - longest / size).max(0.0) + (0.5 - shortest / size).max(0.0);
    let large = (longest / size - LONGEST).max(0.0);
    gaps + 2.0 * small + 4.0 * large
}

/// The intervals that pieces fill along one axis, in their order.
fn bands(pieces: &[Rect], span: impl Fn(&Rect) -> (usize, usize)) -> Vec<(usize, usize)> {
    let mut spans: Vec<_> = pieces.iter().map(span).collect();
    spans.sort_unstable();
    let mut bands: Vec<(usize, usize)> = Vec::new();
    for (start, end) in spans {
        match bands.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => bands.push((start, end)),
        }
    }
    bands
}

/// Groups of pieces along one axis. Bands are put together to groups no longer than a character, so that the groups are
/// of even length and the gaps between them wide.
fn groups(pieces: &[Rect], span: impl Fn(&Rect) -> (usize, usize), size: f32) -> Vec<Vec<Rect>> {
    let bands = bands(pieces, &span);
    // The least cost of the first so many bands, and where their last group begins.
    let mut best = vec![(0.0f32, 0)];
    for end in 1..=bands.len() {
        let mut least = (f32::INFINITY, end - 1);
        for start in (0..end).rev() {
            let length = (bands[end - 1].1 - bands[start].0) as f32 / size;
            if length > LONGEST && start + 1 < end {
                break;
            }
            let gap = if start == 0 { f32::INFINITY } else { (bands[start].0 - bands[start - 1].1) as f32 / size };
            let cost = best[start].0 + (0.8 - length).max(0.0).powi(2) + (0.3 - gap).max(0.0);
            if cost < least.0 {
                least = (cost, start);
            }
        }
        best.push(least);
    }
    let mut cuts = Vec::new();
    let mut end = bands.len();
    while end > 0 {
        cuts.push((bands[best[end].1].0, bands[end - 1].1));
        end = best[end].1;
    }
    cuts.reverse();
    let group = |&(start, end): &(usize, usize)| {
        pieces.iter().filter(|piece| (start..end).contains(&span(piece).0)).copied().collect()
    };
    cuts.iter().map(group).collect()
}
