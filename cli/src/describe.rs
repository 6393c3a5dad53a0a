//! `hccr describe`: what a model consists of.

use anyhow::{Context, Result};
use clap::Args;
use hccr::{Model, Plan};
use hccr_gauge::ModelSource;
use std::io::Write;

/// Describe a model: its layers and kernels, bytes, MACs, licence and classes
///
/// The kernels are those of this machine. A MAC is one multiply and one add; of a model of pen strokes the figures are those of
/// one time step.
#[derive(Args, Debug)]
pub struct DescribeArgs {
    /// The model [default: both in the box]
    model: Option<ModelSource>,
}

impl DescribeArgs {
    pub(crate) fn run(&self) -> Result<()> {
        match &self.model {
            Some(source) => describe(source),
            None => [ModelSource::Offline, ModelSource::Online].iter().try_for_each(describe),
        }
    }
}

fn describe(source: &ModelSource) -> Result<()> {
    let bytes = source.bytes()?;
    let model = source.read()?;
    let plan = Plan::new(&model).with_context(|| format!("{source} cannot run here"))?;
    let costs = model.costs();
    let macs: [u64; 2] =
        [costs.iter().map(|cost| cost.dense_macs).sum(), costs.iter().map(|cost| cost.nonzero_macs).sum()];
    let in_the_box = [hccr::OFFLINE_MODEL, hccr::ONLINE_MODEL].contains(&&*bytes);
    let licence = if in_the_box { env!("CARGO_PKG_LICENSE") } else { "not in the file" };
    let mut out = anstream::stdout().lock();
    writeln!(out, "model      {source}, {} bytes", bytes.len())?;
    writeln!(out, "reads      {}", input(&model))?;
    writeln!(out, "classes    {}", classes(model.labels()))?;
    writeln!(out, "weights    {}, of which {} are not zero", model.weight_elements(), model.weight_nonzeros())?;
    let each = if model.is_sequence() { " per time step" } else { "" };
    writeln!(out, "MACs       {} dense, {} on non-zero weights{each}", macs[0], macs[1])?;
    if let Some(temperature) = model.temperature() {
        writeln!(out, "calibrated by the temperature {temperature}")?;
    }
    if let Some(tilt) = model.tilt() {
        let angle = f64::from(tilt).atan().to_degrees();
        writeln!(out, "looks      twice, turned by {angle:.1} degrees to each side; the MACs are of both")?;
    }
    if let Some(fusion) = model.fusion() {
        let (weight, temperature) = (fusion.weight(), fusion.temperature());
        writeln!(
            out,
            "fused      with an offline model, which weighs {weight}, calibrated by the temperature {temperature}"
        )?;
    }
    writeln!(out, "licence    {licence}")?;
    writeln!(out, "runs with  {}, {} bytes of working memory\n", plan.isa(), plan.arena_bytes())?;
    writeln!(out, "{plan}")?;
    Ok(())
}

/// What the model's inputs are.
fn input(model: &Model) -> String {
    match model.inputs() {
        [input] if model.is_sequence() => format!("pen strokes, {} features per time step", input.last().unwrap_or(&0)),
        [input] if input.len() == 3 && input[0] == 1 => format!("grey images of {} x {} pixels", input[2], input[1]),
        inputs => {
            let shapes: Vec<String> = inputs.iter().map(|input| format!("{input:?}")).collect();
            format!("inputs of shape {}", shapes.join(", "))
        }
    }
}

/// The number of classes, and the characters of the first and the last.
fn classes(labels: &[char]) -> String {
    match labels {
        [first, .., last] => format!("{}, {first} to {last}", labels.len()),
        [only] => format!("1, {only}"),
        [] => "without characters".into(),
    }
}
