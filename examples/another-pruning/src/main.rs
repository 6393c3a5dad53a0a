//! Another pruning method in the real pipeline: [`lamp`] is a stage of its own crate, which takes the place of CRA and ADW between the
//! baseline and weight sharing. Everything else is the offline pipeline: data, network, trainer, stages, checkpoints.
#![forbid(unsafe_code)]

mod lamp;

use hccr_compress::{Phase, Schedule};
use hccr_data::{ImageSet, Split, simulate};
use hccr_models::offline::{OfflineRecipe, cnn9, mean_image};
use hccr_models::pipeline::{Baseline, GraphOptimization, Pipeline, Sharing, Stages};
use hccr_models::{NetworkTrainer, Tier, TrainerState, answers};
use hccr_nn_train::{Evaluation, Sgd};
use hccr_random::Rng;
use hccr_runtime::{Model, Plan};
use hccr_tensor::blas;
use lamp::Lamp;
use std::error::Error;
use std::sync::Arc;

const CLASSES: usize = 6;
/// Of the writing: neat, so that seconds of training read it.
const VARIATION: f32 = 0.3;
const SEED: u64 = 7;
/// Share of the weights to drop.
const SHARE: f32 = 0.8;

fn main() -> Result<(), Box<dyn Error>> {
    let recipe = recipe();
    let [train, dev, test] = sets(&recipe)?;
    let mut pipeline = pipeline(&recipe, &train, &dev)?;
    while pipeline.current().is_some() {
        pipeline.advance()?;
    }
    for Row { stage, bytes, zeros, accuracy } in results(&pipeline, &test)? {
        let [zeros, accuracy] = [zeros, accuracy].map(|share| 100.0 * share);
        println!("{stage:<10}{bytes:>8} bytes, {zeros:>4.1} % zeros, {accuracy:.1} % of the test set");
    }
    Ok(())
}

/// The offline pipeline at its smallest.
fn recipe() -> OfflineRecipe {
    let mut recipe = OfflineRecipe::new(Tier::Smoke, Some(CLASSES), None, 1.5, SEED);
    recipe.common.data.variation = VARIATION;
    recipe
}

fn sets(recipe: &OfflineRecipe) -> Result<[ImageSet; 3], Box<dyn Error>> {
    let set = |split| simulate(&recipe.common.data, split, &|_, _| ());
    Ok([set(Split::Train)?, set(Split::Dev)?, set(Split::Test)?])
}

/// Where the swap happens: [`Lamp`] stands in the list.
fn stages(recipe: &OfflineRecipe) -> Stages<Sgd> {
    let [convolution, matrix] = recipe.common.label_bits;
    let phase = Phase::new(Schedule { peak: 0.02, warm_up: 0, steps: 40, floor: 0.01 }, 5, 0);
    vec![
        Box::new(Baseline::new(recipe.common.baseline.clone())),
        Box::new(Lamp::new(SHARE, phase)),
        Box::new(Sharing::new(convolution, matrix, recipe.common.sharing.clone())),
        Box::new(GraphOptimization::default()),
    ]
}

fn pipeline<'a>(
    recipe: &OfflineRecipe,
    train: &'a ImageSet,
    dev: &'a ImageSet,
) -> Result<Pipeline<'a, Sgd>, Box<dyn Error>> {
    blas::use_one_thread()?;
    let mut network = cnn9(CLASSES, recipe.width, recipe.dropout, &mut Rng::new(SEED, 0))?;
    network.mean = mean_image(train)?;
    let (batch_size, optimizer) = (recipe.common.batch_size, recipe.optimizer);
    let state = TrainerState { network, steps: 0, seed: SEED, batch_size, optimizer };
    Ok(Pipeline::new("another pruning".into(), stages(recipe), NetworkTrainer::new(state, train, dev)))
}

/// A stage's model file: its length, the share of its weights that are zero, and the share of test images that it recognizes.
#[derive(Debug)]
struct Row {
    stage: String,
    bytes: usize,
    zeros: f32,
    accuracy: f32,
}

/// A row for each stage that left a model.
fn results(pipeline: &Pipeline<'_, Sgd>, test: &ImageSet) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for left in pipeline.run().models() {
        let model = Model::from_bytes(&left.file)?;
        let answers = answers(&Arc::new(Plan::new(&model)?), test, || ())?;
        let count: Evaluation = answers.iter().map(|answer| answer.count).sum();
        let zeros = 1.0 - model.weight_nonzeros() as f32 / model.weight_elements() as f32;
        rows.push(Row { stage: left.stage.clone(), bytes: left.file.len(), zeros, accuracy: count.top1_accuracy() });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_prunes_with_another_stage_and_resumes_within_it() -> Result<(), Box<dyn Error>> {
        let recipe = recipe();
        let [train, dev, test] = sets(&recipe)?;
        let mut pipeline = pipeline(&recipe, &train, &dev)?;
        while pipeline.current().is_some_and(|stage| stage.name() == "baseline") {
            pipeline.advance()?;
        }
        pipeline.advance()?;
        let checkpoint = tempfile::NamedTempFile::new()?;
        pipeline.save(checkpoint.path(), 0)?;
        let resumed = Pipeline::resume(checkpoint.path(), "another pruning".into(), stages(&recipe), &train, &dev);
        let (mut resumed, _) = resumed?;
        for pipeline in [&mut pipeline, &mut resumed] {
            while pipeline.current().is_some() {
                pipeline.advance()?;
            }
        }
        let rows = results(&pipeline, &test)?;
        let [baseline, lamp, codebook, optimized] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!([&*lamp.stage, &*codebook.stage, &*optimized.stage], ["lamp", "codebook", "graph-opt"]);
        assert!(baseline.zeros < 0.01 && (lamp.zeros - SHARE).abs() < 0.01, "{rows:?}");
        assert!(optimized.zeros > SHARE - 0.02 && optimized.bytes * 8 < baseline.bytes, "{rows:?}");
        assert!(baseline.accuracy > 0.5 && optimized.accuracy > baseline.accuracy - 0.2, "{rows:?}");
        let files = |p: &Pipeline<'_, Sgd>| p.run().models().iter().map(|m| m.file.clone()).collect::<Vec<_>>();
        assert!(files(&pipeline) == files(&resumed), "a resumed run ended elsewhere");
        Ok(())
    }

    #[test]
    fn scores_are_shares_of_what_is_no_smaller() {
        let scores = lamp::scores(&[1.0, -3.0, 0.0, 2.0]);
        assert_eq!(scores, [1.0 / 14.0, 1.0, 0.0, 4.0 / 13.0]);
    }
}
