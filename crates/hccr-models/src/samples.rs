//! What training and measuring need of a data set, of images or of sequences.

use hccr_nn_train::Batch;
use hccr_random::Rng;
use std::error::Error;
use std::fmt;

/// Labelled samples of known characters.
pub trait SampleSet: fmt::Debug + Sync {
    /// The class of each sample: an index into [`classes`](Self::classes).
    fn labels(&self) -> &[u16];

    /// The character of each class.
    fn classes(&self) -> &[char];

    /// One pass over the set in random order, as mini-batches of `batch_size` samples; always the same number of them.
    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>>;

    /// The samples at `indices` to train on; `rng` decides on their augmentation, or on all of a sample but its class.
    ///
    /// # Errors
    /// [`SampleError`] where a sample cannot be read from its file.
    ///
    /// # Panics
    /// Where an index is not below the number of samples.
    fn draw(&self, indices: &[usize], rng: &mut Rng) -> Result<Samples, SampleError>;

    /// Makes `input` sample `i` as a runtime session takes it.
    ///
    /// # Errors
    /// As of [`draw`](Self::draw).
    ///
    /// # Panics
    /// Where `i` is not below the number of samples.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError>;

    /// A checksum of classes, labels and samples, by which a checkpoint knows its data again. Of an endless set, of one sample per
    /// class.
    fn fingerprint(&self) -> u32;

    /// The mean number of steps per sample; 1 for images.
    fn mean_steps(&self) -> f64 {
        1.0
    }
}

/// A sample cannot be read from its file.
#[derive(Debug)]
pub struct SampleError(Box<dyn Error + Send + Sync>);

impl SampleError {
    /// With the reader's error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read a sample: {}", self.0)
    }
}

impl Error for SampleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// The samples of a mini-batch, in no engine's own form.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Normalized character images.
    Images {
        /// The side of every image, in pixels.
        size: usize,
        /// The grey values of the images one after another, `[images, size, size]`.
        pixels: Vec<u8>,
    },
    /// Inks as the network reads them.
    Sequences {
        /// The values of a time step.
        features: usize,
        /// The time steps of each ink, one after another.
        sequences: Vec<Vec<f32>>,
    },
}

impl Samples {
    /// The mini-batch as [`Network::train_step`](hccr_nn_train::Network::train_step) takes it; `mean` is the network's mean image.
    ///
    /// # Panics
    /// Where the mean image has another size than the images.
    pub fn to_batch(&self, mean: &[f32]) -> Batch<f32> {
        match self {
            Self::Images { size, pixels } => {
                let images: Vec<&[u8]> = pixels.chunks_exact(size * size).collect();
                Batch::from_bytes(&images, [*size; 2], mean)
            }
            Self::Sequences { features, sequences } => {
                Batch::from_sequences(&sequences.iter().map(Vec::as_slice).collect::<Vec<_>>(), *features)
            }
        }
    }
}

/// The numbers of `most` of `len` samples, or of all, spread evenly.
pub fn spread(len: usize, most: usize) -> Vec<usize> {
    let count = len.min(most);
    (0..count).map(|i| i * len / count).collect()
}

/// One pass over `len` samples in random order, in full mini-batches: those that are left over wait for another pass.
pub(crate) fn full_batches(len: usize, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..len).collect();
    rng.shuffle(&mut order);
    order.chunks_exact(batch_size.min(len)).map(<[usize]>::to_vec).collect()
}

/// The [fingerprint](SampleSet::fingerprint) of a set with these samples.
pub(crate) fn fingerprint(
    classes: &[char],
    labels: &[u16],
    samples: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(classes.iter().collect::<String>().as_bytes());
    hasher.update(&labels.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>());
    samples.into_iter().for_each(|sample| hasher.update(sample.as_ref()));
    hasher.finalize()
}

/// The bytes of a sample as a session takes it.
pub(crate) fn input_bytes(input: &[f32]) -> Vec<u8> {
    input.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The fingerprint of an endless set, of which `input` gives a sample as a session takes it.
pub(crate) fn endless_fingerprint(set: &impl SampleSet, input: impl Fn(usize) -> Vec<f32>) -> u32 {
    let per_class = set.labels().len() / set.classes().len();
    let firsts = (0..set.labels().len()).step_by(per_class);
    fingerprint(set.classes(), set.labels(), firsts.map(|i| input_bytes(&input(i))))
}

/// The labels of an endless set of `classes` classes: its passes are about as long as those over a set in memory.
pub(crate) fn endless_labels(classes: usize) -> Vec<u16> {
    let per_class = ((1 << 16) / classes).max(1);
    (0..classes as u16).flat_map(|class| std::iter::repeat_n(class, per_class)).collect()
}
