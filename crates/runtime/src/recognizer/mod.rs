//! Recognisers: from an image or an ink of a character to the likeliest characters.

mod fused;
mod image;
mod ink;
mod ink_session;

pub use fused::{FusedRecognizer, fuse};
pub use image::Recognizer;
pub use ink::InkRecognizer;
pub use ink_session::InkSession;

use crate::error::{LoadError, PlanError};
use crate::exec::{Plan, Session};
use crate::isa::Token;
use crate::model::{Model, Node, Op};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A character, and how likely it is the one that was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The character.
    pub character: char,
    /// From 0 to 1; those of all classes add up to 1.
    pub probability: f32,
}

/// A network that gives a probability to each of its labels. A clone shares the plan, and has working memory of its own.
struct Classifier {
    session: Session,
    labels: Arc<[char]>,
}

impl Classifier {
    /// Of a valid model, with a softmax at its end unless it has one.
    fn new(mut model: Model) -> Result<Self, PlanError> {
        let [output] = model.outputs[..] else { return Err(unfit("outputs", "a recogniser has one output")) };
        if model.labels.is_empty() {
            return Err(unfit("labels", "a recogniser needs the character of each class"));
        }
        let last = model.producer(output).map(|node| &model.nodes[node].op);
        if !matches!(last, Some(Op::Softmax)) {
            model.nodes.push(Node { name: "softmax".into(), op: Op::Softmax, input: output });
            model.outputs = vec![model.value_of(model.nodes.len() - 1)];
        }
        let session = Session::new(Arc::new(Plan::of_valid(&model, &model.shapes()?, Token::best(), None)?));
        Ok(Self { session, labels: model.labels.into() })
    }
}

impl Clone for Classifier {
    fn clone(&self) -> Self {
        Self { session: Session::new(Arc::clone(self.session.plan())), labels: Arc::clone(&self.labels) }
    }
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

fn unfit(layer: &str, reason: &str) -> PlanError {
    PlanError::InvalidModel(LoadError::InvalidModel { layer: layer.into(), reason: String::from(reason) })
}
