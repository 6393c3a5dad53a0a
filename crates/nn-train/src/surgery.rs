//! Layers of a network replaced by others.

use crate::layers::{Conv2d, Layer, Linear};
use crate::network::{Network, NetworkError};
use crate::param::Param;
use hccr_runtime::shape::LinearParams;
use hccr_tensor::{LinearFit, Scalar};

impl<T: Scalar> Network<T> {
    /// Replaces the convolution `layer` by others in the same place.
    ///
    /// # Errors
    /// Where there is no such convolution, or the others do not fit its place; the network is then as before.
    pub fn replace_conv2d(
        &mut self,
        layer: &str,
        others: impl FnOnce(&Conv2d<T>) -> Vec<Conv2d<T>>,
    ) -> Result<(), NetworkError> {
        let found = self.layers.iter().enumerate().find_map(|(i, l)| match l {
            Layer::Conv2d(conv) if conv.name == layer => Some((i, conv)),
            _ => None,
        });
        let (at, conv) = found.ok_or_else(|| NetworkError::NoSuchLayer { layer: layer.into() })?;
        let others = others(conv).into_iter().map(Layer::Conv2d);
        let mut layers = self.layers.clone();
        layers.splice(at..=at, others);
        self.set_layers(layers)
    }

    /// Other layers in place of all.
    ///
    /// # Errors
    /// Where they do not fit each other; the network is then as before.
    pub(crate) fn set_layers(&mut self, layers: Vec<Layer<T>>) -> Result<(), NetworkError> {
        let mut replaced = Self { mean: self.mean.clone(), layers: Vec::new(), ..*self };
        for layer in layers {
            replaced.push(layer)?;
        }
        *self = replaced;
        Ok(())
    }

    /// Replaces the weight `[out, in]` of a fully connected layer, or of the recurrence of an LSTM, by the product of `u`
    /// (`[out, rank]`) and `v` (`[rank, in]`), which become the weights of the layers `{layer}_u` and `{layer}_v`.
    ///
    /// # Errors
    /// Where there is no such layer, or the factors do not fit it.
    pub fn factorize(&mut self, layer: &str, rank: usize, v: Vec<T>, u: Vec<T>) -> Result<(), NetworkError> {
        let fits = |p: &&Param<T>| {
            let fits = |out: usize, of: usize| rank > 0 && v.len() == rank * of && u.len() == out * rank;
            p.layer() == Some(layer) && matches!(p.shape[..], [out, of] if fits(out, of))
        };
        let found = self.layers.iter().position(|l| l.weights().iter().any(fits));
        match found.map(|at| (at, &mut self.layers[at])) {
            Some((at, Layer::Linear(linear))) => {
                let factors = linear.factors(rank, [v, u]).map(Layer::Linear);
                self.layers.splice(at..=at, factors);
                Ok(())
            }
            Some((_, Layer::Lstm(lstm))) if lstm.project.is_none() => {
                lstm.factorize(rank, [v, u]);
                Ok(())
            }
            _ => Err(NetworkError::NoSuchLayer { layer: layer.into() }),
        }
    }

    /// The same network over sequences of other features: `row` makes each row of the first layer's weight anew.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`] where the first layer is not a fully connected one over sequences, [`NetworkError::Size`] where a new
    /// row has not `features` values.
    pub fn with_features(mut self, features: usize, row: impl Fn(&[T]) -> Vec<T>) -> Result<Self, NetworkError> {
        let Some(Layer::Linear(first)) = self.layers.first_mut().filter(|_| self.sequences) else {
            return Err(NetworkError::NoSuchLayer { layer: "a fully connected first layer".into() });
        };
        let rows: Vec<Vec<T>> = first.weight.value.chunks_exact(first.params.in_features).map(row).collect();
        if features == 0 || rows.iter().any(|row| row.len() != features) {
            return Err(NetworkError::Size { layer: first.name.clone() });
        }
        let params = LinearParams { in_features: features, ..first.params };
        let bias = first.bias.take().map(|bias| bias.value);
        *first = Linear::with_weight(&first.name, params, rows.concat(), bias);
        self.input = [features, 1, 1];
        Ok(self)
    }

    /// The same network with other outputs: for each the number of the output that it was, or `None` for a new one, which begins as the mean
    /// of all that were.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`] where the last layer is not a fully connected one, [`NetworkError::Size`] where there is no such
    /// output, or none is left.
    pub fn with_outputs(mut self, outputs: &[Option<usize>]) -> Result<Self, NetworkError> {
        let Some(Layer::Linear(last)) = self.layers.last_mut() else {
            return Err(NetworkError::NoSuchLayer { layer: "a fully connected last layer".into() });
        };
        let LinearParams { in_features, out_features } = last.params;
        if outputs.is_empty() || outputs.iter().flatten().any(|&was| was >= out_features) {
            return Err(NetworkError::Size { layer: last.name.clone() });
        }
        let resized = |values: &[T], width: usize| -> Vec<T> {
            let share = T::of(1.0 / out_features as f64);
            let mean = |i: usize| values.iter().skip(i).step_by(width).fold(T::zero(), |sum, &v| sum + share * v);
            let mean: Vec<T> = (0..width).map(mean).collect();
            let row = |was: &Option<usize>| was.map_or(&mean[..], |was| &values[was * width..(was + 1) * width]);
            outputs.iter().flat_map(row).copied().collect()
        };
        let weight = resized(&last.weight.value, in_features);
        let bias = last.bias.take().map(|bias| resized(&bias.value, 1));
        *last =
            Linear::with_weight(&last.name, LinearParams { in_features, out_features: outputs.len() }, weight, bias);
        Ok(self)
    }

    /// Gives each output that `is_new` the weights that the others have for features like its own: the linear map that fits best from the mean
    /// features of the other classes to their rows and biases, applied to its mean features. `means` has the [features](Self::features) of
    /// each class.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`] where the last layer is not a fully connected one, [`NetworkError::Size`] where it has another number of
    /// features or outputs, or the means are not finite.
    pub fn infer_outputs(&mut self, is_new: &[bool], means: &[Vec<f64>]) -> Result<(), NetworkError> {
        let Some(Layer::Linear(last)) = self.layers.last_mut() else {
            return Err(NetworkError::NoSuchLayer { layer: "a fully connected last layer".into() });
        };
        let LinearParams { in_features, out_features } = last.params;
        let refused = || NetworkError::Size { layer: last.name.clone() };
        let [known, new] = [false, true].map(|new| (0..is_new.len()).filter(|&c| is_new[c] == new).collect::<Vec<_>>());
        let fits = is_new.len() == out_features && means.len() == out_features;
        if !fits || known.is_empty() || means.iter().any(|mean| mean.len() != in_features) {
            return Err(refused());
        }
        let row = |&class: &usize| -> Vec<f64> {
            let weights = &last.weight.value[class * in_features..][..in_features];
            weights.iter().chain(last.bias.iter().map(|bias| &bias.value[class])).map(|v| v.as_f64()).collect()
        };
        let (x, y): (Vec<_>, Vec<_>) = known.iter().map(|class| (means[*class].clone(), row(class))).unzip();
        let fit = LinearFit::new(&x, &y).map_err(|_| refused())?;
        for class in new {
            let row: Vec<T> = fit.predict(&means[class]).into_iter().map(T::of).collect();
            last.weight.value[class * in_features..][..in_features].copy_from_slice(&row[..in_features]);
            if let Some(bias) = &mut last.bias {
                bias.value[class] = row[in_features];
            }
        }
        Ok(())
    }
}
