//! Models that are no network that trains.

use hccr_nn_train::{ImportError, Network};
use hccr_runtime::shape::{LinearParams, Pool2dParams};
use hccr_runtime::{Model, ModelBuilder, Op, Weight};

fn refused(model: ModelBuilder) -> ImportError {
    Network::from_model(&model.finish().expect("a valid model")).expect_err("what cannot be trained")
}

#[test]
fn other_operations_are_refused() {
    let mut model = ModelBuilder::new(&[3]);
    model.push("probabilities", Op::Softmax);
    assert_eq!(refused(model), ImportError::Node { node: "probabilities".into(), op: "Softmax" });
}

#[test]
fn what_is_not_a_chain_is_refused() {
    assert_eq!(refused(ModelBuilder::with_inputs(vec![vec![3], vec![3]])), ImportError::NotAChain);
    let mut model = ModelBuilder::new(&[1, 4, 4]);
    let input = model.last();
    model.push("flat", Op::Flatten);
    model.push_from(input, "again", Op::Flatten);
    assert_eq!(refused(model), ImportError::Node { node: "again".into(), op: "Flatten" });
}

#[test]
fn what_would_not_fit_into_memory_is_refused() {
    // Its file is short: all weights are zero.
    let [rows, columns] = [1 << 10, 1 << 10];
    let mut model = ModelBuilder::new(&[columns]);
    let weight = model.weight(Weight::sparse("zeros", &[rows, columns], &vec![0.0; rows * columns]));
    let params = LinearParams { in_features: columns, out_features: rows };
    for layer in 0..300 {
        model.push(format!("fc{layer}"), Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    }
    assert_eq!(refused(model), ImportError::TooLarge);

    let mut model = ModelBuilder::new(&[1, 4, 4]);
    let params = Pool2dParams { kernel_size: [2, 2], stride: [1 << 30, 1 << 30], ..Pool2dParams::THESIS };
    model.push("far", Op::MaxPool2d { params });
    assert!(matches!(refused(model), ImportError::Network(_)));
}

#[test]
fn means_are_added() {
    let mut model = ModelBuilder::new(&[1, 1, 2]);
    for mean in [[1.0, 2.0], [3.0, 5.0]] {
        let mean = model.dense("mean", &[1, 1, 2], mean.to_vec());
        model.push("mean", Op::SubtractMean { mean });
    }
    let model: Model = model.finish().expect("a valid model");
    assert_eq!(Network::from_model(&model).expect("a chain").mean, [4.0, 7.0]);
}
