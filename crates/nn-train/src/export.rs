//! From a trained network to the runtime's model.

use crate::layers::Layer;
use crate::network::Network;
use crate::param::Param;
use hccr_runtime::shape::{LstmParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, ModelError, Op, Pattern, Weight, WeightData};

impl Network<f32> {
    /// The network as a model for the runtime, with the character of each class (or none).
    ///
    /// Nothing is folded or fused: that is for graph optimization. Masked weights become sparse, shared ones a codebook,
    /// both without loss.
    ///
    /// # Errors
    /// [`ModelError`] where training has left a weight that is not finite, or the labels are not one per class.
    pub fn to_model(&self, labels: &[char]) -> Result<Model, ModelError> {
        let mut b = if self.reads_sequence(0) {
            ModelBuilder::new(&[STEPS, self.input[0]])
        } else {
            let mut b = ModelBuilder::new(&self.input);
            let mean = b.weight(few_values("mean", &self.input, &self.mean));
            b.push("mean", Op::SubtractMean { mean });
            b
        };
        for layer in self.layers() {
            match layer {
                Layer::Conv2d(l) => {
                    let weight = b.weight(export(&l.weight));
                    let bias = l.bias.as_ref().map(|p| b.weight(export(p)));
                    b.push(&l.name, Op::Conv2d { params: l.params, weight, scale: None, bias, prelu: None });
                }
                Layer::Norm(l) => {
                    if let Some(norm) = &l.norm {
                        let name = format!("{}.norm", l.name);
                        let (scale, shift) = l.scale_and_shift(norm);
                        let mut vector = |what: &str, v: Vec<f32>| b.dense(format!("{name}.{what}"), &[v.len()], v);
                        let mean = vector("mean", norm.running_mean.iter().map(|&m| m as f32).collect());
                        let scale = vector("scale", scale);
                        let shift = shift.map(|s| vector("shift", s));
                        b.push(name, Op::BatchNorm { mean, scale, shift });
                    }
                    if let Some(prelu) = &l.prelu {
                        let slope = b.weight(export(prelu));
                        b.push(format!("{}.prelu", l.name), Op::PRelu { slope });
                    }
                    if let Some(params) = l.pool {
                        b.push(format!("{}.pool", l.name), Op::MaxPool2d { params });
                    }
                }
                Layer::Flatten(_) => {
                    b.push("flatten", Op::Flatten);
                }
                Layer::Linear(l) => {
                    let weight = b.weight(export(&l.weight));
                    let bias = l.bias.as_ref().map(|p| b.weight(export(p)));
                    b.push(&l.name, Op::Linear { params: l.params, weight, scale: None, bias, prelu: None });
                }
                Layer::Dropout(l) => {
                    b.push(&l.name, Op::Dropout { probability: l.probability });
                }
                Layer::Lstm(l) => {
                    let params = LstmParams { hidden_size: l.hidden_size, rank: l.rank() };
                    let project = l.project.as_ref().map(|p| b.weight(export(p)));
                    let recurrent = b.weight(export(&l.recurrent));
                    b.push(&l.name, Op::Lstm { params, project, recurrent });
                }
                Layer::MeanOverTime(_) => {
                    b.push("mean_over_time", Op::MeanOverTime);
                }
            }
        }
        b.set_labels(labels.to_vec());
        b.finish()
    }
}

fn export(param: &Param<f32>) -> Weight {
    param.constraint().weight(&param.name, &param.shape, &param.value)
}

/// A codebook where there are at most 256 different values, dense otherwise.
fn few_values(name: &str, shape: &[usize], values: &[f32]) -> Weight {
    let mut centres = values.to_vec();
    centres.sort_by(f32::total_cmp);
    centres.dedup();
    if centres.len() > 256 {
        return Weight::dense(name, shape, values.to_vec());
    }
    let label = |v: &f32| centres.binary_search_by(|c| c.total_cmp(v)).expect("every value is a centre") as u8;
    let labels = values.iter().map(label).collect();
    let pattern = Pattern::from_mask(values.iter().map(|_| true), shape.iter().skip(1).product());
    Weight::new(name, shape, WeightData::Codebook { pattern, centres, labels })
}
