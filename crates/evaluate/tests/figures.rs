//! Answers and figures of sets whose answers are known.

use hccr_data::{ImageSet, InkSet};
use hccr_evaluate::calibration::{BINS, fit_temperature};
use hccr_evaluate::*;
use hccr_runtime::{Model, ModelBuilder, Op, RecognizerError};

/// Reads an image by its pixels: the brightest is the class.
fn model(temperature: Option<f32>) -> Model {
    let mut network = ModelBuilder::new(&[1, 2, 2]);
    network.push("flatten", Op::Flatten);
    network.set_labels(vec!['一', '二', '三', '四']);
    network.set_temperature(temperature);
    network.finish().unwrap()
}

/// Images by their pixels, character and writer.
fn set(images: &[([u8; 4], char, u32)]) -> ImageSet {
    let classes = vec!['四', '二', '一', '龟'];
    let mut set = ImageSet::new(2, classes);
    for &(pixels, character, writer) in images {
        set.pixels.extend(pixels);
        set.labels.push(set.classes.iter().position(|&c| c == character).unwrap() as u16);
        set.writers.push(writer);
    }
    set
}

#[test]
fn samples_are_matched_by_character() {
    let set = set(&[
        ([9, 0, 0, 1], '一', 0),
        ([2, 7, 0, 8], '二', 1),
        ([0, 0, 0, 5], '四', 1),
        ([1, 2, 3, 4], '龟', 1), // the model does not know it
        ([5, 5, 0, 0], '二', 0), // as likely as another
        ([3, 2, 1, 0], '四', 0),
    ]);
    let reader = ImageReader::new(model(Some(2.0)), &set).unwrap();
    let (found, unknown) = answers(&reader, || ()).unwrap();
    assert_eq!((unknown.samples, unknown.characters), (1, ['龟'].into()));
    let seen: Vec<_> = found.iter().map(|a| (a.sample, a.truth, a.guess, a.rank)).collect();
    assert_eq!(
        seen,
        [(0, '一', '一', 1), (1, '二', '四', 2), (2, '四', '四', 1), (4, '二', '一', 2), (5, '四', '一', 4)]
    );
    // By the model's temperature.
    let powers = [9.0f32, 0.0, 0.0, 1.0].map(|score| (score / 2.0).exp());
    assert!((found[0].probability - powers[0] / powers.iter().sum::<f32>()).abs() < 1e-6);

    let figures = Figures::new(&found);
    assert_eq!((figures.samples, figures.top1, figures.top5), (5, 0.4, 1.0));
    let writers: Vec<_> = figures.writers.iter().map(|w| (w.writer, w.test_samples, w.top1)).collect();
    assert_eq!(writers, [(1, 3, 1.0 / 3.0), (2, 2, 0.5)]);
}

#[test]
fn a_restricted_reader_chooses_among_fewer() {
    let set = set(&[([9, 7, 0, 8], '二', 0)]);
    let reader = ImageReader::new(model(None), &set).unwrap();
    let (found, _) = answers(&reader.restricted(&['四', '二']).unwrap(), || ()).unwrap();
    assert_eq!((found[0].guess, found[0].rank), ('四', 2));
    assert!((found[0].probability + found[0].truth_probability - 1.0).abs() < 1e-6);
    let refused = |characters: &[char]| reader.restricted(characters).unwrap_err();
    assert_eq!(refused(&['龟']), RecognizerError::UnknownCharacter { character: '龟' });
    assert_eq!(refused(&[]), RecognizerError::NoCharacters);
}

#[test]
fn images_of_another_size_and_empty_inks_are_refused() {
    let other = ImageSet::new(3, vec!['一']);
    assert_eq!(ImageReader::new(model(None), &other).unwrap_err(), ReadError::Size { model: 2, set: 3 });
    let mut inks = InkSet::new(vec!['一']);
    inks.push([&[][..]; 0], 0, 0);
    assert!(matches!(images_of_inks(&inks), Err(ReadError::Ink(_))));
}

fn answer(probability: f32, is_right: bool) -> Answer {
    let rank = if is_right { 1 } else { 2 };
    Answer { sample: 0, writer: 0, truth: '一', guess: '二', probability, truth_probability: 0.1, rank }
}

#[test]
fn calibration_error_is_the_gap_of_each_bin() {
    // One bin is right in half the cases where it says 90 %, another always where it says 100 %.
    let answers = [answer(0.9, true), answer(0.9, false), answer(1.0, true), answer(1.0, true)];
    let Figures { reliability, .. } = Figures::new(&answers);
    assert!((reliability.ece - 0.5 * 0.4).abs() < 1e-6, "{reliability:?}");
    assert_eq!(reliability.bins.iter().map(|bin| bin.samples).sum::<u64>(), 4);
    assert!(reliability.bins.len() <= BINS);
}

#[test]
fn risk_falls_where_mistakes_are_unsure() {
    let answers = |right: [bool; 4]| [0.9, 0.8, 0.7, 0.6].into_iter().zip(right).map(|(p, r)| answer(p, r));
    let risk = |right| RiskCoverage::new(&answers(right).collect::<Vec<_>>());
    let (good, bad) = (risk([true, true, true, false]), risk([false, true, true, true]));
    assert!((good.area - 0.25 / 4.0).abs() < 1e-9);
    assert!((bad.area - (1.0 + 0.5 + 1.0 / 3.0 + 0.25) / 4.0).abs() < 1e-9);
    assert_eq!((good.points.last(), bad.points.last()), (Some(&[1.0, 0.25]), Some(&[1.0, 0.25])));
    // Of equal probabilities none comes first.
    let equal = RiskCoverage::new(&[answer(0.5, false), answer(0.5, true)]);
    assert_eq!(equal.points, [[0.5, 0.5], [1.0, 0.5]]);
    assert_eq!(RiskCoverage::new(&[]), RiskCoverage::default());
}

#[test]
fn the_temperature_is_the_one_that_scores_were_multiplied_by() {
    // Of each score, as many samples of each class as its probability says.
    let (mut logits, mut labels) = (Vec::new(), Vec::new());
    for (right, wrong) in [(90, 10), (60, 40), (99, 1)] {
        let score = (right as f32 / wrong as f32).ln();
        for i in 0..right + wrong {
            logits.extend([3.0 * score, 0.0]);
            labels.push(u16::from(i >= right));
        }
    }
    assert!((fit_temperature(&logits, &labels) - 3.0).abs() < 1e-3);
    assert_eq!(fit_temperature(&[], &[]), 1.0);
    // Always right: as sure as can be. Always wrong: as unsure as can be.
    assert!(fit_temperature(&[1.0, 0.0], &[0]) < 0.06 && fit_temperature(&[1.0, 0.0], &[1]) > 19.0);
}

#[test]
fn macs_are_those_of_the_mean_length_and_time_passes() {
    let set = set(&[([9, 0, 0, 1], '一', 0)]);
    assert_eq!(macs(&model(None), 1.0), [0, 0]);
    let [min, median] = time(&ImageReader::new(model(None), &set).unwrap()).unwrap();
    assert!(0.0 < min && min <= median);
}
