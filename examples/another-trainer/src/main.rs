//! Another trainer behind the compression. A perceptron in plain loops ([`mlp`]), which does not use `nn-train`, is compressed by the
//! methods of `hccr-compress`, written as a model file, and recognizes simulated characters in `hccr-runtime`.
//!
//! The methods use the trainer only through `trait Trainer`. They set a `Constraint` for each layer, which also writes the layer's
//! weight into the model file.
#![forbid(unsafe_code)]

mod mlp;

use hccr_compress::{
    Adw, AdwConfig, BlockShapes, Budget, Cra, CraConfig, MatrixRanks, Phase, Schedule, Sharing, SharingConfig,
    Strategy, Svd, SvdConfig, Trainer, cost,
};
use hccr_data::{ImageSet, SimulatorConfig, Split, SplitSize, simulate};
use hccr_runtime::{Model, Plan, Session};
use mlp::{Mlp, Samples, best};
use std::error::Error;
use std::sync::Arc;

const CLASSES: usize = 8;
/// Of the writing: neat, so that seconds of training read it.
const VARIATION: f32 = 0.3;
/// Side of the squares of pixels that become one input each, and number of inputs.
const SQUARE: usize = 4;
const INPUTS: usize = (96 / SQUARE) * (96 / SQUARE);
const HIDDEN: usize = 64;

/// A network in the runtime: the length of its file, and the share of test samples that it recognizes.
#[derive(Debug)]
struct Row {
    stage: &'static str,
    bytes: usize,
    accuracy: f32,
}

fn main() -> Result<(), Box<dyn Error>> {
    for Row { stage, bytes, accuracy } in run()? {
        println!("{stage:<9} {bytes:>7} bytes, {:.1} % of the test set", 100.0 * accuracy);
    }
    Ok(())
}

/// Trains, then compresses step by step.
fn run() -> Result<Vec<Row>, Box<dyn Error>> {
    let split = |samples_per_class| SplitSize { writers: 20, samples_per_class };
    let [train, dev, test] = [80, 20, 30].map(split);
    let config = SimulatorConfig { train, dev, test, variation: VARIATION, ..SimulatorConfig::new(CLASSES, 5) };
    let [train, dev, test] = [Split::Train, Split::Dev, Split::Test].map(|s| simulate(&config, s, &|_, _| ()));
    let test = samples(&test?);
    let mut trainer = Mlp::new(samples(&train?), samples(&dev?), [INPUTS, HIDDEN, CLASSES]);
    let row = |stage, trainer: &Mlp| -> Result<Row, Box<dyn Error>> {
        let file = trainer.to_model(&config.classes)?.to_bytes();
        Ok(Row { stage, bytes: file.len(), accuracy: accuracy(&file, &test)? })
    };
    trainer.train(300, 0.05)?;
    let mut rows = vec![row("baseline", &trainer)?];

    // Each stage advances by small pieces of work, between which it and the trainer could be saved.
    let ranks = MatrixRanks::PerLayer(vec![("fc1".into(), 16)]);
    let mut svd = Svd::new(SvdConfig { ranks, phase: phase(100) }, &trainer.layers())?;
    while !svd.is_done() {
        svd.advance(&mut trainer)?;
    }
    rows.push(row("svd", &trainer)?);

    let layers = trainer.layers();
    let all: Vec<String> = layers.iter().map(|layer| layer.name.clone()).collect();
    let grid = vec![0.5, 0.7, 0.8, 0.9];
    let config = CraConfig { layers: all.clone(), grid, block: BlockShapes::SINGLE, stop_drop: 0.2, max_sparsity: 0.9 };
    let mut cra = Cra::new(config, &layers)?;
    while !cra.is_done() {
        cra.advance(&mut trainer)?;
    }
    let budget = Budget { nonzero_macs: Some(cost(&layers, &[]).0 / 5), nonzeros: None };
    let targets = cra.targets_for_budget(&layers, budget)?.ratios;
    let (strategy, block) = (Strategy::Adaptive, BlockShapes::SINGLE);
    let config = AdwConfig { strategy, targets, block, phase: phase(200), ramp_steps: 120 };
    let mut adw = Adw::new(config, &layers)?;
    while !adw.is_done() {
        adw.advance(&mut trainer)?;
    }
    rows.push(row("adw", &trainer)?);

    let centres = all.into_iter().map(|name| (name, 4)).collect();
    let mut sharing = Sharing::new(SharingConfig { layers: centres, phase: phase(50) }, &layers)?;
    while !sharing.is_done() {
        sharing.advance(&mut trainer)?;
    }
    rows.push(row("codebook", &trainer)?);
    Ok(rows)
}

