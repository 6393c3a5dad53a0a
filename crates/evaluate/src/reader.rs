//! Models that read the samples of a set.

use hccr_data::{IMAGE_SIZE, ImageSet, InkSet};
use hccr_runtime::image::{Image, ImageError, PixelFormat, normalize};
use hccr_runtime::ink::{Ink, InkError};
use hccr_runtime::{FusedRecognizer, InkRecognizer, Model, Plan, Recognizer, RecognizerError, Session};
use std::fmt;
use std::sync::Arc;

/// The truth about the samples of a set.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// The class of each sample: an index into `classes`.
    pub labels: &'a [u16],
    /// The writer of each sample.
    pub writers: &'a [u32],
    /// The character of each class.
    pub classes: &'a [char],
}

/// A model that reads the samples of a set. A clone has working memory of its own: one clone per thread.
pub trait Reader: Clone + Send + Sync {
    /// The samples that it reads.
    fn samples(&self) -> Samples<'_>;

    /// The characters that it chooses among.
    fn labels(&self) -> &[char];

    /// The same reader, which chooses among these of its labels.
    ///
    /// # Errors
    /// [`RecognizerError::UnknownCharacter`] for one that is no label, [`RecognizerError::NoCharacters`] for none.
    fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError>;

    /// The probability of each label for sample `i`.
    ///
    /// # Errors
    /// [`ReadError`] for a sample that the model cannot take.
    ///
    /// # Panics
    /// Where `i` is not below the number of samples.
    fn probabilities(&mut self, i: usize) -> Result<&[f32], ReadError>;
}

/// Why a sample was not read, or a model reads no such samples.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no recognizer.
    Recognizer(RecognizerError),
    /// The model takes images of another size than the set has.
    Size {
        /// The side of the model's images, in pixels.
        model: usize,
        /// The side of the set's.
        set: usize,
    },
    /// An ink is not fit to be read.
    Ink(InkError),
    /// An ink's image is not fit to be read.
    Image(ImageError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recognizer(_) => write!(f, "the model is no recognizer of these samples"),
            Self::Size { model, set } => write!(f, "the model takes images of {model} pixels, the samples have {set}"),
            Self::Ink(_) => write!(f, "an ink is not fit to be read"),
            Self::Image(_) => write!(f, "the image of an ink is not fit to be read"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Recognizer(error) => Some(error),
            Self::Size { .. } => None,
            Self::Ink(error) => Some(error),
            Self::Image(error) => Some(error),
        }
    }
}

impl From<RecognizerError> for ReadError {
    fn from(error: RecognizerError) -> Self {
        Self::Recognizer(error)
    }
}

impl From<InkError> for ReadError {
    fn from(error: InkError) -> Self {
        Self::Ink(error)
    }
}

impl From<ImageError> for ReadError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

/// An offline model that reads images, which are normalized already.
#[derive(Debug)]
pub struct ImageReader<'a> {
    set: &'a ImageSet,
    session: Session,
    temperature: f32,
    labels: Vec<char>,
    /// The network's class of each label.
    classes: Vec<usize>,
    input: Vec<f32>,
    probabilities: Vec<f32>,
}

impl<'a> ImageReader<'a> {
    /// A reader of `set`.
    ///
    /// # Errors
    /// [`ReadError::Recognizer`] as [`Recognizer::new`], and [`ReadError::Size`].
    pub fn new(model: Model, set: &'a ImageSet) -> Result<Self, ReadError> {
        let temperature = model.temperature().unwrap_or(1.0);
        let recognizer = Recognizer::new(model)?;
        let plan = Arc::clone(recognizer.plan());
        let pixels = plan.input_len();
        if pixels != set.size * set.size {
            return Err(ReadError::Size { model: pixels.isqrt(), set: set.size });
        }
        let labels = recognizer.labels().to_vec();
        let (classes, probabilities) = ((0..labels.len()).collect(), vec![0.0; labels.len()]);
        Ok(Self { set, session: Session::new(plan), temperature, labels, classes, input: Vec::new(), probabilities })
    }

    /// The plan that runs.
    pub fn plan(&self) -> &Arc<Plan> {
        self.session.plan()
    }
}

impl Clone for ImageReader<'_> {
    fn clone(&self) -> Self {
        Self {
            set: self.set,
            session: Session::new(Arc::clone(self.plan())),
            temperature: self.temperature,
            labels: self.labels.clone(),
            classes: self.classes.clone(),
            input: Vec::new(),
            probabilities: self.probabilities.clone(),
        }
    }
}

