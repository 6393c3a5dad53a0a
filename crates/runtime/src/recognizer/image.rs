//! The offline recognizer: from the image of a character.

use super::{Candidate, Classifier, RecognizerError};
use crate::exec::Plan;
use crate::image::{Image, ImageError, PixelFormat, normalize};
use crate::ink::Ink;
use crate::model::Model;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Recognizes one character per image.
///
/// A clone shares the plan, weights included, and has working memory of its own: one clone per thread.
///
/// ```no_run
/// use hccr_runtime::Recognizer;
/// use hccr_runtime::image::{Image, PixelFormat};
///
/// # let (pixels, width, height) = (vec![0; 4 * 64 * 80], 64, 80);
/// let mut recognizer = Recognizer::from_bytes(&std::fs::read("model.hccr")?)?;
/// let image = Image::new(&pixels, width, height, PixelFormat::Rgba)?;
/// let candidates = recognizer.recognize(&image, 5)?;
///
/// // A field that holds a number takes no other characters.
/// let mut of_digits = recognizer.restricted(&['一', '二', '三'])?;
/// assert!(of_digits.recognize(&image, 1)?[0].probability >= 1.0 / 3.0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recognizer {
    classifier: Classifier,
    size: usize,
    image: Vec<u8>,
    input: Vec<f32>,
}

impl Recognizer {
    /// A recognizer for the model file `bytes`.
    ///
    /// # Errors
    /// [`RecognizerError::Format`] holds what is wrong with the file; otherwise as [`Recognizer::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecognizerError> {
        Self::new(Model::from_bytes(bytes)?)
    }

    /// A recognizer for `model`, which takes one square grey image (`[1, size, size]`) and gives one score for each of
    /// its labels. Scores become probabilities by a softmax, which divides them by the model's
    /// [temperature](Model::temperature) first; where the model ends in a softmax, this one takes its place.
    ///
    /// # Errors
    /// [`RecognizerError::Unfit`] for any other model, [`RecognizerError::Plan`] where it cannot be planned.
    pub fn new(model: Model) -> Result<Self, RecognizerError> {
        let size = match model.inputs() {
            [input] => match input[..] {
                [1, height, width] if height == width => height,
                _ => return Err(RecognizerError::Unfit { needs: "a square grey image" }),
            },
            _ => return Err(RecognizerError::Unfit { needs: "one input" }),
        };
        let pixels = size * size;
        Ok(Self { classifier: Classifier::new(model)?, size, image: vec![0; pixels], input: vec![0.0; pixels] })
    }

    /// The characters that the recognizer knows, in the model's order.
    pub fn labels(&self) -> &[char] {
        &self.classifier.answer.labels
    }

    /// The same recognizer, which shares the plan, for some of its characters: it answers as if there were no others. Its
    /// labels are these, in the model's order, and their probabilities add up to 1.
    ///
    /// # Errors
    /// [`RecognizerError::UnknownCharacter`] for one that is no label, [`RecognizerError::NoCharacters`] for none.
    pub fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError> {
        Ok(Self { classifier: self.classifier.restricted(characters)?, ..self.clone() })
    }

    /// The plan that runs, to share: a [`Batch`](crate::Batch) of it takes many images, each as
    /// [`normalize`](crate::image::normalize) makes it, and gives the scores of all of the model's labels.
    pub fn plan(&self) -> &Arc<Plan> {
        self.classifier.session.plan()
    }

    /// The `k` likeliest characters, the likeliest first, for an image of any size: [`normalize`] brings it to the network's.
    ///
    /// # Errors
    /// [`ImageError::Empty`] where there is no ink.
    pub fn recognize(&mut self, image: &Image<'_>, k: usize) -> Result<Vec<Candidate>, ImageError> {
        self.probabilities(image)?;
        Ok(self.classifier.answer.candidates(k))
    }

    /// The probability of each label, in the model's order, for such an image.
    ///
    /// # Errors
    /// As [`Recognizer::recognize`].
    pub fn probabilities(&mut self, image: &Image<'_>) -> Result<&[f32], ImageError> {
        normalize(image, self.size, &mut self.image)?;
        for (value, &pixel) in self.input.iter_mut().zip(&self.image) {
            *value = f32::from(pixel);
        }
        Ok(self.classifier.probabilities(&self.input))
    }

    /// As [`Recognizer::probabilities`], for an ink as its image.
    pub(super) fn probabilities_of_ink(&mut self, ink: &Ink) -> Result<&[f32], ImageError> {
        let pixels = ink.render(self.size, self.size as f32 / 24.0).unwrap_or_default();
        self.probabilities(&Image::new(&pixels, self.size, self.size, PixelFormat::Gray)?)
    }
}
