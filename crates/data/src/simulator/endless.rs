//! Writing without end: every sample is new, by a writer of its own.

use super::{Copybook, SimulatorConfig, SimulatorError, Split, Writer};
use hccr_random::Rng;

/// Simulated writing without end: nothing is stored, and no sample comes twice.
///
/// Its writers are those of [`Split::Train`]: none of them writes for development or testing.
#[derive(Clone, Debug)]
pub struct Simulator {
    classes: Vec<char>,
    copybook: Copybook,
    seed: u64,
    variation: f32,
}

impl Simulator {
    /// What `config` says, but for its numbers of writers and samples.
    ///
    /// # Errors
    /// [`SimulatorError`] for classes that cannot be written.
    pub fn new(config: &SimulatorConfig) -> Result<Self, SimulatorError> {
        let SimulatorConfig { classes, seed, variation, .. } = config.clone();
        Ok(Self { classes, copybook: Copybook::new(config)?, seed, variation })
    }

    /// The character of each class.
    pub fn classes(&self) -> &[char] {
        &self.classes
    }

    /// Writes the character of `class` and makes `image`, `[IMAGE_SIZE, IMAGE_SIZE]`, its normalized scan; `rng` chooses the writer and
    /// the sample.
    ///
    /// # Panics
    /// Where there is no such class, or `image` has another size.
    pub fn image(&self, class: u16, rng: &mut Rng, image: &mut [u8]) {
        // A writing of which the scan shows nothing is written again.
        while self.copybook.image(&self.writer(rng), usize::from(class), number(class, rng), image).is_err() {}
    }

    /// The same as a device records the pen: the points of each stroke, `y` downwards, in the device's unit.
    ///
    /// # Panics
    /// Where there is no such class.
    pub fn ink(&self, class: u16, rng: &mut Rng) -> Vec<Vec<[i16; 2]>> {
        self.copybook.ink(&self.writer(rng), usize::from(class), number(class, rng))
    }

    fn writer(&self, rng: &mut Rng) -> Writer {
        let id = Split::Train.first_writer() + rng.below(1 << 24) as u32;
        Writer::new(self.seed, id).with_variation(self.variation)
    }
}

/// The number of a sample of `class`.
fn number(class: u16, rng: &mut Rng) -> u64 {
    (u64::from(class) << 32) | (rng.next_u64() >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IMAGE_SIZE;

    #[test]
    fn fonts_shape_images_and_no_ink() {
        let config = SimulatorConfig { classes: vec!['啊', '阿'], ..SimulatorConfig::new(0, 1) };
        let plain = Simulator::new(&config).expect("known characters");
        let mixed = Simulator::new(&SimulatorConfig { fonts: true, ..config }).expect("known characters");
        let images = |simulator: &Simulator| {
            let draw = |seed| {
                let mut image = vec![0; IMAGE_SIZE * IMAGE_SIZE];
                simulator.image(1, &mut Rng::new(seed, 1), &mut image);
                image
            };
            (0..40).map(draw).collect::<Vec<_>>()
        };
        let drawn = images(&mixed);
        assert_eq!(drawn, images(&mixed));
        assert!(drawn.iter().all(|image| image.iter().any(|&p| p > 0)));
        let changed = drawn.iter().zip(&images(&plain)).filter(|(a, b)| a != b).count();
        assert!((10..31).contains(&changed), "{changed} of 40 differ");
        assert_eq!(mixed.ink(0, &mut Rng::new(1, 1)), plain.ink(0, &mut Rng::new(1, 1)));
    }
}
