//! What training and measuring need of a data set, of images or of sequences.

use hccr_nn_train::{Batch, Network};
use hccr_random::Rng;

/// Labelled samples of known characters.
pub trait SampleSet: Sync {
    /// The class of each sample: an index into [`classes`](Self::classes).
    fn labels(&self) -> &[u16];

    /// The character of each class.
    fn classes(&self) -> &[char];

    /// One pass over the set in random order, as mini-batches of `batch_size` samples; always the same number of them.
    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>>;

    /// The samples at `indices` as `network` trains on them; `rng` decides on their augmentation.
    ///
    /// # Panics
    /// Where an index is not below the number of samples, or the network reads other samples.
    fn batch(&self, indices: &[usize], network: &Network<f32>, rng: &mut Rng) -> Batch<f32>;

    /// Makes `input` sample `i` as a runtime session takes it.
    ///
    /// # Panics
    /// Where `i` is not below the number of samples.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>);

    /// The mean number of steps per sample; 1 for images.
    fn mean_steps(&self) -> f64 {
        1.0
    }
}
