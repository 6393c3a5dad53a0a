//! Images that training reads in another way each time.

use crate::samples::{SampleError, SampleSet, Samples};
use hccr_data::ImageAugmentation;
use hccr_random::Rng;
use rayon::prelude::*;

/// A set of images, augmented where training draws them. Everything else is the set's own.
#[derive(Clone, Debug)]
pub struct AugmentedImages<S> {
    set: S,
    augmentation: ImageAugmentation,
}

impl<S: SampleSet> AugmentedImages<S> {
    /// The images of `set`.
    pub fn new(set: S, augmentation: ImageAugmentation) -> Self {
        Self { set, augmentation }
    }
}

impl<S: SampleSet> SampleSet for AugmentedImages<S> {
    fn labels(&self) -> &[u16] {
        self.set.labels()
    }

    fn classes(&self) -> &[char] {
        self.set.classes()
    }

    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        self.set.pass(batch_size, rng)
    }

    fn draw(&self, indices: &[usize], rng: &mut Rng) -> Result<Samples, SampleError> {
        let seed = rng.next_u64();
        let mut samples = self.set.draw(indices, rng)?;
        if let Samples::Images { size, pixels } = &mut samples {
            pixels.par_chunks_exact_mut(*size * *size).enumerate().for_each(|(place, image)| {
                self.augmentation.change(image, &mut Rng::new(seed, place as u64));
            });
        }
        Ok(samples)
    }

    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        self.set.fill_input(i, input)
    }

    fn fingerprint(&self) -> u32 {
        self.set.fingerprint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_data::{SimulatorConfig, Split, SplitSize, simulate};

    #[test]
    fn a_draw_is_augmented_by_its_seed_for_any_number_of_threads() {
        let config =
            SimulatorConfig { train: SplitSize { writers: 4, samples_per_class: 4 }, ..SimulatorConfig::new(3, 1) };
        let set = simulate(&config, Split::Train, &|_, _| ()).unwrap();
        let augmented = AugmentedImages::new(set.clone(), ImageAugmentation::default());
        let draw = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| augmented.draw(&[3, 0, 3, 11], &mut Rng::new(seed, 0)).unwrap())
        };
        let drawn = draw(1, 1);
        assert_eq!(drawn, draw(3, 1));
        assert!(drawn != draw(1, 2) && drawn != set.draw(&[3, 0, 3, 11], &mut Rng::new(1, 0)).unwrap());
        let Samples::Images { size, pixels } = drawn else { panic!("not images") };
        let images: Vec<&[u8]> = pixels.chunks_exact(size * size).collect();
        assert_ne!(images[0], images[2], "one image is augmented in the same way twice");
        let mut inputs = [Vec::new(), Vec::new()];
        augmented.fill_input(3, &mut inputs[0]).unwrap();
        set.fill_input(3, &mut inputs[1]).unwrap();
        assert_eq!((&inputs[0], augmented.fingerprint()), (&inputs[1], set.fingerprint()));
    }
}
