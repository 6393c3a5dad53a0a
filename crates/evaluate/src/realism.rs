//! How far simulated writing is from real writing: whether a simple classifier tells the images apart, and statistics of inks.

use hccr_data::{ImageSet, InkSet};
use std::collections::BTreeSet;

/// The side of the cells whose mean grey is a feature, in pixels.
const CELL: usize = 4;
/// The bins of a histogram.
const BINS: usize = 16;
/// Steps of training, their size, and the weight decay.
const STEPS: i32 = 400;
const RATE: f32 = 0.01;
const DECAY: f32 = 1e-3;

/// How well images are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToldApart {
    /// Images of both sets to train on.
    pub train_samples: usize,
    /// Images of both sets, by other writers, to test on.
    pub test_samples: usize,
    /// The mean of the shares of images of either set that are attributed to it, 0 to 1; 0.5 is guessing.
    pub accuracy: f64,
}

/// Trains a logistic regression to tell the images of two sets apart, and tests it on images of other writers: every third of
/// each set. It sees a coarse image, how often each grey occurs, and how steep edges are. Both sets count alike, whatever
/// their sizes; give them the same classes equally often.
///
/// `None` where a set has fewer than two writers.
///
/// # Panics
/// Where the images differ in size.
pub fn tell_apart(first: &ImageSet, second: &ImageSet) -> Option<ToldApart> {
    assert_eq!(first.size, second.size, "the images differ in size");
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (set, side) in [(first, 1.0), (second, -1.0)] {
        let writers: BTreeSet<u32> = set.writers.iter().copied().collect();
        // From the second on, so that two writers suffice.
        let held_out: BTreeSet<u32> = writers.into_iter().skip(1).step_by(3).collect();
        let (tested, trained) = set.split_by_writer(|writer| held_out.contains(&writer));
        if tested.is_empty() || trained.is_empty() {
            return None;
        }
        train.extend((0..trained.len()).map(|i| (features(trained.image(i), set.size), side)));
        test.extend((0..tested.len()).map(|i| (features(tested.image(i), set.size), side)));
    }
    let [means, scales] = moments(&train);
    for (features, _) in train.iter_mut().chain(&mut test) {
        for ((value, mean), scale) in features.iter_mut().zip(&means).zip(&scales) {
            *value = (*value - mean) / scale;
        }
    }
    let weights = regression(&train);
    let right = |side: f32| {
        let own: Vec<bool> = test.iter().filter(|s| s.1 == side).map(|s| side * score(&weights, &s.0) > 0.0).collect();
        own.iter().filter(|&&right| right).count() as f64 / own.len() as f64
    };
    let accuracy = 0.5 * (right(1.0) + right(-1.0));
    Some(ToldApart { train_samples: train.len(), test_samples: test.len(), accuracy })
}

/// An image's features, and the set that it is of: 1 or -1.
type Sample = (Vec<f32>, f32);

fn features(image: &[u8], size: usize) -> Vec<f32> {
    let cells = size.div_ceil(CELL);
    let mut features = vec![0.0; cells * cells + 2 * BINS];
    let at = |x: usize, y: usize| f32::from(image[y * size + x]) / 255.0;
    for y in 0..size {
        for x in 0..size {
            let grey = at(x, y);
            features[(y / CELL) * cells + x / CELL] += grey;
            let (right, below) = (at((x + 1).min(size - 1), y), at(x, (y + 1).min(size - 1)));
            let edge = (right - grey).abs().max((below - grey).abs());
            // Plain paper is most of each image, and says nothing.
            for (value, histogram) in [(grey, 0), (edge, 1)].into_iter().filter(|(value, _)| *value > 0.0) {
                let bin = ((value * BINS as f32) as usize).min(BINS - 1);
                features[cells * cells + histogram * BINS + bin] += 1.0;
            }
        }
    }
    for histogram in features[cells * cells..].chunks_mut(BINS) {
        let sum: f32 = histogram.iter().sum();
        histogram.iter_mut().for_each(|count| *count /= sum.max(1.0));
    }
    features
}

/// Mean and standard deviation of each feature.
fn moments(samples: &[Sample]) -> [Vec<f32>; 2] {
    let count = samples.len() as f32;
    let over = |value: &dyn Fn(f32, usize) -> f32| -> Vec<f32> {
        (0..samples[0].0.len()).map(|f| samples.iter().map(|s| value(s.0[f], f)).sum::<f32>() / count).collect()
    };
    let means = over(&|value, _| value);
    let variances = over(&|value, f| (value - means[f]).powi(2));
    let scales = variances.iter().map(|variance| variance.sqrt().max(1e-4)).collect();
    [means, scales]
}

fn score(weights: &[f32], features: &[f32]) -> f32 {
    weights[features.len()] + weights.iter().zip(features).map(|(w, f)| w * f).sum::<f32>()
}

