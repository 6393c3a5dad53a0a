//! A line of ink: several characters, beside or over each other.

use super::segmentation::{Reading, Run, STROKES, Segmentation};
use super::{Candidate, FusedRecognizer, InkRecognizer};
use crate::ink::{GrowingStrokes, Ink, InkError, Point};
use crate::kernels::f32::softmax::ln;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// Recognizes ink of several characters, written from left to right or over each other in one place (叠写), while it grows, stroke by
/// stroke or point by point.
///
/// Nobody needs to say where a character ends: neither lifting the pen nor a pause does. Each run of up to
/// [`LineSession::CHARACTER_STROKES`] consecutive strokes is recognized as if it were one character. The segments are those runs that
/// together cover all strokes and are likeliest, by what the networks and the places and sizes of the strokes say. The strokes of a
/// character must follow each other: a dot that is added after the next character has begun counts there.
///
/// The segments are at any time those of the same strokes in a new session, bit for bit.
///
/// # Cost
/// Adding and undoing only take notes; what they cause is paid when an answer is wanted. Then a new stroke costs one recognition for
/// each run that ends with it, at most [`LineSession::CHARACTER_STROKES`]; about ten on average, as a run that is unlike a character is not made
/// longer, nor one of more than [`LineSession::CHARACTER_STEPS`] [`Step`](crate::ink::Step)s. Points added to the last stroke make it a new one.
/// Undoing costs nothing.
///
/// ```no_run
/// use hccr_runtime::ink::Point;
/// use hccr_runtime::{InkRecognizer, LineSession};
///
/// let recognizer = InkRecognizer::from_bytes(&std::fs::read("online.hccr")?)?;
/// let mut session = LineSession::new(&recognizer);
/// session.add_stroke(&[Point { x: 10.0, y: 50.0 }])?; // the pen lands
/// session.add_points(&[Point { x: 90.0, y: 49.0 }])?; // and moves on
/// session.add_stroke(&[Point { x: 130.0, y: 50.0 }, Point { x: 210.0, y: 49.0 }])?;
/// for segment in session.segments()? {
///     println!("{:?}: {:?}", segment.strokes, segment.candidates.first());
/// }
/// println!("{}", session.text()?);
/// session.undo_stroke();
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LineSession {
    reader: Reader,
    strokes: GrowingStrokes,
    /// Of the strokes with points, all or the first.
    segmentation: Segmentation,
    /// The number of each stroke there.
    numbers: Vec<usize>,
    recognitions: usize,
}

/// A character of a line.
///
/// ```no_run
/// # use hccr_runtime::{InkRecognizer, LineSession};
/// # let mut session = LineSession::new(&InkRecognizer::from_bytes(&std::fs::read("online.hccr")?)?);
/// for segment in session.segments()?.iter().filter(|segment| segment.is_stable) {
///     println!("from {} to {}: {:?}", segment.left, segment.right, segment.candidates);
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Segment {
    /// Its strokes, numbered as in [`LineSession::strokes`].
    pub strokes: Range<usize>,
    /// The least `x` of its points, in their unit.
    pub left: f32,
    /// The least `y`.
    pub top: f32,
    /// The greatest `x`.
    pub right: f32,
    /// The greatest `y`.
    pub bottom: f32,
    /// The likeliest characters, at most [`LineSession::CANDIDATES`], the likeliest first. Their probabilities hold if the segment is right.
    /// There are none for a stroke that is too long for a character, nor for a dot where the networks are fused.
    pub candidates: Vec<Candidate>,
    /// No stroke that is still to come can change the segment; undoing can.
    pub is_stable: bool,
}

/// What recognizes a run.
#[derive(Clone, Debug)]
enum Reader {
    Online(InkRecognizer),
    Fused(Box<FusedRecognizer>),
}

impl LineSession {
    /// The most strokes of a character.
    pub const CHARACTER_STROKES: usize = STROKES;

    /// The most [`Step`](crate::ink::Step)s of a character. Those of the 3755 classes of GB2312 level 1 have 42 in the middle; one in a thousand has more than 90.
    pub const CHARACTER_STEPS: usize = 100;

    /// The most strokes of a line.
    pub const MAX_STROKES: usize = 1 << 10;

    /// The most candidates of a segment.
    pub const CANDIDATES: usize = 10;

    /// An empty line whose characters `recognizer` reads by their strokes.
    pub fn new(recognizer: &InkRecognizer) -> Self {
        Self::with_reader(Reader::Online(recognizer.clone()))
    }

    /// An empty line whose characters `recognizer` reads by their strokes and their image: slower, and right more often.
    pub fn fused(recognizer: &FusedRecognizer) -> Self {
        Self::with_reader(Reader::Fused(Box::new(recognizer.clone())))
    }

    fn with_reader(reader: Reader) -> Self {
        let segmentation = Segmentation::default();
        Self { reader, strokes: GrowingStrokes::default(), segmentation, numbers: Vec::new(), recognitions: 0 }
    }

