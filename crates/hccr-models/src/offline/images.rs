//! Images as samples to train on.

use crate::samples::{SampleSet, Samples, fingerprint, full_batches};
use hccr_data::ImageSet;
use hccr_random::Rng;

impl SampleSet for ImageSet {
    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[char] {
        &self.classes
    }

    /// A last mini-batch that would be smaller than the others is left out: batch normalization wants full ones.
    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        full_batches(self.len(), batch_size, rng)
    }

    fn draw(&self, indices: &[usize], _: &mut Rng) -> Samples {
        let pixels = indices.iter().flat_map(|&i| self.image(i)).copied().collect();
        Samples::Images { size: self.size, pixels }
    }

    /// The grey values of the image, row-major.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) {
        input.clear();
        input.extend(self.image(i).iter().map(|&v| f32::from(v)));
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(&self.classes, &self.labels, [&self.pixels])
    }
}
