//! Finding the ink in photographs and scans: dark on light or light on dark, on an uneven and noisy background.

use super::background::Background;
use super::gray::{Gray, histogram};
use alloc::vec;
use alloc::vec::Vec;

/// Images with a shorter side are too small to tell background from ink; they are taken to be on white.
const SMALLEST_SIDE: usize = 16;
/// The level of a pen's ink in the thesis's scans; fainter ink is brought up to it.
const INK_LEVEL: f32 = 150.0;
/// Pixels that differ from a first guess of the background by so many grey levels may be background.
const LEAST_LIMIT: f32 = 16.0;
/// No light is taken to be dimmer than this share of white's: below it noise is all there is.
const DIMMEST: f32 = 0.25;
/// What is less than this share of all the ink is no stroke.
const SPECK: usize = 200;

/// The ink of `image`, 0 for background, without specks.
///
/// On a background of pure white, ink is `255 - grey`, whatever the grey; on pure black, it is the grey. Otherwise it is
/// what stands out from the background in its surroundings by more than the noise does, brought up to a pen's contrast.
pub(super) fn extract(image: &Gray<'_>) -> Vec<u8> {
    let is_small = image.width.min(image.height) < SMALLEST_SIDE;
    let mut ink = match plain_background(image) {
        Plain::Black if !is_small => image.pixels.to_vec(),
        Plain::No if !is_small => separate(image),
        _ => invert(&image.pixels),
    };
    remove_specks(&mut ink, image.width, image.height);
    ink
}

pub(super) fn is_on_white(image: &Gray<'_>) -> bool {
    plain_background(image) == Plain::White
}

#[derive(PartialEq)]
enum Plain {
    /// The most frequent grey, and that of a quarter of the pixels.
    White,
    /// That of half the pixels: bold ink may be black, and more frequent than any grey of the paper.
    Black,
    No,
}

fn plain_background(image: &Gray<'_>) -> Plain {
    let counts = histogram(image.pixels.iter().copied());
    let pixels = image.pixels.len();
    match counts {
        _ if counts[255] >= pixels.div_ceil(4) && counts.iter().all(|&c| c <= counts[255]) => Plain::White,
        _ if counts[0] >= pixels.div_ceil(2) && counts[0] < pixels => Plain::Black,
        _ => Plain::No,
    }
}

fn invert(pixels: &[u8]) -> Vec<u8> {
    pixels.iter().map(|&grey| 255 - grey).collect()
}

fn separate(image: &Gray<'_>) -> Vec<u8> {
    let (width, height) = (image.width, image.height);
    // Most of an image is paper, so most pixels lie on its side of the middle between the darkest and the lightest around.
    let differences = |share| Background::new(&image.pixels, width, share).differences(&image.pixels);
    let darker: f64 = differences(0.02).into_iter().chain(differences(0.98)).map(f64::from).sum();
    let pixels = if darker > 0.0 { &*invert(&image.pixels) } else { &*image.pixels };

    // Strokes darken the blocks that they fill: the background starts from the lighter pixels, and then takes in those
    // that differ from it by no more than noise.
    let mut background = Background::new(pixels, width, 0.8);
    for _ in 0..3 {
        let differences = background.differences(pixels);
        background.refine(&differences, (3.0 * noise(&differences)).max(LEAST_LIMIT));
    }
    // In dimmer light, ink is as much less dark than the paper.
    let light = background.levels().map(|level| (level / 255.0).max(DIMMEST));
    let contrast: Vec<f32> = background.differences(pixels).iter().zip(light).map(|(d, light)| d / light).collect();

    let noise = noise(&contrast);
    let contrast = filter_noise(&contrast, width, height, noise);
    // The filter leaves about 0.4 of the noise; most of what still passes are specks.
    let floor = 0.6 * noise + 2.0;
    let sums = contrast.iter().filter(|&&c| c > floor).map(|&c| f64::from(c));
    let (sum, squares) = sums.fold((0.0, 0.0), |(sum, squares), c| (sum + c, squares + c * c));
    // The mean contrast, weighted by itself: the faint edges of strokes hardly count.
    let level = (squares / sum) as f32;
    // Beside strokes the filter keeps the noise, and the background is not known to the last grey level.
    let floor = floor.max(level / 10.0);
    let gain = if level < INK_LEVEL { INK_LEVEL / level } else { 1.0 };
    contrast.iter().map(|&c| if c > floor { (c * gain).min(255.0) as u8 } else { 0 }).collect()
}

/// The standard deviation of the noise, from those differences that no ink makes: the background is darker there.
fn noise(differences: &[f32]) -> f32 {
    let lighter = differences.iter().filter(|&&d| d < 0.0);
    let (sum, count) = lighter.fold((0.0, 0.0), |(sum, count), &d| (sum - f64::from(d), count + 1.0));
    // The mean of half a normal distribution is sqrt(2 / pi) of its standard deviation.
    if count > 0.0 { (1.2533 * sum / count) as f32 } else { 0.0 }
}

/// Replaces values by the mean of their surroundings where these vary as noise does, and keeps them where they vary far
/// more (J.-S. Lee, "Digital image enhancement and noise filtering by use of local statistics", 1980).
fn filter_noise(values: &[f32], width: usize, height: usize, noise: f32) -> Vec<f32> {
    let means = smooth(values, width, height);
    let squares: Vec<f32> = values.iter().map(|v| v * v).collect();
    let squares = smooth(&squares, width, height);
    // Of nine values alone the variance is often above the noise's.
    let of_noise = 1.5 * noise * noise;
    let filter = |((value, mean), square): ((&f32, &f32), &f32)| {
        let variance = square - mean * mean;
        if variance > of_noise { mean + (1.0 - of_noise / variance) * (value - mean) } else { *mean }
    };
    values.iter().zip(&means).zip(&squares).map(filter).collect()
}

/// Means weighted 1 2 1 along both axes.
fn smooth(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mean = |before: f32, here: f32, after: f32| 0.25 * (before + after) + 0.5 * here;
    let mut along_rows = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width) {
        along_rows.extend((0..width).map(|x| mean(row[x.saturating_sub(1)], row[x], row[(x + 1).min(width - 1)])));
    }
    let mut smooth = Vec::with_capacity(values.len());
    for y in 0..height {
        let row = |y: usize| &along_rows[y * width..][..width];
        let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1)));
        smooth.extend((0..width).map(|x| mean(above[x], here[x], below[x])));
    }
    smooth
}

/// Sets connected pieces of ink to 0 that are too little for a stroke, measured against all the ink: margins do not count.
fn remove_specks(ink: &mut [u8], width: usize, height: usize) {
    let smallest = ink.iter().map(|&v| usize::from(v)).sum::<usize>() / SPECK;
    let mut seen = vec![false; ink.len()];
    let mut piece = Vec::new();
    for start in 0..ink.len() {
        if seen[start] || ink[start] == 0 {
            continue;
        }
        piece.clear();
        piece.push(start);
        seen[start] = true;
        let mut next = 0;
        while let Some(&at) = piece.get(next) {
            next += 1;
            let (x, y) = (at % width, at / width);
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
        if piece.iter().map(|&at| usize::from(ink[at])).sum::<usize>() < smallest {
            piece.iter().for_each(|&at| ink[at] = 0);
        }
    }
}
