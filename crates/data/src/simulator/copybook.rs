//! What writers copy from: of each class a character's strokes, and the shapes that fonts give it.

use super::{SimulatorConfig, SimulatorError, Writer, forms::Forms};
use crate::{
    IMAGE_SIZE,
    render::render,
    strokes::{Skeletons, Stroke},
    trajectory::Trajectory,
};
use hccr_runtime::image::{Image, ImageError, PixelFormat, normalize};

/// The share of images that follow a font's shape, where there is one.
const FROM_FONTS: f32 = 0.5;

#[derive(Clone, Debug)]
struct Character {
    strokes: Vec<Stroke>,
    /// What people write otherwise.
    forms: Forms,
}

#[derive(Clone, Debug)]
pub(super) struct Copybook {
    characters: Vec<Character>,
    /// Of each class, the shapes that fonts give it.
    shapes: Vec<Vec<Vec<Stroke>>>,
}

impl Copybook {
    /// For the classes of `config`.
    ///
    /// # Errors
    /// [`SimulatorError`] for classes that cannot be written.
    pub(super) fn new(config: &SimulatorConfig) -> Result<Self, SimulatorError> {
        if config.classes.is_empty() {
            return Err(SimulatorError::NoClasses);
        }
        let all = Skeletons::embedded().map_err(SimulatorError::Strokes)?;
        let character = |&c: &char| {
            let strokes = all.get(c).ok_or(SimulatorError::UnknownCharacter(c))?.to_vec();
            Ok(Character { forms: Forms::of(&strokes, &all), strokes })
        };
        let characters = config.classes.iter().map(character).collect::<Result<_, _>>()?;
        let fonts = if config.fonts { Skeletons::fonts().map_err(SimulatorError::Strokes)? } else { Vec::new() };
        let shapes_of = |&c: &char| fonts.iter().filter_map(|(_, font)| font.get(c).map(<[Stroke]>::to_vec)).collect();
        let shapes = config.classes.iter().map(shapes_of).collect();
        Ok(Self { characters, shapes })
    }

    /// Makes `image`, `[IMAGE_SIZE, IMAGE_SIZE]`, the normalized scan of what `hand` writes.
    ///
    /// # Errors
    /// [`ImageError`] where the scan shows nothing.
    pub(super) fn image(&self, hand: &Writer, class: usize, sample: u64, image: &mut [u8]) -> Result<(), ImageError> {
        let scan = render(&self.trajectory(hand, class, sample), &hand.style(sample));
        normalize(&Image::new(&scan.pixels, scan.width, scan.height, PixelFormat::Gray)?, IMAGE_SIZE, image)
    }

    /// What a device records of the character that `hand` writes.
    pub(super) fn ink(&self, hand: &Writer, class: usize, sample: u64) -> Vec<Vec<[i16; 2]>> {
        hand.ink(&self.written(hand, class, sample), sample)
    }

    /// The strokes of a character in the forms that `hand` gives them.
    fn written(&self, hand: &Writer, class: usize, sample: u64) -> Vec<Stroke> {
        let Character { strokes, forms } = &self.characters[class];
        hand.formed(strokes, forms, sample)
    }

    fn trajectory(&self, hand: &Writer, class: usize, sample: u64) -> Trajectory {
        let shapes = &self.shapes[class];
        // Without fonts no number is drawn, and a font changes no writing but its own.
        match hand.font(shapes.len(), FROM_FONTS, sample) {
            Some(font) => hand.trace(&shapes[font], sample),
            None => hand.sample(&self.written(hand, class, sample), sample),
        }
    }
}
