//! The online recognizer: from the pen strokes of a character.

use super::answer::Answer;
use super::{Candidate, Classifier, RecognizerError};
use crate::exec::Plan;
use crate::ink::{FEATURES, Ink, Step, rows};
use crate::model::Model;
use crate::tensor::shape::STEPS;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Recognizes one character per ink, all strokes at once; [`InkSession`](crate::InkSession) does it while they are written.
///
/// A clone shares the plan, weights included, and has working memory of its own: one clone per thread.
///
/// ```no_run
/// use hccr_runtime::InkRecognizer;
/// use hccr_runtime::ink::{Ink, Point};
///
/// let mut recognizer = InkRecognizer::from_bytes(&std::fs::read("online.hccr")?)?;
/// let ink = Ink::new(&[[Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 149.0 }]])?;
/// println!("{}", recognizer.recognize(&ink, 1)[0].character);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct InkRecognizer {
    pub(super) classifier: Classifier,
    pub(super) steps_at_once: usize,
}

impl InkRecognizer {
    /// A recognizer for the model file `bytes`.
    ///
    /// # Errors
    /// [`RecognizerError::Format`] holds what is wrong with the file; otherwise as [`InkRecognizer::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecognizerError> {
        Self::new(Model::from_bytes(bytes)?)
    }

    /// A recognizer for `model`, which takes a sequence of [`Step`](crate::ink::Step)s, one or several at once (`[STEPS, 6]`, `[STEPS, 12]`
    /// and so on: [`rows`](crate::ink::rows)), and gives one score for each of its labels. Scores become probabilities as those of a
    /// [`Recognizer`](crate::Recognizer) do.
    ///
    /// # Errors
    /// [`RecognizerError::Unfit`] for any other model, [`RecognizerError::Plan`] where it cannot be planned.
    pub fn new(model: Model) -> Result<Self, RecognizerError> {
        let steps_at_once = match model.inputs() {
            [input] if matches!(input[..], [STEPS, features] if features > 0 && features % FEATURES == 0) => {
                input[1] / FEATURES
            }
            _ => return Err(RecognizerError::Unfit { needs: "a sequence of 6 features per step, or a multiple of 6" }),
        };
        Ok(Self { classifier: Classifier::new(model)?, steps_at_once })
    }

    /// How many [`Step`](crate::ink::Step)s the network reads together, as one time step of its own.
    pub fn steps_at_once(&self) -> usize {
        self.steps_at_once
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
        Ok(Self { classifier: self.classifier.restricted(characters)?, ..*self })
    }

    /// The plan that runs, to share; it gives the scores of all of the model's labels.
    pub fn plan(&self) -> &Arc<Plan> {
        self.classifier.session.plan()
    }

    /// The `k` likeliest characters, the likeliest first.
    pub fn recognize(&mut self, ink: &Ink, k: usize) -> Vec<Candidate> {
        self.probabilities(ink);
        self.classifier.answer.candidates(k)
    }

    /// The probability of each label, in the model's order.
    pub fn probabilities(&mut self, ink: &Ink) -> &[f32] {
        self.answer(&ink.steps()).probabilities()
    }

    /// The answer for an ink of these steps.
    pub(super) fn answer(&mut self, steps: &[Step]) -> &Answer {
        self.classifier.probabilities(&rows(steps, self.steps_at_once));
        &self.classifier.answer
    }
}
