//! From a pen's trajectory to the scan of a character.

use crate::trajectory::Trajectory;
use hccr_random::Rng;

/// How a trajectory is drawn: the pen, the paper, and what a scanner makes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// The longest side of the ink, in pixels.
    pub size: f32,
    /// The width of a line at pressure 1, in pixels.
    pub width: f32,
    /// How much the width follows the pressure: 0 for a pen of one width, 1 in proportion, more for a brush.
    pub response: f32,
    /// A nib that is broad one way only: the share of the width that lines lose along the direction in which they are
    /// thinnest, 0 to 1, and that direction, in radians from the right downwards.
    pub nib: [f32; 2],
    /// How far the edge of a line fades out, in pixels; 1 is merely antialiased.
    pub softness: f32,
    /// The darkness of full ink, 0 to 1.
    pub darkness: f32,
    /// The level that a scanner brings ink up to where it is fainter: the mean darkness of the ink, weighted by itself;
    /// 0 to 1.
    pub contrast: f32,
    /// The share of its darkness that a line may lose on its way, as the ink flows unevenly, or where little pressure
    /// makes it faint; 0 to 1.
    pub fading: f32,
    /// The share of its darkness that a spot may lose at random, as paper takes ink unevenly; 0 to 1.
    pub grain: f32,
    /// The distance between such spots, in pixels, from 1.
    pub grain_size: f32,
    /// Ink fainter than this is taken for paper, as scans are cleaned; 0 to 1.
    pub floor: f32,
    /// The paper; `None` for pure white.
    pub paper: Option<Paper>,
    /// Seeds all that is random.
    pub seed: u64,
}

/// Paper as a camera sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Paper {
    /// Its brightness in the middle, 0 to 1.
    pub light: f32,
    /// How much brighter it is at the right end, and at the bottom, than in the middle.
    pub gradient: [f32; 2],
    /// The standard deviation of the camera's noise, in brightness.
    pub noise: f32,
    /// Its width around the ink, in pixels.
    pub margin: f32,
}

/// A grey image, row-major, dark ink on 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// `width * height` bytes.
    pub pixels: Vec<u8>,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

/// Draws a trajectory, tightly cropped up to the margin that the lines' width or the paper needs.
pub fn render(trajectory: &Trajectory, style: &Style) -> Scan {
    let points = || trajectory.strokes.iter().flatten();
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for p in points() {
        low = [low[0].min(p.x), low[1].min(p.y)];
        high = [high[0].max(p.x), high[1].max(p.y)];
    }
    let extent = (high[0] - low[0]).max(high[1] - low[1]).max(1.0);
    let scale = ((style.size - style.width) / extent).max(0.0);
    let margin = 0.7 * style.width + style.softness + style.paper.as_ref().map_or(0.0, |paper| paper.margin);
    let side = |axis: usize| ((high[axis] - low[axis]).max(0.0) * scale + 2.0 * margin) as usize + 1;
    let mut canvas = Canvas::new(side(0), side(1), style.softness);
    let mut rng = Rng::new(style.seed, 0);
    for stroke in &trajectory.strokes {
        let mut pen = Pen { style, flow: rng.uniform(), last: None };
        for (i, p) in stroke.iter().enumerate() {
            let (x, y) = ((p.x - low[0]) * scale + margin, (p.y - low[1]) * scale + margin);
            if let Some((from, to)) = pen.move_to([x, y], p.pressure, i + 1 == stroke.len(), &mut rng) {
                canvas.line(from, to);
            }
        }
    }
    canvas.develop(style, &mut rng)
}

/// A pen on its way along a stroke.
struct Pen<'a> {
    style: &'a Style,
    /// How well the ink flows, 0 to 1.
    flow: f32,
    last: Option<Dot>,
}

impl Pen<'_> {
    /// The piece of line to draw on the way to a point; nothing where the point is too near, unless it is the stroke's
    /// `end`.
    fn move_to(&mut self, [x, y]: [f32; 2], pressure: f32, end: bool, rng: &mut Rng) -> Option<(Dot, Dot)> {
        let Style { width, response, nib, fading, .. } = *self.style;
        let way = self.last.map_or([0.0; 2], |last| [x - last.x, y - last.y]);
        let way2 = way[0] * way[0] + way[1] * way[1];
        let near = 0.6 + 0.15 * width;
        if self.last.is_some() && !end && way2 < near * near {
            return None;
        }
        self.flow = (self.flow + 0.35 * (rng.uniform() - 0.5)).clamp(0.0, 1.0);
        let pressure = pressure.clamp(0.1, 1.4);
        let along_nib = if nib[0] > 0.0 && way2 > 0.0 {
            let along = way[0] * libm::cosf(nib[1]) + way[1] * libm::sinf(nib[1]);
            along * along / way2
        } else {
            0.0
        };
        let radius = 0.5 * width * (1.0 + response * (pressure - 1.0)).clamp(0.15, 1.8) * (1.0 - nib[0] * along_nib);
        let darkness = 1.0 - fading * (1.0 - self.flow * pressure.min(1.0));
        let dot = Dot { x, y, radius, darkness };
        let from = self.last.replace(dot).unwrap_or(dot);
        Some((from, dot))
    }
}

