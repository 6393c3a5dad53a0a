use super::{
    compare,
    graph::{Graph, Point, distance, length},
    raster::Bitmap,
    trace,
};

/// Lines drawn nine pixels wide.
fn drawn(lines: &[&[Point]]) -> Bitmap {
    let (width, height) = (120, 120);
    let near = |p: Point| {
        lines.iter().flat_map(|line| line.windows(2)).any(|pair| {
            let steps = 200;
            (0..=steps).any(|k| {
                let t = k as f32 / steps as f32;
                let at = [0, 1].map(|axis| pair[0][axis] + t * (pair[1][axis] - pair[0][axis]));
                distance(at, p) <= 4.5
            })
        })
    };
    let ink = (0..width * height).map(|i| near([(i % width) as f32 + 0.5, (i / width) as f32 + 0.5])).collect();
    Bitmap { width, height, ink }
}

/// The strokes of drawn lines, in order.
fn traced(lines: &[&[Point]]) -> Vec<Vec<Point>> {
    let mut strokes = trace::strokes(&Graph::of(&drawn(lines)));
    compare::order(&mut strokes, None);
    strokes
}

fn assert_near(stroke: &[Point], line: [Point; 2]) {
    let (first, last) = (stroke[0], stroke[stroke.len() - 1]);
    assert!(distance(first, line[0]) < 4.0 && distance(last, line[1]) < 4.0, "{stroke:?} is not {line:?}");
    assert!((length(stroke) - distance(line[0], line[1])).abs() < 5.0, "{stroke:?} is not straight");
}

#[test]
fn a_crossing_is_two_strokes() {
    for [a, b] in [
        [[[20.0, 20.0], [100.0, 100.0]], [[20.0, 100.0], [100.0, 20.0]]],
        [[[60.0, 20.0], [60.0, 100.0]], [[20.0, 60.0], [100.0, 60.0]]],
        [[[20.0, 40.0], [100.0, 80.0]], [[20.0, 80.0], [100.0, 40.0]]],
    ] {
        let mut strokes = traced(&[&a, &b]);
        assert_eq!(strokes.len(), 2);
        strokes.sort_by(|s, t| distance(s[0], a[0]).total_cmp(&distance(t[0], a[0])));
        assert_near(&strokes[0], a);
        let b = if distance(strokes[1][0], b[0]) < 10.0 { b } else { [b[1], b[0]] };
        assert_near(&strokes[1], b);
    }
}

#[test]
fn a_stroke_that_ends_at_another_leaves_it_whole() {
    let strokes = traced(&[&[[20.0, 30.0], [100.0, 30.0]], &[[60.0, 30.0], [60.0, 100.0]]]);
    assert_eq!(strokes.len(), 2);
    assert_near(&strokes[0], [[20.0, 30.0], [100.0, 30.0]]);
    assert_near(&strokes[1], [[60.0, 30.0], [60.0, 100.0]]);
}

#[test]
fn corners_and_rings_are_one_stroke() {
    let corner = traced(&[&[[20.0, 20.0], [100.0, 20.0], [100.0, 100.0]]]);
    assert_eq!(corner.len(), 1);
    assert!((150.0..165.0).contains(&length(&corner[0])), "{corner:?}");
    let ring = traced(&[&[[30.0, 30.0], [90.0, 30.0], [90.0, 90.0], [30.0, 90.0], [30.0, 30.0]]]);
    assert_eq!(ring.len(), 1);
    assert!(distance(ring[0][0], ring[0][ring[0].len() - 1]) < 4.0 && length(&ring[0]) > 200.0, "{ring:?}");
}

#[test]
fn a_dot_is_a_stroke_and_paper_none() {
    let dots = traced(&[&[[60.0, 60.0], [60.0, 60.0]]]);
    assert!(dots.len() == 1 && dots[0].len() >= 2 && length(&dots[0]) < 10.0, "{dots:?}");
    assert!(traced(&[]).is_empty());
}

#[test]
fn strokes_come_in_the_order_of_the_template() {
    let template: Vec<Vec<Point>> = vec![vec![[0.0, 1.0], [1.0, 1.0]], vec![[1.0, 0.0], [0.0, 0.0]]];
    let mut strokes = vec![vec![[10.0, 10.0], [90.0, 12.0]], vec![[88.0, 90.0], [10.0, 91.0]]];
    compare::order(&mut strokes, Some(&template));
    assert_eq!(strokes, [[[10.0, 91.0], [88.0, 90.0]], [[90.0, 12.0], [10.0, 10.0]]]);
}

#[test]
fn likeness_is_of_the_shape() {
    let cross = [vec![[0.1, 0.5], [0.9, 0.5]], vec![[0.5, 0.1], [0.5, 0.9]]];
    let ring = [vec![[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.1, 0.1]]];
    assert!(compare::likeness(&cross, &cross) > 0.99);
    assert!(compare::likeness(&cross, &ring) < 0.3);
}
