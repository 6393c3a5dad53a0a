//! From a pen's trajectory to the scan of a character.

use crate::trajectory::{PenPoint, Trajectory};
use hccr_random::Rng;

/// How a trajectory is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// The longest side of the ink, in pixels.
    pub size: f32,
    /// The width of a line at pressure 1, in pixels.
    pub width: f32,
    /// How far the edge of a line fades out, in pixels; 1 is merely antialiased.
    pub softness: f32,
    /// The darkness of full ink, 0 to 1.
    pub darkness: f32,
    /// Ink fainter than this is taken for paper, as scans are cleaned; 0 to 1.
    pub floor: f32,
    /// The share of its darkness that a pixel may lose at random: the grain of the paper, 0 to 1.
    pub grain: f32,
    /// Seeds the grain.
    pub seed: u64,
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

/// Draws a trajectory, tightly cropped up to the margin that the lines' width needs.
pub fn render(trajectory: &Trajectory, style: &Style) -> Scan {
    let points = || trajectory.strokes.iter().flatten();
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for p in points() {
        low = [low[0].min(p.x), low[1].min(p.y)];
        high = [high[0].max(p.x), high[1].max(p.y)];
    }
    let extent = (high[0] - low[0]).max(high[1] - low[1]).max(1.0);
    let scale = ((style.size - style.width) / extent).max(0.0);
    let margin = 0.7 * style.width + style.softness;
    let side = |axis: usize| ((high[axis] - low[axis]).max(0.0) * scale + 2.0 * margin) as usize + 1;
    let mut canvas = Canvas::new(side(0), side(1), style.softness);
    let place = |p: &PenPoint| Dot {
        x: (p.x - low[0]) * scale + margin,
        y: (p.y - low[1]) * scale + margin,
        radius: 0.5 * style.width * p.pressure.clamp(0.1, 1.4),
    };
    for stroke in &trajectory.strokes {
        let mut last = None;
        for dot in stroke.iter().map(place) {
            canvas.line(last.unwrap_or(dot), dot);
            last = Some(dot);
        }
    }
    canvas.develop(style)
}

/// A disc of the pen, in pixels.
#[derive(Clone, Copy)]
struct Dot {
    x: f32,
    y: f32,
    radius: f32,
}

/// The share of each pixel under ink.
struct Canvas {
    ink: Vec<f32>,
    width: usize,
    height: usize,
    softness: f32,
}

impl Canvas {
    fn new(width: usize, height: usize, softness: f32) -> Self {
        Self { ink: vec![0.0; width * height], width, height, softness }
    }

    /// The hull of two discs.
    fn line(&mut self, from: Dot, to: Dot) {
        let reach = from.radius.max(to.radius) + 0.5 * self.softness;
        let span = |a: f32, b: f32, limit: usize| {
            let first = (a.min(b) - reach - 0.5).max(0.0) as usize;
            first..((a.max(b) + reach + 0.5).max(0.0) as usize + 1).min(limit)
        };
        let (dx, dy, grow) = (to.x - from.x, to.y - from.y, to.radius - from.radius);
        let inverse_length2 = 1.0 / (dx * dx + dy * dy).max(1e-6);
        let inverse_softness = 1.0 / self.softness;
        for y in span(from.y, to.y, self.height) {
            let row = &mut self.ink[y * self.width..(y + 1) * self.width];
            let py = y as f32 + 0.5 - from.y;
            for x in span(from.x, to.x, self.width) {
                let px = x as f32 + 0.5 - from.x;
                let along = ((px * dx + py * dy) * inverse_length2).clamp(0.0, 1.0);
                let (ex, ey) = (px - along * dx, py - along * dy);
                let depth = from.radius + along * grow - (ex * ex + ey * ey).sqrt();
                let ink = (depth * inverse_softness + 0.5).min(1.0);
                row[x] = row[x].max(ink);
            }
        }
    }

    fn develop(self, style: &Style) -> Scan {
        let mut rng = Rng::new(style.seed, 0);
        let grey = |ink: f32| {
            if ink <= style.floor {
                return 255;
            }
            255 - (255.0 * ink * style.darkness * (1.0 - style.grain * rng.uniform()) + 0.5) as u8
        };
        Scan { pixels: self.ink.into_iter().map(grey).collect(), width: self.width, height: self.height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style() -> Style {
        Style { size: 40.0, width: 4.0, softness: 1.0, darkness: 1.0, floor: 0.0, grain: 0.0, seed: 1 }
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

    #[test]
    fn a_dot_and_nothing_are_drawn_too() {
        let scan = render(&Trajectory { strokes: vec![vec![pen(5.0, 5.0, 1.0)]] }, &style());
        assert!(scan.pixels.iter().any(|&p| p < 128));
        let scan = render(&Trajectory { strokes: Vec::new() }, &style());
        assert!(scan.pixels.iter().all(|&p| p == 255));
    }
}
