use super::*;
use crate::strokes::{Skeletons, Stroke};
use hccr_runtime::ink::{Ink, Point};
use std::collections::BTreeSet;

fn config() -> SimulatorConfig {
    let size = |writers, samples_per_class| SplitSize { writers, samples_per_class };
    SimulatorConfig {
        classes: vec!['啊', '阿', '埃'],
        train: size(4, 6),
        dev: size(2, 2),
        test: size(2, 3),
        seed: 1,
        fonts: false,
        variation: 1.0,
    }
}

fn written(split: Split) -> ImageSet {
    simulate(&config(), split, &|_, _| {}).expect("simulates")
}

fn recorded(split: Split) -> InkSet {
    simulate_ink(&config(), split, &|_, _| {}).expect("simulates")
}

fn skeletons() -> Vec<Vec<Stroke>> {
    let all = Skeletons::embedded().expect("embedded file");
    gb2312_level1().into_iter().filter_map(|c| all.get(c).map(<[Stroke]>::to_vec)).collect()
}

/// These bytes must be the same on every machine, and stay what they are: figures were measured on them.
#[test]
fn bytes_are_fixed() {
    assert_eq!(crc32fast::hash(&written(Split::Train).pixels), GOLDEN);
}

const GOLDEN: u32 = 401_568_443;

/// So must these.
#[test]
fn ink_is_fixed() {
    let set = recorded(Split::Train);
    let mut crc = crc32fast::Hasher::new();
    for i in 0..set.len() {
        for stroke in set.strokes(i) {
            crc.update(&(stroke.len() as u32).to_le_bytes());
            stroke.iter().flatten().for_each(|v| crc.update(&v.to_le_bytes()));
        }
    }
    assert_eq!(crc.finalize(), GOLDEN_INK);
}

const GOLDEN_INK: u32 = 925_242_287;

#[test]
fn bytes_do_not_depend_on_threads() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| (written(Split::Dev), recorded(Split::Dev)))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn splits_are_complete_and_share_no_writer() {
    let sets = [Split::Train, Split::Dev, Split::Test].map(written);
    assert_eq!(sets.each_ref().map(ImageSet::len), [18, 6, 9]);
    let mut writers = BTreeSet::new();
    for set in &sets {
        assert_eq!((&set.classes[..], set.pixels.len()), (&['啊', '阿', '埃'][..], set.len() * 96 * 96));
        assert!((0..3).all(|c| set.labels.iter().filter(|&&l| l == c).count() == set.len() / 3));
        let own: BTreeSet<u32> = set.writers.iter().copied().collect();
        assert!(own.is_disjoint(&writers));
        writers.extend(own);
    }
    assert_eq!(writers.len(), 8);
}

#[test]
fn images_differ_by_sample_and_seed() {
    let set = written(Split::Train);
    let distinct: BTreeSet<&[u8]> = (0..set.len()).map(|i| set.image(i)).collect();
    assert_eq!(distinct.len(), set.len());
    let other = simulate(&SimulatorConfig { seed: 2, ..config() }, Split::Train, &|_, _| {}).expect("simulates");
    assert_ne!(set.pixels, other.pixels);
}

#[test]
fn progress_ends_with_everything() {
    let last = AtomicUsize::new(0);
    let progress = |done: usize, total: usize| {
        assert_eq!(total, 18);
        last.fetch_max(done, Ordering::Relaxed);
    };
    simulate(&config(), Split::Train, &progress).expect("simulates");
    assert_eq!(last.into_inner(), 18);
}

#[test]
fn impossible_sizes_are_refused() {
    let try_with = |change: fn(&mut SimulatorConfig)| {
        let mut config = config();
        change(&mut config);
        simulate(&config, Split::Train, &|_, _| {}).expect_err("refused")
    };
    assert_eq!(try_with(|c| c.classes[1] = 'A'), SimulatorError::UnknownCharacter('A'));
    assert_eq!(try_with(|c| c.classes.clear()), SimulatorError::NoClasses);
    assert_eq!(try_with(|c| c.train.writers = 0), SimulatorError::Writers(0));
}

