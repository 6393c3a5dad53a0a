//! Simulated inks without end.

use super::sequences::Augmentation;
use crate::samples::{SampleError, SampleSet, Samples, endless_fingerprint, endless_labels};
use hccr_data::Simulator;
use hccr_nn_train::sequence::bucketed_batches;
use hccr_random::Rng;
use hccr_runtime::ink::{FEATURES, Ink, Point, rows};
use rayon::prelude::*;

/// Inks of a [`Simulator`]: each time that a sample is drawn, another writer writes it anew. A pass has about 65,000 samples, of each
/// class as many.
#[derive(Clone, Debug)]
pub struct EndlessInks {
    simulator: Simulator,
    augmentation: Augmentation,
    labels: Vec<u16>,
    steps_at_once: usize,
    /// The steps of one ink of each class.
    steps: Vec<usize>,
}

impl EndlessInks {
    /// Inks that `simulator` writes, for a network that reads `steps_at_once` steps together. Training on the set augments them,
    /// recognition does not.
    pub fn new(simulator: Simulator, augmentation: Augmentation, steps_at_once: usize) -> Self {
        let labels = endless_labels(simulator.classes().len());
        let mut set = Self { simulator, augmentation, labels, steps_at_once, steps: Vec::new() };
        let classes = 0..set.classes().len() as u16;
        let sequence = |class: u16| set.sequence(class, Augmentation::default(), &mut Rng::new(0, class.into()));
        set.steps = classes.into_par_iter().map(|class| sequence(class).len() / set.features()).collect();
        set
    }

    fn features(&self) -> usize {
        self.steps_at_once * FEATURES
    }

    /// One ink of the class of sample `i`, always the same.
    fn input(&self, i: usize) -> Vec<f32> {
        self.sequence(self.labels[i], Augmentation::default(), &mut Rng::new(0, i as u64))
    }

    /// The steps of an ink of `class`, row after row; `rng` chooses the writer, the sample and its augmentation.
    fn sequence(&self, class: u16, augmentation: Augmentation, rng: &mut Rng) -> Vec<f32> {
        loop {
            let strokes = self.simulator.ink(class, rng);
            let point = |[x, y]: [i16; 2]| Point { x: x.into(), y: y.into() };
            let mut ink: Vec<Vec<Point>> =
                strokes.into_iter().filter(|s| !s.is_empty()).map(|s| s.into_iter().map(point).collect()).collect();
            augmentation.change(&mut ink, rng);
            // An ink without points is written again.
            if let Ok(ink) = Ink::new(&ink) {
                return rows(&ink.steps(), self.steps_at_once);
            }
        }
    }
}

impl SampleSet for EndlessInks {
    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[char] {
        self.simulator.classes()
    }

    /// Mini-batches of classes whose inks are of similar length.
    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = self.labels.iter().map(|&label| self.steps[usize::from(label)]).collect();
        bucketed_batches(&lengths, batch_size, rng)
    }

    fn draw(&self, indices: &[usize], rng: &mut Rng) -> Result<Samples, SampleError> {
        let seed = rng.next_u64();
        let sequence = |(i, &sample): (usize, &usize)| {
            self.sequence(self.labels[sample], self.augmentation, &mut Rng::new(seed, i as u64))
        };
        let sequences = indices.par_iter().enumerate().map(sequence).collect();
        Ok(Samples::Sequences { features: self.features(), sequences })
    }

    /// The steps of one ink of the class of sample `i`, always the same, row after row.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        *input = self.input(i);
        Ok(())
    }

    fn fingerprint(&self) -> u32 {
        endless_fingerprint(self, |i| self.input(i))
    }

    fn mean_steps(&self) -> f64 {
        self.steps.iter().sum::<usize>() as f64 / self.steps.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_data::SimulatorConfig;

    #[test]
    fn each_draw_is_new_and_repeats_by_its_seed() {
        let config = SimulatorConfig { classes: vec!['一', '阿'], ..SimulatorConfig::new(0, 1) };
        let simulator = Simulator::new(&config).expect("known characters");
        let set = EndlessInks::new(simulator, Augmentation { dropped_points: 0.3, lean: 0.0, elastic: 0.0 }, 1);
        let draw = |seed| match set.draw(&[0, 0, set.labels().len() - 1], &mut Rng::new(seed, 0)).unwrap() {
            Samples::Sequences { sequences, .. } => sequences,
            Samples::Images { .. } => panic!("not inks"),
        };
        let [first, again, other] = [draw(1), draw(1), draw(2)];
        assert_eq!(first, again);
        assert!(first[0] != first[1] && first[0] != other[0], "two draws of one sample are the same writing");
        assert!(first[2].len() > first[0].len(), "the second character has more strokes");
        assert!(set.mean_steps() > 2.0);
        let short = |batch: &&Vec<usize>| set.labels()[batch[0]] == 0;
        let pass = set.pass(32, &mut Rng::new(1, 0));
        let mixed = pass.iter().filter(|b| b.iter().any(|&i| set.labels()[i] != set.labels()[b[0]])).count();
        assert!(pass.iter().filter(short).count() > pass.len() / 3 && mixed < pass.len() / 8, "{mixed}");
    }
}
