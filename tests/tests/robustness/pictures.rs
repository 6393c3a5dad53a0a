//! Pictures as people take them: a character with what is printed, lies or falls on the paper around it.

use super::changes::{Change, Scan};
use hccr_random::Rng;
use std::f32::consts::FRAC_PI_2;

/// Each kind of picture and its name.
pub(crate) const PICTURES: [(&str, Change); 12] = [
    ("copybook cell", in_cell),
    ("frame cut by the border", in_cut_cell),
    ("ruled lines", on_ruled_paper),
    ("dark rules", on_dark_rules),
    ("hard shadow", in_shadow),
    ("shadow on white", in_shadow_on_white),
    ("dark edge", at_dark_edge),
    ("desk around the sheet", with_surroundings),
    ("bold, cropped tightly", bold_and_tight),
    ("rough paper", on_rough_paper),
    ("tiny", tiny),
    ("coloured pen", in_colour),
];

/// The kinds whose strokes are drawn anew, wider or in fewer pixels, and so differ from those of the scan.
pub(crate) const REDRAWN: [&str; 2] = ["bold, cropped tightly", "tiny"];

/// The character on paper of 255, with margins of 15 to 35 % of its longest side.
fn with_room(scan: &Scan, rng: &mut Rng) -> Scan {
    let longest = scan.width.max(scan.height) as f32;
    let mut margin = |side: usize| {
        let room = longest - side as f32;
        (longest * rng.range(0.15, 0.35) + 0.5 * room) as usize
    };
    let (left, right, top, bottom) = (margin(scan.width), margin(scan.width), margin(scan.height), margin(scan.height));
    scan.on_paper(left + scan.width + right, top + scan.height + bottom, left, top)
}

/// On paper of `paper` grey levels, in ink of so much of the pen's contrast, seen by a sensor with noise.
fn photographed(scan: &Scan, paper: f32, contrast: f32, noise: f32, rng: &mut Rng) -> Scan {
    Scan::new(scan.width, scan.height, |x, y| paper - contrast * (255.0 - scan.at(x, y)) + noise * rng.normal())
}

/// The contrast, of 255, of the darkest tenth of a scan's ink.
fn pen(scan: &Scan) -> f32 {
    let mut ink: Vec<u8> = scan.pixels.iter().map(|&grey| 255 - grey).filter(|&ink| ink > 60).collect();
    ink.sort_unstable();
    ink.get(ink.len() * 9 / 10).map_or(150.0, |&ink| f32::from(ink))
}

/// How much of a line `half` wide lies over a pixel at `distance`: 1 on it, fading over a pixel.
fn covered(distance: f32, half: f32) -> f32 {
    (half + 0.5 - distance.abs()).clamp(0.0, 1.0)
}

/// A printed cell around the character, with a dashed cross, and diagonals in every second.
fn cell(scan: &Scan, cut: bool, rng: &mut Rng) -> Scan {
    let scan = with_room(scan, rng);
    let (width, height) = (scan.width as f32, scan.height as f32);
    let ink = pen(&scan) * rng.range(0.3, 0.55);
    let half = rng.range(0.4, 1.0) * width / 100.0;
    let tilt = rng.range(-0.03, 0.03);
    let (diagonals, dash) = (rng.chance(0.5), rng.range(4.0, 9.0));
    // How far the frame's sides lie inside of the picture; those of a cut frame partly outside.
    let inset: [f32; 4] = std::array::from_fn(|_| if cut { rng.range(-4.0, 3.0) } else { rng.range(3.0, 8.0) });
    let paper = rng.range(215.0, 245.0);
    let lined = Scan::new(scan.width, scan.height, |x, y| {
        let (cx, cy) = (x as f32 + 0.5 - width / 2.0, y as f32 + 0.5 - height / 2.0);
        let (u, v) = (cx + tilt * cy, cy - tilt * cx);
        let (left, right, top, bottom) =
            (inset[0] - width / 2.0, width / 2.0 - inset[1], inset[2] - height / 2.0, height / 2.0 - inset[3]);
        let within = u > left - half && u < right + half && v > top - half && v < bottom + half;
        let dashed = |along: f32| if (along / dash).rem_euclid(2.0) < 1.2 { 1.0 } else { 0.0 };
        let mut line = covered(u - left, half).max(covered(u - right, half));
        line = line.max(covered(v - top, half)).max(covered(v - bottom, half));
        line = line.max(covered(u, half) * dashed(v)).max(covered(v, half) * dashed(u));
        if diagonals {
            let across = |sign: f32| (u * height - sign * v * width) / width.hypot(height);
            line = line.max(covered(across(1.0), half) * dashed(u)).max(covered(across(-1.0), half) * dashed(u));
        }
        scan.at(x, y).min(if within { 255.0 - line * ink } else { 255.0 })
    });
    let noise = rng.range(0.5, 3.0);
    photographed(&lined, paper, paper / 255.0, noise, rng)
}

