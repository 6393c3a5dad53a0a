//! Recognizers: from an image or an ink of a character to the likeliest characters.

mod answer;
mod error;
mod fused;
mod image;
mod ink;
mod ink_session;
mod line_session;
mod segmentation;

pub use answer::Candidate;
pub use error::RecognizerError;
pub use fused::{FusedRecognizer, fuse};
pub use image::Recognizer;
pub use ink::InkRecognizer;
pub use ink_session::InkSession;
pub use line_session::{LineSession, Segment};

use crate::exec::RunError;
use crate::exec::{Plan, Session};
use crate::model::Model;
use alloc::sync::Arc;
use answer::Answer;

/// A network that scores each of its labels, and its last answer.
#[derive(Debug)]
struct Classifier {
    session: Session,
    answer: Answer,
}

impl Classifier {
    fn new(mut model: Model) -> Result<Self, RecognizerError> {
        if model.outputs().len() != 1 {
            return Err(RecognizerError::Unfit { needs: "one output" });
        }
        if model.labels().is_empty() {
            return Err(RecognizerError::Unfit { needs: "a label for each class" });
        }
        let answer = Answer::new(model.labels().into(), model.temperature().unwrap_or(1.0));
        model.remove_last_softmax();
        Ok(Self { session: Session::new(Arc::new(Plan::new(&model)?)), answer })
    }

    /// The probabilities of the labels for an input of the network's shape, without NaN and infinities.
    fn probabilities(&mut self, input: &[f32]) -> &[f32] {
        let scores = scores(self.session.run(input));
        self.answer.read(|class| scores.map_or(0.0, |scores| scores[class]))
    }

    /// The same network, plan included, with fewer labels.
    fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError> {
        Ok(Self { answer: self.answer.restricted(characters)?, ..self.clone() })
    }
}

impl Clone for Classifier {
    fn clone(&self) -> Self {
        Self { session: Session::new(Arc::clone(self.session.plan())), answer: self.answer.clone() }
    }
}

/// The scores of a network; `None` where its sums overflow. It knows nothing then: all labels are equally likely.
fn scores(result: Result<&[f32], RunError>) -> Option<&[f32]> {
    match result {
        Err(RunError::NonFiniteOutput { .. }) => None,
        result => Some(sure(result)),
    }
}

/// What cannot fail: a recognizer gives its network inputs of the right length, without NaN and infinities.
fn sure<T>(result: Result<T, RunError>) -> T {
    result.unwrap_or_else(|_| unreachable!("the network does not take the recognizer's input"))
}
