//! The recogniser: from the image of a character to the likeliest characters.

use crate::error::{LoadError, PlanError, RunError};
use crate::model::{Model, Node, Op};
use crate::plan::Plan;
use crate::preprocess::{GrayImage, normalize};
use crate::session::Session;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// A character, and how likely it is the one in the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The character.
    pub character: char,
    /// From 0 to 1; those of all classes add up to 1.
    pub probability: f32,
}

/// Recognises one character an image.
///
/// A clone shares the plan, weights included, and has working memory of its own: one clone a thread.
pub struct Recognizer {
    session: Session,
    labels: Arc<[char]>,
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
        Self::new(Model::from_bytes(bytes)?)
    }

    /// A recogniser for `model`, which takes one square grey image (`[1, size, size]`) and gives one score for each of
    /// its labels. Scores become probabilities by a softmax, unless the model ends in one.
    ///
    /// # Errors
    /// [`PlanError::InvalidModel`] for any other model, and as [`Plan::new`].
    pub fn new(mut model: Model) -> Result<Self, PlanError> {
        model.validate()?;
        let [input] = &model.inputs[..] else { return Err(unfit("inputs", "a recogniser takes one image")) };
        let &[1, size, width] = &input[..] else { return Err(unfit("inputs", "a recogniser takes a grey image")) };
        if size != width {
            return Err(unfit("inputs", "a recogniser takes a square image"));
        }
        let [output] = model.outputs[..] else { return Err(unfit("outputs", "a recogniser has one output")) };
        if model.labels.is_empty() {
            return Err(unfit("labels", "a recogniser needs the character of each class"));
        }
        let last = model.producer(output).map(|node| &model.nodes[node].op);
        if !matches!(last, Some(Op::Softmax)) {
            model.nodes.push(Node { name: "softmax".into(), op: Op::Softmax, input: output });
            model.outputs = vec![model.value_of(model.nodes.len() - 1)];
        }
        let plan = Arc::new(Plan::new(&model)?);
        Ok(Self::with_plan(plan, model.labels.into(), size))
    }

    fn with_plan(plan: Arc<Plan>, labels: Arc<[char]>, size: usize) -> Self {
        let pixels = size * size;
        Self { session: Session::new(plan), labels, size, image: vec![0; pixels], input: vec![0.0; pixels] }
    }

    /// The characters that the recogniser knows, in the model's order.
    pub fn labels(&self) -> &[char] {
        &self.labels
    }

    /// The plan that runs.
    pub fn plan(&self) -> &Plan {
        self.session.plan()
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
        normalize(GrayImage::new(pixels, width, height)?, self.size, &mut self.image)?;
        for (value, &pixel) in self.input.iter_mut().zip(&self.image) {
            *value = f32::from(pixel);
        }
        let probabilities = self.session.run(&self.input)?;
        let candidates = self.labels.iter().zip(probabilities);
        let mut candidates: Vec<Candidate> =
            candidates.map(|(&character, &probability)| Candidate { character, probability }).collect();
        // Stable: of equal candidates the class that comes first stays first.
        candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        candidates.truncate(k);
        Ok(candidates)
    }
}

impl Clone for Recognizer {
    fn clone(&self) -> Self {
        Self::with_plan(Arc::clone(self.session.plan()), Arc::clone(&self.labels), self.size)
    }
}

fn unfit(layer: &str, reason: &str) -> PlanError {
    PlanError::InvalidModel(LoadError::InvalidModel { layer: layer.into(), reason: String::from(reason) })
}