fn in_cell(scan: &Scan, rng: &mut Rng) -> Scan {
    cell(scan, false, rng)
}

fn in_cut_cell(scan: &Scan, rng: &mut Rng) -> Scan {
    cell(scan, true, rng)
}

/// One or two printed lines from border to border, of so much of the pen's contrast, above and below.
fn ruled(scan: &Scan, contrast: f32, rng: &mut Rng) -> Scan {
    let longest = scan.width.max(scan.height) as f32;
    let scan = with_room(scan, rng);
    let (ink, half, slope) = (pen(&scan) * contrast, rng.range(0.4, 0.9), rng.range(-0.02, 0.02));
    let below = scan.height as f32 - longest * rng.range(0.04, 0.1);
    let above = if rng.chance(0.5) { longest * rng.range(0.04, 0.1) } else { -99.0 };
    Scan::new(scan.width, scan.height, |x, y| {
        let y_line = y as f32 - slope * (x as f32 - 0.5 * scan.width as f32);
        let line = covered(y_line - below, half).max(covered(y_line - above, half));
        scan.at(x, y).min(255.0 - line * ink)
    })
}

fn on_ruled_paper(scan: &Scan, rng: &mut Rng) -> Scan {
    let contrast = rng.range(0.3, 0.7);
    let (paper, noise) = (rng.range(215.0, 245.0), rng.range(0.5, 3.0));
    photographed(&ruled(scan, contrast, rng), paper, paper / 255.0, noise, rng)
}

/// On pure white, as dark as the pen.
fn on_dark_rules(scan: &Scan, rng: &mut Rng) -> Scan {
    ruled(scan, 1.0, rng)
}

/// The shadow of a hand or a phone: beyond a straight edge, fading over a few pixels, half to three quarters of the light is left.
fn shaded(scan: &Scan, rng: &mut Rng) -> Scan {
    let (left, fade) = (rng.range(0.5, 0.75), rng.range(0.5, 3.0));
    let (sin, cos) = rng.range(0.0, 4.0 * FRAC_PI_2).sin_cos();
    let (width, height) = (scan.width as f32, scan.height as f32);
    let edge = rng.range(-0.25, 0.25) * width.min(height);
    Scan::new(scan.width, scan.height, |x, y| {
        let distance = (x as f32 - width / 2.0) * cos + (y as f32 - height / 2.0) * sin - edge;
        scan.at(x, y) * (1.0 - (1.0 - left) * (0.5 + distance / fade).clamp(0.0, 1.0))
    })
}

fn in_shadow(scan: &Scan, rng: &mut Rng) -> Scan {
    let (paper, noise) = (rng.range(215.0, 245.0), rng.range(0.5, 3.0));
    let paper = photographed(&with_room(scan, rng), paper, paper / 255.0, 0.0, rng);
    photographed(&shaded(&paper, rng), 255.0, 1.0, noise, rng)
}

fn in_shadow_on_white(scan: &Scan, rng: &mut Rng) -> Scan {
    shaded(&with_room(scan, rng), rng)
}

/// The desk shows along one side, or two that meet.
fn at_dark_edge(scan: &Scan, rng: &mut Rng) -> Scan {
    let scan = with_room(scan, rng);
    let (side, corner) = (rng.below(4), rng.chance(0.3));
    let (desk, thick) = (rng.range(15.0, 90.0), rng.range(0.02, 0.08) * scan.width as f32);
    let (paper, noise) = if rng.chance(0.5) { (255.0, 0.0) } else { (rng.range(215.0, 245.0), rng.range(0.5, 3.0)) };
    let photo = photographed(&scan, paper, paper / 255.0, noise, rng);
    Scan::new(scan.width, scan.height, |x, y| {
        let from = [x, y, scan.width - 1 - x, scan.height - 1 - y].map(|distance| distance as f32);
        if from[side] < thick || (corner && from[(side + 1) % 4] < thick) { desk } else { photo.at(x, y) }
    })
}

