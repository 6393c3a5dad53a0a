//! Outputs of a network that are added, and inferred from those that it has.

use hccr_nn_train::layers::{Linear, NormPReluPool};
use hccr_nn_train::{Layer, Network, NetworkError};
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;

const FEATURES: usize = 3;

/// One layer of `outputs` outputs, with a bias or without.
fn network(outputs: usize, with_bias: bool) -> Network<f32> {
    let params = LinearParams { in_features: FEATURES, out_features: outputs };
    let mut fc = Linear::new("fc", params, &mut Rng::new(0, 0));
    let values = fc.weight.value.iter_mut().chain(fc.bias.iter_mut().flat_map(|bias| &mut bias.value));
    values.enumerate().for_each(|(i, value)| *value = i as f32);
    fc.bias = fc.bias.filter(|_| with_bias);
    let mut network = Network::new([FEATURES, 1, 1]);
    network.push(Layer::Linear(fc)).expect("it reads the features");
    network
}

/// The rows of the last layer, each with its bias.
fn rows(network: &mut Network<f32>) -> Vec<Vec<f32>> {
    let [weight, bias] = ["fc.weight", "fc.bias"]
        .map(|name| network.params_mut().find(|p| p.name == name).map_or(Vec::new(), |p| p.value.clone()));
    let rows = weight.chunks(FEATURES).enumerate();
    rows.map(|(i, row)| row.iter().chain(bias.get(i)).copied().collect()).collect()
}

#[test]
fn outputs_keep_their_weights_and_new_ones_begin_as_the_mean() {
    let mut changed = network(2, true).with_outputs(&[None, Some(1), Some(0)]).expect("outputs that are there");
    assert_eq!(rows(&mut changed), [[1.5, 2.5, 3.5, 6.5], [3.0, 4.0, 5.0, 7.0], [0.0, 1.0, 2.0, 6.0]]);
    let refused = |outputs: &[Option<usize>]| network(2, true).with_outputs(outputs).expect_err("refused");
    let size = NetworkError::Size { layer: "fc".into() };
    assert_eq!((refused(&[Some(2)]), refused(&[])), (size.clone(), size));
    let mut other = network(2, true);
    other.push(Layer::Norm(NormPReluPool::new("act", 2).with_prelu())).expect("it reads two features");
    assert!(matches!(other.with_outputs(&[Some(0)]), Err(NetworkError::NoSuchLayer { .. })));
}

#[test]
fn a_new_output_gets_the_weights_of_outputs_with_such_features() {
    for with_bias in [true, false] {
        let outputs = 12;
        let mut rng = Rng::new(1, 0);
        let means: Vec<Vec<f64>> = (0..outputs).map(|_| (0..FEATURES).map(|_| rng.normal().into()).collect()).collect();
        let is_new: Vec<bool> = (0..outputs).map(|class| class % 5 == 2).collect();
        // Every row is the same linear map of the features of its class.
        let row = |mean: &Vec<f64>| -> [f32; 4] {
            let [a, b, c] = mean[..] else { panic!("three features") };
            [2.0 * a + 1.0, b - c, 0.5 * c, a + b + c - 3.0].map(|v| v as f32)
        };
        let mut network = network(outputs, with_bias);
        for class in (0..outputs).filter(|&class| !is_new[class]) {
            let row = row(&means[class]);
            network.weight_mut("fc").expect("a layer").value[class * FEATURES..][..FEATURES].copy_from_slice(&row[..3]);
            network.params_mut().filter(|p| p.name == "fc.bias").for_each(|p| p.value[class] = row[3]);
        }
        network.infer_outputs(&is_new, &means).expect("as many means as outputs");
        for (inferred, mean) in rows(&mut network).iter().zip(&means) {
            assert!(inferred.iter().zip(row(mean)).all(|(a, b)| (a - b).abs() < 1e-5), "{inferred:?}");
        }
    }
}

#[test]
fn outputs_are_not_inferred_from_other_classes() {
    let means = vec![vec![1.0; FEATURES]; 2];
    let refused = |is_new: &[bool], means: &[Vec<f64>]| network(2, true).infer_outputs(is_new, means).is_err();
    assert!(!refused(&[false, true], &means));
    assert!(refused(&[true, true], &means), "nothing to infer from");
    assert!(refused(&[false, true, true], &means), "another output");
    assert!(refused(&[false, true], &means[1..]), "a mean too few");
    assert!(refused(&[false, true], &[vec![1.0; FEATURES], vec![1.0]]), "features too few");
    assert!(refused(&[false, true], &[vec![f64::NAN; FEATURES], vec![1.0; FEATURES]]), "not finite");
    let mut before = network(2, true);
    assert!(before.infer_outputs(&[false, true], &[]).is_err());
    assert_eq!(rows(&mut before), rows(&mut network(2, true)), "a refusal changes nothing");
}
