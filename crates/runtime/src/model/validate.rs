//! Validation: shapes, references, weights.

use super::error::ModelError;
use super::graph::Model;
use super::op::Op;
use crate::limits::{MAX_DIMENSIONS, MAX_ITEMS, MAX_NUMBER};
use crate::tensor::shape::{STEPS, display, elements, is_sequence};
use crate::weights::{Pattern, Weight, WeightData, WeightId};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

impl Model {
    /// The model with the shape of every value, where its graph is valid. The contents of the weights are checked apart.
    pub(crate) fn checked(mut self) -> Result<Self, ModelError> {
        self.shapes = self.infer_shapes()?;
        Ok(self)
    }

    /// What a file has room for, so that every model can be written and read.
    fn check_sizes(&self) -> Result<(), ModelError> {
        let counts = [self.inputs.len(), self.outputs.len(), self.nodes.len(), self.weights.len()];
        for (what, count) in ["inputs", "outputs", "nodes", "weights"].into_iter().zip(counts) {
            if count > MAX_ITEMS {
                return Err(ModelError::new("model", format!("has {count} {what}, more than {MAX_ITEMS}")));
            }
        }
        let shapes = self.inputs.iter().map(|shape| ("input", shape));
        for (place, shape) in shapes.chain(self.weights.iter().map(|weight| (&*weight.name, &weight.shape))) {
            if shape.len() > MAX_DIMENSIONS {
                let reason = format!("has {} dimensions, more than {MAX_DIMENSIONS}", shape.len());
                return Err(ModelError::new(place, reason));
            }
        }
        let nodes = self.nodes.iter().map(|node| (&node.name, "node"));
        let mut names = nodes.chain(self.weights.iter().map(|weight| (&weight.name, "weight")));
        match names.find(|(name, _)| name.len() > MAX_NUMBER) {
            Some((_, place)) => Err(ModelError::new(place, "has a name of more than 2^31 bytes")),
            None => Ok(()),
        }
    }

    fn infer_shapes(&self) -> Result<Vec<Vec<usize>>, ModelError> {
        self.check_sizes()?;
        let mut shapes = self.inputs.clone();
        for (i, shape) in self.inputs.iter().enumerate() {
            if shape.is_empty() || elements(step(shape)).is_none_or(|n| n == 0) {
                let reason = format!("shape {} is empty or too large", display(shape));
                return Err(ModelError::new(format!("input {i}"), reason));
            }
            if is_sequence(shape) && self.inputs.len() > 1 {
                return Err(ModelError::new(format!("input {i}"), "a sequence must be the only input"));
            }
        }
        if self.inputs.is_empty() || self.outputs.is_empty() {
            return Err(ModelError::new("model", "needs at least one input and one output"));
        }
        // The text of an error has no floating-point numbers, whose formatting would be 18 KB in programs that have none else.
        if self.temperature.is_some_and(|t| !t.is_normal() || t < 0.0) {
            return Err(ModelError::new("temperature", "not a positive number"));
        }
        if let Some(tilt) = self.tilt {
            if !(tilt.is_normal() && tilt > 0.0 && tilt <= 1.0) {
                return Err(ModelError::new("tilt", "not a number above 0 and up to 1"));
            }
            let is_square = matches!(&self.inputs[..], [input] if matches!(input[..], [1, h, w] if h == w));
            if !is_square || self.outputs.len() != 1 {
                return Err(ModelError::new("tilt", "for a model with one output that reads one square grey image"));
            }
        }
        for node in &self.nodes {
            let fail = |reason: String| ModelError::new(&*node.name, reason);
            let input = shapes.get(node.input.index());
            let input = input.ok_or_else(|| fail("reads a value that is not defined before it".into()))?;
            let output = self.output_shape(&node.op, input);
            shapes.push(output.map_err(|reason| fail(format!("{}: {reason}", node.op.name())))?);
        }
        for &output in &self.outputs {
            let shape = shapes.get(output.index());
            let shape = shape.ok_or_else(|| ModelError::new("outputs", "a value that is not defined"))?;
            if is_sequence(shape) {
                return Err(ModelError::new("outputs", "a sequence cannot be an output; its mean over time can"));
            }
            if !self.labels.is_empty() && shape.iter().product::<usize>() != self.labels.len() {
                let reason = format!("{} labels for an output of shape {}", self.labels.len(), display(shape));
                return Err(ModelError::new("labels", reason));
            }
        }
        Ok(shapes)
    }