fn phase(steps: usize) -> Phase {
    Phase::new(Schedule { peak: 0.02, warm_up: 0, steps, floor: 0.01 }, 10, 0)
}

/// The mean ink of squares of pixels, 0 to 1.
fn samples(set: &ImageSet) -> Samples {
    let side = set.size / SQUARE;
    let square = |image: &[u8], at: usize| {
        let first = at / side * SQUARE * set.size + at % side * SQUARE;
        let pixels = (0..SQUARE * SQUARE).map(|i| f32::from(image[first + i / SQUARE * set.size + i % SQUARE]));
        pixels.sum::<f32>() / (255 * SQUARE * SQUARE) as f32
    };
    let sample = |i| ((0..INPUTS).map(|at| square(set.image(i), at)).collect(), set.labels[i].into());
    (0..set.len()).map(sample).collect()
}

/// The share of `test` that the network of a model file recognizes.
fn accuracy(file: &[u8], test: &Samples) -> Result<f32, Box<dyn Error>> {
    let mut session = Session::new(Arc::new(Plan::new(&Model::from_bytes(file)?)?));
    let mut right = 0;
    for (input, class) in test {
        right += usize::from(best(session.run(input)?) == *class);
    }
    Ok(right as f32 / test.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_constraint::Constraint;

    #[test]
    fn a_small_file_recognizes_as_well() -> Result<(), Box<dyn Error>> {
        let rows = run()?;
        let [baseline, svd, adw, codebook] = &rows[..] else { panic!("{rows:?}") };
        assert!(baseline.accuracy > 0.85, "{rows:?}");
        assert!([svd, adw, codebook].iter().all(|row| row.accuracy > baseline.accuracy - 0.03), "{rows:?}");
        assert!(svd.bytes * 3 < baseline.bytes && adw.bytes * 10 < baseline.bytes, "{rows:?}");
        assert!(codebook.bytes * 30 < baseline.bytes, "{rows:?}");
        Ok(())
    }

    #[test]
    fn training_keeps_to_a_constraint_set_under_way() -> Result<(), Box<dyn Error>> {
        let samples: Samples = (0..4).map(|i| (vec![1.0, i as f32, 0.5], i % 2)).collect();
        let mut trainer = Mlp::new(samples.clone(), samples, [3, 4, 2]);
        trainer.train(5, 0.1)?; // momentum that knows of no constraint
        trainer.set_constraint("fc1", Constraint::Mask((0..12).map(|i| i % 3 > 0).collect()))?;
        trainer.set_constraint("fc2", Constraint::Shared(vec![1, 1, 0, 2, 2, 1, 2, 1]))?;
        let before = trainer.weight("fc2")?;
        trainer.train(5, 0.1)?;
        assert!(trainer.weight("fc1")?.iter().step_by(3).all(|w| *w == 0.0));
        let fc2 = trainer.weight("fc2")?;
        assert!([1, 5, 7].iter().all(|&i| fc2[i] == fc2[0]) && [4, 6].iter().all(|&i| fc2[i] == fc2[3]), "{fc2:?}");
        assert!(fc2[2] == 0.0 && fc2[0] != before[0]);
        Ok(())
    }
}
