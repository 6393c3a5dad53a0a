//! An ink that is recognized while it is written.

use super::answer::Answer;
use super::fused::SecondOpinion;
use super::{Candidate, FusedRecognizer, InkRecognizer, scores, sure};
use crate::exec::{SequenceSession, SequenceState};
use crate::ink::{FEATURES, GrowingStrokes, Ink, InkError, InkNormalizer, Point, Step, WritingBox, bounds, is_written};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The most strokes of which the state before them is kept, to undo them without running the network anew. Characters have
/// fewer; for others the memory stays bounded.
const UNDO_STROKES: usize = 64;

/// Recognizes an ink that grows, stroke by stroke or point by point.
///
/// The candidates are at any time those that [`InkRecognizer::recognize`], or [`FusedRecognizer::recognize`], finds for the strokes so
/// far, bit for bit.
///
/// # Cost
/// **With a writing box** of the caller the place of a point never changes, so that the network runs for new points alone,
/// and for the few that end the stroke under way. **Without one** the box is that of the ink so far: whenever it has
/// changed, all points lie elsewhere in it, and the network runs for all of them again.
///
/// Adding and undoing only take notes; what they cause is paid when an answer is wanted.
///
/// ```no_run
/// use hccr_runtime::ink::Point;
/// use hccr_runtime::{InkRecognizer, InkSession};
///
/// let recognizer = InkRecognizer::from_bytes(&std::fs::read("online.hccr")?)?;
/// let mut session = InkSession::new(&recognizer, None);
/// session.add_stroke(&[Point { x: 40.0, y: 150.0 }])?; // the pen lands
/// session.add_points(&[Point { x: 260.0, y: 149.0 }])?; // and moves on
/// println!("{}", session.candidates(1)?[0].character);
/// session.undo_stroke();
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct InkSession {
    session: SequenceSession,
    steps_at_once: usize,
    /// The online network's.
    answer: Answer,
    /// Of a fused recognizer.
    second: Option<Box<SecondOpinion>>,
    /// The caller's.
    writing_box: Option<WritingBox>,
    strokes: GrowingStrokes,
    /// The reading of the ink, up to the stroke that is under way in it.
    normalizer: Option<InkNormalizer>,
    /// The network after the steps that are certain. The session itself may be ahead of it.
    certain: Certain,
    /// Strokes begun to be read, and points read of the last of them.
    begun: usize,
    points: usize,
    /// The reading before each of the last strokes was begun: the one before was complete and not ended.
    before: VecDeque<(InkNormalizer, Certain)>,
    /// Those that the network has not run for yet.
    steps: Vec<Step>,
    steps_run: usize,
}

/// What has been read of the steps that are certain.
#[derive(Clone, Debug, Default)]
struct Certain {
    state: SequenceState,
    /// The last of them, where the network reads several at once and they are too few.
    rest: Vec<Step>,
}

impl InkSession {
    /// An empty ink for `recognizer`, whose plan is shared and whose labels it has, in a box that the caller knows, or in the bounding box of the
    /// ink.
    pub fn new(recognizer: &InkRecognizer, writing_box: Option<WritingBox>) -> Self {
        let session = sure(SequenceSession::new(Arc::clone(recognizer.plan())));
        Self {
            session,
            steps_at_once: recognizer.steps_at_once,
            answer: recognizer.classifier.answer.clone(),
            second: None,
            writing_box,
            strokes: GrowingStrokes::default(),
            normalizer: None,
            certain: Certain::default(),
            begun: 0,
            points: 0,
            before: VecDeque::new(),
            steps: Vec::new(),
            steps_run: 0,
        }
    }

    /// As [`InkSession::new`], with the candidates of a fused recognizer. The online network works as in any session; the offline one
    /// reads the whole image of the ink for each answer.
    pub fn fused(recognizer: &FusedRecognizer, writing_box: Option<WritingBox>) -> Self {
        let second = Some(Box::new(recognizer.second.clone()));
        Self { second, ..Self::new(&recognizer.online, writing_box) }
    }

    /// The ink so far.
    pub fn strokes(&self) -> &[Vec<Point>] {
        &self.strokes
    }

    /// Begins a stroke with `points`; [`InkSession::add_points`] may go on with it.
    ///
    /// # Errors
    /// [`InkError::NonFinitePoint`] for the first point that is NaN or infinite, [`InkError::TooLong`] for more than
    /// [`Ink::MAX_POINTS`](crate::ink::Ink::MAX_POINTS) in all; nothing has changed then.
    pub fn add_stroke(&mut self, points: &[Point]) -> Result<(), InkError> {
        self.strokes.add_stroke(points)
    }

