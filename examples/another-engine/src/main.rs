//! Another engine runs our networks. A compressed network is exported to ONNX and run by rten, and its answers are compared with those
//! of `hccr-runtime`. Then the same is done with the network in 8-bit integers.
//!
//! The other engine gets only the ONNX file. This stores every weight dense, since ONNX has no codebooks: the answers stay the same, but
//! the small file and the fast sparse products are lost.
#![forbid(unsafe_code)]

use hccr_compress::quantize;
use hccr_interchange::onnx;
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{Model, ModelBuilder, Op, Pattern, Plan, Session, Weight, WeightData, WeightId};
use std::error::Error;
use std::sync::Arc;

const SIDE: usize = 24;
const CLASSES: usize = 10;
const IMAGES: u64 = 20;
/// Two engines add up the same products in different orders.
const F32_TOLERANCE: f32 = 1e-5;
/// A value in the middle between two quantization steps may be rounded to either, and the values after it change too.
const INT8_TOLERANCE: f32 = 0.02;

fn main() -> Result<(), Box<dyn Error>> {
    let (f32, int8) = networks()?;
    for (name, model, tolerance) in [("f32", &f32, F32_TOLERANCE), ("int8", &int8, INT8_TOLERANCE)] {
        let difference = largest_difference(&ours(model)?, &theirs(&onnx::to_bytes(model)?)?);
        println!("{name}: answers differ by at most {difference:.1e} of the largest logit ({tolerance:.0e} allowed)");
        println!("      our file {} bytes, ONNX {}", model.to_bytes().len(), onnx::to_bytes(model)?.len());
    }
    Ok(())
}

/// A network as compression leaves it, with a fifth of its weights non-zero and sharing 15 values; and the same network in integers.
fn networks() -> Result<(Model, Model), Box<dyn Error>> {
    let mut rng = Rng::new(7, 0);
    let mut b = ModelBuilder::new(&[1, SIDE, SIDE]);
    let mean = b.dense("mean", &[1, SIDE, SIDE], vec![128.0; SIDE * SIDE]);
    b.push("mean", Op::SubtractMean { mean });

    let mut channels = [1, 16];
    for layer in ["conv1", "conv2"] {
        let params = Conv2dParams::same(channels[0], channels[1], [3, 3]);
        let weight = compressed(&mut b, &mut rng, layer, &params.weight_shape());
        let bias = Some(b.dense(format!("{layer}.bias"), &[channels[1]], vec![0.1; channels[1]]));
        let prelu = Some(b.dense(format!("{layer}.slope"), &[channels[1]], vec![0.25; channels[1]]));
        b.push(layer, Op::Conv2d { params, weight, scale: None, bias, prelu });
        b.push(format!("{layer}.pool"), Op::MaxPool2d { params: Pool2dParams::THESIS });
        channels = [16, 32];
    }
    b.push("flatten", Op::Flatten);
    let params = LinearParams { in_features: 32 * 6 * 6, out_features: CLASSES };
    let weight = compressed(&mut b, &mut rng, "fc", &[params.out_features, params.in_features]);
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });

    let model = b.finish()?;
    let samples: Vec<Vec<f32>> = (IMAGES..2 * IMAGES).map(image).collect();
    let int8 = quantize(&model, &samples)?;
    Ok((model, int8))
}

/// A weight of random values that are pruned and shared.
fn compressed(b: &mut ModelBuilder, rng: &mut Rng, layer: &str, shape: &[usize]) -> WeightId {
    let columns: usize = shape[1..].iter().product();
    let pattern = Pattern::from_mask((0..shape[0] * columns).map(|_| rng.chance(0.2)), columns);
    let deviation = (10.0 / columns as f32).sqrt();
    let centres = (-7..=7).map(|i| (i as f32 + 0.5) / 4.0 * deviation).collect();
    let labels = (0..pattern.nnz()).map(|_| rng.below(15) as u8).collect();
    let data = WeightData::Codebook { pattern, centres, labels };
    b.weight(Weight::new(format!("{layer}.weight"), shape, data))
}

/// A grey image of 4 x 4 squares, row-major, 0 to 255.
fn image(number: u64) -> Vec<f32> {
    let mut rng = Rng::new(8, number);
    let squares: Vec<f32> = (0..16).map(|_| rng.below(256) as f32).collect();
    (0..SIDE * SIDE).map(|at| squares[at / SIDE / 6 * 4 + at % SIDE / 6]).collect()
}

/// The logits of all images from this project's runtime.
fn ours(model: &Model) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let mut session = Session::new(Arc::new(Plan::new(model)?));
    (0..IMAGES).map(|number| Ok(session.run(&image(number))?.to_vec())).collect()
}

/// The logits of all images from rten, which is given an ONNX file and nothing else.
fn theirs(file: &[u8]) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let model = rten::Model::load(file.to_vec())?;
    let run = |number| {
        let input = rten::Value::from_shape([1, 1, SIDE, SIDE].as_slice(), image(number))?;
        let ([1, CLASSES], logits) = model.run_one(input.into(), None)?.into_shape_vec()? else {
            return Err("the engine gives other than one row of logits".into());
        };
        Ok(logits)
    };
    (0..IMAGES).map(run).collect()
}

/// The largest difference between two engines' logits, as a share of the largest logit of that image; infinite where one has
/// more logits.
fn largest_difference(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f32 {
    let of_image = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let scale = a.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let difference = a.iter().zip(b).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        if a.len() == b.len() { difference / scale } else { f32::INFINITY }
    };
    ours.iter().zip(theirs).map(of_image).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_answer_alike() -> Result<(), Box<dyn Error>> {
        let (f32, int8) = networks()?;
        for (model, tolerance) in [(&f32, F32_TOLERANCE), (&int8, INT8_TOLERANCE)] {
            let (ours, theirs) = (ours(model)?, theirs(&onnx::to_bytes(model)?)?);
            let difference = largest_difference(&ours, &theirs);
            assert!(difference <= tolerance, "{difference}");
            // Answers that hardly depend on the image would show nothing.
            assert!(largest_difference(&ours[..1], &ours[1..2]) > 10.0 * tolerance);
        }
        Ok(())
    }

    #[test]
    fn the_other_engine_sees_the_integers() -> Result<(), Box<dyn Error>> {
        let (f32, int8) = networks()?;
        let difference = largest_difference(&theirs(&onnx::to_bytes(&f32)?)?, &theirs(&onnx::to_bytes(&int8)?)?);
        assert!(difference > 10.0 * F32_TOLERANCE && difference < 0.1, "{difference}");
        Ok(())
    }
}