/// A disc of the pen, in pixels.
#[derive(Clone, Copy)]
struct Dot {
    x: f32,
    y: f32,
    radius: f32,
    darkness: f32,
}

/// Pixels are darkened so many at a time.
const LANES: usize = 8;

/// The darkness of each pixel.
struct Canvas {
    /// In rows of `stride`: `width` pixels, and room for those that complete the last lanes.
    ink: Vec<f32>,
    stride: usize,
    width: usize,
    height: usize,
    softness: f32,
}

impl Canvas {
    fn new(width: usize, height: usize, softness: f32) -> Self {
        let stride = width + LANES;
        Self { ink: vec![0.0; stride * height], stride, width, height, softness }
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.ink.chunks_exact(self.stride).map(|row| &row[..self.width])
    }

    /// The hull of two discs.
    fn line(&mut self, from: Dot, to: Dot) {
        let reach = from.radius.max(to.radius) + 0.5 * self.softness;
        let span = |a: f32, b: f32, limit: usize| {
            let first = ((a.min(b) - reach - 0.5).max(0.0) as usize).min(limit);
            first..((a.max(b) + reach + 0.5).max(0.0) as usize + 1).clamp(first, limit)
        };
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let (grow, darken) = (to.radius - from.radius, to.darkness - from.darkness);
        let inverse_length2 = 1.0 / (dx * dx + dy * dy).max(1e-6);
        let inverse_softness = 1.0 / self.softness;
        let columns = span(from.x, to.x, self.width);
        // Whole lanes: beyond the columns nothing is covered.
        let lanes = columns.start..columns.start + columns.len().next_multiple_of(LANES);
        for y in span(from.y, to.y, self.height) {
            let row = &mut self.ink[y * self.stride..][lanes.clone()];
            let py = y as f32 + 0.5 - from.y;
            for (chunk, lanes) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                for (lane, ink) in lanes.iter_mut().enumerate() {
                    // Processors convert many integers of 32 bits at once.
                    let px = (columns.start + chunk * LANES + lane) as i32 as f32 + 0.5 - from.x;
                    let along = ((px * dx + py * dy) * inverse_length2).clamp(0.0, 1.0);
                    let (ex, ey) = (px - along * dx, py - along * dy);
                    let depth = from.radius + along * grow - (ex * ex + ey * ey).sqrt();
                    let covered = (depth * inverse_softness + 0.5).min(1.0);
                    *ink = ink.max(covered * (from.darkness + along * darken));
                }
            }
        }
    }

    fn develop(mut self, style: &Style, rng: &mut Rng) -> Scan {
        let grain = Grain::new(self.width, self.height, style.grain_size, rng);
        let (mut sum, mut squares) = (0.0, 0.0);
        for (y, row) in self.ink.chunks_exact_mut(self.stride).enumerate() {
            for (x, ink) in row[..self.width].iter_mut().enumerate().filter(|(_, ink)| **ink > 0.0) {
                *ink *= 1.0 - style.grain * grain.at(x, y);
                sum += *ink;
                squares += *ink * *ink;
            }
        }
        let gain = if squares > 0.0 { (style.contrast * sum / squares).max(1.0) } else { 1.0 };
        let darkness = |ink: f32| {
            let ink = (gain * ink).min(1.0);
            if ink > style.floor { style.darkness * ink } else { 0.0 }
        };
        let mut pixels = Vec::with_capacity(self.width * self.height);
        for (y, row) in self.rows().enumerate() {
            for (x, &ink) in row.iter().enumerate() {
                let mut light = 1.0 - darkness(ink);
                if let Some(paper) = &style.paper {
                    let off = |at: usize, side: usize| 2.0 * at as f32 / side as f32 - 1.0;
                    let slope = paper.gradient[0] * off(x, self.width) + paper.gradient[1] * off(y, self.height);
                    // The sum of two uniform numbers: nearly as a camera's noise.
                    let noise = 2.45 * paper.noise * (rng.uniform() + rng.uniform() - 1.0);
                    light = light * paper.light * (1.0 + slope) + noise;
                }
                pixels.push((255.0 * light + 0.5) as u8);
            }
        }
        Scan { pixels, width: self.width, height: self.height }
    }
}

/// Random spots, and what lies between them.
struct Grain {
    spots: Vec<f32>,
    columns: usize,
    scale: f32,
}

impl Grain {
    fn new(width: usize, height: usize, size: f32, rng: &mut Rng) -> Self {
        let scale = 1.0 / size.max(1.0);
        let count = |side: usize| (side as f32 * scale) as usize + 2;
        let columns = count(width);
        Self { spots: (0..columns * count(height)).map(|_| rng.uniform()).collect(), columns, scale }
    }

