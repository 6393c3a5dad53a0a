//! The offline recogniser: from the image of a character.

use super::{Candidate, Classifier, likeliest, unfit};
use crate::error::{PlanError, RunError};
use crate::exec::Plan;
use crate::model::Model;
use crate::preprocess::{GrayImage, normalize};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Recognises one character an image.
///
/// A clone shares the plan, weights included, and has working memory of its own: one clone a thread.
#[derive(Clone)]
pub struct Recognizer {
    classifier: Classifier,
    size: usize,
    image: Vec<u8>,
    input: Vec<f32>,
}

impl Recognizer {
    /// A recogniser for the model file `bytes`.
    ///
    /// # Errors
    /// [`PlanError::InvalidModel`] holds what is wrong with the file; otherwise as [`Recognizer::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlanError> {
        Self::of_valid(Model::from_bytes(bytes)?)
    }

    /// A recogniser for `model`, which takes one square grey image (`[1, size, size]`) and gives one score for each of
    /// its labels. Scores become probabilities by a softmax, unless the model ends in one.
    ///
    /// # Errors
    /// [`PlanError::InvalidModel`] for any other model, and as [`Plan::new`].
    pub fn new(model: Model) -> Result<Self, PlanError> {
        model.validate()?;
        Self::of_valid(model)
    }

    fn of_valid(model: Model) -> Result<Self, PlanError> {
        let [input] = &model.inputs[..] else { return Err(unfit("inputs", "a recogniser takes one image")) };
        let &[1, size, width] = &input[..] else { return Err(unfit("inputs", "a recogniser takes a grey image")) };
        if size != width {
            return Err(unfit("inputs", "a recogniser takes a square image"));
        }
        let pixels = size * size;
        Ok(Self { classifier: Classifier::new(model)?, size, image: vec![0; pixels], input: vec![0.0; pixels] })
    }

    /// The characters that the recogniser knows, in the model's order.
    pub fn labels(&self) -> &[char] {
        &self.classifier.labels
    }

    /// The plan that runs, to share: a [`Batch`](crate::Batch) of it takes many images, each as
    /// [`normalize`](crate::preprocess::normalize) makes it.
    pub fn plan(&self) -> &Arc<Plan> {
        self.classifier.session.plan()
    }

    /// The side of the network's image, in pixels.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The `k` likeliest characters, the likeliest first, for a grey image (row-major, one byte a pixel, 255 white) of
    /// any size: [`normalize`] brings it to the network's.
    ///
    /// # Errors
    /// [`RunError::InvalidImage`] where the sides do not fit the bytes, [`RunError::EmptyImage`] where there is no ink.
    pub fn recognize(
        &mut self,
        pixels: &[u8],
        width: usize,
        height: usize,
        k: usize,
    ) -> Result<Vec<Candidate>, RunError> {
        self.probabilities(pixels, width, height)?;
        Ok(likeliest(&self.classifier.labels, self.classifier.session.output(0).unwrap_or_default(), k))
    }

    /// The probability of each label, in the model's order, for such an image.
    ///
    /// # Errors
    /// As [`Recognizer::recognize`].
    pub fn probabilities(&mut self, pixels: &[u8], width: usize, height: usize) -> Result<&[f32], RunError> {
        normalize(GrayImage::new(pixels, width, height)?, self.size, &mut self.image)?;
        for (value, &pixel) in self.input.iter_mut().zip(&self.image) {
            *value = f32::from(pixel);
        }
        self.classifier.session.run(&self.input)
    }
}
