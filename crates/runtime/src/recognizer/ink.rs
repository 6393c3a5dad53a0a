//! The online recognizer: from the pen strokes of a character.

use super::{Candidate, Classifier, RecognizerError, likeliest, sure};
use crate::exec::Plan;
use crate::ink::{FEATURES, Ink};
use crate::model::Model;
use crate::tensor::shape::STEPS;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Recognizes one character per ink, all strokes at once; [`InkSession`](crate::InkSession) does it while they are written.
///
/// A clone shares the plan, weights included, and has working memory of its own: one clone per thread.
#[derive(Clone, Debug)]
pub struct InkRecognizer {
    pub(super) classifier: Classifier,
}

impl InkRecognizer {
    /// A recognizer for the model file `bytes`.
    ///
    /// # Errors
    /// [`RecognizerError::Format`] holds what is wrong with the file; otherwise as [`InkRecognizer::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecognizerError> {
        Self::new(Model::from_bytes(bytes)?)
    }

    /// A recognizer for `model`, which takes a sequence of [`Step`](crate::ink::Step)s (`[STEPS, 6]`) and gives one score
    /// for each of its labels. Scores become probabilities by a softmax, unless the model ends in one.
    ///
    /// # Errors
    /// [`RecognizerError::Unfit`] for any other model, [`RecognizerError::Plan`] where it cannot be planned.
    pub fn new(model: Model) -> Result<Self, RecognizerError> {
        if model.inputs() != [[STEPS, FEATURES]] {
            return Err(RecognizerError::Unfit { needs: "a sequence of 6 features per step" });
        }
        Ok(Self { classifier: Classifier::new(model)? })
    }

    /// The characters that the recognizer knows, in the model's order.
    pub fn labels(&self) -> &[char] {
        &self.classifier.labels
    }

    /// The plan that runs, to share.
    pub fn plan(&self) -> &Arc<Plan> {
        self.classifier.session.plan()
    }

    /// The `k` likeliest characters, the likeliest first.
    pub fn recognize(&mut self, ink: &Ink, k: usize) -> Vec<Candidate> {
        self.probabilities(ink);
        likeliest(&self.classifier.labels, self.classifier.session.output(0).unwrap_or_default(), k)
    }

    /// The probability of each label, in the model's order.
    pub fn probabilities(&mut self, ink: &Ink) -> &[f32] {
        sure(self.classifier.session.run(ink.steps().as_flattened()))
    }
}
