//! The importer of the thesis's released network.
//!
//! Most tests use a small network that they write in the release's format. Those on the release itself read
//! its path from `HCCR_RELEASED_MODEL`, and images from `HCCR_GNT`; without them they say so and pass.

mod malformed;
mod peak;
mod reference;
mod released;
mod writer;

use hccr_interchange::scut::import;
use hccr_random::Rng;
use hccr_runtime::{Model, Op, Plan, Session, WeightData};
use reference::Reference;
use std::sync::Arc;
use writer::Release;

/// The largest difference between the runtime's logits for `inputs` and the reference's, `want`.
fn largest_difference(model: &Model, inputs: &[Vec<f32>], want: &[Vec<f64>]) -> f64 {
    let mut session = Session::new(Arc::new(Plan::new(model).expect("a valid model")));
    let mut largest = 0.0f64;
    for (input, want) in inputs.iter().zip(want) {
        let logits = session.run(input).expect("an input of the model's shape");
        assert_eq!(logits.len(), want.len());
        largest = logits.iter().zip(want).fold(largest, |d, (&y, &want)| d.max((f64::from(y) - want).abs()));
    }
    largest
}

#[test]
fn synthetic_network_runs_as_the_reference_does() {
    let mut rng = Rng::new(7, 7);
    let inputs: Vec<Vec<f32>> = (0..5).map(|_| (0..100).map(|_| rng.range(0.0, 2.0)).collect()).collect();
    for seed in 0..3 {
        let model = import(&Release::synthetic(seed).bytes).expect("a well-formed file");
        let reference = Reference::new(&model);
        let want: Vec<_> = inputs.iter().map(|input| reference.run(input)).collect();
        let spread = want[0].iter().fold(0.0f64, |m, y| m.max(y.abs()));
        assert!(spread > 0.1, "logits of at most {spread} show nothing");
        for model in [&model, &hccr_graph_opt::optimize(&model)] {
            let difference = largest_difference(model, &inputs, &want);
            assert!(difference < 1e-5, "logits differ by {difference}");
        }
    }
}

#[test]
fn synthetic_network_is_read_as_written() {
    for seed in 0..20 {
        let release = Release::synthetic(seed);
        let model = import(&release.bytes).expect("a well-formed file");
        for (name, values) in &release.weights {
            let weight = model.weights().iter().find(|w| w.name == *name).expect("a weight of each layer");
            assert_eq!(weight.to_dense(), *values, "{name}");
            let nonzeros = values.iter().filter(|&&v| v != 0.0).count();
            match &weight.data {
                WeightData::Dense(_) => assert_eq!(name, "conv1.weight"),
                WeightData::Codebook { labels, .. } => assert_eq!(labels.len(), nonzeros, "{name} keeps fillers"),
                _ => panic!("{name} lost its codebook"),
            }
        }
        let names: Vec<_> = model.nodes().iter().map(|n| n.name.as_str()).collect();
        let want = "data conv1 bn1 PReLU1 pool1 conv2_1 conv2_2 bn2_2 PReLU2_2 pool2 fc1.flatten fc1 bn3 PReLU3 fc2";
        assert_eq!(names.join(" "), want);
        assert_eq!((model.labels()[0], model.labels()[3754], model.labels().len()), ('啊', '座', 3755));
        assert!(matches!(model.nodes()[5].op, Op::Conv2d { params, .. } if params.padding == [1, 0]));
        assert!(matches!(model.nodes()[6].op, Op::Conv2d { params, .. } if params.padding == [0, 1]));
    }
}
