//! Labelled character images in memory.

use crate::SampleSet;
use hccr_nn_train::{Batch, Network};
use hccr_tensor::Rng;

/// Normalised character images (see [`hccr_runtime::preprocess::normalize`]: ink bright on 0), each with its class and
/// its writer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageSet {
    /// The side of every image, in pixels.
    pub size: usize,
    /// The images one after another, `[len, size, size]`.
    pub pixels: Vec<u8>,
    /// The class of each image: an index into `classes`.
    pub labels: Vec<u16>,
    /// The writer of each image; a number says nothing about other sets.
    pub writers: Vec<u32>,
    /// The character of each class.
    pub classes: Vec<char>,
}

impl ImageSet {
    /// A set without images.
    pub fn new(size: usize, classes: Vec<char>) -> Self {
        Self { size, classes, ..Self::default() }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Image `i`, `[size, size]`.
    ///
    /// # Panics
    /// From `len()` on.
    pub fn image(&self, i: usize) -> &[u8] {
        let len = self.size * self.size;
        &self.pixels[i * len..(i + 1) * len]
    }

    /// The images at `indices`, in that order, with the same classes.
    ///
    /// # Panics
    /// Where an index is not below `len()`.
    pub fn subset(&self, indices: &[usize]) -> Self {
        let mut set = Self::new(self.size, self.classes.clone());
        set.pixels.reserve_exact(indices.len() * self.size * self.size);
        for &i in indices {
            set.pixels.extend_from_slice(self.image(i));
            set.labels.push(self.labels[i]);
            set.writers.push(self.writers[i]);
        }
        set
    }

    /// Two sets: the images whose writer `first` accepts, and the others.
    pub fn split_by_writer(&self, first: impl Fn(u32) -> bool) -> (Self, Self) {
        let (yes, no): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|&i| first(self.writers[i]));
        (self.subset(&yes), self.subset(&no))
    }
}

impl SampleSet for ImageSet {
    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[char] {
        &self.classes
    }

    /// A last mini-batch that would be smaller than the others is left out: batch normalisation wants full ones.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_by_writer() {
        let set = ImageSet {
            size: 1,
            pixels: vec![10, 11, 12, 13],
            labels: vec![0, 1, 0, 1],
            writers: vec![7, 8, 9, 7],
            classes: vec!['一', '乙'],
        };
        let (first, second) = set.split_by_writer(|w| w == 7);
        assert_eq!((first.pixels, first.labels, first.writers), (vec![10, 13], vec![0, 1], vec![7, 7]));
        assert_eq!((second.len(), second.image(1), &second.classes), (2, &[12][..], &set.classes));
    }
}
