//! Finding the ink in photographs and scans: dark on light or light on dark, on an uneven and noisy background.

use super::background::Background;
use super::gray::{Gray, histogram, shrink};
use super::light::lit_evenly;
use super::pieces::{NONE, Pieces};
use super::printed;
use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

/// Images with a shorter side are too small to tell background from ink; they are taken to be on white.
const SMALLEST_SIDE: usize = 16;
/// Photographs with a longer side are shrunk by a whole number.
const LONGEST_SIDE: usize = 512;
/// The level of a pen's ink in the thesis's scans; fainter ink is brought up to it.
const INK_LEVEL: f32 = 150.0;
/// Ink of less contrast is none, ink of more is some; between these it is what stands out from the paper by so many standard deviations
/// of the noise.
const FAINTEST: u8 = 10;
const CLEAREST: u8 = 20;
const LEAST_NOISES: f32 = 3.0;
/// Pixels that differ from a first guess of the background by so many grey levels may be background.
const LEAST_LIMIT: f32 = 16.0;
/// No light is taken to be dimmer than this share of white's: below it noise is all there is.
const DIMMEST: f32 = 0.25;
/// A line may be printed, or be the edge of something, where ink fills this share of some three rows or columns; the second where ink
/// touches both ends of the image, as in one cropped to it.
const LINE: f32 = 0.85;
const LINE_OF_CROP: f32 = 0.97;
/// What is less than this share of all the ink is no stroke.
const SPECK: usize = 200;

/// The ink of `image`, 0 for background, and the width of its rows: without specks, and without what is printed on the paper or lies
/// beside it. All 0 where there is none.
///
/// On a background of pure white, ink is `255 - grey`, whatever the grey; on pure black, it is the grey. Otherwise it is
/// what stands out from the background in its surroundings by more than the noise does, brought up to a pen's contrast.
pub(super) fn extract(image: &Gray<'_>) -> (Vec<u8>, usize) {
    let is_small = image.width.min(image.height) < SMALLEST_SIDE;
    let plain = if is_small { Plain::White } else { plain_background(image) };
    let is_light_on_dark = plain == Plain::Black || (plain == Plain::No && is_light_on_dark(image));
    let pixels = if is_light_on_dark { Cow::Owned(invert(&image.pixels)) } else { Cow::Borrowed(&*image.pixels) };
    let (mut ink, width) = if plain == Plain::No {
        let found = separate(&pixels, image.width);
        (found.ink, found.width)
    } else {
        let has_foreign = !is_small && has_lines(&pixels, image.width) && has_foreign(&pixels, image.width);
        match has_foreign.then(|| separate(&pixels, image.width)).filter(|found| found.has_foreign) {
            Some(found) => (found.ink, found.width),
            None => (invert(&pixels), image.width),
        }
    };
    if !is_visible(&ink) {
        ink.fill(0);
    }
    remove_specks(&mut ink, width);
    (ink, width)
}

/// Whether any of the ink is dark enough to be some.
pub(super) fn is_visible(ink: &[u8]) -> bool {
    ink.iter().any(|&ink| ink >= FAINTEST)
}

pub(super) fn is_on_white(image: &Gray<'_>) -> bool {
    plain_background(image) == Plain::White
}

#[derive(Clone, Copy, PartialEq)]
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

/// Most of an image is paper, and so are most pixels at its border: they lie on its side of the middle between the darkest and the
/// lightest around. Bold ink may take more than half of a tight crop.
fn is_light_on_dark(image: &Gray<'_>) -> bool {
    let (width, height) = (image.width, image.height);
    let differences = |share| Background::new(&image.pixels, width, share).differences(&image.pixels);
    let is_dark: Vec<bool> = differences(0.02).iter().zip(differences(0.98)).map(|(a, b)| a + b > 0.0).collect();
    let of_all = is_dark.iter().filter(|&&dark| dark).count() as f32 / is_dark.len() as f32;
    let sides = [0, (height - 1) * width].into_iter().flat_map(|row| row..row + width);
    let sides = sides.chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    let of_border = sides.filter(|&at| is_dark[at]).count() as f32 / (2 * (width + height)) as f32;
    of_all + of_border > 1.3
}

