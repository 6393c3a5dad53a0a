//! Both recognizers on one ink.

use super::answer::Answer;
use super::{Candidate, InkRecognizer, Recognizer, RecognizerError};
use crate::ink::{Ink, InkError, Step};
use crate::kernels::f32::softmax::{ln, softmax};
use crate::model::{Fusion, Model};
use alloc::vec;
use alloc::vec::Vec;

/// Recognizes an ink by its strokes and by its image, and weighs the two answers.
///
/// The image does not show the order of the strokes, nor whether the pen was lifted between them: where the online network
/// is misled by either, the offline one is not.
///
/// ```no_run
/// use hccr_runtime::FusedRecognizer;
/// use hccr_runtime::ink::{Ink, Point};
///
/// let mut recognizer = FusedRecognizer::from_bytes(&std::fs::read("online.hccr")?, &std::fs::read("model.hccr")?)?;
/// let ink = Ink::new(&[[Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 149.0 }]])?;
/// println!("{}", recognizer.recognize(&ink, 1)?[0].character);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FusedRecognizer {
    pub(super) online: InkRecognizer,
    pub(super) second: SecondOpinion,
}

impl FusedRecognizer {
    /// A recognizer for two model files of the same labels, in the same order. They are fused as the online model's file
    /// [says](Model::fusion), or by [`Fusion::default`].
    ///
    /// # Errors
    /// As [`InkRecognizer::from_bytes`] and [`Recognizer::from_bytes`], and [`RecognizerError::DifferentLabels`].
    pub fn from_bytes(online: &[u8], offline: &[u8]) -> Result<Self, RecognizerError> {
        let online = Model::from_bytes(online)?;
        let fusion = online.fusion().unwrap_or_default();
        Self::new(InkRecognizer::new(online)?, Recognizer::from_bytes(offline)?, fusion)
    }

    /// Joins two recognizers of the same labels, in the same order.
    ///
    /// # Errors
    /// [`RecognizerError::DifferentLabels`].
    pub fn new(online: InkRecognizer, offline: Recognizer, fusion: Fusion) -> Result<Self, RecognizerError> {
        if online.labels() != offline.labels() {
            return Err(RecognizerError::DifferentLabels);
        }
        let answer = Answer::new(online.labels().into(), 1.0);
        Ok(Self { online, second: SecondOpinion { offline, fusion, answer } })
    }

    /// The characters that the recognizer knows, in the models' order.
    pub fn labels(&self) -> &[char] {
        self.online.labels()
    }

    /// The same recognizer, which shares the plan, for some of its characters: it answers as if there were no others. Its
    /// labels are these, in the models' order, and their probabilities add up to 1.
    ///
    /// # Errors
    /// [`RecognizerError::UnknownCharacter`] for one that is no label, [`RecognizerError::NoCharacters`] for none.
    pub fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError> {
        let SecondOpinion { offline, fusion, .. } = &self.second;
        Self::new(self.online.restricted(characters)?, offline.restricted(characters)?, *fusion)
    }

    /// The `k` likeliest characters, the likeliest first. The online network sees the ink in its box; the offline one as
    /// [`Ink::render`] draws it.
    ///
    /// # Errors
    /// [`InkError::Filled`] where an ink fills its image so that no stroke can be told.
    pub fn recognize(&mut self, ink: &Ink, k: usize) -> Result<Vec<Candidate>, InkError> {
        Ok(self.answer(ink, &ink.steps())?.candidates(k))
    }

    /// The probability of each label, in the models' order.
    ///
    /// # Errors
    /// As [`FusedRecognizer::recognize`].
    pub fn probabilities(&mut self, ink: &Ink) -> Result<&[f32], InkError> {
        Ok(self.answer(ink, &ink.steps())?.probabilities())
    }

    /// Of the last answer, the logarithms of the likeliest label's mean probability, the networks' weighted geometric mean, and of the
    /// sum of all labels'.
    pub(super) fn means(&self) -> [f32; 2] {
        self.second.answer.highest_and_sum(self.second.fusion.temperature())
    }

    /// The answer for an ink, whose steps these are.
    pub(super) fn answer(&mut self, ink: &Ink, steps: &[Step]) -> Result<&Answer, InkError> {
        self.second.answer(self.online.answer(steps).probabilities(), ink)
    }
}

/// The offline recognizer of an ink that an online one has read, and the answer of both.
#[derive(Clone, Debug)]
pub(super) struct SecondOpinion {
    offline: Recognizer,
    fusion: Fusion,
    answer: Answer,
}

impl SecondOpinion {
    /// The fused answer, from the probabilities that the online network gives the labels for `ink`.
    pub(super) fn answer(&mut self, online: &[f32], ink: &Ink) -> Result<&Answer, InkError> {
        let offline = self.offline.probabilities_of_ink(ink).map_err(|_| InkError::Filled)?;
        let fusion = self.fusion;
        self.answer.read(|label| fusion.score(ln(online[label]), ln(offline[label])));
        Ok(&self.answer)
    }
}

/// The probability of each class from those that two networks give it: see [`Fusion`].
///
/// A probability too small for an `f32` counts as the smallest positive one, so that neither network alone can rule a class
/// out.
///
/// # Errors
/// [`RecognizerError::DifferentLabels`] where the lengths differ.
pub fn fuse(online: &[f32], offline: &[f32], fusion: Fusion) -> Result<Vec<f32>, RecognizerError> {
    if online.len() != offline.len() {
        return Err(RecognizerError::DifferentLabels);
    }
    let scores: Vec<f32> =
        online.iter().zip(offline).map(|(&online, &offline)| fusion.score(ln(online), ln(offline))).collect();
    let mut probabilities = vec![0.0; scores.len()];
    softmax(&scores, 1.0, &mut probabilities);
    Ok(probabilities)
}
