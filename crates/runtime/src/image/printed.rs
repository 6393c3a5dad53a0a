//! What is not written, though it stands out from the paper: printed grids and rules, the desk beside the sheet, and grain.

use super::dilate::spread;
use super::pieces::{NONE, Pieces};
use alloc::vec;
use alloc::vec::Vec;

/// A stroke is at least so dark somewhere, and so dark all along, as shares of the pen's contrast.
const CORE: f32 = 0.7;
const STROKE: f32 = 0.35;
/// What is left without the pieces at the border must hold this share of the ink.
const LEAST_REST: f32 = 0.1;
/// A piece that covers this share of a side is the edge of the sheet.
const EDGE: f32 = 0.9;
/// Fewer pixels than this share of all that are so dark may be so by noise.
const CORE_SPECK: usize = 100;
/// The width, and the deviation from straight, of rules, as shares of the side.
const THIN: f32 = 0.05;
const SLANTED: f32 = 0.12;
/// The least share of a side that the corner of a shadow covers.
const CORNER: f32 = 0.03;
/// Faint ink in pieces as long as this share of the longest side is printed.
const PRINTED: f32 = 0.5;

/// Sets `contrast` to 0 outside of the character, and says whether there was more than grain.
pub(super) fn remove(contrast: &mut [f32], width: usize, floor: f32) -> bool {
    let mut foreign = false;
    let height = contrast.len() / width;
    // With the edge of a desk goes what was taken for the pen's contrast.
    for _ in 0..3 {
        let threshold = floor.max(STROKE * pen(contrast, floor));
        if !remove_at_border(contrast, width, height, threshold) {
            break;
        }
        foreign = true;
    }
    let level = pen(contrast, floor);
    let (stroke, core) = (floor.max(STROKE * level), floor.max(CORE * level));
    let reach = (width.max(height) / 100).max(2);
    let cores = Pieces::new(&above(contrast, core), width);
    let least = cores.pieces.iter().map(|piece| piece.pixels).sum::<usize>() / CORE_SPECK;
    let is_core: Vec<bool> =
        cores.numbers.iter().map(|&n| n != NONE && cores.pieces[n as usize].pixels > least).collect();
    let near_core = spread(is_core.iter().copied(), width, reach);
    let mut is_faint = above(contrast, stroke);
    is_faint.iter_mut().zip(near_core).for_each(|(faint, near)| *faint &= !near);
    let faint = Pieces::new(&is_faint, width);
    let long = (PRINTED * width.max(height) as f32) as usize;
    let is_printed = faint.pieces.iter().any(|p| (p.right - p.left).max(p.bottom - p.top) >= long);
    if is_printed {
        contrast.iter_mut().zip(&faint.numbers).filter(|(_, number)| **number != NONE).for_each(|(c, _)| *c = 0.0);
    }
    let strokes = Pieces::new(&above(contrast, stroke), width);
    let cores = strokes.sums(|at| f64::from(is_core[at]));
    let is_kept = strokes.numbers.iter().map(|&n| n != NONE && cores[n as usize] > 0.0);
    let near = spread(is_kept, width, 2);
    contrast.iter_mut().zip(near).filter(|(_, near)| !near).for_each(|(c, _)| *c = 0.0);
    foreign || is_printed
}

/// Where the contrast is above `level`.
#[inline(never)]
fn above(contrast: &[f32], level: f32) -> Vec<bool> {
    contrast.iter().map(|&c| c > level).collect()
}

/// The pen's contrast: the mean, weighted by its square: the faint edges of strokes hardly count.
pub(super) fn pen(contrast: &[f32], floor: f32) -> f32 {
    let sums = contrast.iter().filter(|&&c| c > floor).map(|&c| f64::from(c));
    let (sum, squares) = sums.fold((0.0, 0.0), |(sum, squares), c| (sum + c * c, squares + c * c * c));
    if sum > 0.0 { (squares / sum) as f32 } else { 0.0 }
}

/// Removes edges and rules; whether there were any.
fn remove_at_border(contrast: &mut [f32], width: usize, height: usize, threshold: f32) -> bool {
    let pieces = Pieces::new(&above(contrast, threshold), width);
    // How many pixels of the left, right, upper and lower side each piece has.
    let mut sides = vec![[0usize; 4]; pieces.pieces.len()];
    let mut touch = |at: usize, side: usize| {
        let number = pieces.numbers[at];
        if number != NONE {
            sides[number as usize][side] += 1;
        }
    };
    for y in 0..height {
        touch(y * width, 0);
        touch(y * width + width - 1, 1);
    }
    for x in 0..width {
        touch(x, 2);
        touch((height - 1) * width + x, 3);
    }
    let sums = pieces.sums(|at| f64::from(contrast[at]));
    let cores = pieces.sums(|at| f64::from(contrast[at] > 2.0 * threshold));
    let is_crop = (0..4).all(|side| sides.iter().any(|piece| piece[side] > 0));
    let is_foreign: Vec<bool> = pieces
        .pieces
        .iter()
        .zip(&sides)
        .zip(&cores)
        .map(|((piece, &[left, right, top, bottom]), &core)| {
            let (w, h) = (width as f32, height as f32);
            let (across, down) = ((piece.right + 1 - piece.left) as f32, (piece.bottom + 1 - piece.top) as f32);
            let share = |side: usize, length: f32| side as f32 / length;
            let vertical = share(left.max(right), h) > EDGE;
            let horizontal = share(top.max(bottom), w) > EDGE;
            let edge = (vertical && across < 0.15 * w) || (horizontal && down < 0.15 * h) || (vertical && horizontal);
            let thin = |length: f32, side: f32| piece.pixels as f32 / length < (THIN * side).max(3.0);
            let rule = (left > 0 && right > 0 && down < SLANTED * h && thin(across, h))
                || (top > 0 && bottom > 0 && across < SLANTED * w && thin(down, w));
            // A corner of the desk, or of a shadow: widest at the border.
            let along = |side: usize, extent: f32, length: f32| side as f32 > (0.5 * extent).max(CORNER * length);
            let corner = !is_crop && (along(left.max(right), down, h) || along(top.max(bottom), across, w));
            let faint = left + right + top + bottom > 0 && core < 0.1 * piece.pixels as f64;
            edge || rule || corner || faint
        })
        .collect();
    let total: f64 = sums.iter().sum();
    let rest: f64 = sums.iter().zip(&is_foreign).filter(|(_, foreign)| !**foreign).map(|(sum, _)| sum).sum();
    if rest < f64::from(LEAST_REST) * total || !is_foreign.contains(&true) {
        return false;
    }
    // What touches the border elsewhere may be a character cropped tightly, which has such strokes too.
    let touches = |(sides, &sum): (&[usize; 4], &f64)| sum > rest / 200.0 && sides.iter().sum::<usize>() > 0;
    if sides.iter().zip(&sums).zip(&is_foreign).any(|(piece, foreign)| !foreign && touches(piece)) {
        return false;
    }
    let foreign = pieces.numbers.iter().map(|&n| n != NONE && is_foreign[n as usize]);
    let near = spread(foreign, width, 2);
    let kept = |at: usize| pieces.numbers[at] != NONE && !is_foreign[pieces.numbers[at] as usize];
    for (at, c) in contrast.iter_mut().enumerate() {
        if near[at] && !kept(at) {
            *c = 0.0;
        }
    }
    true
}
