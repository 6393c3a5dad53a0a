//! Batch normalizations of a finished model, put back.

use crate::batch::Batch;
use crate::layers::{Layer, Mode, Norm, batch_statistics, moments};
use crate::network::Network;
use crate::param::Param;

/// Squared norm of a row of initial weights (He et al. 2015).
const ROW: f64 = 2.0;

impl Network<f32> {
    /// Gives each layer that has a bias and an activation a batch normalization again, such as graph optimization folded into it. Without
    /// one, training diverges: the layers' weights are of sizes too different for one learning rate.
    ///
    /// The statistics, of normalizations that are there too, are those of the images `x`; the rows of a weight that had a bias get the norm
    /// of initial ones. The network answers as before.
    ///
    /// # Panics
    /// Where the images are not of the size that the network reads.
    pub fn unfold_norms(&mut self, x: Batch<f32>) {
        let mut x = x;
        let mut measured = Vec::new();
        for layer in self.layers_mut() {
            measured.push(match layer {
                Layer::Norm(_) => batch_statistics(&x, x.shape[0]),
                _ => Default::default(),
            });
            x = layer.forward(x, Mode::Eval);
        }
        for (index, statistics) in measured.into_iter().enumerate() {
            let (before, rest) = self.layers_mut().split_at_mut(index);
            let [Layer::Norm(act), ..] = rest else { continue };
            if let Some(norm) = &mut act.norm {
                follow(norm, statistics, &act.name);
            } else if let Some((weight, bias)) = before.last_mut().and_then(weight_and_bias) {
                act.norm = Some(unfold(weight, &bias, statistics, &act.name));
            }
        }
    }
}

/// The weight and the bias of a layer, which then has none; `None` where it had none.
fn weight_and_bias(layer: &mut Layer<f32>) -> Option<(&mut Param<f32>, Param<f32>)> {
    match layer {
        Layer::Conv2d(layer) => Some((&mut layer.weight, layer.bias.take()?)),
        Layer::Linear(layer) => Some((&mut layer.weight, layer.bias.take()?)),
        _ => None,
    }
}

/// Scales the rows of a weight, and gives the normalization after which the layer's values are as they were with the bias, when they had this
/// mean and this variance.
fn unfold(weight: &mut Param<f32>, bias: &Param<f32>, [means, variances]: [Vec<f64>; 2], name: &str) -> Norm<f32> {
    let row = weight.value.len() / bias.value.len();
    let mut scales = Vec::new();
    for row in weight.value.chunks_exact_mut(row) {
        let squares = moments(row)[1];
        let scale = if squares > 0.0 { (ROW / squares).sqrt() } else { 1.0 };
        row.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        scales.push(scale);
    }
    let each = |of: &dyn Fn(usize) -> f64| (0..scales.len()).map(of).collect::<Vec<f64>>();
    let running_mean = each(&|c| scales[c] * (means[c] - f64::from(bias.value[c])));
    let running_var = each(&|c| scales[c] * scales[c] * variances[c]);
    let gamma = each(&|c| deviation(running_var[c]) / scales[c]);
    Norm { affine: Some(affine(name, &gamma, &means)), running_mean, running_var }
}

/// Gives a normalization other statistics, and the scale and shift with which its values are as before.
fn follow(norm: &mut Norm<f32>, [means, variances]: [Vec<f64>; 2], name: &str) {
    let before = |which: usize, otherwise: f64| {
        let values = norm.affine.as_ref().map(|affine| affine[which].value.clone());
        move |c: usize| values.as_ref().map_or(otherwise, |values| f64::from(values[c]))
    };
    let (gamma, beta) = (before(0, 1.0), before(1, 0.0));
    let scale = |c: usize| gamma(c) / deviation(norm.running_var[c]);
    let each = |of: &dyn Fn(usize) -> f64| (0..means.len()).map(of).collect::<Vec<f64>>();
    let gammas = each(&|c| scale(c) * deviation(variances[c]));
    let betas = each(&|c| beta(c) + scale(c) * (means[c] - norm.running_mean[c]));
    *norm = Norm { affine: Some(affine(name, &gammas, &betas)), running_mean: means, running_var: variances };
}

fn deviation(variance: f64) -> f64 {
    (variance + Norm::<f32>::EPSILON).sqrt()
}

fn affine(name: &str, gamma: &[f64], beta: &[f64]) -> [Param<f32>; 2] {
    [("gamma", gamma), ("beta", beta)].map(|(what, values)| {
        Param::new(format!("{name}.{what}"), &[values.len()], values.iter().map(|&v| v as f32).collect())
    })
}
