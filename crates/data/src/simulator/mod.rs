//! The handwriting simulator: draws writers, and from each writer samples of characters.
//!
//! A sample starts from a character's stroke skeleton (`datasets/strokes`), which the writer's habits and chance distort,
//! and whose strokes they join. It is a pen trajectory ([`Writer::sample`]) that can be drawn ([`crate::render`]) and recorded
//! ([`Writer::ink`]): image and ink of one number are the same writing, unless the image follows a font. The same seed
//! gives the same bytes on every machine and for any number of threads: nothing but the four operations, square roots and
//! the portable `libm` touches the numbers, and each sample has a random stream of its own.

mod component;
mod copybook;
mod device;
mod elastic;
mod endless;
mod forms;
mod merges;
mod motor;
mod path;
mod pen;
mod shape;
mod shortcuts;
mod ticks;
mod writer;

pub use endless::Simulator;
pub use writer::Writer;

use crate::{IMAGE_SIZE, gb2312::gb2312_level1, image_set::ImageSet, ink_set::InkSet, strokes::StrokesError};
use copybook::Copybook;
use hccr_runtime::image::ImageError;
use rayon::prelude::*;
use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A part of a synthetic data set. No two parts share a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To train on.
    Train,
    /// To choose by while developing and compressing.
    Dev,
    /// To measure on, once.
    Test,
}

impl Split {
    /// The number of its first writer.
    fn first_writer(self) -> u32 {
        match self {
            Self::Train => 0,
            Self::Dev => 1 << 24,
            Self::Test => 2 << 24,
        }
    }
}

/// How much of a [`Split`] to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitSize {
    /// The number of writers, at most 2^24.
    pub writers: u32,
    /// The number of samples of each class, shared out among the writers.
    pub samples_per_class: u32,
}

/// What [`simulate`] and [`simulate_ink`] make.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatorConfig {
    /// The characters, all of [`Skeletons::embedded`](crate::strokes::Skeletons::embedded).
    pub classes: Vec<char>,
    /// The training part.
    pub train: SplitSize,
    /// The development part.
    pub dev: SplitSize,
    /// The test part.
    pub test: SplitSize,
    /// Another seed gives other writers.
    pub seed: u64,
    /// How far writing strays from the copybook: 1 is usual, and more than people stray; networks that train for seconds
    /// learn neater writing.
    pub variation: f32,
    /// Whether half of the images follow the shapes of the handwriting fonts
    /// ([`Skeletons::fonts`](crate::strokes::Skeletons::fonts)), where a font has the character. Ink stays as it was, since
    /// nothing tells the order of a font's strokes.
    pub fonts: bool,
}

impl SimulatorConfig {
    /// The first so many characters (at most 3755) in a middling size: 300 training samples of each class by 120 writers, 20
    /// by 20 for development, 60 by 60 to test on; without fonts.
    pub fn new(classes: usize, seed: u64) -> Self {
        let size = |writers, samples_per_class| SplitSize { writers, samples_per_class };
        let classes = gb2312_level1().into_iter().take(classes).collect();
        Self {
            classes,
            train: size(120, 300),
            dev: size(20, 20),
            test: size(60, 60),
            seed,
            variation: 1.0,
            fonts: false,
        }
    }

    /// How much of `split` to make.
    pub fn size(&self, split: Split) -> SplitSize {
        match split {
            Split::Train => self.train,
            Split::Dev => self.dev,
            Split::Test => self.test,
        }
    }
}

/// Why [`simulate`] or [`simulate_ink`] made nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SimulatorError {
    /// No classes.
    NoClasses,
    /// There is no skeleton of this character.
    UnknownCharacter(char),
    /// So many writers: there must be 1 to 2^24.
    Writers(u32),
    /// The stroke skeletons cannot be read.
    Strokes(StrokesError),
    /// A sample cannot be normalized.
    Image(ImageError),
}

impl fmt::Display for SimulatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClasses => write!(f, "no classes asked for: choose some of the characters of datasets/strokes"),
            Self::UnknownCharacter(c) => write!(f, "there is no skeleton to write '{c}' from"),
            Self::Writers(n) => write!(f, "{n} writers asked for: choose 1 to {}", 1 << 24),
            Self::Strokes(error) => write!(f, "no skeletons to write from: {error}"),
            Self::Image(error) => write!(f, "a sample cannot be normalized: {error}"),
        }
    }
}