    fn output_shape(&self, op: &Op, input: &[usize]) -> Result<Vec<usize>, String> {
        if let &[STEPS, features] = input {
            return self.output_of_sequence(op, features);
        }
        let vector = |id: Option<WeightId>, what: &str, len: usize| match id {
            None => Ok(()),
            Some(id) => self.expect(id, what, &[len]),
        };
        let output = match op {
            Op::SubtractMean { mean } => {
                self.expect(*mean, "mean", input)?;
                input.to_vec()
            }
            Op::Conv2d { params, weight, scale, bias, prelu } => {
                let &[channels, h, w] = input else { return Err(format!("input shape {} is not chw", display(input))) };
                if channels != params.in_channels {
                    return Err(format!("input has {channels} channels, the layer {}", params.in_channels));
                }
                if params.kernel_size.contains(&0)
                    || params.padding[0] >= params.kernel_size[0]
                    || params.padding[1] >= params.kernel_size[1]
                {
                    return Err("kernel of size zero, or padding not smaller than the kernel".into());
                }
                sizes_fit(params.kernel_size, params.stride)?;
                self.expect(*weight, "weight", &params.weight_shape())?;
                vector(*scale, "scale", params.out_channels)?;
                vector(*bias, "bias", params.out_channels)?;
                vector(*prelu, "prelu", params.out_channels)?;
                let [h, w] = params.output_size([h, w]).ok_or("the kernel does not fit the input")?;
                alloc::vec![params.out_channels, h, w]
            }
            Op::Linear { params, weight, scale, bias, prelu } => {
                if input != [params.in_features] {
                    return Err(format!("input shape {}, the layer takes {}", display(input), params.in_features));
                }
                self.expect(*weight, "weight", &[params.out_features, params.in_features])?;
                vector(*scale, "scale", params.out_features)?;
                vector(*bias, "bias", params.out_features)?;
                vector(*prelu, "prelu", params.out_features)?;
                alloc::vec![params.out_features]
            }
            Op::BatchNorm { mean, scale, shift } => {
                vector(Some(*mean), "mean", input[0])?;
                vector(Some(*scale), "scale", input[0])?;
                vector(*shift, "shift", input[0])?;
                input.to_vec()
            }
            Op::PRelu { slope } => {
                vector(Some(*slope), "slope", input[0])?;
                input.to_vec()
            }
            Op::MaxPool2d { params } => {
                let &[channels, h, w] = input else { return Err(format!("input shape {} is not chw", display(input))) };
                sizes_fit(params.kernel_size, params.stride)?;
                let [h, w] = params.output_size([h, w]).ok_or("no window fits the input")?;
                alloc::vec![channels, h, w]
            }
            Op::Flatten => alloc::vec![input.iter().product()],
            Op::Dropout { probability } if !(0.0..1.0).contains(probability) => {
                return Err("the probability is not in [0, 1)".into());
            }
            Op::FakeQuantize { scale, .. } if !scale.is_normal() || *scale < 0.0 => {
                return Err("the scale is not positive".into());
            }
            Op::Softmax if input.len() != 1 => {
                return Err(format!("input shape {} is not a vector", display(input)));
            }
            Op::Dropout { .. } | Op::Identity | Op::FakeQuantize { .. } | Op::Softmax => input.to_vec(),
            Op::Lstm { .. } | Op::MeanOverTime => {
                return Err(format!("input shape {} is not a sequence", display(input)));
            }
        };
        match elements(&output) {
            Some(n) if n > 0 => Ok(output),
            _ => Err(format!("output shape {} is empty or too large", display(&output))),
        }
    }

