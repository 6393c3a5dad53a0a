//! The grey of the paper behind the ink.

use super::gray::{histogram, quantile};
use alloc::vec::Vec;
use core::ops::Range;

/// Blocks along each side in which the background is measured: few, so that each shows paper between the strokes.
const BLOCKS: usize = 4;

/// A grey level in each block of an image, linear between and beyond the blocks' centres.
pub(super) struct Background {
    blocks: [[f32; BLOCKS]; BLOCKS],
    width: usize,
    height: usize,
}

impl Background {
    /// The grey that `share` of each block's pixels do not exceed.
    pub(super) fn new(pixels: &[u8], width: usize, share: f32) -> Self {
        let mut background = Self { blocks: [[0.0; BLOCKS]; BLOCKS], width, height: pixels.len() / width };
        background.for_each_block(|level, rows, columns| {
            let rows = pixels[rows.start * width..rows.end * width].chunks_exact(width);
            let counts = histogram(rows.flat_map(|row| row[columns.clone()].iter().copied()));
            *level = f32::from(quantile(&counts, share));
        });
        background
    }

    /// Lowers each block's level by the mean of those `differences` from it that are no larger than `limit`: the paper's.
    pub(super) fn refine(&mut self, differences: &[f32], limit: f32) {
        let width = self.width;
        self.for_each_block(|level, rows, columns| {
            let rows = differences[rows.start * width..rows.end * width].chunks_exact(width);
            let paper = rows.flat_map(|row| &row[columns.clone()]).filter(|d| d.abs() <= limit);
            let (sum, count) = paper.fold((0.0, 0.0), |(sum, count), &d| (sum + f64::from(d), count + 1.0));
            if count > 0.0 {
                *level -= (sum / count) as f32;
            }
        });
    }

    /// How much darker than the background each of `pixels` is.
    pub(super) fn differences(&self, pixels: &[u8]) -> Vec<f32> {
        self.levels().iter().zip(pixels).map(|(level, &grey)| level - f32::from(grey)).collect()
    }

    /// The background's grey at each pixel, row after row.
    pub(super) fn levels(&self) -> Vec<f32> {
        let columns: Vec<_> = (0..self.width).map(|x| place(x, self.width)).collect();
        let mut levels = Vec::with_capacity(self.width * self.height);
        for y in 0..self.height {
            let (above, down) = place(y, self.height);
            let row: [f32; BLOCKS] =
                core::array::from_fn(|b| self.blocks[above][b] * (1.0 - down) + self.blocks[above + 1][b] * down);
            let level = |&(b, right): &(usize, f32)| row[b] * (1.0 - right) + row[b + 1] * right;
            levels.extend(columns.iter().map(level).map(|level| level.clamp(0.0, 255.0)));
        }
        levels
    }

    /// Calls `f` with the level, the rows and the columns of each block.
    fn for_each_block(&mut self, mut f: impl FnMut(&mut f32, Range<usize>, Range<usize>)) {
        let span = |block: usize, side: usize| block * side / BLOCKS..((block + 1) * side).div_ceil(BLOCKS);
        for (y, row) in self.blocks.iter_mut().enumerate() {
            for (x, level) in row.iter_mut().enumerate() {
                f(level, span(y, self.height), span(x, self.width));
            }
        }
    }
}

/// The block before pixel `at` of `side`, and how far the pixel lies from this block's centre towards the next one's.
fn place(at: usize, side: usize) -> (usize, f32) {
    let position = (at as f32 + 0.5) * BLOCKS as f32 / side as f32 - 0.5;
    let block = (position.max(0.0) as usize).min(BLOCKS - 2);
    (block, position - block as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_slope_is_followed_to_the_corners() {
        let (width, height) = (40, 60);
        let slope: Vec<u8> = (0..width * height).map(|i| (40 + 3 * (i % width) + i / width) as u8).collect();
        let mut background = Background::new(&slope, width, 0.5);
        for _ in 0..3 {
            background.refine(&background.differences(&slope), 20.0);
        }
        let worst = background.differences(&slope).into_iter().map(f32::abs).fold(0.0, f32::max);
        assert!(worst < 1.5, "{worst} grey levels");
    }

    #[test]
    fn ink_beyond_the_limit_leaves_the_background_alone() {
        let pixels: Vec<u8> = (0..32 * 32).map(|i| if i % 5 == 0 { 20 } else { 200 }).collect();
        let mut background = Background::new(&pixels, 32, 0.8);
        background.refine(&background.differences(&pixels), 5.0);
        assert!(background.levels().iter().all(|&level| level == 200.0));
    }
}