impl Reader for ImageReader<'_> {
    fn samples(&self) -> Samples<'_> {
        Samples { labels: &self.set.labels, writers: &self.set.writers, classes: &self.set.classes }
    }

    fn labels(&self) -> &[char] {
        &self.labels
    }

    fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError> {
        if let Some(&character) = characters.iter().find(|c| !self.labels.contains(c)) {
            return Err(RecognizerError::UnknownCharacter { character });
        }
        let kept: Vec<usize> = (0..self.labels.len()).filter(|&i| characters.contains(&self.labels[i])).collect();
        if kept.is_empty() {
            return Err(RecognizerError::NoCharacters);
        }
        let mut restricted = self.clone();
        restricted.labels = kept.iter().map(|&i| self.labels[i]).collect();
        restricted.classes = kept.iter().map(|&i| self.classes[i]).collect();
        restricted.probabilities = vec![0.0; kept.len()];
        Ok(restricted)
    }

    fn probabilities(&mut self, i: usize) -> Result<&[f32], ReadError> {
        self.input.clear();
        self.input.extend(self.set.image(i).iter().map(|&pixel| f32::from(pixel)));
        let scores = self.session.run(&self.input).expect("the input has the model's size and is finite");
        for (probability, &class) in self.probabilities.iter_mut().zip(&self.classes) {
            *probability = scores[class] / self.temperature;
        }
        softmax(&mut self.probabilities);
        Ok(&self.probabilities)
    }
}

fn softmax(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - max).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// An online model that reads inks.
#[derive(Clone, Debug)]
pub struct InkReader<'a> {
    set: &'a InkSet,
    recognizer: InkRecognizer,
}

impl<'a> InkReader<'a> {
    /// A reader of `set`.
    pub fn new(recognizer: InkRecognizer, set: &'a InkSet) -> Self {
        Self { set, recognizer }
    }
}

impl Reader for InkReader<'_> {
    fn samples(&self) -> Samples<'_> {
        samples(self.set)
    }

    fn labels(&self) -> &[char] {
        self.recognizer.labels()
    }

    fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError> {
        Ok(Self { recognizer: self.recognizer.restricted(characters)?, ..*self })
    }

    fn probabilities(&mut self, i: usize) -> Result<&[f32], ReadError> {
        Ok(self.recognizer.probabilities(&Ink::new(&self.set.ink(i))?))
    }
}

/// An online and an offline model that read the same ink.
#[derive(Clone, Debug)]
pub struct FusedReader<'a> {
    set: &'a InkSet,
    recognizer: FusedRecognizer,
}

impl<'a> FusedReader<'a> {
    /// A reader of `set`.
    pub fn new(recognizer: FusedRecognizer, set: &'a InkSet) -> Self {
        Self { set, recognizer }
    }
}

impl Reader for FusedReader<'_> {
    fn samples(&self) -> Samples<'_> {
        samples(self.set)
    }

    fn labels(&self) -> &[char] {
        self.recognizer.labels()
    }

    fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError> {
        Ok(Self { recognizer: self.recognizer.restricted(characters)?, ..*self })
    }

    fn probabilities(&mut self, i: usize) -> Result<&[f32], ReadError> {
        Ok(self.recognizer.probabilities(&Ink::new(&self.set.ink(i))?)?)
    }
}

fn samples(set: &InkSet) -> Samples<'_> {
    Samples { labels: &set.labels, writers: &set.writers, classes: &set.classes }
}

/// Ink `i` of `set` as an offline network sees it: drawn and normalized, `[IMAGE_SIZE, IMAGE_SIZE]`.
///
/// # Errors
/// [`ReadError::Ink`] for an ink without points, [`ReadError::Image`] where no stroke can be told.
///
/// # Panics
/// Where `i` is not below the number of inks.
pub fn image_of_ink(set: &InkSet, i: usize) -> Result<Vec<u8>, ReadError> {
    let pixels = Ink::new(&set.ink(i))?.render(IMAGE_SIZE, IMAGE_SIZE as f32 / 24.0)?;
    let mut normalized = vec![0; pixels.len()];
    normalize(&Image::new(&pixels, IMAGE_SIZE, IMAGE_SIZE, PixelFormat::Gray)?, IMAGE_SIZE, &mut normalized)?;
    Ok(normalized)
}

/// All inks of `set` as an offline network sees them.
///
/// # Errors
/// As [`image_of_ink`].
pub fn images_of_inks(set: &InkSet) -> Result<ImageSet, ReadError> {
    let mut images = ImageSet::new(IMAGE_SIZE, set.classes.clone());
    for i in 0..set.len() {
        images.pixels.extend(image_of_ink(set, i)?);
    }
    (images.labels, images.writers) = (set.labels.clone(), set.writers.clone());
    Ok(images)
}
