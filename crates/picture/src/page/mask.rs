//! Which pixels of a page are ink.

use hccr_runtime::image::Image;

/// The longest side on which characters are looked for, in pixels; a larger page is shrunk by a whole number.
const LONGEST_SIDE: usize = 2048;
/// Tiles along the longest side in which the paper's grey is measured.
const TILES: usize = 24;
const SMALLEST_TILE: usize = 16;
/// The share of a tile's pixels that are no lighter than its paper.
const PAPER: f32 = 0.85;
/// The least contrast of strokes, as a share of the pen's: above that of most printed grids.
const STROKE: f32 = 0.6;
/// A printed line is so dark.
const FAINT: f32 = 0.25;
/// A stroke is so dark somewhere.
const CORE: f32 = 0.8;
/// The least contrast of ink, of 255.
const LEAST_CONTRAST: f32 = 30.0;

/// The ink of a page, shrunk by `scale`.
pub(super) struct Mask {
    pub(super) ink: Vec<bool>,
    /// Where it is as dark as strokes are.
    pub(super) core: Vec<bool>,
    /// Where there is ink or a printed line.
    pub(super) faint: Vec<bool>,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) scale: usize,
}

impl Mask {
    pub(super) fn new(image: &Image<'_>) -> Self {
        let scale = image.width().max(image.height()).div_ceil(LONGEST_SIDE);
        let (mut gray, width, height) = shrink(&image.to_gray(), image.width(), scale);
        // Most of a page is paper: its mean lies on the paper's side of the middle between the darkest and the lightest.
        let (dark, light) = gray.iter().fold((u8::MAX, 0), |(dark, light), &v| (v.min(dark), v.max(light)));
        let sum: u64 = gray.iter().map(|&v| u64::from(v)).sum();
        if 2 * sum < (u64::from(dark) + u64::from(light)) * gray.len() as u64 {
            gray.iter_mut().for_each(|v| *v = 255 - *v);
        }
        let contrast = contrast(&gray, width, height);
        let sums = contrast.iter().filter(|&&c| c > LEAST_CONTRAST).map(|&c| f64::from(c));
        let (squares, cubes) = sums.fold((0.0, 0.0), |(squares, cubes), c| (squares + c * c, cubes + c * c * c));
        // The pen's contrast: the mean, weighted by its square, since printed lines and the edges of strokes are fainter.
        let pen = if squares > 0.0 { (cubes / squares) as f32 } else { f32::INFINITY };
        let darker = |share: f32| contrast.iter().map(|&c| c > (share * pen).max(LEAST_CONTRAST)).collect();
        Self { ink: darker(STROKE), core: darker(CORE), faint: darker(FAINT), width, height, scale }
    }
}

/// The mean of each `scale` by `scale` pixels, with the new width and height.
fn shrink(gray: &[u8], width: usize, scale: usize) -> (Vec<u8>, usize, usize) {
    let height = gray.len() / width;
    let (columns, rows) = (width.div_ceil(scale), height.div_ceil(scale));
    let mut small = Vec::with_capacity(columns * rows);
    let mut sums = vec![(0u32, 0u32); columns];
    for band in gray.chunks(width * scale) {
        sums.fill((0, 0));
        for row in band.chunks(width) {
            for (sum, pixels) in sums.iter_mut().zip(row.chunks(scale)) {
                *sum = (sum.0 + pixels.iter().map(|&v| u32::from(v)).sum::<u32>(), sum.1 + pixels.len() as u32);
            }
        }
        small.extend(sums.iter().map(|&(sum, count)| ((sum + count / 2) / count.max(1)) as u8));
    }
    (small, columns, rows)
}

/// How much darker than the paper around it each pixel is, in the light that white paper has.
fn contrast(gray: &[u8], width: usize, height: usize) -> Vec<f32> {
    let tile = (width.max(height) / TILES).max(SMALLEST_TILE);
    let (columns, rows) = (width.div_ceil(tile), height.div_ceil(tile));
    let mut paper = Vec::with_capacity(columns * rows);
    for y in 0..rows {
        for x in 0..columns {
            // From half a tile before to half a tile after: a bold stroke does not fill it.
            let span =
                |at: usize, side: usize| (at * tile).saturating_sub(tile / 2)..((at + 1) * tile + tile / 2).min(side);
            let mut counts = [0usize; 256];
            for row in span(y, height) {
                let columns = span(x, width);
                gray[row * width + columns.start..row * width + columns.end]
                    .iter()
                    .for_each(|&v| counts[usize::from(v)] += 1);
            }
            paper.push(quantile(&counts, PAPER));
        }
    }
    let place = |at: usize, tiles: usize| {
        let position = ((at as f32 + 0.5) / tile as f32 - 0.5).clamp(0.0, (tiles - 1) as f32);
        let before = (position as usize).min(tiles.saturating_sub(2));
        (before, (before + 1).min(tiles - 1), position - before as f32)
    };
    let mut contrast = Vec::with_capacity(gray.len());
    for (y, row) in gray.chunks_exact(width).enumerate() {
        let (above, below, down) = place(y, rows);
        for (x, &v) in row.iter().enumerate() {
            let (left, right, along) = place(x, columns);
            let at =
                |tiles: usize| paper[tiles * columns + left] * (1.0 - along) + paper[tiles * columns + right] * along;
            let level = (at(above) * (1.0 - down) + at(below) * down).max(1.0);
            contrast.push(255.0 * (1.0 - f32::from(v) / level));
        }
    }
    contrast
}

fn quantile(counts: &[usize; 256], share: f32) -> f32 {
    let wanted = (counts.iter().sum::<usize>() as f32 * share) as usize;
    let mut seen = 0;
    let found = counts.iter().position(|&count| {
        seen += count;
        seen > wanted
    });
    found.unwrap_or(255) as f32
}