/// The weights of the features, and the bias, by Adam on all samples at once.
fn regression(samples: &[Sample]) -> Vec<f32> {
    let size = samples[0].0.len() + 1;
    let share = |side: f32| 0.5 / samples.iter().filter(|sample| sample.1 == side).count() as f32;
    let shares = [share(1.0), share(-1.0)];
    let [mut weights, mut first, mut second] = [(); 3].map(|()| vec![0.0f32; size]);
    for step in 1..=STEPS {
        let mut gradient: Vec<f32> = weights.iter().map(|weight| DECAY * weight).collect();
        for (features, side) in samples {
            let share = if *side > 0.0 { shares[0] } else { shares[1] };
            let slope = -side * share / (1.0 + (side * score(&weights, features)).exp());
            for (sum, feature) in gradient.iter_mut().zip(features.iter().chain([&1.0])) {
                *sum += slope * feature;
            }
        }
        for i in 0..size {
            first[i] = 0.9 * first[i] + 0.1 * gradient[i];
            second[i] = 0.999 * second[i] + 0.001 * gradient[i] * gradient[i];
            let (mean, square) = (first[i] / (1.0 - 0.9f32.powi(step)), second[i] / (1.0 - 0.999f32.powi(step)));
            weights[i] -= RATE * mean / (square.sqrt() + 1e-8);
        }
    }
    weights
}

/// What is measured of each ink, or of each of its strokes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InkStatistics {
    /// Points of each stroke.
    pub points: Vec<f64>,
    /// Strokes of each ink over those of its character in the copybook; of characters that have a known number alone.
    pub pen_downs: Vec<f64>,
    /// Length of each ink's path, pen down, over the longer side of its box.
    pub path_length: Vec<f64>,
    /// Distance of each stroke's ends over the length of its path; of strokes that move.
    pub straightness: Vec<f64>,
}

impl InkStatistics {
    /// Of all inks of `set`; `strokes` tells how many strokes a character has in the copybook.
    pub fn new(set: &InkSet, strokes: impl Fn(char) -> Option<usize>) -> Self {
        let mut statistics = Self::default();
        let distance =
            |a: [i16; 2], b: [i16; 2]| (f64::from(a[0]) - f64::from(b[0])).hypot(f64::from(a[1]) - f64::from(b[1]));
        for i in 0..set.len() {
            let (mut length, mut count) = (0.0, 0);
            let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
            for stroke in set.strokes(i) {
                count += 1;
                statistics.points.push(stroke.len() as f64);
                let path: f64 = stroke.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
                if path > 0.0 {
                    statistics.straightness.push(distance(stroke[0], stroke[stroke.len() - 1]) / path);
                }
                length += path;
                for point in stroke {
                    for axis in 0..2 {
                        low[axis] = low[axis].min(point[axis].into());
                        high[axis] = high[axis].max(point[axis].into());
                    }
                }
            }
            let side = (high[0] - low[0]).max(high[1] - low[1]);
            if side > 0.0 {
                statistics.path_length.push(length / side);
            }
            if let Some(written) = strokes(set.classes[usize::from(set.labels[i])]) {
                statistics.pen_downs.push(f64::from(count) / written as f64);
            }
        }
        statistics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars of this grey, by eight writers.
    fn bars(grey: u8, from: usize) -> ImageSet {
        let mut set = ImageSet::new(16, vec!['一']);
        for i in 0..80 {
            let bar = |p: usize| p / 16 >= 4 + (i + from) % 3 && p / 16 < 8 + (i + from) % 5;
            set.pixels.extend((0..256).map(|p| if bar(p) { grey } else { 0 }));
            set.labels.push(0);
            set.writers.push(i as u32 % 8);
        }
        set
    }

    #[test]
    fn different_images_are_told_apart_and_equal_ones_are_not() {
        let apart = tell_apart(&bars(250, 0), &bars(150, 0)).unwrap();
        assert!(apart.accuracy > 0.95, "{apart:?}");
        assert_eq!((apart.train_samples, apart.test_samples), (100, 60));
        let alike = tell_apart(&bars(250, 0), &bars(250, 1)).unwrap();
        assert!((0.2..0.8).contains(&alike.accuracy), "{alike:?}");
        let one_writer = bars(250, 0).split_by_writer(|writer| writer == 0).0;
        assert_eq!(tell_apart(&one_writer, &bars(250, 0)), None);
    }

    #[test]
    fn inks_are_measured() {
        let mut set = InkSet::new(vec!['一', '乙']);
        set.push([&[[0, 0], [30, 0], [30, 40]][..], &[[5, 5]]], 0, 0);
        set.push([&[[0, 0], [10, 0]]], 1, 0);
        let found = InkStatistics::new(&set, |c| (c == '一').then_some(4));
        assert_eq!(found.points, [3.0, 1.0, 2.0]);
        assert_eq!(found.pen_downs, [0.5]);
        assert_eq!(found.path_length, [70.0 / 40.0, 1.0]);
        assert_eq!(found.straightness, [50.0 / 70.0, 1.0]);
    }
}
