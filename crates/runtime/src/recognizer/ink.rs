//! The online recogniser: from the pen strokes of a character.

use super::{Candidate, Classifier, likeliest, unfit};
use crate::error::{PlanError, RunError};
use crate::exec::Plan;
use crate::ink::{FEATURES, Point, WritingBox, normalize, normalize_in};
use crate::model::Model;
use crate::shape::STEPS;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Recognises one character an ink, all strokes at once; [`InkSession`](crate::InkSession) does it while they are written.
///
/// A clone shares the plan, weights included, and has working memory of its own: one clone a thread.
#[derive(Clone)]
pub struct InkRecognizer {
    pub(super) classifier: Classifier,
}

impl InkRecognizer {
    /// A recogniser for the model file `bytes`.
    ///
    /// # Errors
    /// [`PlanError::InvalidModel`] holds what is wrong with the file; otherwise as [`InkRecognizer::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlanError> {
        Self::of_valid(Model::from_bytes(bytes)?)
    }

    /// A recogniser for `model`, which takes a sequence of [`Step`](crate::ink::Step)s (`[STEPS, 6]`) and gives one score
    /// for each of its labels. Scores become probabilities by a softmax, unless the model ends in one.
    ///
    /// # Errors
    /// [`PlanError::InvalidModel`] for any other model, and as [`Plan::new`].
    pub fn new(model: Model) -> Result<Self, PlanError> {
        model.validate()?;
        Self::of_valid(model)
    }

    fn of_valid(model: Model) -> Result<Self, PlanError> {
        let [input] = &model.inputs[..] else { return Err(unfit("inputs", "an ink recogniser takes one sequence")) };
        if input[..] != [STEPS, FEATURES] {
            return Err(unfit("inputs", "an ink recogniser takes a sequence of 6 features"));
        }
        Ok(Self { classifier: Classifier::new(model)? })
    }

    /// The characters that the recogniser knows, in the model's order.
    pub fn labels(&self) -> &[char] {
        &self.classifier.labels
    }

    /// The plan that runs, to share.
    pub fn plan(&self) -> &Arc<Plan> {
        self.classifier.session.plan()
    }

    /// The `k` likeliest characters, the likeliest first, for `strokes` in `writing_box`, or in their bounding box where
    /// there is none: [`normalize_in`] and [`normalize`] make the network's steps of them.
    ///
    /// # Errors
    /// [`RunError::NonFinitePoint`] for the first point that is NaN or infinite, [`RunError::EmptyInk`] where there is none.
    pub fn recognize<S: AsRef<[Point]>>(
        &mut self,
        strokes: &[S],
        writing_box: Option<WritingBox>,
        k: usize,
    ) -> Result<Vec<Candidate>, RunError> {
        self.probabilities(strokes, writing_box)?;
        Ok(likeliest(&self.classifier.labels, self.classifier.session.output(0).unwrap_or_default(), k))
    }

    /// The probability of each label, in the model's order, for such strokes.
    ///
    /// # Errors
    /// As [`InkRecognizer::recognize`].
    pub fn probabilities<S: AsRef<[Point]>>(
        &mut self,
        strokes: &[S],
        writing_box: Option<WritingBox>,
    ) -> Result<&[f32], RunError> {
        let steps = match writing_box {
            Some(writing_box) => normalize_in(writing_box, strokes)?,
            None => normalize(strokes)?,
        };
        self.classifier.session.run(steps.as_flattened())
    }
}