    /// Goes on with the last stroke, or begins the first.
    ///
    /// # Errors
    /// As [`InkSession::add_stroke`].
    pub fn add_points(&mut self, points: &[Point]) -> Result<(), InkError> {
        self.strokes.add_points(points)
    }

    /// Takes the last stroke back, and returns it. The one before can then go on.
    pub fn undo_stroke(&mut self) -> Option<Vec<Point>> {
        let stroke = self.strokes.undo_stroke()?;
        if self.begun > self.strokes.len() {
            match self.before.pop_back() {
                Some((normalizer, certain)) => {
                    self.normalizer = Some(normalizer);
                    self.certain = certain;
                    self.begun -= 1;
                    self.points = self.strokes.last().map_or(0, Vec::len);
                }
                None => self.reread(),
            }
        }
        Some(stroke)
    }

    /// The `k` likeliest characters for the ink so far, the likeliest first.
    ///
    /// # Errors
    /// [`InkError::Empty`] before the first point; with a fused recognizer, [`InkError::Filled`] where an ink fills its image so that no
    /// stroke can be told.
    pub fn candidates(&mut self, k: usize) -> Result<Vec<Candidate>, InkError> {
        Ok(self.answer()?.candidates(k))
    }

    /// The probability of each of the recognizer's labels, in its order, for the ink so far.
    ///
    /// # Errors
    /// As [`InkSession::candidates`].
    pub fn probabilities(&mut self) -> Result<&[f32], InkError> {
        Ok(self.answer()?.probabilities())
    }

    fn answer(&mut self) -> Result<&Answer, InkError> {
        self.read()?;
        let Some(normalizer) = &self.normalizer else { return Err(InkError::Empty) };
        normalizer.provisional(&mut self.steps);
        self.steps.resize(self.steps.len().next_multiple_of(self.steps_at_once), [0.0; FEATURES]);
        self.run();
        let scores = scores(self.session.answer());
        let online = self.answer.read(|class| scores.map_or(0.0, |scores| scores[class]));
        let Some(second) = &mut self.second else { return Ok(&self.answer) };
        second.answer(online, &Ink::new(&self.strokes)?)
    }

    /// How many time steps the network has run in this session, those run again included: the measure of what it has cost.
    pub fn steps_run(&self) -> usize {
        self.steps_run
    }

    /// Forgets the reading, not the ink.
    fn reread(&mut self) {
        self.normalizer = None;
        self.certain = Certain::default();
        (self.begun, self.points) = (0, 0);
        self.before.clear();
    }

    /// Reads the points that were not read yet, and runs the network over the steps that are certain.
    fn read(&mut self) -> Result<(), InkError> {
        let bounds = bounds(self.strokes.iter().map(Vec::as_slice)).ok_or(InkError::Empty)?;
        let writing_box = self.writing_box.unwrap_or(bounds);
        if self.normalizer.as_ref().is_some_and(|normalizer| normalizer.writing_box() != writing_box) {
            self.reread();
        }
        sure(self.session.restore(&self.certain.state));
        self.steps.clone_from(&self.certain.rest);
        let mut normalizer = self.normalizer.take().unwrap_or_else(|| InkNormalizer::new(writing_box));
        for number in self.begun.saturating_sub(1)..self.strokes.len() {
            if number == self.begun {
                self.keep();
                if self.before.len() == UNDO_STROKES {
                    self.before.pop_front();
                }
                self.before.push_back((normalizer.clone(), self.certain.clone()));
                normalizer.end_stroke(&mut self.steps);
                (self.begun, self.points) = (number + 1, 0);
            }
            let stroke = &self.strokes[number];
            // A far tap that goes on and becomes a stroke changes the bounds, so that all is read again.
            if self.writing_box.is_some() || is_written(stroke, bounds) {
                stroke[self.points..].iter().for_each(|&point| normalizer.add_finite(point, &mut self.steps));
            }
            self.points = stroke.len();
        }
        self.normalizer = Some(normalizer);
        self.keep();
        Ok(())
    }

    /// Runs the network over the steps so far, all of them certain, and remembers where it is.
    fn keep(&mut self) {
        self.run();
        self.session.save(&mut self.certain.state);
        self.certain.rest.clone_from(&self.steps);
    }

    /// Runs the network over as many of the steps as it can, and takes them out.
    fn run(&mut self) {
        let runs = self.steps.len() / self.steps_at_once;
        let read = ..runs * self.steps_at_once;
        sure(self.session.push(self.steps[read].as_flattened()));
        self.steps.drain(read);
        self.steps_run += runs;
    }
}
