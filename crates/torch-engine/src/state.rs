//! The state of a network as Python takes it and gives it back.
//!
//! For each parameter its values, velocity and, with Adam, squares, of a teacher the values alone; then for each batch normalization the
//! running mean and variance; then, on the way to Python, the mean image: all of them `f32`. After that, on the way to Python, one byte per
//! value of each constrained parameter: whether it is kept, or its label. A teacher's state follows, where there is one.

use crate::error::TorchError;
use crate::minibatch::extend;
use hccr_constraint::Constraint;
use hccr_models::Work;
use hccr_nn_train::{Layer, Network};
use serde::Serialize;
use serde_json::{Value, json};

/// The JSON object and the bytes that ask for `work`.
pub(crate) fn request<O: Serialize>(
    network: &mut Network<f32>,
    optimizer: &O,
    work: &Work<'_>,
    mixed: bool,
) -> (Value, Vec<u8>) {
    let mut state = Vec::new();
    let size = if network.mean.is_empty() { network.input[0] } else { network.input[1] };
    let squares = network.params_mut().any(|param| !param.squares.is_empty());
    let mut header = described(network, if squares { 3 } else { 2 }, &mut state);
    let teacher = work.teacher.map(|teacher| {
        json!({
            "network": described(&mut teacher.network.clone(), 1, &mut state),
            "weight": teacher.how.weight, "temperature": teacher.how.temperature,
        })
    });
    let work = json!({
        "size": size, "optimizer": optimizer, "learning_rate": work.learning_rate, "steps": work.steps, "seed": work.seed(0),
        "mixed": mixed, "teacher": teacher,
    });
    for (key, value) in work.as_object().into_iter().flatten() {
        header[key] = value.clone();
    }
    (header, state)
}

/// What the layers and the parameters of the network are. So many parts of each parameter are appended to `state`, of its values, its
/// velocity and its squares.
fn described(network: &mut Network<f32>, parts: usize, state: &mut Vec<u8>) -> Value {
    let layers = layers(network);
    let norms: Vec<usize> = network.norms_mut().map(|norm| norm.running_mean.len()).collect();
    let (mut params, mut labels) = (Vec::new(), Vec::new());
    for param in network.params_mut() {
        let constraint = match param.constraint() {
            Constraint::Free => "free",
            Constraint::Mask(keep) => {
                labels.extend(keep.iter().map(|&keep| u8::from(keep)));
                "mask"
            }
            Constraint::Shared(shared) => {
                labels.extend(shared);
                "shared"
            }
        };
        params.push(json!({
            "shape": param.shape, "decays": param.decays, "updates": param.updates, "constraint": constraint,
        }));
        // A parameter that has not been trained yet has no others.
        let zeros = vec![0.0; param.value.len()];
        let all =
            [&param.value, &param.velocity, &param.squares].map(|part| if part.is_empty() { &zeros } else { part });
        all[..parts].iter().for_each(|part| floats_to_bytes(state, part));
    }
    for norm in network.norms_mut() {
        for statistics in [&norm.running_mean, &norm.running_var] {
            extend(state, statistics.iter().map(|&v| v as f32), f32::to_le_bytes);
        }
    }
    floats_to_bytes(state, &network.mean);
    state.extend(labels);
    json!({"layers": layers, "params": params, "norms": norms, "mean": network.mean.len(), "parts": parts})
}

fn floats_to_bytes(bytes: &mut Vec<u8>, values: &[f32]) {
    extend(bytes, values.iter().copied(), f32::to_le_bytes);
}

/// The layers, with the numbers of their parameters.
fn layers(network: &Network<f32>) -> Vec<Value> {
    let mut params = 0..;
    let mut next = || params.next().expect("endless numbers");
    let mut of = |layer: &Layer<f32>| match layer {
        Layer::Conv2d(l) => json!({
            "kind": "conv", "weight": next(), "bias": l.bias.as_ref().map(|_| next()),
            "stride": l.params.stride, "padding": l.params.padding,
        }),
        Layer::Norm(l) => json!({
            "kind": "norm", "normalizes": l.norm.is_some(),
            "affine": l.norm.as_ref().and_then(|n| n.affine.as_ref()).map(|_| [next(), next()]),
            "slope": l.prelu.as_ref().map(|_| next()),
            "pool": l.pool.map(|p| json!({"kernel": p.kernel_size, "stride": p.stride, "ceil": p.ceil_mode})),
        }),
        Layer::Flatten(_) => json!({"kind": "flatten"}),
        Layer::Linear(l) => json!({
            "kind": "linear", "weight": next(), "bias": l.bias.as_ref().map(|_| next()),
        }),
        Layer::Dropout(l) => json!({"kind": "dropout", "probability": l.probability}),
        Layer::Lstm(l) => json!({
            "kind": "lstm", "project": l.project.as_ref().map(|_| next()), "recurrent": next(),
        }),
        Layer::MeanOverTime(_) => json!({"kind": "mean"}),
    };
    network.layers().iter().map(&mut of).collect()
}

/// The number of floats of a reply.
pub(crate) fn floats(network: &mut Network<f32>, squares: bool) -> usize {
    let parts = if squares { 3 } else { 2 };
    let params: usize = network.params_mut().map(|param| parts * param.value.len()).sum();
    params + network.norms_mut().map(|norm| 2 * norm.running_mean.len()).sum::<usize>()
}

/// Makes the network what a reply says.
pub(crate) fn restore(
    network: &mut Network<f32>,
    bytes: &[u8],
    squares: bool,
    updates: &[i32],
) -> Result<(), TorchError> {
    if network.params_mut().count() != updates.len() {
        return Err(TorchError::Reply(format!("{} parameters", updates.len())));
    }
    let mut floats = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    for (param, &updates) in network.params_mut().zip(updates) {
        let len = param.value.len();
        param.updates = updates;
        param.value = floats.by_ref().take(len).collect();
        param.velocity = floats.by_ref().take(len).collect();
        if squares {
            param.squares = floats.by_ref().take(len).collect();
        }
    }
    for norm in network.norms_mut() {
        for statistics in [&mut norm.running_mean, &mut norm.running_var] {
            statistics.iter_mut().zip(&mut floats).for_each(|(to, from)| *to = from.into());
        }
    }
    Ok(())
}
