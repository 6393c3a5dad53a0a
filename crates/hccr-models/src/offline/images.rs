//! Images as samples to train on.

use crate::samples::{SampleError, SampleSet, Samples, fingerprint, full_batches};
use hccr_data::{IMAGE_SIZE, ImageSet, PackedImages};
use hccr_random::Rng;
use rayon::prelude::*;

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

    fn draw(&self, indices: &[usize], _: &mut Rng) -> Result<Samples, SampleError> {
        let pixels = indices.iter().flat_map(|&i| self.image(i)).copied().collect();
        Ok(Samples::Images { size: self.size, pixels })
    }

    /// The grey values of the image, row-major.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        input.clear();
        input.extend(self.image(i).iter().map(|&v| f32::from(v)));
        Ok(())
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(&self.classes, &self.labels, [&self.pixels])
    }
}

/// Read from the file for each mini-batch.
impl SampleSet for PackedImages {
    fn labels(&self) -> &[u16] {
        &self.records.labels
    }

    fn classes(&self) -> &[char] {
        &self.records.classes
    }

    /// As of an [`ImageSet`].
    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        full_batches(self.records.len(), batch_size, rng)
    }

    fn draw(&self, indices: &[usize], _: &mut Rng) -> Result<Samples, SampleError> {
        let mut pixels = vec![0; indices.len() * IMAGE_SIZE * IMAGE_SIZE];
        let images = pixels.par_chunks_exact_mut(IMAGE_SIZE * IMAGE_SIZE).zip(indices);
        images.map(|(image, &i)| self.image(i, image)).collect::<Result<(), _>>().map_err(SampleError::new)?;
        Ok(Samples::Images { size: IMAGE_SIZE, pixels })
    }

    /// The grey values of the image, row-major.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        let mut image = [0; IMAGE_SIZE * IMAGE_SIZE];
        self.image(i, &mut image).map_err(SampleError::new)?;
        input.clear();
        input.extend(image.map(f32::from));
        Ok(())
    }

    fn fingerprint(&self) -> u32 {
        self.records.fingerprint()
    }
}
