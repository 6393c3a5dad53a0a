//! Inks as the network reads them.

use crate::samples::{SampleError, SampleSet, Samples, fingerprint, input_bytes};
use hccr_data::{Field, InkSet};
use hccr_nn_train::sequence::bucketed_batches;
use hccr_random::Rng;
use hccr_runtime::ink::{FEATURES, Ink, InkError, Point, rows};
use rayon::prelude::*;

/// How training changes an ink, anew each time, before it is normalized.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// Share of the points that are dropped at random (thesis: 0.3).
    pub dropped_points: f32,
    /// How much more, or less, the ink leans and is stretched than it was written: the standard deviation of the slopes of
    /// rows and columns, and of the logarithm of width over height.
    pub lean: f32,
    /// How much strokes are bent: the size of an elastic displacement, as a share of the longer side of the ink.
    pub elastic: f32,
}

/// Cells of the elastic field along a side.
const CELLS: usize = 5;

impl Augmentation {
    /// That of inks from files, which hold fewer inks, by fewer writers, than the simulator writes.
    pub const OF_FILES: Self = Self { dropped_points: 0.3, lean: 0.1, elastic: 0.04 };

    /// Changes an ink at random; none of its strokes loses all of its points.
    pub(super) fn change(self, ink: &mut [Vec<Point>], rng: &mut Rng) {
        let Self { dropped_points, lean, elastic } = self;
        if elastic > 0.0 {
            bend(ink, elastic, rng);
        }
        let [slope, slant, aspect] = [(); 3].map(|()| lean * rng.normal());
        let stretch = libm::expf(0.5 * aspect);
        for stroke in ink {
            drop_points(stroke, dropped_points, rng);
            for Point { x, y } in stroke {
                (*x, *y) = (stretch * (*x + slant * *y), (*y + slope * *x) / stretch);
            }
        }
    }
}

/// An [`InkSet`], each ink with the steps that it is normalized to.
#[derive(Clone, Debug)]
pub struct SequenceSet {
    inks: InkSet,
    /// The steps of each ink, row after row.
    sequences: Vec<Vec<f32>>,
    augmentation: Augmentation,
    steps_at_once: usize,
}

impl SequenceSet {
    /// Normalizes all inks, each in its own bounding box, for a network that reads `steps_at_once` steps together. Training on the set augments
    /// them, recognition does not.
    ///
    /// # Errors
    /// [`InkError::Empty`] for an ink without points.
    pub fn new(inks: InkSet, augmentation: Augmentation, steps_at_once: usize) -> Result<Self, InkError> {
        let sequence = |i| Ok(rows(&Ink::new(&inks.ink(i))?.steps(), steps_at_once));
        let sequences = (0..inks.len()).map(sequence).collect::<Result<_, InkError>>()?;
        Ok(Self { inks, sequences, augmentation, steps_at_once })
    }

    /// The inks.
    pub fn inks(&self) -> &InkSet {
        &self.inks
    }

    /// The steps of ink `i`, augmented, row after row.
    fn augmented(&self, i: usize, rng: &mut Rng) -> Vec<f32> {
        let mut ink = self.inks.ink(i);
        self.augmentation.change(&mut ink, rng);
        rows(&Ink::new(&ink).expect("no stroke lost all of its points").steps(), self.steps_at_once)
    }

    fn features(&self) -> usize {
        self.steps_at_once * FEATURES
    }
}

/// Moves the points by a smooth field over the square about the ink.
fn bend(ink: &mut [Vec<Point>], elastic: f32, rng: &mut Rng) {
    let points = || ink.iter().flatten();
    let [left, top] = [|p: &Point| p.x, |p: &Point| p.y].map(|of| points().map(of).fold(f32::INFINITY, f32::min));
    let side = points().map(|p| (p.x - left).max(p.y - top)).fold(0.0, f32::max).max(1.0);
    let field = Field::new(CELLS, elastic * side, rng);
    for point in ink.iter_mut().flatten() {
        let [x, y] = field.at([(point.x - left) / side, (point.y - top) / side]);
        (point.x, point.y) = (point.x + x, point.y + y);
    }
}

/// Drops each point with the probability `share`, but never the last one left.
fn drop_points(stroke: &mut Vec<Point>, share: f32, rng: &mut Rng) {
    let spared = rng.below(stroke.len());
    let mut index = 0;
    stroke.retain(|_| {
        index += 1;
        !rng.chance(share) || index - 1 == spared
    });
}

