//! Connected pieces of ink.

use alloc::vec;
use alloc::vec::Vec;

/// Connected pixels: neighbours along rows, columns and diagonals.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) pixels: usize,
    pub(super) left: usize,
    pub(super) top: usize,
    /// The last column and row.
    pub(super) right: usize,
    pub(super) bottom: usize,
}

/// The pieces of an image, and the number of each pixel's piece, or [`NONE`].
pub(super) struct Pieces {
    pub(super) numbers: Vec<u32>,
    pub(super) pieces: Vec<Piece>,
    runs: Vec<Run>,
    width: usize,
}

/// The number of pixels that belong to no piece.
pub(super) const NONE: u32 = u32::MAX;

/// Neighbours along a row, by their columns.
struct Run {
    row: usize,
    start: usize,
    end: usize,
    number: u32,
}

impl Pieces {
    /// The pieces of the pixels that are ink, in rows of `width`.
    pub(super) fn new(is_ink: &[bool], width: usize) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        // The piece that each number turned out to be a part of: itself, or one with a smaller number.
        let mut parents: Vec<u32> = Vec::new();
        // The runs of the row above of which a run may still be a neighbour.
        let mut above = 0..0;
        for (row, is_ink) in is_ink.chunks_exact(width).enumerate() {
            let first = runs.len();
            let mut end = 0;
            while let Some(skipped) = is_ink[end..].iter().position(|&ink| ink) {
                let start = end + skipped;
                end = is_ink[start..].iter().position(|&ink| !ink).map_or(width, |length| start + length);
                while above.start < above.end && runs[above.start].end < start {
                    above.start += 1;
                }
                let neighbours = runs[above.clone()].iter().take_while(|run| run.start <= end).map(|run| run.number);
                let number = neighbours.reduce(|a, b| join(&mut parents, a, b)).unwrap_or_else(|| {
                    parents.push(parents.len() as u32);
                    parents.len() as u32 - 1
                });
                runs.push(Run { row, start, end, number });
            }
            above = first..runs.len();
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut final_numbers = vec![NONE; parents.len()];
        for number in 0..parents.len() as u32 {
            let root = root(&mut parents, number);
            if root == number {
                final_numbers[number as usize] = pieces.len() as u32;
                pieces.push(Piece { pixels: 0, left: width, top: is_ink.len(), right: 0, bottom: 0 });
            } else {
                final_numbers[number as usize] = final_numbers[root as usize];
            }
        }
        let mut numbers = vec![NONE; is_ink.len()];
        for run in &mut runs {
            run.number = final_numbers[run.number as usize];
            let piece = &mut pieces[run.number as usize];
            piece.pixels += run.end - run.start;
            (piece.left, piece.right) = (piece.left.min(run.start), piece.right.max(run.end - 1));
            (piece.top, piece.bottom) = (piece.top.min(run.row), run.row);
            numbers[run.row * width..][run.start..run.end].fill(run.number);
        }
        Self { numbers, pieces, runs, width }
    }

    /// The sum of `value` over the pixels of each piece.
    pub(super) fn sums(&self, value: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.pieces.len()];
        for run in &self.runs {
            let row = run.row * self.width;
            // Summed pixel by pixel, in their order: the same on every machine, however the ink lies.
            let sum = &mut sums[run.number as usize];
            (row + run.start..row + run.end).for_each(|at| *sum += value(at));
        }
        sums
    }
}

/// The smallest number of the piece, which all numbers on the way now lead to.
fn root(parents: &mut [u32], number: u32) -> u32 {
    let mut root = number;
    while parents[root as usize] != root {
        parents[root as usize] = parents[parents[root as usize] as usize];
        root = parents[root as usize];
    }
    root
}

fn join(parents: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (root(parents, a), root(parents, b));
    let (first, second) = (a.min(b), a.max(b));
    parents[second as usize] = first;
    first
}
