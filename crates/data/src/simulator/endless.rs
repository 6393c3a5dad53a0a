//! Writing without end: every sample is new, by a writer of its own.

use super::{Split, Writer, scan, skeletons};
use crate::{
    simulator::SimulatorError,
    strokes::{Skeletons, Stroke},
};
use hccr_random::Rng;

/// The share of images that follow a font's shape, where there is one.
const FROM_FONTS: f32 = 0.5;

/// Simulated writing without end: nothing is stored, and no sample comes twice.
///
/// Its writers are those of [`Split::Train`]: none of them writes for development or testing.
#[derive(Clone, Debug)]
pub struct Simulator {
    classes: Vec<char>,
    skeletons: Vec<Vec<Stroke>>,
    /// Of each class, the shapes that fonts give it.
    shapes: Vec<Vec<Vec<Stroke>>>,
    seed: u64,
}

impl Simulator {
    /// Writers of `seed` who write `classes`.
    ///
    /// # Errors
    /// [`SimulatorError`] for classes that cannot be written.
    pub fn new(classes: Vec<char>, seed: u64) -> Result<Self, SimulatorError> {
        let skeletons = skeletons(&classes)?;
        let shapes = vec![Vec::new(); classes.len()];
        Ok(Self { classes, skeletons, shapes, seed })
    }

    /// Writers who follow the shapes of these fonts (`datasets/skeletons`) in part of their images, where a font has the
    /// character. Their ink stays as it was: nothing tells the order of a font's strokes.
    pub fn with_fonts<'a>(mut self, fonts: impl Iterator<Item = &'a Skeletons> + Clone) -> Self {
        for (&c, shapes) in self.classes.iter().zip(&mut self.shapes) {
            shapes.extend(fonts.clone().filter_map(|font| font.get(c).map(<[Stroke]>::to_vec)));
        }
        self
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
        let (skeleton, shapes) = (&self.skeletons[usize::from(class)], &self.shapes[usize::from(class)]);
        // A writing of which the scan shows nothing is written again.
        loop {
            let (hand, sample) = (self.writer(rng), number(class, rng));
            let trajectory = if !shapes.is_empty() && rng.chance(FROM_FONTS) {
                hand.trace(&shapes[rng.below(shapes.len())], sample)
            } else {
                hand.sample(skeleton, sample)
            };
            if scan(&trajectory, &hand.style(sample), image).is_ok() {
                return;
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IMAGE_SIZE;

    /// The embedded skeletons stand in for a font's.
    #[test]
    fn fonts_shape_images_and_no_ink() {
        let plain = Simulator::new(vec!['啊', '阿'], 1).expect("known characters");
        let font = Skeletons::embedded().expect("embedded file");
        let mixed = plain.clone().with_fonts([&font].into_iter());
        let images = |simulator: &Simulator| {
            let draw = |seed| {
                let mut image = vec![0; IMAGE_SIZE * IMAGE_SIZE];
                simulator.image(1, &mut Rng::new(seed, 1), &mut image);
                image
            };
            (0..20).map(draw).collect::<Vec<_>>()
        };
        let drawn = images(&mixed);
        assert_eq!(drawn, images(&mixed));
        assert!(drawn.iter().all(|image| image.iter().any(|&p| p > 0)));
        let changed = drawn.iter().zip(&images(&plain)).filter(|(a, b)| a != b).count();
        assert!(changed > 5, "{changed} of 20 differ");
        assert_eq!(mixed.ink(0, &mut Rng::new(1, 1)), plain.ink(0, &mut Rng::new(1, 1)));
        let without = plain.clone().with_fonts([&Skeletons::default()].into_iter());
        assert_eq!(images(&without), images(&plain));
    }
}