impl SampleSet for SequenceSet {
    fn labels(&self) -> &[u16] {
        &self.inks.labels
    }

    fn classes(&self) -> &[char] {
        &self.inks.classes
    }

    /// Mini-batches of sequences of similar length.
    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = self.sequences.iter().map(Vec::len).collect();
        bucketed_batches(&lengths, batch_size, rng)
    }

    fn draw(&self, indices: &[usize], rng: &mut Rng) -> Result<Samples, SampleError> {
        let seed = rng.next_u64();
        let augmented = |(place, &i): (usize, &usize)| self.augmented(i, &mut Rng::new(seed, place as u64));
        let sequences = indices.par_iter().enumerate().map(augmented).collect();
        Ok(Samples::Sequences { features: self.features(), sequences })
    }

    /// The steps of the ink, row after row.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        input.clone_from(&self.sequences[i]);
        Ok(())
    }

    fn fingerprint(&self) -> u32 {
        fingerprint(self.classes(), self.labels(), self.sequences.iter().map(|sequence| input_bytes(sequence)))
    }

    fn mean_steps(&self) -> f64 {
        let steps: usize = self.sequences.iter().map(|s| s.len() / self.features()).sum();
        steps as f64 / self.sequences.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(dropped_points: f32, lean: f32, elastic: f32, steps_at_once: usize) -> SequenceSet {
        let mut inks = InkSet::new(vec!['一', '乙']);
        let line: Vec<[i16; 2]> = (0..50).map(|x| [20 * x, (x % 7) * 9]).collect();
        for label in [0, 1] {
            inks.push([&line[..], &[[500, 300]], &line[10..20]], label, 3);
        }
        SequenceSet::new(inks, Augmentation { dropped_points, lean, elastic }, steps_at_once).expect("inks with points")
    }

    #[test]
    fn training_reads_what_is_recognized_but_for_augmentation() {
        let mut input = Vec::new();
        let draw = |share, lean, elastic| set(share, lean, elastic, 1).draw(&[1, 0], &mut Rng::new(1, 0)).unwrap();
        set(0.3, 0.1, 0.04, 1).fill_input(1, &mut input).unwrap();
        let both = Samples::Sequences { features: FEATURES, sequences: vec![input.clone(), input.clone()] };
        assert_eq!(draw(0.0, 0.0, 0.0), both);
        assert_ne!(draw(0.3, 0.0, 0.0), draw(0.0, 0.0, 0.0));
        assert_ne!(draw(0.0, 0.0, 0.04), draw(0.0, 0.0, 0.0));
        assert_ne!(draw(0.0, 0.1, 0.0), draw(0.0, 0.0, 0.0));
        assert!((set(0.3, 0.1, 0.04, 1).mean_steps() - (input.len() / FEATURES) as f64).abs() < 1e-9);
    }

    #[test]
    fn steps_are_read_several_at_once() {
        let [one, eleven] = [1, 11].map(|steps_at_once| set(0.0, 0.0, 0.0, steps_at_once));
        let [mut steps, mut input] = [Vec::new(), Vec::new()];
        one.fill_input(0, &mut steps).unwrap();
        eleven.fill_input(0, &mut input).unwrap();
        assert!(steps.len() % (11 * FEATURES) != 0, "nothing to fill up");
        assert_eq!((&input[..steps.len()], input.len()), (&steps[..], steps.len().next_multiple_of(11 * FEATURES)));
        assert!(input[steps.len()..].iter().all(|&v| v == 0.0));
        assert_eq!(eleven.mean_steps(), (input.len() / (11 * FEATURES)) as f64);
        let drawn = eleven.draw(&[0], &mut Rng::new(1, 0)).unwrap();
        assert_eq!(drawn, Samples::Sequences { features: 11 * FEATURES, sequences: vec![input] });
    }

    #[test]
    fn a_stroke_keeps_a_point() {
        let mut rng = Rng::new(2, 0);
        let mut kept = 0;
        for _ in 0..1000 {
            let mut stroke = vec![Point::default(); 10];
            drop_points(&mut stroke, 0.3, &mut rng);
            kept += stroke.len();
            let mut dot = vec![Point::default()];
            drop_points(&mut dot, 0.99, &mut rng);
            assert_eq!(dot.len(), 1);
        }
        // Seven of ten, and a third of the point that is spared.
        assert!((7000..7600).contains(&kept), "{kept}");
    }
}
