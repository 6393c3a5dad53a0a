//! Writing without end: every sample is new, by a writer of its own.

use super::{Split, Writer, draw, skeletons};
use crate::{simulator::SimulatorError, strokes::Stroke};
use hccr_random::Rng;

/// Simulated writing without end: nothing is stored, and no sample comes twice.
///
/// Its writers are those of [`Split::Train`]: none of them writes for development or testing.
#[derive(Clone, Debug)]
pub struct Simulator {
    classes: Vec<char>,
    skeletons: Vec<Vec<Stroke>>,
    seed: u64,
}

impl Simulator {
    /// Writers of `seed` who write `classes`.
    ///
    /// # Errors
    /// [`SimulatorError`] for classes that cannot be written.
    pub fn new(classes: Vec<char>, seed: u64) -> Result<Self, SimulatorError> {
        let skeletons = skeletons(&classes)?;
        Ok(Self { classes, skeletons, seed })
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
        while draw(&self.writer(rng), &self.skeletons[usize::from(class)], number(class, rng), image).is_err() {}
    }

    /// The same as a device records the pen: the points of each stroke, `y` downwards, in the device's unit.
    ///
    /// # Panics
    /// Where there is no such class.
    pub fn ink(&self, class: u16, rng: &mut Rng) -> Vec<Vec<[i16; 2]>> {
        self.writer(rng).ink(&self.skeletons[usize::from(class)], number(class, rng))
    }

    fn writer(&self, rng: &mut Rng) -> Writer {
        Writer::new(self.seed, Split::Train.first_writer() + rng.below(1 << 24) as u32)
    }
}

/// The number of a sample of `class`.
fn number(class: u16, rng: &mut Rng) -> u64 {
    (u64::from(class) << 32) | (rng.next_u64() >> 32)
}
