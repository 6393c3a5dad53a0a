//! Images that are in memory, or in a packed file.

use anyhow::Result;
use hccr_data::{CasiaFilter, IMAGE_SIZE, ImageSet, PackedImages};
use hccr_models::{SampleError, SampleSet, Samples};
use hccr_random::Rng;
use std::path::Path;

/// Labelled images.
#[derive(Clone, Debug)]
pub(crate) enum Images {
    Memory(ImageSet),
    Packed(PackedImages),
}

impl Images {
    /// The images of a packed file that `filter` chooses.
    pub(super) fn open(path: &Path, filter: &CasiaFilter) -> Result<Self> {
        Ok(Self::Packed(PackedImages::open(path, filter)?))
    }

    fn set(&self) -> &dyn SampleSet {
        match self {
            Self::Memory(set) => set,
            Self::Packed(set) => set,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.labels().len()
    }

    /// The writer of each image.
    pub(super) fn writers(&self) -> &[u32] {
        match self {
            Self::Memory(set) => &set.writers,
            Self::Packed(set) => &set.records.writers,
        }
    }

    /// Records of other characters that were passed over.
    pub(super) fn passed_over(&self) -> usize {
        match self {
            Self::Memory(set) => set.passed_over,
            Self::Packed(set) => set.records.passed_over,
        }
    }

    /// The images at `indices`, where the others are.
    pub(super) fn subset(&self, indices: &[usize]) -> Self {
        match self {
            Self::Memory(set) => Self::Memory(set.subset(indices)),
            Self::Packed(set) => Self::Packed(set.subset(indices)),
        }
    }

    /// Leaves out the characters of all classes but the first `most`.
    pub(super) fn keep_first_classes(&mut self, most: Option<usize>) {
        let Some(most) = most.filter(|&most| most < self.classes().len()) else { return };
        let kept: Vec<usize> = (0..self.len()).filter(|&i| usize::from(self.labels()[i]) < most).collect();
        *self = self.subset(&kept);
        match self {
            Self::Memory(set) => set.classes.truncate(most),
            Self::Packed(set) => set.records.classes.truncate(most),
        }
    }

    /// All images in memory.
    pub(super) fn into_memory(self) -> Result<Self> {
        Ok(match self {
            Self::Memory(set) => Self::Memory(set),
            Self::Packed(set) => Self::Memory(set.to_memory()?),
        })
    }

    /// The grey values of image `i`, ink bright on 0.
    pub(crate) fn image(&self, i: usize) -> Result<Vec<u8>> {
        match self {
            Self::Memory(set) => Ok(set.image(i).to_vec()),
            Self::Packed(set) => {
                let mut image = vec![0; IMAGE_SIZE * IMAGE_SIZE];
                set.image(i, &mut image)?;
                Ok(image)
            }
        }
    }
}

impl SampleSet for Images {
    fn labels(&self) -> &[u16] {
        self.set().labels()
    }

    fn classes(&self) -> &[char] {
        self.set().classes()
    }

    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        self.set().pass(batch_size, rng)
    }

    fn draw(&self, indices: &[usize], rng: &mut Rng) -> Result<Samples, SampleError> {
        self.set().draw(indices, rng)
    }

    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        self.set().fill_input(i, input)
    }

    fn fingerprint(&self) -> u32 {
        self.set().fingerprint()
    }
}
