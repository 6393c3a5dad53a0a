//! The layout and the buffer of each value.

use super::error::PlanError;
use crate::kernels::CHUNK;
use crate::model::{Model, Op, ValueId};
use crate::tensor::shape::STEPS;
use crate::tensor::{Elements, Layout, Quantization};
use alloc::vec::Vec;

/// The most elements that the values of a plan may have together (256 MiB), whatever its limits: kernels hold positions in 32
/// bits.
pub(crate) const MAX_ELEMENTS: usize = 1 << 26;

/// Where one value stands.
pub(crate) struct Value {
    pub(crate) layout: Layout,
    /// The value whose buffer it is in: itself, or an earlier one that it only renames.
    pub(crate) buffer: usize,
}

/// Lays out every value of a valid model with the given shapes and elements, `most` elements together; of a sequence, one chunk.
pub(super) fn lay_out(
    model: &Model,
    shapes: &[Vec<usize>],
    elements: &[Elements],
    lanes: usize,
    most: usize,
) -> Result<Vec<Value>, PlanError> {
    let inputs = model.inputs.len();
    // What a value is when dropouts and identities are looked through.
    let mut base: Vec<usize> = (0..shapes.len()).collect();
    // Values that must have one row stride, since a flat convolution stands between them: named by the first.
    let mut group = base.clone();
    let mut border = alloc::vec![[0; 2]; shapes.len()];
    let mut flat = alloc::vec![false; shapes.len()];
    for (i, node) in model.nodes.iter().enumerate() {
        let (input, output) = (base[node.input.0 as usize], inputs + i);
        match node.op {
            Op::Identity | Op::Dropout { .. } => base[output] = input,
            // Layers find the bytes of an image where they are.
            Op::Flatten if elements[output] != Elements::F32 => base[output] = input,
            // It may be the convolution before it that rounds.
            Op::FakeQuantize { .. } => {
                flat[output] = flat[input];
                group[output] = group[input];
            }
            Op::Conv2d { params, .. } => {
                for d in 0..2 {
                    border[input][d] = border[input][d].max(params.padding[d]);
                }
                if params.stride == [1, 1] {
                    flat[output] = true;
                    group[output] = group[input];
                }
            }
            _ => {}
        }
    }
    let mut row_stride = alloc::vec![0; shapes.len()];
    for v in 0..shapes.len() {
        let width = shapes[v].last().map_or(0, |&w| w.saturating_add(border[v][1]));
        row_stride[group[v]] = row_stride[group[v]].max(width);
    }

    let mut values: Vec<Value> = Vec::with_capacity(shapes.len());
    let mut total = 0usize;
    for (v, shape) in shapes.iter().enumerate() {
        let producer = model.producer(ValueId(v as u32)).map(|i| &model.nodes[i]);
        let too_large = |elements: usize| PlanError::TooLarge {
            layer: producer.map_or_else(|| alloc::format!("input {v}"), |node| node.name.clone()),
            bytes: elements.saturating_mul(size_of::<f32>()),
        };
        if base[v] != v {
            let layout = values[base[v]].layout.clone();
            values.push(Value { layout, buffer: values[base[v]].buffer });
            continue;
        }
        let mut layout = match shape[..] {
            [STEPS, features] => Layout::tight(&[features, 1, CHUNK]),
            [channels, h, w] if matches!(elements[v], Elements::Channels(_)) => {
                Layout::tight(&[channels.div_ceil(4), h, w])
            }
            [features] if elements[v] != Elements::F32 => Layout::tight(&[features.div_ceil(4)]),
            _ => Layout::tight(shape),
        };
        layout.zero = elements[v].quantization().map_or(0.0, Quantization::zeros);
        if shape.len() == 3 {
            let lanes = flat[v].then_some(lanes);
            layout = layout.with_border(border[v], row_stride[group[v]], lanes).ok_or_else(|| too_large(usize::MAX))?;
        }
        if let Some(node) = producer.filter(|node| matches!(node.op, Op::Flatten)) {
            let input = &values[node.input.0 as usize];
            if input.layout.is_tight() {
                values.push(Value { layout, buffer: input.buffer });
                continue;
            }
        }
        total = layout.elements().and_then(|n| n.checked_add(total)).ok_or_else(|| too_large(usize::MAX))?;
        if total > most {
            return Err(too_large(total));
        }
        values.push(Value { layout, buffer: v });
    }
    Ok(values)
}
