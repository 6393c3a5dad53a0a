//! Which values are bytes.

use crate::model::{Model, Op};
use crate::tensor::{Elements, Quantization};
use crate::weights::are_integers;
use alloc::vec::Vec;

/// What each value is: bytes where a [`Op::FakeQuantize`] made it and all that reads it multiplies bytes, perhaps after it
/// was pooled or flattened.
pub(super) fn elements(model: &Model, shapes: &[Vec<usize>]) -> Vec<Elements> {
    let inputs = model.inputs.len();
    let multiplies: Vec<bool> = model.nodes.iter().map(|node| multiplies_bytes(model, &node.op)).collect();
    // How many read each value, and how many of them want bytes.
    let (mut readers, mut takers) = (alloc::vec![0; shapes.len()], alloc::vec![0; shapes.len()]);
    for output in &model.outputs {
        readers[output.0 as usize] += 1;
    }
    for (i, node) in model.nodes.iter().enumerate().rev() {
        let (input, output) = (node.input.0 as usize, inputs + i);
        let takes = multiplies[i] || node.op.keeps_values() && wanted(&readers, &takers, output);
        readers[input] += 1;
        takers[input] += usize::from(takes);
    }
    let mut elements = alloc::vec![Elements::F32; shapes.len()];
    for (i, node) in model.nodes.iter().enumerate() {
        let (input, output) = (node.input.0 as usize, inputs + i);
        // Quads are laid out for images and vectors.
        let laid_out = matches!(shapes[output].len(), 1 | 3);
        if !laid_out || !wanted(&readers, &takers, output) {
            continue;
        }
        elements[output] = match node.op {
            Op::FakeQuantize { scale, zero_point } => {
                let quantization = Quantization { scale, zero_point };
                let takes_rows = |op: &Op| matches!(op, Op::Conv2d { params, .. } if params.kernel_size[1] <= 4);
                let mut readers = (0..model.nodes.len()).filter(|&i| model.nodes[i].input.0 as usize == output);
                let one_channel = matches!(shapes[output][..], [1, _, _]);
                let by_a_layer = node.input.0 as usize >= inputs && multiplies[input - inputs];
                if one_channel && !by_a_layer && readers.all(|i| multiplies[i] && takes_rows(&model.nodes[i].op)) {
                    Elements::Pixels(quantization)
                } else {
                    Elements::Channels(quantization)
                }
            }
            ref op if op.keeps_values() => elements[input],
            _ => Elements::F32,
        };
    }
    elements
}

fn wanted(readers: &[usize], takers: &[usize], value: usize) -> bool {
    readers[value] > 0 && readers[value] == takers[value]
}

/// True for a layer that has a kernel for bytes, and weights that are integers small enough for it.
fn multiplies_bytes(model: &Model, op: &Op) -> bool {
    match *op {
        Op::Conv2d { params, weight, .. } => params.stride == [1, 1] && are_integers(model.weight(weight)),
        Op::Linear { weight, .. } => are_integers(model.weight(weight)),
        _ => false,
    }
}
