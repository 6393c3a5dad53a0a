//! Inks of a packed file.

use super::sequences::Augmentation;
use crate::samples::{SampleError, SampleSet, Samples, spread};
use hccr_data::PackedInks;
use hccr_nn_train::sequence::bucketed_batches;
use hccr_random::Rng;
use hccr_runtime::ink::{FEATURES, Ink, Point, rows};
use rayon::prelude::*;

/// Inks whose mean number of steps is taken for that of all.
const MEASURED_INKS: usize = 1000;

/// [`PackedInks`], each read from the file when it is drawn.
#[derive(Clone, Debug)]
pub struct PackedSequences {
    inks: PackedInks,
    augmentation: Augmentation,
    steps_at_once: usize,
    mean_steps: f64,
}

impl PackedSequences {
    /// These inks, for a network that reads `steps_at_once` steps together; training on the set augments them, recognition does not.
    ///
    /// # Errors
    /// [`SampleError`] where an ink cannot be read.
    pub fn new(inks: PackedInks, augmentation: Augmentation, steps_at_once: usize) -> Result<Self, SampleError> {
        let mut set = Self { inks, augmentation, steps_at_once, mean_steps: 0.0 };
        let measured = spread(set.inks.records.len(), MEASURED_INKS);
        let values = |&i: &usize| Ok(set.plain(i)?.len());
        let values = measured.par_iter().map(values).sum::<Result<usize, SampleError>>()?;
        set.mean_steps = (values / set.features()) as f64 / measured.len().max(1) as f64;
        Ok(set)
    }

    fn features(&self) -> usize {
        self.steps_at_once * FEATURES
    }

    /// The steps of ink `i` as recognition reads it, row after row.
    fn plain(&self, i: usize) -> Result<Vec<f32>, SampleError> {
        self.sequence(i, Augmentation::default(), &mut Rng::new(0, 0))
    }

    /// The steps of ink `i`, augmented, row after row.
    fn sequence(&self, i: usize, augmentation: Augmentation, rng: &mut Rng) -> Result<Vec<f32>, SampleError> {
        let point = |[x, y]: [i16; 2]| Point { x: x.into(), y: y.into() };
        let strokes = self.inks.strokes(i).map_err(SampleError::new)?;
        let mut ink: Vec<Vec<Point>> =
            strokes.into_iter().map(|stroke| stroke.into_iter().map(point).collect()).collect();
        augmentation.change(&mut ink, rng);
        Ok(rows(&Ink::new(&ink).map_err(SampleError::new)?.steps(), self.steps_at_once))
    }
}

impl SampleSet for PackedSequences {
    fn labels(&self) -> &[u16] {
        &self.inks.records.labels
    }

    fn classes(&self) -> &[char] {
        &self.inks.records.classes
    }

    /// Mini-batches of inks with about as many points each.
    fn pass(&self, batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = (0..self.inks.records.len()).map(|i| self.inks.points(i)).collect();
        bucketed_batches(&lengths, batch_size, rng)
    }

    fn draw(&self, indices: &[usize], rng: &mut Rng) -> Result<Samples, SampleError> {
        let seed = rng.next_u64();
        let augmented =
            |(place, &i): (usize, &usize)| self.sequence(i, self.augmentation, &mut Rng::new(seed, place as u64));
        let sequences = indices.par_iter().enumerate().map(augmented).collect::<Result<_, _>>()?;
        Ok(Samples::Sequences { features: self.features(), sequences })
    }

    /// The steps of the ink, row after row.
    fn fill_input(&self, i: usize, input: &mut Vec<f32>) -> Result<(), SampleError> {
        *input = self.plain(i)?;
        Ok(())
    }

    fn fingerprint(&self) -> u32 {
        self.inks.records.fingerprint()
    }

    fn mean_steps(&self) -> f64 {
        self.mean_steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::SequenceSet;
    use hccr_data::{CasiaFilter, CasiaLimits, SimulatorConfig, Split, SplitSize, pack_pot, pot_archive, simulate_ink};

    #[test]
    fn packed_inks_are_drawn_as_those_in_memory() {
        let size = SplitSize { writers: 4, samples_per_class: 8 };
        let config = SimulatorConfig { classes: vec!['啊', '阿'], dev: size, ..SimulatorConfig::new(1, 2) };
        let inks = simulate_ink(&config, Split::Dev, &|_, _| {}).expect("inks");
        let folder = tempfile::tempdir().expect("a folder");
        let [zip, file] = ["inks.zip", "inks.pack"].map(|name| folder.path().join(name));
        std::fs::write(&zip, pot_archive(&inks).expect("an archive")).expect("written");
        pack_pot(std::slice::from_ref(&zip), &CasiaLimits::default(), &file, &|_| ()).expect("packed");
        let packed = PackedInks::open(&file, &CasiaFilter::default()).expect("a packed set");
        let memory = packed.to_memory().expect("inks");
        let augmentation = Augmentation::OF_FILES;
        let [a, b]: [Box<dyn SampleSet>; 2] = [
            Box::new(PackedSequences::new(packed.clone(), augmentation, 2).expect("a set")),
            Box::new(SequenceSet::new(memory, augmentation, 2).expect("a set")),
        ];
        assert_eq!((a.labels(), a.classes()), (b.labels(), b.classes()));
        let drawn = |set: &dyn SampleSet| set.draw(&[5, 0, 11], &mut Rng::new(3, 0)).expect("drawn");
        assert_eq!(drawn(&*a), drawn(&*b));
        assert!((a.mean_steps() - b.mean_steps()).abs() < 1.0 && a.mean_steps() > 5.0);
        let mut inputs = [Vec::new(), Vec::new()];
        for (set, input) in [&a, &b].into_iter().zip(&mut inputs) {
            set.fill_input(7, input).expect("read");
        }
        assert_eq!(inputs[0], inputs[1]);
        let mut all: Vec<usize> = a.pass(4, &mut Rng::new(1, 0)).concat();
        all.sort_unstable();
        assert_eq!(all, (0..16).collect::<Vec<_>>());
        let other = packed.subset(&[1, 0]);
        assert_ne!(PackedSequences::new(other, augmentation, 2).expect("a set").fingerprint(), a.fingerprint());
    }
}
