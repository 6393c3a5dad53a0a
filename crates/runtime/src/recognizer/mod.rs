//! Recognizers: from an image or an ink of a character to the likeliest characters.

mod error;
mod fused;
mod image;
mod ink;
mod ink_session;

pub use error::RecognizerError;
pub use fused::{FusedRecognizer, fuse};
pub use image::Recognizer;
pub use ink::InkRecognizer;
pub use ink_session::InkSession;

use crate::exec::RunError;
use crate::exec::{Plan, Session};
use crate::model::{Model, Op};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A character, and how likely it is the one that was written.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The character.
    pub character: char,
    /// From 0 to 1; those of all classes add up to 1.
    pub probability: f32,
}

/// A network that gives a probability to each of its labels. A clone shares the plan, and has working memory of its own.
#[derive(Debug)]
struct Classifier {
    session: Session,
    labels: Arc<[char]>,
}

impl Classifier {
    /// Of a model with a softmax at its end, or that gets one.
    fn new(mut model: Model) -> Result<Self, RecognizerError> {
        let &[output] = model.outputs() else { return Err(RecognizerError::Unfit { needs: "one output" }) };
        if model.labels().is_empty() {
            return Err(RecognizerError::Unfit { needs: "a label for each class" });
        }
        let last = model.producer(output).map(|node| &model.nodes()[node].op);
        if !matches!(last, Some(Op::Softmax)) {
            let mut with_softmax = model.edit();
            let probabilities = with_softmax.push_from(output, "softmax", Op::Softmax);
            with_softmax.set_outputs(alloc::vec![probabilities]);
            let finished = with_softmax.finish();
            model = finished.map_err(|_| RecognizerError::Unfit { needs: "a vector of scores" })?;
        }
        let session = Session::new(Arc::new(Plan::new(&model)?));
        Ok(Self { session, labels: model.labels.into() })
    }
}

impl Clone for Classifier {
    fn clone(&self) -> Self {
        Self { session: Session::new(Arc::clone(self.session.plan())), labels: Arc::clone(&self.labels) }
    }
}

/// What cannot fail: a recognizer gives its network inputs of the right length, without NaN and infinities.
fn sure<T>(result: Result<T, RunError>) -> T {
    result.unwrap_or_else(|_| unreachable!("the network does not take the recognizer's input"))
}

/// The `k` likeliest of `labels`, the likeliest first.
fn likeliest(labels: &[char], probabilities: &[f32], k: usize) -> Vec<Candidate> {
    // Of equal candidates the class that comes first stays first.
    let order = |&a: &usize, &b: &usize| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b));
    let mut classes: Vec<usize> = (0..labels.len().min(probabilities.len())).collect();
    if k < classes.len() {
        // Sorting thousands of classes would take as long as an online network.
        classes.select_nth_unstable_by(k, order);
        classes.truncate(k);
    }
    classes.sort_unstable_by(order);
    classes.iter().map(|&i| Candidate { character: labels[i], probability: probabilities[i] }).collect()
}
