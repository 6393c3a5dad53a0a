//! Ink: the steps say what was written, not with which device.

use hccr_runtime::image::{Image, PixelFormat, normalize as normalize_image};
use hccr_runtime::ink::{Ink, InkError, InkNormalizer, Point, Step, WritingBox};
use proptest::prelude::*;

type Strokes = Vec<Vec<Point>>;

fn normalize<S: AsRef<[Point]>>(strokes: &[S]) -> Result<Vec<Step>, InkError> {
    Ok(Ink::new(strokes)?.steps())
}

fn normalize_in<S: AsRef<[Point]>>(writing_box: WritingBox, strokes: &[S]) -> Result<Vec<Step>, InkError> {
    Ok(Ink::new(strokes)?.in_box(writing_box).steps())
}

fn render<S: AsRef<[Point]>>(strokes: &[S], size: usize, width: f32) -> Result<Vec<u8>, InkError> {
    Ink::new(strokes)?.render(size, width)
}

fn point(x: f32, y: f32) -> Point {
    Point { x, y }
}

/// A made-up character: straight strokes, a corner, a bow, a spiral and a dot, each with `rate` points to a unit.
fn character(rate: f32) -> Strokes {
    let along = |length: f32, at: &dyn Fn(f32) -> Point| -> Vec<Point> {
        let pieces = (length * rate) as usize;
        (0..=pieces).map(|i| at(i as f32 / pieces as f32)).collect()
    };
    let spiral = |t: f32| point(70.0 + 25.0 * t * (9.0 * t).cos(), 60.0 + 25.0 * t * (9.0 * t).sin());
    vec![
        along(90.0, &|t| point(5.0 + 90.0 * t, 10.0 + 3.0 * t)),
        along(100.0, &|t| if t < 0.5 { point(10.0 + 100.0 * t, 30.0) } else { point(60.0, 30.0 + 100.0 * (t - 0.5)) }),
        along(80.0, &|t| point(30.0 - 20.0 * (3.0 * t).sin(), 20.0 + 75.0 * t)),
        along(120.0, &spiral),
        vec![point(90.0, 85.0)],
    ]
}

fn map(ink: &Strokes, f: impl Fn(Point) -> Point) -> Strokes {
    ink.iter().map(|stroke| stroke.iter().map(|&p| f(p)).collect()).collect()
}

/// The steps of each stroke.
fn strokes(steps: &[Step]) -> Vec<&[Step]> {
    steps.chunk_by(|_, next| next[5] == 0.0).collect()
}