#[test]
fn ink_and_image_of_a_number_are_the_same_writing() {
    let (images, inks) = (written(Split::Train), recorded(Split::Train));
    assert_eq!((&inks.labels, &inks.writers, &inks.classes), (&images.labels, &images.writers, &images.classes));
    // Drawn, an ink covers its own image better than any other of its class.
    let drawn: Vec<Vec<u8>> = (0..inks.len())
        .map(|i| Ink::new(&inks.ink(i)).and_then(|ink| ink.render(IMAGE_SIZE, 5.0)).expect("ink"))
        .collect();
    let overlap = |ink: usize, image: usize| {
        let image = images.image(image);
        let common: f32 = drawn[ink].iter().zip(image).map(|(&a, &b)| f32::from(255 - a) * f32::from(b)).sum();
        common / image.iter().map(|&b| f32::from(b) * f32::from(b)).sum::<f32>().sqrt()
    };
    for i in 0..inks.len() {
        let start = i / 6 * 6;
        let best = (start..start + 6).max_by(|&a, &b| overlap(i, a).total_cmp(&overlap(i, b)));
        assert_eq!(best, Some(i));
    }
}

/// As many steps as the online network was designed for, and hardly other ones for other devices.
#[test]
fn steps_depend_on_the_writing_alone() {
    let (mut total, mut inks, mut worst) = (0, 0, 0.0f32);
    let skeletons = skeletons();
    for (i, skeleton) in skeletons.iter().enumerate().step_by(37) {
        let ink = Writer::new(3, i as u32 % 40).ink(skeleton, i as u64);
        let points = |stroke: &Vec<[i16; 2]>| stroke.iter().map(|&[x, y]| Point { x: x.into(), y: y.into() }).collect();
        let ink: Vec<Vec<Point>> = ink.iter().map(points).collect();
        let steps = Ink::new(&ink).expect("ink").steps();
        total += steps.len();
        inks += 1;

        let finer: Vec<Vec<Point>> = ink.iter().map(|stroke| refine(stroke)).collect();
        let moved: Vec<Vec<Point>> = finer
            .iter()
            .map(|s| s.iter().map(|p| Point { x: 31.7 * p.x - 5000.0, y: 31.7 * p.y + 77.0 }).collect())
            .collect();
        for other in [finer, moved] {
            let other = Ink::new(&other).expect("ink").steps();
            assert!(other.len().abs_diff(steps.len()) <= 1, "class {i}: {} and {} steps", steps.len(), other.len());
            if other.len() == steps.len() {
                let differences = steps.iter().flatten().zip(other.iter().flatten()).map(|(a, b)| (a - b).abs());
                worst = worst.max(differences.fold(0.0, f32::max));
            }
        }
    }
    assert!((40..=60).contains(&(total / inks)), "{} steps on average", total / inks);
    assert!(worst < 0.04, "{worst}");
}

/// Four times the points on the same lines.
fn refine(stroke: &[Point]) -> Vec<Point> {
    let between = |pair: &[Point]| {
        let (a, b) = (pair[0], pair[1]);
        [0.0, 0.25, 0.5, 0.75].map(|t| Point { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) })
    };
    stroke.windows(2).flat_map(between).chain(stroke.last().copied()).collect()
}

/// Pen-downs over canonical strokes, as real writing shows them: from .25 to .95 by writer, .6 or .65 on average.
#[test]
fn strokes_are_joined_as_often_as_people_do() {
    let skeletons = skeletons();
    let ratio = |writer: u32| {
        let (hand, mut pens, mut strokes) = (Writer::new(1, writer), 0, 0);
        for (i, skeleton) in skeletons.iter().step_by(100).enumerate() {
            pens += hand.sample(skeleton, i as u64).strokes.len();
            strokes += skeleton.len();
        }
        pens as f32 / strokes as f32
    };
    let mut ratios: Vec<f32> = (0..60).map(ratio).collect();
    ratios.sort_by(f32::total_cmp);
    let mean = ratios.iter().sum::<f32>() / 60.0;
    assert!((0.56..0.66).contains(&mean), "mean {mean}");
    assert!(ratios[2] < 0.35 && ratios[57] > 0.88, "{ratios:?}");
}

#[test]
fn every_character_can_be_written() {
    let hand = Writer::new(5, 5);
    let all = Skeletons::embedded().expect("embedded file");
    for c in all.chars() {
        let skeleton = all.get(c).expect("listed");
        let trajectory = hand.sample(skeleton, c.into());
        assert!((1..=skeleton.len()).contains(&trajectory.strokes.len()));
        let off = trajectory.strokes.iter().flatten().map(|p| (p.x - 512.0).abs().max((p.y - 512.0).abs()));
        let worst = off.fold(0.0, f32::max);
        assert!(worst < 2000.0, "{c}: {worst}");
    }
}
