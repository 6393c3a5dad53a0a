//! Changes that images of characters undergo in practice, one at a time.

use hccr_random::Rng;

/// A grey image, row-major, 255 white.
#[derive(Clone)]
pub(crate) struct Scan {
    pub(crate) pixels: Vec<u8>,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A way to change a scan, at random within its bounds.
pub(crate) type Change = fn(&Scan, &mut Rng) -> Scan;

/// Each change and its name.
pub(crate) const CHANGES: [(&str, Change); 6] = [
    ("size", resized),
    ("light on dark", inverted),
    ("uneven light", unevenly_lit),
    ("pencil", in_pencil),
    ("specks", with_specks),
    ("margins", with_margins),
];

impl Scan {
    /// The tight crop, dark on white, of a normalized image of `size` by `size`, which is bright on 0.
    pub(crate) fn of_normalized(ink: &[u8], size: usize) -> Self {
        let inked = |x: usize, y: usize| ink[y * size + x] > 0;
        let columns: Vec<usize> = (0..size).filter(|&x| (0..size).any(|y| inked(x, y))).collect();
        let rows: Vec<usize> = (0..size).filter(|&y| (0..size).any(|x| inked(x, y))).collect();
        let (left, top) = (columns[0], rows[0]);
        let (width, height) = (columns[columns.len() - 1] + 1 - left, rows[rows.len() - 1] + 1 - top);
        Self::new(width, height, |x, y| 255.0 - f32::from(ink[(top + y) * size + left + x]))
    }

    /// The image of the grey levels that `grey` gives for columns and rows.
    pub(crate) fn new(width: usize, height: usize, mut grey: impl FnMut(usize, usize) -> f32) -> Self {
        let at = |i: usize| grey(i % width, i / width).round().clamp(0.0, 255.0) as u8;
        Self { pixels: (0..width * height).map(at).collect(), width, height }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> f32 {
        f32::from(self.pixels[y * self.width + x])
    }

    /// Linear between the centres of pixels; what lies outside is as the outermost pixels.
    pub(crate) fn between(&self, x: f32, y: f32) -> f32 {
        let place = |at: f32, side: usize| {
            let at = (at - 0.5).clamp(0.0, (side - 1) as f32);
            (at as usize, (at as usize + 1).min(side - 1), at.fract())
        };
        let ((left, right, fx), (top, bottom, fy)) = (place(x, self.width), place(y, self.height));
        let row = |y| self.at(left, y) * (1.0 - fx) + self.at(right, y) * fx;
        row(top) * (1.0 - fy) + row(bottom) * fy
    }

    /// The character on white paper, at distances `left` and `top` from the edges of the paper.
    pub(crate) fn on_paper(&self, width: usize, height: usize, left: usize, top: usize) -> Self {
        Self::new(width, height, |x, y| match (x.checked_sub(left), y.checked_sub(top)) {
            (Some(x), Some(y)) if x < self.width && y < self.height => self.at(x, y),
            _ => 255.0,
        })
    }
}

/// The longest side has 32 to 400 pixels, any factor as likely as any other; the aspect ratio is kept.
pub(crate) fn resized(scan: &Scan, rng: &mut Rng) -> Scan {
    let longest = scan.width.max(scan.height) as f32;
    let factor = 32.0 * (400.0f32 / 32.0).powf(rng.uniform()) / longest;
    let side = |side: usize| ((side as f32 * factor).round() as usize).max(1);
    // The mean of 4 by 4 points of each pixel, as a sensor would see it.
    let point = |i: usize, at: usize| (at as f32 + (i as f32 + 0.5) / 4.0) / factor;
    Scan::new(side(scan.width), side(scan.height), |x, y| {
        (0..16).map(|i| scan.between(point(i % 4, x), point(i / 4, y))).sum::<f32>() / 16.0
    })
}

/// White on black.
fn inverted(scan: &Scan, _: &mut Rng) -> Scan {
    Scan::new(scan.width, scan.height, |x, y| 255.0 - scan.at(x, y))
}

/// The light falls from 1 to 0.5 across the image, in any direction.
fn unevenly_lit(scan: &Scan, rng: &mut Rng) -> Scan {
    let (sin, cos) = rng.range(0.0, std::f32::consts::TAU).sin_cos();
    let (width, height) = (scan.width as f32, scan.height as f32);
    // From -1 to 1 between opposite corners.
    let span = width * cos.abs() + height * sin.abs();
    Scan::new(scan.width, scan.height, |x, y| {
        let along = (2.0 * x as f32 - width) * cos + (2.0 * y as f32 - height) * sin;
        scan.at(x, y) * (0.75 + 0.25 * along / span)
    })
}

/// Strokes of 25 to 35 % of the pen's contrast on paper that is not quite white, under a sensor's noise of 6 to 8 grey
/// levels (standard deviation).
fn in_pencil(scan: &Scan, rng: &mut Rng) -> Scan {
    let (paper, contrast, noise) = (rng.range(220.0, 240.0), rng.range(0.25, 0.35), rng.range(6.0, 8.0));
    Scan::new(scan.width, scan.height, |x, y| paper - contrast * (255.0 - scan.at(x, y)) + noise * rng.normal())
}

/// Dark specks of 1 to 3 pixels cover 0.2 % of the image.
fn with_specks(scan: &Scan, rng: &mut Rng) -> Scan {
    let mut changed = scan.clone();
    for _ in 0..(scan.pixels.len() + 500) / 1000 {
        let (mut x, mut y) = (rng.below(scan.width), rng.below(scan.height));
        for _ in 0..1 + rng.below(3) {
            changed.pixels[y * scan.width + x] = rng.range(0.0, 80.0) as u8;
            let side = if rng.chance(0.5) { &mut x } else { &mut y };
            *side += 1;
            (x, y) = (x.min(scan.width - 1), y.min(scan.height - 1));
        }
    }
    changed
}

/// White margins on each side, of at most the length of the longest side.
pub(crate) fn with_margins(scan: &Scan, rng: &mut Rng) -> Scan {
    let longest = scan.width.max(scan.height) + 1;
    let [left, right, top, bottom] = std::array::from_fn(|_| rng.below(longest));
    scan.on_paper(left + scan.width + right, top + scan.height + bottom, left, top)
}
