//! The image of an ink, for an offline network.

use super::geometry::{distance2_to_line, sqrt};
use super::{Point, WritingBox};
use alloc::vec;
use alloc::vec::Vec;

/// The share of a line's width over which its edge fades, as in scans of pens.
const FADE: f64 = 0.9;

/// Draws strokes that lie in `bounds`; see [`Ink::render`](super::Ink::render).
pub(super) fn render<'a>(
    strokes: impl Iterator<Item = &'a [Point]>,
    bounds: WritingBox,
    size: usize,
    width: f32,
) -> Vec<u8> {
    let side = size as f64;
    let radius = 0.5 * f64::from(width);
    let mut canvas = Canvas { pixels: vec![255; size * size], size, radius, fade: FADE * f64::from(width) };
    // The lines' edges, where they are half faded, touch the border.
    let half = 0.5 * side - radius;
    let place = |p: &Point| bounds.place(*p).map(|v| 0.5 * side + v * half);
    for stroke in strokes {
        let mut points = stroke.iter().map(place);
        let Some(mut from) = points.next() else { continue };
        canvas.line(from, from);
        for to in points {
            canvas.line(from, to);
            from = to;
        }
    }
    canvas.pixels
}

struct Canvas {
    pixels: Vec<u8>,
    size: usize,
    radius: f64,
    fade: f64,
}

impl Canvas {
    /// Inks what lies within the radius of the line from `a` to `b`; where lines overlap, the darker grey stays.
    fn line(&mut self, a: [f64; 2], b: [f64; 2]) {
        let (inner, outer) = (self.radius - 0.5 * self.fade, self.radius + 0.5 * self.fade);
        let span = |axis: usize| {
            let first = (a[axis].min(b[axis]) - outer).max(0.0) as usize;
            let end = (a[axis].max(b[axis]) + outer).max(0.0) as usize + 1;
            first..end.min(self.size)
        };
        let (columns, rows) = (span(0), span(1));
        for y in rows {
            let row = &mut self.pixels[y * self.size..(y + 1) * self.size];
            for x in columns.clone() {
                let distance2 = distance2_to_line([x as f64 + 0.5, y as f64 + 0.5], a, b);
                if distance2 <= inner * inner {
                    row[x] = 0;
                } else if distance2 < outer * outer && row[x] > 0 {
                    let grey = 255.0 * (sqrt(distance2) - inner) / self.fade;
                    row[x] = row[x].min((grey + 0.5) as u8);
                }
            }
        }
    }
}