    /// From 0 to 1.
    fn at(&self, x: usize, y: usize) -> f32 {
        let (x, y) = (x as f32 * self.scale, y as f32 * self.scale);
        let (column, row) = (x as usize, y as usize);
        let (tx, ty) = (x - column as f32, y - row as f32);
        let at = row * self.columns + column;
        let along = |at: usize| self.spots[at] + tx * (self.spots[at + 1] - self.spots[at]);
        let (above, below) = (along(at), along(at + self.columns));
        above + ty * (below - above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trajectory::PenPoint;

    fn style() -> Style {
        Style {
            size: 40.0,
            width: 4.0,
            response: 1.0,
            nib: [0.0, 0.0],
            softness: 1.0,
            darkness: 1.0,
            contrast: 0.0,
            fading: 0.0,
            grain: 0.0,
            grain_size: 1.0,
            floor: 0.0,
            paper: None,
            seed: 1,
        }
    }

    fn pen(x: f32, y: f32, pressure: f32) -> PenPoint {
        PenPoint { x, y, pressure }
    }

    #[test]
    fn a_line_has_its_length_and_width() {
        let stroke = vec![pen(100.0, 500.0, 1.0), pen(820.0, 500.0, 1.0)];
        let scan = render(&Trajectory { strokes: vec![stroke] }, &style());
        let ink: f32 = scan.pixels.iter().map(|&p| f32::from(255 - p) / 255.0).sum();
        let exact = 36.0 * 4.0 + std::f32::consts::PI * 4.0;
        assert!((ink - exact).abs() < 2.0, "{ink} of {exact} pixels inked");
        assert!(scan.width >= 40 && scan.height < 10);
    }

    #[test]
    fn pressure_widens_and_darkness_greys() {
        let line = |pressure| Trajectory { strokes: vec![vec![pen(0.0, 0.0, pressure), pen(900.0, 0.0, pressure)]] };
        let ink = |t: &Trajectory, s: &Style| render(t, s).pixels.iter().map(|&p| u64::from(255 - p)).sum::<u64>();
        let full = ink(&line(1.0), &style());
        assert!(ink(&line(0.5), &style()) < full * 2 / 3);
        let pale = Style { darkness: 0.5, ..style() };
        assert!(ink(&line(1.0), &pale).abs_diff(full / 2) < full / 50);
        let grainy = Style { grain: 0.4, ..style() };
        assert!(ink(&line(1.0), &grainy) < full * 9 / 10);
    }

    fn line(to: [f32; 2], style: &Style) -> Vec<u8> {
        let stroke = (0..=50).map(|i| pen(to[0] * i as f32, to[1] * i as f32, 1.0)).collect();
        render(&Trajectory { strokes: vec![stroke] }, style).pixels
    }

    fn ink(pixels: &[u8]) -> u64 {
        pixels.iter().map(|&p| u64::from(255 - p)).sum()
    }

    #[test]
    fn a_nib_thins_lines_along_it() {
        let nib = Style { nib: [0.5, 0.0], ..style() };
        let (along, across) = (ink(&line([18.0, 0.0], &nib)), ink(&line([0.0, 18.0], &nib)));
        assert!(along < across * 2 / 3 && across.abs_diff(ink(&line([0.0, 18.0], &style()))) < across / 10);
    }

    #[test]
    fn fading_lightens_and_contrast_brings_it_back() {
        let inked = |fading, contrast| -> u64 {
            (0..8).map(|seed| ink(&line([18.0, 0.0], &Style { fading, contrast, seed, ..style() }))).sum()
        };
        let (full, faint, scanned) = (inked(0.0, 0.0), inked(0.8, 0.0), inked(0.8, 0.9));
        assert!(faint < full * 4 / 5 && scanned > faint * 6 / 5, "{full}, {faint}, {scanned}");
    }

    #[test]
    fn paper_surrounds_the_ink() {
        let paper = Paper { light: 0.6, gradient: [0.1, 0.0], noise: 0.02, margin: 8.0 };
        let pixels = line([18.0, 0.0], &Style { paper: Some(paper), ..style() });
        let width =
            render(&Trajectory { strokes: vec![vec![pen(0.0, 0.0, 1.0), pen(900.0, 0.0, 1.0)]] }, &style()).width + 16;
        let top = &pixels[..width];
        assert!(top.iter().all(|p| (115..190).contains(p)) && top[0] < top[width - 1], "{top:?}");
    }

    #[test]
    fn a_dot_and_nothing_are_drawn_too() {
        let scan = render(&Trajectory { strokes: vec![vec![pen(5.0, 5.0, 1.0)]] }, &style());
        assert!(scan.pixels.iter().any(|&p| p < 128));
        let scan = render(&Trajectory { strokes: Vec::new() }, &style());
        assert!(scan.pixels.iter().all(|&p| p == 255));
    }
}
