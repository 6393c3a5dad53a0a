//! Both compressed recognizers on one ink: as written, with its strokes shuffled, with its strokes joined.

use crate::report::types::{Fused, InkAccuracy};
use anyhow::{Context, Result, ensure};
use hccr_data::{InkSet, joined, shuffled};
use hccr_evaluate::calibration::fit_temperature;
use hccr_models::spread;
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::ink::Ink;
use hccr_runtime::{Fusion, InkRecognizer, Recognizer, fuse};
use rayon::prelude::*;

/// Weights that are tried: this many even steps from 0 to 1.
const WEIGHTS: u32 = 40;

/// Side of the drawn image, and the width of the pen in it: see [`Ink::render`].
const SIDE: usize = 96;

/// What the answers of both recognizers to one set may take in memory.
const ANSWER_BYTES: usize = 1 << 29;

/// The answers of both recognizers to a set of ink.
struct Answers {
    labels: Vec<u16>,
    /// Probabilities of each ink, online and offline.
    probabilities: Vec<[Vec<f32>; 2]>,
}

/// The recognizer of an offline model's file, for ink of these classes.
pub(crate) fn offline_recognizer(bytes: &[u8], classes: &[char]) -> Result<Recognizer> {
    let offline = Recognizer::from_bytes(bytes).context("cannot use the offline model")?;
    ensure!(
        offline.labels() == classes,
        "the offline model knows other characters: give one that was trained on the same classes"
    );
    Ok(offline)
}

/// Fits the fusion on the development writers, over all three kinds of ink, and measures on the test writers: on all of their inks, or on
/// as many as memory allows, spread over them; likewise where it is fitted. The weight is fitted on `neat` ink, where there is some.
pub(crate) fn measure(
    online: &[u8],
    offline: &Recognizer,
    (dev, neat): (&InkSet, Option<&InkSet>),
    test: &InkSet,
    seed: u64,
) -> Result<Fused> {
    let online = InkRecognizer::from_bytes(online)?;
    let kinds = |set: &InkSet| -> Result<[Answers; 3]> {
        let answers = |set: &InkSet| answers(&online, offline, set);
        Ok([answers(set)?, answers(&shuffled(set, seed))?, answers(&joined(set))?])
    };
    let on_neat = neat.map(|neat| kinds(&some(neat))).transpose()?.map(|neat| best_weight(&neat));
    let dev = kinds(&some(dev))?;
    let weight = on_neat.unwrap_or_else(|| best_weight(&dev));
    let temperature = fused_temperature(&dev, weight);
    drop(dev);
    let test = some(test);
    let inks = test.len();
    let test = kinds(&test)?;
    let row = |weight: f64| {
        let [plain, shuffled, joined] = [0, 1, 2].map(|kind: usize| test[kind].accuracy(weight));
        InkAccuracy { plain, shuffled, joined }
    };
    Ok(Fused { online: row(0.0), offline: row(1.0), fused: row(weight), weight, temperature, inks: Some(inks) })
}

/// The inks of a set, or some of them, spread over it.
fn some(set: &InkSet) -> InkSet {
    let of_ink = 3 * 2 * set.classes.len() * size_of::<f32>();
    set.subset(&spread(set.len(), ANSWER_BYTES / of_ink))
}

/// The weight with which the most inks are recognized, all kinds together.
fn best_weight(kinds: &[Answers]) -> f64 {
    let recognized = |weight: f64| kinds.iter().map(|answers| answers.accuracy(weight)).sum::<f64>();
    let weights = (0..=WEIGHTS).map(|step| f64::from(step) / f64::from(WEIGHTS));
    let scored = weights.map(|weight| (weight, recognized(weight)));
    scored.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are weights").0
}

/// The temperature that calibrates answers fused with this weight.
fn fused_temperature(kinds: &[Answers], weight: f64) -> f64 {
    let fusion = fusion(weight);
    let of_ink = |[online, offline]: &[Vec<f32>; 2]| -> Vec<f32> {
        let fused = fuse(online, offline, fusion).expect("the classes are the same");
        fused.into_iter().map(|p| p.max(f32::MIN_POSITIVE).ln()).collect()
    };
    let scores: Vec<f32> = kinds.iter().flat_map(|answers| &answers.probabilities).flat_map(of_ink).collect();
    let labels: Vec<u16> = kinds.iter().flat_map(|answers| &answers.labels).copied().collect();
    fit_temperature(&scores, &labels).into()
}

/// With this weight of the offline network, before calibration.
fn fusion(weight: f64) -> Fusion {
    Fusion::new(weight as f32, 1.0).expect("a weight from 0 to 1")
}

fn answers(online: &InkRecognizer, offline: &Recognizer, set: &InkSet) -> Result<Answers> {
    let both = |(online, offline): &mut (InkRecognizer, Recognizer), i: usize| {
        let ink = Ink::new(&set.ink(i))?;
        let pixels = ink.render(SIDE, SIDE as f32 / 24.0)?;
        let image = Image::new(&pixels, SIDE, SIDE, PixelFormat::Gray)?;
        Ok([online.probabilities(&ink).to_vec(), offline.probabilities(&image)?.to_vec()])
    };
    let probabilities =
        (0..set.len()).into_par_iter().map_init(|| (online.clone(), offline.clone()), both).collect::<Result<_>>()?;
    Ok(Answers { labels: set.labels.clone(), probabilities })
}

impl Answers {
    /// Share of inks recognized when the offline network has this weight.
    fn accuracy(&self, weight: f64) -> f64 {
        let right = |([online, offline], label): &(&[Vec<f32>; 2], &u16)| {
            let fused = fuse(online, offline, fusion(weight)).expect("the classes are the same");
            let own = fused[usize::from(**label)];
            fused.iter().filter(|&&p| p >= own).count() == 1
        };
        let right = self.probabilities.iter().zip(&self.labels).filter(right).count();
        right as f64 / self.labels.len().max(1) as f64
    }
}
