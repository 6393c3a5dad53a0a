//! Finding the ink in photographs and scans: dark on light or light on dark, on an uneven and noisy background.

use super::GrayImage;
use alloc::vec;
use alloc::vec::Vec;

/// Blocks along each side in which the background is measured.
const BLOCKS: usize = 5;
/// Images with a shorter side are too small to tell background from ink; they are taken to be on white.
const SMALLEST_SIDE: usize = 16;
/// The ink of a cleaned image reaches this level at least, as a pen's does.
const INK_LEVEL: i32 = 220;

/// The ink of `image`, 0 for background, without specks.
///
/// On a background of pure white, ink is `255 - grey`, whatever the grey. Otherwise it is what stands out from the
/// background in its surroundings by more than the noise does, brought up to a pen's contrast.
pub(super) fn extract(image: &GrayImage<'_>) -> Vec<u8> {
    let mut ink = if is_on_white(image) || image.width.min(image.height) < SMALLEST_SIDE {
        image.pixels.iter().map(|&grey| 255 - grey).collect()
    } else {
        separate(image)
    };
    remove_specks(&mut ink, image.width, image.height);
    ink
}

/// Whether pure white is the most frequent grey, and that of a quarter of the pixels.
pub(super) fn is_on_white(image: &GrayImage<'_>) -> bool {
    let counts = histogram(image.pixels.iter().copied());
    counts[255] >= image.pixels.len().div_ceil(4) && counts.iter().all(|&c| c <= counts[255])
}

fn separate(image: &GrayImage<'_>) -> Vec<u8> {
    // Ink stands out further from the background than noise does: the side with the longer tail is the ink's.
    let median = Background::new(image, 0.5);
    let tail = |sign| quantile(&median.contrast(image, sign), 0.98);
    let sign = if tail(1) >= tail(-1) { 1 } else { -1 };
    // Strokes pull the median to their side; this quantile is nearer to the background alone.
    let background = Background::new(image, if sign == 1 { 0.65 } else { 0.35 });
    let ink = i32::from(quantile(&background.contrast(image, sign), 0.98)).max(1);
    let noise = i32::from(quantile(&background.contrast(image, -sign), 0.97));
    let floor = (2 * noise + 4).min(ink / 5);
    let level = ink.max(INK_LEVEL);
    let value = |contrast: i32| if contrast > floor { (contrast * level / ink).min(255) as u8 } else { 0 };
    background.differences(image, sign).map(value).collect()
}

fn histogram(values: impl Iterator<Item = u8>) -> [usize; 256] {
    let mut counts = [0; 256];
    values.for_each(|v| counts[usize::from(v)] += 1);
    counts
}

/// The smallest value that `share` of the values do not exceed.
fn quantile(counts: &[usize; 256], share: f32) -> u8 {
    let wanted = (counts.iter().sum::<usize>() as f32 * share) as usize;
    let mut seen = 0;
    for (value, &count) in counts.iter().enumerate() {
        seen += count;
        if seen > wanted {
            return value as u8;
        }
    }
    255
}

/// The background's grey: a quantile in each block, bilinear between the blocks' centres.
struct Background {
    blocks: [[i32; BLOCKS]; BLOCKS],
    width: usize,
    height: usize,
}

impl Background {
    fn new(image: &GrayImage<'_>, share: f32) -> Self {
        let (width, height) = (image.width, image.height);
        let mut blocks = [[0; BLOCKS]; BLOCKS];
        for (by, row) in blocks.iter_mut().enumerate() {
            for (bx, level) in row.iter_mut().enumerate() {
                let span = |block: usize, side: usize| (block * side / BLOCKS, ((block + 1) * side).div_ceil(BLOCKS));
                let ((top, bottom), (left, right)) = (span(by, height), span(bx, width));
                let rows = image.pixels[top * width..bottom * width].chunks_exact(width);
                let counts = histogram(rows.flat_map(|row| row[left..right].iter().copied()));
                *level = i32::from(quantile(&counts, share));
            }
        }
        Self { blocks, width, height }
    }

    /// How much darker than the background each pixel is; how much lighter for a `sign` of -1.
    fn differences(&self, image: &GrayImage<'_>, sign: i32) -> impl Iterator<Item = i32> {
        let rows = image.pixels.chunks_exact(image.width).enumerate();
        rows.flat_map(move |(y, row)| {
            row.iter().enumerate().map(move |(x, &grey)| sign * (self.at(x, y) - i32::from(grey)))
        })
    }

    /// Number of pixels of each difference, those of the other sign at 0.
    fn contrast(&self, image: &GrayImage<'_>, sign: i32) -> [usize; 256] {
        histogram(self.differences(image, sign).map(|d| d.clamp(0, 255) as u8))
    }

    fn at(&self, x: usize, y: usize) -> i32 {
        // Position in block centres, 256 a block.
        let place = |at: usize, side: usize| {
            let p = ((2 * at + 1) * BLOCKS * 128 / side) as i32 - 128;
            let p = p.clamp(0, (BLOCKS as i32 - 1) * 256);
            let first = (p >> 8).min(BLOCKS as i32 - 2);
            (first as usize, p - (first << 8))
        };
        let ((bx, fx), (by, fy)) = (place(x, self.width), place(y, self.height));
        let row = |y: usize| self.blocks[y][bx] * (256 - fx) + self.blocks[y][bx + 1] * fx;
        (row(by) * (256 - fy) + row(by + 1) * fy) >> 16
    }
}

/// Sets connected pieces of ink to 0 that are too small for a stroke: less than 1/64 of the image's longest side wide and
/// high.
fn remove_specks(ink: &mut [u8], width: usize, height: usize) {
    let smallest = width.max(height) / 64 + 1;
    let mut seen = vec![false; ink.len()];
    let mut piece = Vec::new();
    for start in 0..ink.len() {
        if seen[start] || ink[start] == 0 {
            continue;
        }
        piece.clear();
        piece.push(start);
        seen[start] = true;
        let (mut left, mut right, mut bottom) = (width, 0, 0);
        let mut next = 0;
        while let Some(&at) = piece.get(next) {
            next += 1;
            let (x, y) = (at % width, at / width);
            (left, right, bottom) = (left.min(x), right.max(x), bottom.max(y));
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let neighbour = ny * width + nx;
                    if !seen[neighbour] && ink[neighbour] > 0 {
                        seen[neighbour] = true;
                        piece.push(neighbour);
                    }
                }
            }
        }
        // Pieces are found at their topmost row.
        if right + 1 - left < smallest && bottom + 1 - start / width < smallest {
            piece.iter().for_each(|&at| ink[at] = 0);
        }
    }
}
