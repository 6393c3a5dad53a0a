//! Channel pruning: a network without some channels of a convolution.

use crate::layers::{Conv2d, Layer, Linear, NormPReluPool};
use crate::network::{Network, NetworkError};
use crate::param::Param;
use hccr_tensor::Scalar;

impl<T: Scalar> Network<T> {
    /// Removes the output channels of the convolution `layer` for which `keep` is false, and with them what belongs to one channel alone
    /// up to the next layer with a weight, whose weights that read them go as well. What the optimizer remembers and the constraints
    /// of the others stay.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`] where there is no such convolution, and [`NetworkError::Channels`] where no layer behind it reads its
    /// channels one by one, or `keep` has another length than it has channels or keeps none; the network is then as before.
    pub fn keep_channels(&mut self, layer: &str, keep: &[bool]) -> Result<(), NetworkError> {
        let is_it = |l: &Layer<T>| matches!(l, Layer::Conv2d(conv) if conv.name == layer);
        let at = self.layers().iter().position(is_it);
        let at = at.ok_or_else(|| NetworkError::NoSuchLayer { layer: layer.into() })?;
        let refused = || NetworkError::Channels { layer: layer.into() };
        let mut layers = self.layers().to_vec();
        layers[at..].iter_mut().for_each(Layer::forget_batch);
        let [pruned, behind @ ..] = &mut layers[at..] else { unreachable!("found above") };
        if let Layer::Conv2d(conv) = pruned {
            if keep.len() != conv.params.out_channels || !keep.contains(&true) {
                return Err(refused());
            }
            conv.keep_outputs(keep);
        }
        for layer in behind {
            match layer {
                Layer::Norm(norm) if norm.channels == keep.len() => norm.keep(keep),
                Layer::Flatten(_) | Layer::Dropout(_) => {}
                Layer::Conv2d(reader) => {
                    reader.keep_inputs(keep);
                    return self.set_layers(layers);
                }
                Layer::Linear(reader) => {
                    reader.keep_inputs(keep);
                    return self.set_layers(layers);
                }
                _ => break,
            }
        }
        Err(refused())
    }
}

impl<T: Scalar> Conv2d<T> {
    fn keep_outputs(&mut self, keep: &[bool]) {
        self.params.out_channels = count(keep);
        let row = self.weight.value.len() / keep.len();
        self.weight.keep(&self.params.weight_shape(), |at| keep[at / row]);
        if let Some(bias) = &mut self.bias {
            bias.keep(&[self.params.out_channels], |at| keep[at]);
        }
    }

    fn keep_inputs(&mut self, keep: &[bool]) {
        let taps: usize = self.params.kernel_size.iter().product();
        self.params.in_channels = count(keep);
        self.weight.keep(&self.params.weight_shape(), |at| keep[at / taps % keep.len()]);
    }
}

impl<T: Scalar> Linear<T> {
    /// Each channel is as many features, one after the other.
    fn keep_inputs(&mut self, keep: &[bool]) {
        let features = self.params.in_features;
        let plane = features / keep.len();
        self.params.in_features = plane * count(keep);
        self.weight.keep(&[self.params.out_features, self.params.in_features], |at| keep[at % features / plane]);
    }
}

impl<T: Scalar> NormPReluPool<T> {
    fn keep(&mut self, keep: &[bool]) {
        self.channels = count(keep);
        for param in self.params_mut() {
            param.keep(&[count(keep)], |at| keep[at]);
        }
        for statistics in self.norm.iter_mut().flat_map(|norm| [&mut norm.running_mean, &mut norm.running_var]) {
            retain(statistics, |at| keep[at]);
        }
    }
}

impl<T: Scalar> Param<T> {
    /// Keeps the values at the places for which `keep` is true; they are of `shape` then.
    fn keep(&mut self, shape: &[usize], keep: impl Fn(usize) -> bool) {
        for values in [&mut self.value, &mut self.velocity, &mut self.squares] {
            retain(values, &keep);
        }
        self.grad = Vec::new();
        self.constraint.keep(&keep);
        self.shape = shape.to_vec();
    }
}

fn retain<T>(values: &mut Vec<T>, keep: impl Fn(usize) -> bool) {
    let mut at = 0..;
    values.retain(|_| at.next().is_some_and(&keep));
}

fn count(keep: &[bool]) -> usize {
    keep.iter().filter(|kept| **kept).count()
}
