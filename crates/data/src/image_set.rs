//! Labelled character images in memory.

/// The side of a normalized character image, in pixels.
pub const IMAGE_SIZE: usize = 96;

/// Normalized character images (see [`hccr_runtime::image::normalize`]: ink bright on 0), each with its class and
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
    /// Records of other characters that were passed over when the files were read.
    pub passed_over: usize,
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
            passed_over: 0,
        };
        let (first, second) = set.split_by_writer(|w| w == 7);
        assert_eq!((first.pixels, first.labels, first.writers), (vec![10, 13], vec![0, 1], vec![7, 7]));
        assert_eq!((second.len(), second.image(1), &second.classes), (2, &[12][..], &set.classes));
    }
}