impl std::error::Error for SimulatorError {}

/// Writes one part of a synthetic data set: images ordered by class, those of a class by number of sample.
///
/// `progress` hears how many of how many images are done, now and then, from any thread.
///
/// # Errors
/// [`SimulatorError`] for classes that cannot be written, or a number of writers out of range.
pub fn simulate(
    config: &SimulatorConfig,
    split: Split,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<ImageSet, SimulatorError> {
    let samples = Samples::new(config, split)?;
    let mut set = ImageSet::new(IMAGE_SIZE, config.classes.clone());
    set.labels = (0..samples.len()).map(|i| samples.label(i)).collect();
    set.writers = (0..samples.len()).map(|i| samples.writer(i)).collect();
    set.pixels = vec![0; samples.len() * IMAGE_SIZE * IMAGE_SIZE];
    let done = Counter::new(samples.len(), progress);
    set.pixels.par_chunks_exact_mut(IMAGE_SIZE * IMAGE_SIZE).enumerate().try_for_each(|(i, out)| {
        let (hand, class, sample) = samples.get(i);
        samples.copybook.image(hand, class, sample, out).map_err(SimulatorError::Image)?;
        done.add_one();
        Ok(())
    })?;
    Ok(set)
}

/// As [`simulate`], but as a device records the pen: ink `i` is the same writing as image `i`, unless the image follows a font.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_ink(
    config: &SimulatorConfig,
    split: Split,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<InkSet, SimulatorError> {
    let samples = Samples::new(config, split)?;
    let done = Counter::new(samples.len(), progress);
    let write = |i: usize| {
        let (hand, class, sample) = samples.get(i);
        let ink = samples.copybook.ink(hand, class, sample);
        done.add_one();
        ink
    };
    let inks: Vec<_> = (0..samples.len()).into_par_iter().map(write).collect();
    let mut set = InkSet::new(config.classes.clone());
    for (i, ink) in inks.iter().enumerate() {
        set.push(ink, samples.label(i), samples.writer(i));
    }
    Ok(set)
}

/// Who writes what in one part of a data set.
struct Samples {
    copybook: Copybook,
    classes: usize,
    hands: Vec<Writer>,
    first_writer: u32,
    per_class: usize,
}

impl Samples {
    fn new(config: &SimulatorConfig, split: Split) -> Result<Self, SimulatorError> {
        let SplitSize { writers, samples_per_class } = config.size(split);
        let copybook = Copybook::new(config)?;
        if !(1..=1 << 24).contains(&writers) {
            return Err(SimulatorError::Writers(writers));
        }
        let first_writer = split.first_writer();
        let hand = |id| Writer::new(config.seed, id).with_variation(config.variation);
        let hands = (first_writer..first_writer + writers).map(hand).collect();
        let (classes, per_class) = (config.classes.len(), samples_per_class as usize);
        Ok(Self { copybook, classes, hands, first_writer, per_class })
    }

    fn len(&self) -> usize {
        self.classes * self.per_class
    }

    fn label(&self, i: usize) -> u16 {
        (i / self.per_class) as u16
    }

    fn writer(&self, i: usize) -> u32 {
        self.first_writer + self.hand(i) as u32
    }

    /// The hand that writes sample `i`. Which of them get one more than the others differs from class to class.
    fn hand(&self, i: usize) -> usize {
        (i / self.per_class * 7 + i % self.per_class) % self.hands.len()
    }

    /// The hand of sample `i`, its class, and the number of the sample for this hand.
    fn get(&self, i: usize) -> (&Writer, usize, u64) {
        let class = i / self.per_class;
        (&self.hands[self.hand(i)], class, ((class as u64) << 32) | (i % self.per_class) as u64)
    }
}

/// Counts what threads have done.
struct Counter<'a> {
    done: AtomicUsize,
    total: usize,
    progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl<'a> Counter<'a> {
    fn new(total: usize, progress: &'a (dyn Fn(usize, usize) + Sync)) -> Self {
        Self { done: AtomicUsize::new(0), total, progress }
    }

    fn add_one(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(256) || done == self.total {
            (self.progress)(done, self.total);
        }
    }
}

#[cfg(test)]
mod tests;
