//! Simulated images without end.

use crate::samples::{SampleError, SampleSet, Samples, endless_fingerprint, endless_labels, full_batches};
use hccr_data::{IMAGE_SIZE, Simulator};
use hccr_random::Rng;
use rayon::prelude::*;

const PIXELS: usize = IMAGE_SIZE * IMAGE_SIZE;

/// Images of a [`Simulator`]: each time that a sample is drawn, another writer writes it anew. A pass has about 65,000 samples, of each
/// class as many.
#[derive(Clone, Debug)]
pub struct EndlessImages {
    simulator: Simulator,
    labels: Vec<u16>,
}

impl EndlessImages {
    /// Images that `simulator` writes.
    pub fn new(simulator: Simulator) -> Self {
        Self { labels: endless_labels(simulator.classes().len()), simulator }
    }

    fn input(&self, i: usize) -> Vec<f32> {
        let mut image = [0; PIXELS];
        self.simulator.image(self.labels[i], &mut Rng::new(0, i as u64), &mut image);
        image.map(f32::from).to_vec()
    }
}

impl SampleSet for EndlessImages {
    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[char] {
        self.simulator.classes()
    }

    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        full_batches(self.labels.len(), batch_size, rng)
    }

    fn draw(&self, indices: &[usize], rng: &mut Rng) -> Result<Samples, SampleError> {
        let seed = rng.next_u64();
        let mut pixels = vec![0; indices.len() * PIXELS];
        pixels.par_chunks_exact_mut(PIXELS).zip(indices).enumerate().for_each(|(i, (image, &sample))| {
            self.simulator.image(self.labels[sample], &mut Rng::new(seed, i as u64), image);
        });
        Ok(Samples::Images { size: IMAGE_SIZE, pixels })
    }

    /// The grey values of one image of the class of sample `i`, always the same.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        *input = self.input(i);
        Ok(())
    }

    fn fingerprint(&self) -> u32 {
        endless_fingerprint(self, |i| self.input(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_data::SimulatorConfig;

    #[test]
    fn each_draw_is_new_and_repeats_by_its_seed() {
        let config = SimulatorConfig { classes: vec!['啊', '阿', '埃'], ..SimulatorConfig::new(0, 1) };
        let simulator = Simulator::new(&config).expect("known characters");
        let set = EndlessImages::new(simulator);
        let pass = set.pass(64, &mut Rng::new(1, 0));
        assert!(pass.len() > 900 && pass.iter().all(|batch| batch.len() == 64));
        let per_class = |class| set.labels().iter().filter(|&&label| label == class).count();
        assert!(per_class(0) == per_class(1) && per_class(1) == per_class(2));
        let draw = |seed| match set.draw(&[0, 0, per_class(0)], &mut Rng::new(seed, 0)).unwrap() {
            Samples::Images { size, pixels } => {
                pixels.chunks_exact(size * size).map(<[u8]>::to_vec).collect::<Vec<_>>()
            }
            Samples::Sequences { .. } => panic!("not images"),
        };
        let [first, again, other] = [draw(1), draw(1), draw(2)];
        assert_eq!(first, again);
        assert!(first[0] != first[1] && first[0] != other[0], "two draws of one sample are the same writing");
        assert!(first.iter().all(|image| image.iter().any(|&v| v > 128)), "an image without ink");
        let mut input = [Vec::new(), Vec::new()];
        input.iter_mut().for_each(|input| set.fill_input(5, input).unwrap());
        assert_eq!((input[0].len(), &input[0]), (PIXELS, &input[1]));
    }
}
