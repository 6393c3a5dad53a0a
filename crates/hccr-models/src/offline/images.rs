//! Images as samples to train on.

use crate::SampleSet;
use hccr_data::ImageSet;
use hccr_nn_train::{Batch, Network};
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
        let mut order: Vec<usize> = (0..self.len()).collect();
        rng.shuffle(&mut order);
        order.chunks_exact(batch_size.min(self.len())).map(<[usize]>::to_vec).collect()
    }

    fn batch(&self, indices: &[usize], network: &Network<f32>, _: &mut Rng) -> Batch<f32> {
        let images: Vec<&[u8]> = indices.iter().map(|&i| self.image(i)).collect();
        Batch::from_bytes(&images, [self.size; 2], &network.mean)
    }

    /// The grey values of the image, row-major.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) {
        input.clear();
        input.extend(self.image(i).iter().map(|&v| f32::from(v)));
    }
}
