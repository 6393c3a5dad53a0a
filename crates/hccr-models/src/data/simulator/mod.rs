//! The handwriting simulator: draws writers, and from each writer samples of characters.
//!
//! A sample starts from a character's stroke skeleton (`datasets/strokes`), which the writer's habits and chance distort,
//! and whose strokes they join. It is a pen trajectory ([`Writer::sample`]) that can be drawn ([`super::render`]). The
//! same seed gives the same bytes on every machine and for any number of threads: nothing but the four operations,
//! square roots and the portable `libm` touches the numbers, and each sample has a random stream of its own.

mod path;
mod shape;
mod writer;

pub use path::{PenPoint, Trajectory};
pub use writer::Writer;

use super::{
    IMAGE_SIZE,
    gb2312::{LEVEL1_LEN, gb2312_level1},
    image_set::ImageSet,
    render::render,
    strokes::{self, StrokesError},
};
use hccr_runtime::{
    RunError,
    preprocess::{GrayImage, normalize},
};
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

/// What [`simulate`] makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatorConfig {
    /// The first so many characters of GB2312 level 1.
    pub classes: usize,
    /// The training part.
    pub train: SplitSize,
    /// The development part.
    pub dev: SplitSize,
    /// The test part.
    pub test: SplitSize,
    /// Another seed gives other writers.
    pub seed: u64,
}

impl SimulatorConfig {
    /// A middling size: 300 training samples of each class by 120 writers, 20 by 20 for development, 60
    /// by 60 to test on.
    pub fn new(classes: usize, seed: u64) -> Self {
        let size = |writers, samples_per_class| SplitSize { writers, samples_per_class };
        Self { classes, train: size(120, 300), dev: size(20, 20), test: size(60, 60), seed }
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

/// Why [`simulate`] made nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SimulatorError {
    /// So many classes: there are 1 to 3755.
    Classes(usize),
    /// So many writers: there must be 1 to 2^24.
    Writers(u32),
    /// The stroke skeletons cannot be read.
    Strokes(StrokesError),
    /// A sample cannot be normalised.
    Image(RunError),
}

impl fmt::Display for SimulatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes(n) => write!(f, "{n} classes asked for: choose 1 to {LEVEL1_LEN}"),
            Self::Writers(n) => write!(f, "{n} writers asked for: choose 1 to {}", 1 << 24),
            Self::Strokes(error) => write!(f, "no skeletons to write from: {error}"),
            Self::Image(error) => write!(f, "a sample cannot be normalised: {error}"),
        }
    }
}

impl std::error::Error for SimulatorError {}

/// Writes one part of a synthetic data set: images ordered by class, those of a class by number of sample.
///
/// `progress` hears how many of how many images are done, now and then, from any thread.
///
/// # Errors
/// [`SimulatorError`] for numbers of classes or writers out of range.
pub fn simulate(
    config: &SimulatorConfig,
    split: Split,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<ImageSet, SimulatorError> {
    let SplitSize { writers, samples_per_class } = config.size(split);
    if !(1..=LEVEL1_LEN).contains(&config.classes) {
        return Err(SimulatorError::Classes(config.classes));
    }
    if !(1..=1 << 24).contains(&writers) {
        return Err(SimulatorError::Writers(writers));
    }
    let skeletons = strokes::embedded().map_err(SimulatorError::Strokes)?;
    let hands: Vec<Writer> = (0..writers).map(|w| Writer::new(config.seed, split.first_writer() + w)).collect();

    let per_class = samples_per_class as usize;
    let total = config.classes * per_class;
    let mut set = ImageSet::new(IMAGE_SIZE, gb2312_level1()[..config.classes].to_vec());
    set.labels = (0..config.classes as u16).flat_map(|class| std::iter::repeat_n(class, per_class)).collect();
    // Which writers get one more than the others differs from class to class.
    let hand_of = |i: usize| (i / per_class * 7 + i % per_class) % hands.len();
    set.writers = (0..total).map(|i| split.first_writer() + hand_of(i) as u32).collect();
    set.pixels = vec![0; total * IMAGE_SIZE * IMAGE_SIZE];
    let done = AtomicUsize::new(0);
    set.pixels.par_chunks_exact_mut(IMAGE_SIZE * IMAGE_SIZE).enumerate().try_for_each(|(i, out)| {
        let (class, hand) = (i / per_class, &hands[hand_of(i)]);
        let sample = ((class as u64) << 32) | (i % per_class) as u64;
        let scan = render(&hand.sample(&skeletons[class], sample), &hand.style(sample));
        GrayImage::new(&scan.pixels, scan.width, scan.height)
            .and_then(|image| normalize(image, IMAGE_SIZE, out))
            .map_err(SimulatorError::Image)?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(256) || done == total {
            progress(done, total);
        }
        Ok(())
    })?;
    Ok(set)
}

#[cfg(test)]
mod tests;