    /// The ink so far.
    pub fn strokes(&self) -> &[Vec<Point>] {
        &self.strokes
    }

    /// Begins a stroke with `points`; [`LineSession::add_points`] may go on with it.
    ///
    /// # Errors
    /// [`InkError::NonFinitePoint`] for the first point that is NaN or infinite, [`InkError::TooManyStrokes`] for more than
    /// [`LineSession::MAX_STROKES`], [`InkError::TooLong`] for more than [`Ink::MAX_POINTS`] in all; nothing has changed then.
    pub fn add_stroke(&mut self, points: &[Point]) -> Result<(), InkError> {
        if self.strokes.len() == Self::MAX_STROKES {
            return Err(InkError::TooManyStrokes);
        }
        self.strokes.add_stroke(points)
    }

    /// Goes on with the last stroke, or begins the first.
    ///
    /// # Errors
    /// As [`LineSession::add_stroke`].
    pub fn add_points(&mut self, points: &[Point]) -> Result<(), InkError> {
        self.strokes.add_points(points)?;
        let number = self.strokes.len() - 1;
        if !points.is_empty() {
            self.forget_from(number);
        }
        Ok(())
    }

    /// Takes the last stroke back, and returns it. The one before can then go on.
    pub fn undo_stroke(&mut self) -> Option<Vec<Point>> {
        let stroke = self.strokes.undo_stroke()?;
        self.forget_from(self.strokes.len());
        Some(stroke)
    }

    /// The characters of the line so far, in the order they were written.
    ///
    /// # Errors
    /// [`InkError::Empty`] before the first point.
    pub fn segments(&mut self) -> Result<Vec<Segment>, InkError> {
        self.read()?;
        let segment = |(run, last, is_stable): (&Run, usize, bool)| {
            let [[left, top], [right, bottom]] =
                [run.bounds.low, run.bounds.high].map(|corner| corner.map(|v| v as f32));
            let strokes = self.numbers[run.first]..self.numbers[last] + 1;
            Segment { strokes, left, top, right, bottom, candidates: run.reading.candidates.clone(), is_stable }
        };
        Ok(self.segmentation.best_path().into_iter().map(segment).collect())
    }

    /// The likeliest character of each segment.
    ///
    /// # Errors
    /// As [`LineSession::segments`].
    pub fn text(&mut self) -> Result<String, InkError> {
        self.read()?;
        let path = self.segmentation.best_path();
        Ok(path.iter().filter_map(|(run, ..)| run.reading.candidates.first()).map(|best| best.character).collect())
    }

    /// How many characters the recognizer has been given in this session: the measure of what it has cost.
    pub fn recognitions(&self) -> usize {
        self.recognitions
    }

    /// Forgets the reading of the strokes from number `stroke` on.
    fn forget_from(&mut self, stroke: usize) {
        self.numbers.truncate(self.numbers.partition_point(|&number| number < stroke));
        self.segmentation.truncate(self.numbers.len());
    }

    /// Reads the strokes that were not read yet.
    fn read(&mut self) -> Result<(), InkError> {
        let unread = self.numbers.last().map_or(0, |last| last + 1);
        for number in (unread..self.strokes.len()).filter(|&number| !self.strokes[number].is_empty()) {
            self.numbers.push(number);
            let (reader, strokes, numbers, recognitions) =
                (&mut self.reader, &self.strokes, &self.numbers, &mut self.recognitions);
            self.segmentation.append(&strokes[number], |first| {
                let reading = reader.read(&strokes[numbers[first]..=number])?;
                *recognitions += usize::from(!reading.candidates.is_empty());
                Some(reading)
            });
        }
        if self.numbers.is_empty() { Err(InkError::Empty) } else { Ok(()) }
    }
}

impl Reader {
    /// What the strokes are as one character; `None` where several strokes are too much for one.
    fn read(&mut self, strokes: &[Vec<Point>]) -> Option<Reading> {
        let ink = Ink::new(strokes).ok()?;
        let steps = ink.steps();
        let mut reading =
            Reading { candidates: Vec::new(), certainty: f64::NEG_INFINITY, agreement: 0.0, steps: steps.len() };
        if steps.len() > LineSession::CHARACTER_STEPS {
            return (strokes.len() == 1).then_some(reading);
        }
        match self {
            Self::Online(recognizer) => {
                reading.candidates = recognizer.answer(&steps).candidates(LineSession::CANDIDATES);
                reading.certainty =
                    reading.candidates.first().map_or(f64::NEG_INFINITY, |best| ln(best.probability).into());
            }
            Self::Fused(recognizer) => {
                if let Ok(answer) = recognizer.answer(&ink, &steps) {
                    reading.candidates = answer.candidates(LineSession::CANDIDATES);
                    [reading.certainty, reading.agreement] = recognizer.means().map(f64::from);
                }
            }
        }
        Some(reading)
    }
}