/// Whether straight lines may run through an image on white, along its rows or columns.
fn has_lines(pixels: &[u8], width: usize) -> bool {
    let is_ink = |grey: u8| grey <= 255 - FAINTEST;
    let height = pixels.len() / width;
    let row = |y: usize| &pixels[y.min(height - 1) * width..][..width];
    let mut in_columns = vec![0u32; width];
    let mut in_row = 0;
    let (mut left, mut right) = (false, false);
    for y in 0..height {
        let (here, below) = (row(y), row(y + 1).iter().zip(row(y + 2)));
        let inked = here.iter().zip(below).filter(|&(&a, (&b, &c))| is_ink(a.min(b).min(c)));
        in_row = in_row.max(inked.count());
        for (count, three) in in_columns.iter_mut().zip(here.windows(3)) {
            *count += u32::from(is_ink(three[0].min(three[1]).min(three[2])));
        }
        (left, right) = (left || is_ink(here[0]), right || is_ink(here[width - 1]));
    }
    let in_column = in_columns.into_iter().max().unwrap_or(0) as usize;
    let [top, bottom] = [0, height - 1].map(|y| row(y).iter().any(|&grey| is_ink(grey)));
    let is_line = |inked: usize, length: usize, is_crop: bool| {
        inked as f32 > if is_crop { LINE_OF_CROP } else { LINE } * length as f32
    };
    is_line(in_row, width, left && right) || is_line(in_column, height, top && bottom)
}

/// Whether an image on white has more than ink: a shadow, an edge, or what is printed.
fn has_foreign(pixels: &[u8], width: usize) -> bool {
    let mut contrast: Vec<f32> = pixels.iter().map(|&grey| f32::from(255 - grey)).collect();
    printed::remove(&mut contrast, width, f32::from(FAINTEST)) || lit_evenly(pixels, width).1
}

/// What was told apart from the background.
struct Separated {
    ink: Vec<u8>,
    width: usize,
    /// Whether something was taken away that is no ink: a shadow, an edge, or what is printed.
    has_foreign: bool,
}

fn separate(pixels: &[u8], width: usize) -> Separated {
    let (pixels, width) = shrink(pixels, width, LONGEST_SIDE);
    let height = pixels.len() / width;
    let (pixels, is_shaded) = lit_evenly(&pixels, width);
    let background = paper(&pixels, width);
    // In dimmer light, ink is as much less dark than the paper.
    let light = |level: f32| (level / 255.0).max(DIMMEST);
    let levels = background.levels();
    let contrast: Vec<f32> =
        levels.iter().zip(&*pixels).map(|(&level, &grey)| (level - f32::from(grey)) / light(level)).collect();

    let noise = noise(&contrast);
    let mut contrast = filter_noise(&contrast, width, height, noise);
    // The filter leaves about 0.4 of the noise; most of what still passes are specks.
    let floor = 0.6 * noise + 2.0;
    let is_printed = printed::remove(&mut contrast, width, floor);
    let level = printed::pen(&contrast, floor);
    if level < (LEAST_NOISES * noise).clamp(f32::from(FAINTEST), f32::from(CLEAREST)) {
        return Separated { ink: vec![0; contrast.len()], width, has_foreign: false };
    }
    // Beside strokes the filter keeps the noise, and the background is not known to the last grey level.
    let floor = floor.max(level / 10.0);
    let gain = if level < INK_LEVEL { INK_LEVEL / level } else { 1.0 };
    let ink = contrast.iter().map(|&c| if c > floor { (c * gain).min(255.0) as u8 } else { 0 }).collect();
    Separated { ink, width, has_foreign: is_shaded || is_printed }
}

/// The grey of the paper. Strokes darken the blocks that they fill: the background starts from the lighter pixels, and then takes
/// in those that differ from it by no more than noise.
fn paper(pixels: &[u8], width: usize) -> Background {
    let mut background = Background::new(pixels, width, 0.8);
    for _ in 0..3 {
        let differences = background.differences(pixels);
        background.refine(&differences, (3.0 * noise(&differences)).max(LEAST_LIMIT));
    }
    background
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
fn remove_specks(ink: &mut [u8], width: usize) {
    let smallest = (ink.iter().map(|&v| usize::from(v)).sum::<usize>() / SPECK) as f64;
    let is_ink: Vec<bool> = ink.iter().map(|&v| v > 0).collect();
    let pieces = Pieces::new(&is_ink, width);
    let sums = pieces.sums(|at| f64::from(ink[at]));
    for (ink, &number) in ink.iter_mut().zip(&pieces.numbers) {
        if number != NONE && sums[number as usize] < smallest {
            *ink = 0;
        }
    }
}