/// A third of the picture, beyond a slanting edge of the sheet, is a desk.
fn with_surroundings(scan: &Scan, rng: &mut Rng) -> Scan {
    let scan = with_room(scan, rng);
    let paper = rng.range(190.0, 240.0);
    let noise = rng.range(0.5, 3.0);
    let photo = photographed(&scan, paper, paper / 255.0, noise, rng);
    let extra = (scan.width as f32 * rng.range(0.1, 0.4)) as usize;
    let (slope, on_left) = (rng.range(-0.1, 0.1), rng.chance(0.5));
    let (desk, grain) = (rng.range(20.0, 110.0), rng.range(2.0, 8.0));
    let width = scan.width + extra;
    Scan::new(width, scan.height, |x, y| {
        // How far the pixel lies from the side of the paper that the desk is not at.
        let across = if on_left { width - 1 - x } else { x };
        let edge = scan.width as f32 + slope * (y as f32 - scan.height as f32 / 2.0) - 3.0;
        if (across as f32) < edge.min(scan.width as f32) {
            photo.at(if on_left { x - extra } else { x }, y)
        } else {
            desk + grain * rng.normal()
        }
    })
}

/// Strokes twice as wide or more, cropped to the ink, on paper that is not quite white.
fn bold_and_tight(scan: &Scan, rng: &mut Rng) -> Scan {
    let radius = (0.025 * scan.width.max(scan.height) as f32) as usize;
    let (width, height) = (scan.width + 2 * radius, scan.height + 2 * radius);
    let bold = Scan::new(width, height, |x, y| {
        let mut darkest = 255.0f32;
        for sy in (y.saturating_sub(2 * radius)..=y).filter(|&sy| sy < scan.height) {
            for sx in (x.saturating_sub(2 * radius)..=x).filter(|&sx| sx < scan.width) {
                let (dx, dy) = ((sx + radius).abs_diff(x), (sy + radius).abs_diff(y));
                if dx * dx + dy * dy <= radius * radius {
                    darkest = darkest.min(scan.at(sx, sy));
                }
            }
        }
        darkest
    });
    let (paper, noise) = (rng.range(225.0, 245.0), rng.range(0.5, 3.0));
    photographed(&bold, paper, paper / 255.0, noise, rng)
}

/// A thin pen on grained, unevenly lit paper: grain a few pixels wide besides the noise.
fn on_rough_paper(scan: &Scan, rng: &mut Rng) -> Scan {
    let scan = with_room(scan, rng);
    let (columns, grain) = (scan.width / 3 + 2, rng.range(3.0, 7.0));
    let bumps: Vec<f32> = (0..columns * (scan.height / 3 + 2)).map(|_| grain * rng.normal()).collect();
    let (paper, fall, noise) = (rng.range(170.0, 220.0), rng.range(-0.25, 0.25), rng.range(1.0, 4.0));
    let contrast = rng.range(0.4, 0.7);
    Scan::new(scan.width, scan.height, |x, y| {
        let light = 1.0 + fall * (x as f32 / scan.width as f32 - 0.5);
        let ink = contrast * (255.0 - scan.at(x, y));
        (paper - ink + bumps[(y / 3) * columns + x / 3]) * light + noise * rng.normal()
    })
}

/// Shrunk to 28 pixels, every second in pure black and white.
fn tiny(scan: &Scan, rng: &mut Rng) -> Scan {
    let scan = with_room(scan, rng);
    let longest = scan.width.max(scan.height) as f32;
    let binary = rng.chance(0.5);
    let step = longest / 28.0;
    let side = |side: usize| ((side as f32 / step).round() as usize).max(1);
    Scan::new(side(scan.width), side(scan.height), |x, y| {
        let point = |i: usize, at: usize| (at as f32 + (i as f32 + 0.5) / 4.0) * step;
        let grey = (0..16).map(|i| scan.between(point(i % 4, x), point(i / 4, y))).sum::<f32>() / 16.0;
        if binary { if grey < 190.0 { 0.0 } else { 255.0 } } else { grey }
    })
}

/// What a coloured pen leaves of the contrast, on plain paper.
fn in_colour(scan: &Scan, rng: &mut Rng) -> Scan {
    let (paper, contrast) = (rng.range(235.0, 255.0), rng.range(0.3, 0.8));
    let scan = with_room(scan, rng);
    photographed(&scan, paper, contrast, 0.5, rng)
}