    /// The output shape of `op` over a sequence of `features` per step.
    fn output_of_sequence(&self, op: &Op, features: usize) -> Result<Vec<usize>, String> {
        match op {
            // Each step is a vector of its own.
            Op::Linear { .. } | Op::BatchNorm { .. } | Op::PRelu { .. } | Op::Dropout { .. } | Op::Identity => {
                let output = self.output_shape(op, &[features])?;
                Ok(alloc::vec![STEPS, output[0]])
            }
            Op::Lstm { params, project, recurrent } => {
                let gates = params.gates().filter(|&gates| gates == features && gates > 0);
                let gates = gates.ok_or_else(|| {
                    format!("input has {features} features per step, the four gates 4 x {}", params.hidden_size)
                })?;
                let columns = params.rank.unwrap_or(params.hidden_size);
                match (project, params.rank) {
                    (None, None) => {}
                    (Some(id), Some(rank)) if (1..=params.hidden_size).contains(&rank) => {
                        self.expect(*id, "project", &[rank, params.hidden_size])?;
                    }
                    (_, Some(rank)) => {
                        return Err(format!("rank {rank} without a factor, or not within 1 to the hidden size"));
                    }
                    (Some(_), None) => return Err("a factor of the recurrent matrix without a rank".into()),
                }
                self.expect(*recurrent, "recurrent", &[gates, columns])?;
                Ok(alloc::vec![STEPS, params.hidden_size])
            }
            Op::MeanOverTime => Ok(alloc::vec![features]),
            Op::SubtractMean { .. }
            | Op::Conv2d { .. }
            | Op::MaxPool2d { .. }
            | Op::Flatten
            | Op::FakeQuantize { .. }
            | Op::Softmax => Err("does not take a sequence".into()),
        }
    }

    fn expect(&self, id: WeightId, what: &str, shape: &[usize]) -> Result<(), String> {
        let Weight { name, shape: found, .. } =
            self.weights.get(id.index()).ok_or_else(|| format!("{what} {} does not exist", id.0))?;
        if found == shape {
            return Ok(());
        }
        Err(format!("{what} '{name}' has shape {}, expected {}", display(found), display(shape)))
    }
}

impl Weight {
    /// Checks that values, pattern and labels fit the shape, and that every value is finite.
    ///
    /// # Errors
    /// [`ModelError`] with the weight's name.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.validate_values()?;
        let (pattern, entries) = match &self.data {
            WeightData::Dense(_) => return Ok(()),
            WeightData::Sparse { pattern, values } => (pattern, values.len()),
            WeightData::Codebook { pattern, labels, .. } => (pattern, labels.len()),
        };
        if !pattern.fits(self.rows(), self.columns(), entries) {
            return Err(ModelError::new(&*self.name, "a sparse pattern that does not fit its shape"));
        }
        Ok(())
    }

    /// Checks all but the pattern.
    pub(super) fn validate_values(&self) -> Result<(), ModelError> {
        let fail = |reason: &str| Err(ModelError::new(&*self.name, reason));
        let Some(elements) = elements(&self.shape).filter(|&n| n > 0 && !self.shape.is_empty()) else {
            return fail("empty or too large a shape");
        };
        let values = match &self.data {
            WeightData::Dense(values) if values.len() != elements => {
                return fail("another number of values than its shape has");
            }
            WeightData::Dense(values) | WeightData::Sparse { values, .. } => values,
            WeightData::Codebook { centres, labels, .. } => {
                if centres.len() > 256 || labels.iter().fold(0, |most, &l| l.max(most)) as usize >= centres.len().max(1)
                {
                    return fail("a label without a centre");
                }
                centres
            }
        };
        if values.iter().any(|v| !v.is_finite()) {
            return fail("a value that is not finite");
        }
        Ok(())
    }
}

impl Pattern {
    fn fits(&self, rows: usize, columns: usize, entries: usize) -> bool {
        self.indptr.len() == rows + 1
            && self.indptr[0] == 0
            && self.indptr[rows] as usize == self.indices.len()
            && self.indices.len() == entries
            && self.indptr.windows(2).all(|w| w[0] <= w[1])
            && (0..rows).all(|r| {
                let row = &self.indices[self.row(r)];
                // No early exit: this way it is vectorised, and loading a model spends its time elsewhere.
                let ascending = row.iter().zip(row.iter().skip(1)).fold(true, |ok, (a, b)| ok & (a < b));
                ascending && row.last().is_none_or(|&c| (c as usize) < columns)
            })
    }
}

/// Checks what the shapes do not bound.
fn sizes_fit(kernel_size: [usize; 2], stride: [usize; 2]) -> Result<(), String> {
    match [kernel_size, stride].as_flattened().iter().all(|&size| size <= MAX_NUMBER) {
        true => Ok(()),
        false => Err("a kernel or a stride above 2^31".into()),
    }
}

/// The shape of one step of a sequence, and of any other value itself.
fn step(shape: &[usize]) -> &[usize] {
    if is_sequence(shape) { &shape[1..] } else { shape }
}