/// The distance of a point from a broken line.
fn distance(x: f32, y: f32, line: &[[f32; 2]]) -> f32 {
    let to_piece = |a: [f32; 2], b: [f32; 2]| {
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let t = ((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy).max(1e-12);
        let t = t.clamp(0.0, 1.0);
        (x - a[0] - t * dx).hypot(y - a[1] - t * dy)
    };
    let pieces = line.windows(2).map(|pair| to_piece(pair[0], pair[1]));
    pieces.fold((x - line[0][0]).hypot(y - line[0][1]), f32::min)
}

fn line(stroke: &[Step]) -> Vec<[f32; 2]> {
    stroke.iter().map(|s| [s[0], s[1]]).collect()
}

/// The largest distance of a step of one ink from the other's lines, both ways.
fn difference(a: &[Step], b: &[Step]) -> f32 {
    let (a, b) = (strokes(a), strokes(b));
    assert_eq!(a.len(), b.len(), "strokes");
    let one_way = |from: &[Step], to: &[Step]| {
        let to = line(to);
        from.iter().map(|s| distance(s[0], s[1], &to)).fold(0.0, f32::max)
    };
    a.iter().zip(&b).map(|(a, b)| one_way(a, b).max(one_way(b, a))).fold(0.0, f32::max)
}

#[test]
fn one_by_one_equals_at_once_at_every_point() {
    let ink = character(1.0);
    let writing_box = Ink::new(&ink).unwrap().writing_box();
    let mut normalizer = InkNormalizer::new(writing_box);
    let mut committed = Vec::new();
    for (k, stroke) in ink.iter().enumerate() {
        for (i, &p) in stroke.iter().enumerate() {
            normalizer.add_point(p, &mut committed).unwrap();
            let mut steps = committed.clone();
            normalizer.provisional(&mut steps);
            let so_far: Strokes = ink[..k].iter().cloned().chain([stroke[..=i].to_vec()]).collect();
            assert_eq!(steps, normalize_in(writing_box, &so_far).unwrap(), "point {i} of stroke {k}");
        }
        normalizer.end_stroke(&mut committed);
        normalizer.end_stroke(&mut committed);
    }
    assert_eq!(committed, normalize(&ink).unwrap());
}

#[test]
fn steps_are_what_they_say() {
    let ink = [vec![point(0.0, 0.0), point(40.0, 0.0)], vec![point(20.0, -10.0)], vec![], vec![point(20.0, 10.0)]];
    // Along a straight line there is a step each 10/32 of half the box; the last one makes up the rest.
    let along = |k: u16| [-1.0 + 0.3125 * f32::from(k), 0.0, 0.3125, 0.0, 1.0, 0.0];
    let mut expected = vec![[-1.0, 0.0, 0.0, 0.0, 0.0, 1.0]];
    expected.extend((1..=6).map(along));
    expected.push([1.0, 0.0, 0.125, 0.0, 1.0, 0.0]);
    expected.push([0.0, -0.5, -1.0, -0.5, 0.0, 1.0]);
    expected.push([0.0, 0.5, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!(normalize(&ink).unwrap(), expected);
}

#[test]
fn corners_are_steps() {
    let ink = [vec![point(0.0, 0.0), point(64.0, 0.0), point(64.0, 50.0), point(10.0, 50.0)]];
    let steps = normalize(&ink).unwrap();
    for corner in [[1.0, -25.0 / 32.0], [1.0, 25.0 / 32.0]] {
        let nearest = steps.iter().map(|s| (s[0] - corner[0]).hypot(s[1] - corner[1])).fold(9.0, f32::min);
        assert!(nearest < 0.04, "{corner:?}: {nearest}");
    }
}

#[test]
fn size_and_place_do_not_matter() {
    let ink = character(1.0);
    let want = normalize(&ink).unwrap();
    for scale in [0.01, 0.1, 0.5, 3.0, 100.0] {
        for (dx, dy) in [(0.0, 0.0), (1000.0, -300.0)] {
            let moved = map(&ink, |p| point((p.x + dx) * scale, (p.y + dy) * scale));
            let found = normalize(&moved).unwrap();
            assert_eq!(found.len(), want.len(), "{scale} {dx} {dy}");
            let worst = found.iter().flatten().zip(want.iter().flatten()).map(|(a, b)| (a - b).abs());
            assert!(worst.fold(0.0, f32::max) < 1e-4, "{scale} {dx} {dy}");
        }
    }
    assert_eq!(normalize(&map(&ink, |p| point(p.x * 0.25, p.y * 0.25))).unwrap(), want);
}

#[test]
fn points_given_twice_do_not_matter() {
    let ink = character(1.0);
    let doubled: Strokes = ink.iter().map(|s| s.iter().flat_map(|&p| [p, p, p]).collect()).collect();
    assert_eq!(normalize(&doubled).unwrap(), normalize(&ink).unwrap());
}

#[test]
fn the_sampling_rate_hardly_matters() {
    let want = normalize(&character(1.0)).unwrap();
    for rate in [0.25, 4.0] {
        let found = normalize(&character(rate)).unwrap();
        assert!(found.len().abs_diff(want.len()) <= 2, "{} steps, {} at rate {rate}", want.len(), found.len());
        let difference = difference(&found, &want);
        assert!(difference < 0.07, "{difference} at rate {rate}");
    }
}

#[test]
fn ink_without_extent_is_one_step_per_stroke() {
    let dot = vec![point(7.0, -3.0); 50];
    let first = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    assert_eq!(normalize(&[&dot[..1]]).unwrap(), [first]);
    assert_eq!(normalize(&[&dot[..], &dot[..2]]).unwrap(), [first, first]);
}

#[test]
fn bad_points_are_named_and_change_nothing() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let ink = [vec![point(0.0, 0.0)], vec![], vec![point(1.0, 1.0), point(2.0, bad)]];
        let error = InkError::NonFinitePoint { stroke: 2, point: 1 };
        assert_eq!(normalize(&ink), Err(error.clone()));
        let writing_box = WritingBox::new(0.0, 0.0, 10.0, 10.0).unwrap();
        assert_eq!(normalize_in(writing_box, &ink), Err(error));
        assert_eq!(WritingBox::new(0.0, 0.0, bad, 1.0), Err(InkError::WritingBox));

        let mut normalizer = InkNormalizer::new(writing_box);
        let (mut steps, mut want) = (Vec::new(), Vec::new());
        normalizer.add_point(point(1.0, 1.0), &mut steps).unwrap();
        assert!(normalizer.add_point(point(bad, 1.0), &mut steps).is_err());
        normalizer.provisional(&mut want);
        assert!(want.is_empty() && steps.len() == 1);
    }
    assert_eq!(WritingBox::new(0.0, 0.0, 0.0, 1.0), Err(InkError::WritingBox));
    assert_eq!(normalize::<Vec<Point>>(&[]), Err(InkError::Empty));
    assert_eq!(normalize(&[Vec::new(), Vec::new()]), Err(InkError::Empty));
}

#[test]
fn a_box_of_the_caller_keeps_earlier_steps() {
    let writing_box = WritingBox::new(0.0, 0.0, 200.0, 100.0).unwrap();
    let ink = character(1.0);
    let all = normalize_in(writing_box, &ink).unwrap();
    let begun = normalize_in(writing_box, &ink[..3]).unwrap();
    assert_eq!(all[..begun.len()], begun);
    assert_eq!((all[0][0], all[0][1]), (0.05 - 1.0, 0.1 - 0.5));
}

#[test]
fn scribbles_and_far_points_stay_in_proportion() {
    let mut state = 1u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let scribble: Vec<Point> = (0..16_000).map(|_| point(random(), random())).collect();
    let steps = normalize(&[&scribble]).unwrap();
    // At most the length of the path, 1.05 in the box's -1..1 on average, at a step each 0.31 and one a corner.
    assert!((16_000..72_000).contains(&steps.len()), "{}", steps.len());
    let trembling: Vec<Point> =
        scribble.iter().map(|p| point(p.x * 0.01, p.y * 0.01)).chain([point(1.0, 1.0)]).collect();
    let steps = normalize(&[trembling]).unwrap();
    assert!(steps.len() < 14, "a pen that trembles goes nowhere: {}", steps.len());

    let far: Vec<Point> =
        (0..100).map(|i| if i % 2 == 0 { point(f32::MAX, f32::MIN) } else { point(0.0, 0.0) }).collect();
    let steps = normalize_in(WritingBox::new(0.0, 0.0, 1e-30, 1e-30).unwrap(), &[far]).unwrap();
    assert!(steps.len() < 2000 && steps.iter().flatten().all(|v| v.abs() <= 6.0));
}

/// A pen that goes to and fro as far as it can, and a writing box far from it.
#[test]
fn the_longest_ink_makes_a_limited_number_of_steps() {
    let zigzag = |points: usize| -> Vec<Point> {
        (0..points).map(|i| point((i % 2) as f32 * 1e9, (i / 2 % 2) as f32 * 1e9)).collect()
    };
    let small = WritingBox::new(5e8, 5e8, 1.0, 1.0).unwrap();
    let ink = Ink::new(&[zigzag(Ink::MAX_POINTS)]).unwrap();
    for steps in [ink.steps().len(), ink.in_box(small).steps().len()] {
        assert!((Ink::MAX_POINTS..30 * Ink::MAX_POINTS).contains(&steps), "{steps}");
    }
    let too_long = InkError::TooLong { points: Ink::MAX_POINTS + 1 };
    assert_eq!(Ink::new(&[zigzag(Ink::MAX_POINTS + 1)]), Err(too_long.clone()));
    assert_eq!(Ink::new(&vec![vec![]; Ink::MAX_POINTS + 1]), Err(too_long), "strokes without points count");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_point_is_far_from_the_steps(
        ink in proptest::collection::vec(proptest::collection::vec((-50i16..50, -50i16..50), 1..20), 1..6)
    ) {
        let ink: Strokes = ink.iter().map(|s| s.iter().map(|&(x, y)| point(x.into(), y.into())).collect()).collect();
        let (mut low, mut high) = (point(99.0, 99.0), point(-99.0, -99.0));
        for p in ink.iter().flatten() {
            (low, high) = (point(low.x.min(p.x), low.y.min(p.y)), point(high.x.max(p.x), high.y.max(p.y)));
        }
        let half = (0.5 * (high.x - low.x).max(high.y - low.y)).max(0.5);
        // In a box of the caller no far point is taken for a palm's.
        let (left, top) = (0.5 * (low.x + high.x) - half, 0.5 * (low.y + high.y) - half);
        let steps = normalize_in(WritingBox::new(left, top, 2.0 * half, 2.0 * half).unwrap(), &ink).unwrap();
        let found = strokes(&steps);
        prop_assert_eq!(found.len(), ink.len());
        for (stroke, steps) in ink.iter().zip(found) {
            let line = line(steps);
            for p in stroke {
                let (x, y) = ((p.x - 0.5 * (low.x + high.x)) / half, (p.y - 0.5 * (low.y + high.y)) / half);
                // The tolerance, the spacing of the points looked at, and half of that where a stroke ends.
                prop_assert!(distance(x, y, &line) < 0.05 + 1.5 / 32.0, "{:?} {:?}", p, line);
            }
        }
        let mut at = [steps[0][0], steps[0][1]];
        for s in &steps {
            at = [at[0] + s[2], at[1] + s[3]];
            prop_assert!((at[0] - s[0]).abs() < 1e-4 && (at[1] - s[1]).abs() < 1e-4, "differences add up");
            prop_assert_eq!(s[4] + s[5], 1.0);
        }
    }
}

fn inked(image: &[u8]) -> f32 {
    image.iter().map(|&grey| f32::from(255 - grey) / 255.0).sum()
}

#[test]
fn rendered_lines_have_their_length_and_width() {
    let image = render(&[vec![point(3.0, 7.0), point(5.0, 7.0)]], 96, 5.0).unwrap();
    let exact = 91.0 * 5.0 + std::f32::consts::PI * 6.25;
    assert!((inked(&image) - exact).abs() < 10.0, "{} of {exact}", inked(&image));
    let dot = render(&[[point(3.0, 7.0)]], 96, 5.0).unwrap();
    // A disc whose edge fades over 4.5 pixels has an area of pi (2.5^2 + 4.5^2 / 12).
    assert!((inked(&dot) - 24.9).abs() < 0.5 && dot[48 * 96 + 48] < 50, "{}", inked(&dot));
}

#[test]
fn rendered_ink_is_nearly_as_images_are_normalized() {
    let image = render(&character(1.0), 96, 4.5).unwrap();
    let mut normalized = vec![0; 96 * 96];
    normalize_image(&Image::new(&image, 96, 96, PixelFormat::Gray).unwrap(), 96, &mut normalized).unwrap();
    let moved = image.iter().zip(&normalized).map(|(&a, &b)| (255 - a).abs_diff(b));
    assert!(moved.filter(|&d| d > 120).count() < 96, "shifted by less than a pixel");
    for (rate, scale) in [(4.0, 1.0), (1.0, 0.01), (1.0, 64.0)] {
        let other = map(&character(rate), |p| point(p.x * scale, p.y * scale));
        let other = render(&other, 96, 4.5).unwrap();
        let differing = image.iter().zip(&other).filter(|(a, b)| a.abs_diff(**b) > 40).count();
        assert!(differing < 20, "{differing} pixels at rate {rate}, scale {scale}");
    }
}

#[test]
fn what_cannot_be_rendered_is_an_error() {
    let ink = [[point(0.0, 0.0)]];
    for (size, width) in [(96, 0.0), (96, f32::NAN), (96, 96.0), (0, 1.0), (usize::MAX, 1.0)] {
        assert!(matches!(render(&ink, size, width), Err(InkError::Canvas { .. })), "{size} {width}");
    }
    assert_eq!(render::<Vec<Point>>(&[], 96, 4.0), Err(InkError::Empty));
}

#[test]
fn a_palms_tap_far_away_changes_nothing() {
    let stroke = |points: &[(f32, f32)]| points.iter().map(|&(x, y)| Point { x, y }).collect::<Vec<_>>();
    let cross = vec![stroke(&[(10.0, 50.0), (90.0, 50.0)]), stroke(&[(50.0, 10.0), (50.0, 90.0)])];
    let want = Ink::new(&cross).unwrap();
    let with = |tap| Ink::new(&[cross.clone(), vec![stroke(&[tap])]].concat()).unwrap();
    let found = with((400.0, 300.0));
    assert_eq!(found.steps(), want.steps());
    assert_eq!(found.render(96, 4.0), want.render(96, 4.0));
    // A dot beside the cross is written.
    assert_ne!(with((120.0, 20.0)).steps(), want.steps());
}
