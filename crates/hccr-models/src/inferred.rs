//! Characters that a network has not been trained on yet.

use crate::samples::{SampleError, SampleSet};
use hccr_nn_train::Network;
use hccr_random::Rng;

/// Samples of each class that give its mean features.
const SAMPLES: usize = 8;

/// Makes the outputs of `network` that are new, by `is_new`, [read their classes](Network::infer_outputs) as well as can be told from those that
/// it knows; `set` has samples of all of them. `progress` is told how many classes are done.
///
/// # Errors
/// [`SampleError`] where a sample cannot be read, a class has none, or the network is not of these classes.
pub fn infer_new_classes(
    network: &mut Network<f32>,
    is_new: &[bool],
    set: &dyn SampleSet,
    seed: u64,
    progress: impl Fn(usize),
) -> Result<(), SampleError> {
    let rng = &mut Rng::new(seed, 0);
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); set.classes().len()];
    set.labels().iter().enumerate().for_each(|(i, &label)| of_class[usize::from(label)].push(i));
    if of_class.iter().any(Vec::is_empty) {
        return Err(SampleError::new("a class has no sample to infer its weights from"));
    }
    let mut means = Vec::with_capacity(of_class.len());
    for classes in of_class.chunks(32) {
        let drawn = |class: &Vec<usize>| class.iter().copied().cycle().take(SAMPLES).collect::<Vec<_>>();
        let indices: Vec<usize> = classes.iter().flat_map(drawn).collect();
        let features = network.features(set.draw(&indices, rng)?.to_batch(&network.mean));
        for samples in features.chunks(SAMPLES) {
            let mean = |i: usize| samples.iter().map(|sample| f64::from(sample[i])).sum::<f64>() / SAMPLES as f64;
            means.push((0..samples[0].len()).map(mean).collect());
        }
        progress(means.len());
    }
    network.infer_outputs(is_new, &means).map_err(SampleError::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Samples;
    use hccr_data::ImageSet;
    use hccr_nn_train::Layer;
    use hccr_nn_train::layers::{Linear, Mode};
    use hccr_runtime::shape::LinearParams;
    use std::cell::Cell;

    const SIDE: usize = 4;
    const CLASSES: usize = 80;

    /// Images of as many dark pixels in each class, in other places, with noise.
    fn images() -> (Vec<Vec<u8>>, ImageSet) {
        let mut rng = Rng::new(1, 0);
        let mut shape = || {
            let mut shape = [[200; SIDE * SIDE / 2], [20; SIDE * SIDE / 2]].concat();
            rng.shuffle(&mut shape);
            shape
        };
        let shapes: Vec<Vec<u8>> = (0..CLASSES).map(|_| shape()).collect();
        let mut set =
            ImageSet::new(SIDE, (0..CLASSES as u32).map(|i| char::from_u32('一' as u32 + i).unwrap()).collect());
        for (label, shape) in shapes.iter().enumerate() {
            for _ in 0..10 {
                set.pixels.extend(shape.iter().map(|&v| v + rng.below(20) as u8));
                set.labels.push(label as u16);
                set.writers.push(0);
            }
        }
        (shapes, set)
    }

    #[test]
    fn new_classes_are_read_at_once() {
        let (shapes, set) = images();
        // A matched filter of each known class; a new one has no weights yet.
        let is_new: Vec<bool> = (0..CLASSES).map(|class| class % 3 == 1).collect();
        let weight = |(shape, is_new): (&Vec<u8>, &bool)| {
            shape.iter().map(|&v| if *is_new { 0.0 } else { (f32::from(v) - 110.0) * 1e-3 }).collect::<Vec<_>>()
        };
        let params = LinearParams { in_features: SIDE * SIDE, out_features: CLASSES };
        let mut fc = Linear::new("fc", params, &mut Rng::new(0, 0));
        fc.weight.value = shapes.iter().zip(&is_new).flat_map(weight).collect();
        let mut network = Network::<f32>::new([1, SIDE, SIDE]);
        network.mean = vec![0.0; SIDE * SIDE];
        network.push(Layer::Flatten(Default::default())).unwrap();
        network.push(Layer::Linear(fc)).unwrap();
        let read = |network: &mut Network<f32>| {
            let [mut all, mut new] = [0; 2];
            for i in 0..set.len() {
                let logits = network.forward(
                    Samples::Images { size: SIDE, pixels: set.image(i).to_vec() }.to_batch(&[0.0; SIDE * SIDE]),
                    Mode::Eval,
                );
                let logits = &logits.vectors()[0];
                let label = usize::from(set.labels[i]);
                let is_read = (0..CLASSES).all(|c| c == label || logits[c] < logits[label]);
                all += usize::from(is_read);
                new += usize::from(is_read && is_new[label]);
            }
            (all, new)
        };
        assert_eq!(read(&mut network).1, 0, "new classes are not read yet");
        let done = Cell::new(0);
        infer_new_classes(&mut network, &is_new, &set, 1, |classes| done.set(classes)).unwrap();
        let (all, new) = read(&mut network);
        assert!(10 * all > 9 * set.len() && new > 200, "{all} of {}, {new} of 270", set.len());
        assert_eq!(done.get(), CLASSES);
    }

    #[test]
    fn a_class_without_samples_is_refused() {
        let (_, mut set) = images();
        set.classes.push('丁');
        let mut network = Network::<f32>::new([1, SIDE, SIDE]);
        let refused = infer_new_classes(&mut network, &[false; CLASSES + 1], &set, 1, |_| {}).unwrap_err();
        assert!(refused.to_string().contains("has no sample"), "{refused}");
    }
}
