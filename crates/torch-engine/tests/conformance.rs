//! From the same state, PyTorch trains to the same network as this project's own training.

use hccr_compress::Trainer;
use hccr_data::{Simulator, SimulatorConfig};
use hccr_models::offline::EndlessImages;
use hccr_models::{NetworkTrainer, TrainError, TrainerState, conformance};
use hccr_nn_train::layers::Lstm;
use hccr_nn_train::{Layer, Network, Sgd};
use hccr_random::Rng;
use hccr_torch::{Precision, Torch, TorchError};
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// The interpreter to test with; `None`, and a word about it, where it has no PyTorch.
fn python() -> Option<OsString> {
    let python = std::env::var_os("HCCR_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&python).args(["-c", "import torch"]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    println!("skipped: {} finds no PyTorch; HCCR_PYTHON names another interpreter", python.to_string_lossy());
    None
}

fn torch(python: &OsString) -> Box<Torch> {
    Box::new(Torch::start(python, Precision::Full).expect("PyTorch was found"))
}

#[test]
fn networks_of_images() {
    let Some(python) = python() else { return };
    conformance::images(|| torch(&python));
}

#[test]
fn networks_of_inks() {
    let Some(python) = python() else { return };
    conformance::inks(|| torch(&python));
}

#[test]
fn what_goes_wrong_in_python_is_an_error_with_its_traceback() {
    let start = |python: &str| Torch::start(python.as_ref(), Precision::Full).map(|_| ());
    assert!(matches!(start("no-such-python"), Err(TorchError::Start { .. })));
    assert!(matches!(start("true"), Err(TorchError::Ended(_))));
    let Some(python) = python() else { return };
    // An LSTM of which PyTorch's is no match.
    let mut network = Network::of_sequences(64);
    network.push(Layer::Lstm(Lstm::new("alone", 16, &mut Rng::new(1, 0)))).expect("a layer");
    let optimizer = Sgd { momentum: 0.9, weight_decay: 5e-3 };
    let state = TrainerState { network, steps: 0, seed: 1, batch_size: 20, optimizer };
    let set = EndlessImages::new(Simulator::new(&SimulatorConfig::new(5, 1)).expect("known characters"));
    let torch = Torch::start(&python, Precision::Full).expect("PyTorch was found");
    let mut trainer = NetworkTrainer::new(state, &set, &set).with_engine(Box::new(torch));
    let Err(TrainError::Engine(error)) = trainer.train(2, 0.1) else { panic!("this cannot be trained") };
    assert!(error.to_string().contains("an LSTM without a linear layer before it"), "{error}");
}
