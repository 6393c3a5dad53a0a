//! Both recognisers on one ink.

use super::{Candidate, InkRecognizer, Recognizer, likeliest};
use crate::error::RunError;
use crate::ink::{Point, WritingBox, render};
use crate::kernels::f32::softmax::{ln, softmax};
use alloc::vec;
use alloc::vec::Vec;

/// Recognises an ink by its strokes and by its image, and weighs the two answers.
///
/// The image does not show the order of the strokes, nor whether the pen was lifted between them: where the online network
/// is misled by either, the offline one is not.
#[derive(Clone)]
pub struct FusedRecognizer {
    online: InkRecognizer,
    offline: Recognizer,
    weight: f32,
    scores: Vec<f32>,
    probabilities: Vec<f32>,
}

impl FusedRecognizer {
    /// Joins two recognisers of the same labels, in the same order. `weight` is the offline one's share, from 0 (strokes
    /// alone) to 1 (image alone): see [`fuse`].
    ///
    /// # Errors
    /// [`RunError::DifferentLabels`] and [`RunError::InvalidWeight`].
    pub fn new(online: InkRecognizer, offline: Recognizer, weight: f32) -> Result<Self, RunError> {
        if online.labels() != offline.labels() {
            return Err(RunError::DifferentLabels);
        }
        check_weight(weight)?;
        let zeros = vec![0.0; online.labels().len()];
        Ok(Self { online, offline, weight, scores: zeros.clone(), probabilities: zeros })
    }

    /// The characters that the recogniser knows, in the models' order.
    pub fn labels(&self) -> &[char] {
        self.online.labels()
    }

    /// The `k` likeliest characters, the likeliest first, for `strokes`. The online network sees them in `writing_box`, or
    /// in their bounding box where there is none; the offline one as [`render`] draws them.
    ///
    /// # Errors
    /// As [`InkRecognizer::recognize`].
    pub fn recognize<S: AsRef<[Point]>>(
        &mut self,
        strokes: &[S],
        writing_box: Option<WritingBox>,
        k: usize,
    ) -> Result<Vec<Candidate>, RunError> {
        self.probabilities(strokes, writing_box)?;
        Ok(likeliest(self.online.labels(), &self.probabilities, k))
    }

    /// The probability of each label, in the models' order, for such strokes.
    ///
    /// # Errors
    /// As [`InkRecognizer::recognize`].
    pub fn probabilities<S: AsRef<[Point]>>(
        &mut self,
        strokes: &[S],
        writing_box: Option<WritingBox>,
    ) -> Result<&[f32], RunError> {
        let online = self.online.probabilities(strokes, writing_box)?;
        let size = self.offline.size();
        let image = render(strokes, size, size as f32 / 24.0)?;
        let offline = self.offline.probabilities(&image, size, size)?;
        score(online, offline, self.weight, &mut self.scores);
        softmax(&self.scores, &mut self.probabilities);
        Ok(&self.probabilities)
    }
}

/// The weighted geometric mean of two networks' probabilities for each class, brought to a sum of 1:
/// `ln p = (1 - weight) ln online + weight ln offline + const`. (In the literature: the logarithmic opinion pool, the
/// product rule with weights.)
///
/// A probability too small for an `f32` counts as the smallest positive one, so that neither network alone can rule a class
/// out.
///
/// # Errors
/// [`RunError::InputLength`] where the lengths differ, [`RunError::InvalidWeight`] for a weight that is not from 0 to 1.
pub fn fuse(online: &[f32], offline: &[f32], weight: f32) -> Result<Vec<f32>, RunError> {
    if online.len() != offline.len() {
        return Err(RunError::InputLength { expected: online.len(), found: offline.len() });
    }
    check_weight(weight)?;
    let mut scores = vec![0.0; online.len()];
    let mut probabilities = scores.clone();
    score(online, offline, weight, &mut scores);
    softmax(&scores, &mut probabilities);
    Ok(probabilities)
}

fn score(online: &[f32], offline: &[f32], weight: f32, scores: &mut [f32]) {
    for ((score, &online), &offline) in scores.iter_mut().zip(online).zip(offline) {
        *score = (1.0 - weight) * ln(online) + weight * ln(offline);
    }
}

fn check_weight(weight: f32) -> Result<(), RunError> {
    if (0.0..=1.0).contains(&weight) { Ok(()) } else { Err(RunError::InvalidWeight) }
}
