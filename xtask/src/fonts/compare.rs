//! Compares a glyph's strokes with the skeleton of the same character that has strokes in writing order.

use super::graph::{Point, between, distance};

/// The edge of the pictures that are compared.
const SIZE: usize = 32;

/// The strokes scaled to fill a square of edge 1, each axis alone unless the character is narrow.
pub(super) fn unit(strokes: &[Vec<Point>]) -> Vec<Vec<Point>> {
    let mut low = [f32::INFINITY; 2];
    let mut high = [f32::NEG_INFINITY; 2];
    for point in strokes.iter().flatten() {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let extent = [high[0] - low[0], high[1] - low[1]];
    let least = 0.4 * extent[0].max(extent[1]).max(1.0);
    let scale = |axis: usize, value: f32| 0.5 + (value - (low[axis] + high[axis]) / 2.0) / extent[axis].max(least);
    strokes.iter().map(|stroke| stroke.iter().map(|p| [scale(0, p[0]), scale(1, p[1])]).collect()).collect()
}

/// How alike two drawings in a unit square are: the correlation of small blurred pictures, at most 1.
pub(super) fn likeness(a: &[Vec<Point>], b: &[Vec<Point>]) -> f32 {
    let (a, b) = (picture(a), picture(b));
    let (mean_a, mean_b) = (a.iter().sum::<f32>() / a.len() as f32, b.iter().sum::<f32>() / b.len() as f32);
    let (mut ab, mut aa, mut bb) = (0.0, 1e-6, 1e-6);
    for (a, b) in a.iter().zip(&b) {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    ab / (aa * bb).sqrt()
}

fn picture(strokes: &[Vec<Point>]) -> Vec<f32> {
    let mut pixels = vec![0.0f32; SIZE * SIZE];
    let edge = (SIZE - 5) as f32;
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let steps = (distance(pair[0], pair[1]) * 2.0 * edge).ceil().max(1.0) as usize;
        for k in 0..=steps {
            let [x, y] = between(pair[0], pair[1], k as f32 / steps as f32).map(|v| (2.0 + v * edge) as usize);
            if x < SIZE && y < SIZE {
                pixels[y * SIZE + x] = 1.0;
            }
        }
    }
    for _ in 0..3 {
        for step in [1, SIZE] {
            let old = pixels.clone();
            for i in step..old.len() - step {
                pixels[i] = 0.25 * old[i - step] + 0.5 * old[i] + 0.25 * old[i + step];
            }
        }
    }
    pixels
}

/// Brings the strokes of a glyph into the order, and each into the direction, of the strokes of the template that lie nearest;
/// without a template, from the top left to the bottom right. A guess, since an outline does not tell.
pub(super) fn order(strokes: &mut Vec<Vec<Point>>, template: Option<&[Vec<Point>]>) {
    let unit = unit(strokes);
    let mut keyed: Vec<([f32; 2], Vec<Point>)> = Vec::new();
    for (mut stroke, unit) in strokes.drain(..).zip(unit) {
        let (Some(&first), Some(&last)) = (unit.first(), unit.last()) else { continue };
        let (key, begin, end) = match template {
            Some(template) => {
                let nearest = (0..template.len())
                    .min_by(|&a, &b| apart(&unit, &template[a]).total_cmp(&apart(&unit, &template[b])));
                let nearest = nearest.unwrap_or(0);
                let along = |p: Point| template.get(nearest).map_or((0.0, 0.0), |line| project(p, line));
                (nearest as f32, along(first).1, along(last).1)
            }
            None => (0.0, first[0] + 1.5 * first[1], last[0] + 1.5 * last[1]),
        };
        if end < begin {
            stroke.reverse();
        }
        keyed.push(([key, begin.min(end)], stroke));
    }
    keyed.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]).then(a.0[1].total_cmp(&b.0[1])));
    strokes.extend(keyed.into_iter().map(|(_, stroke)| stroke));
}

/// The mean distance of a stroke's points from a line.
fn apart(stroke: &[Point], line: &[Point]) -> f32 {
    let middles = stroke.windows(2).map(|pair| between(pair[0], pair[1], 0.5));
    let points = stroke.iter().copied().chain(middles);
    let (sum, count) = points.fold((0.0, 0.0), |(sum, count), p| (sum + project(p, line).0, count + 1.0));
    sum / f32::max(count, 1.0)
}

/// The distance of a point from a line, and how far along the line the nearest point is.
fn project(p: Point, line: &[Point]) -> (f32, f32) {
    let mut best = (f32::INFINITY, 0.0);
    let mut walked = 0.0;
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let length = distance(a, b);
        let t = ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / (length * length).max(1e-9);
        let t = t.clamp(0.0, 1.0);
        let d = distance(p, between(a, b, t));
        if d < best.0 {
            best = (d, walked + t * length);
        }
        walked += length;
    }
    best
}
