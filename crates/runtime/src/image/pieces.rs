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
}

/// The number of pixels that belong to no piece.
pub(super) const NONE: u32 = u32::MAX;

impl Pieces {
    /// The pieces of the pixels that are ink, in rows of `width`.
    pub(super) fn new(is_ink: &[bool], width: usize) -> Self {
        let len = is_ink.len();
        // A row and two columns of nothing around the pixels spare all questions about borders.
        let stride = width + 2;
        let mut numbers = vec![NONE; len];
        // The piece that each number turned out to be a part of: itself, or one with a smaller number.
        let mut parents: Vec<u32> = Vec::new();
        let (mut above, mut here) = (vec![NONE; stride], vec![NONE; stride]);
        for (y, row) in numbers.chunks_exact_mut(width).enumerate() {
            for (x, number) in row.iter_mut().enumerate() {
                if !is_ink[y * width + x] {
                    here[x + 1] = NONE;
                    continue;
                }
                // The pixel above touches the other neighbours; where it is ink, these are known to be of its piece.
                let (left, right) = (if here[x] == NONE { above[x] } else { here[x] }, above[x + 2]);
                *number = match (above[x + 1], left, right) {
                    (NONE, NONE, NONE) => {
                        parents.push(parents.len() as u32);
                        parents.len() as u32 - 1
                    }
                    (NONE, NONE, one) | (NONE, one, NONE) | (one, _, _) if one != NONE => one,
                    (_, left, right) => join(&mut parents, left, right),
                };
                here[x + 1] = *number;
            }
            core::mem::swap(&mut above, &mut here);
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut final_numbers = vec![NONE; parents.len()];
        for number in 0..parents.len() as u32 {
            let root = root(&mut parents, number);
            if root == number {
                final_numbers[number as usize] = pieces.len() as u32;
                pieces.push(Piece { pixels: 0, left: width, top: len, right: 0, bottom: 0 });
            } else {
                final_numbers[number as usize] = final_numbers[root as usize];
            }
        }
        for (y, row) in numbers.chunks_exact_mut(width).enumerate() {
            for (x, number) in row.iter_mut().enumerate().filter(|(_, number)| **number != NONE) {
                *number = final_numbers[*number as usize];
                let piece = &mut pieces[*number as usize];
                piece.pixels += 1;
                (piece.left, piece.right) = (piece.left.min(x), piece.right.max(x));
                (piece.top, piece.bottom) = (piece.top.min(y), y);
            }
        }
        Self { numbers, pieces }
    }

    /// The sum of `value` over the pixels of each piece.
    pub(super) fn sums(&self, value: &dyn Fn(usize) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.pieces.len()];
        for (at, &number) in self.numbers.iter().enumerate().filter(|(_, number)| **number != NONE) {
            sums[number as usize] += value(at);
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
