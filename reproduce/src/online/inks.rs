//! Inks that are in memory, or in a packed file.

use anyhow::Result;
use hccr_data::{CasiaFilter, InkSet, PackedInks};
use hccr_models::SampleSet;
use hccr_models::online::{OnlineRecipe, PackedSequences, SequenceSet};
use rayon::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Labelled inks.
#[derive(Clone, Debug)]
pub(super) enum Inks {
    Memory(InkSet),
    Packed(PackedInks),
}

impl Inks {
    /// The inks of a packed file that `filter` chooses.
    pub(super) fn open(path: &Path, filter: &CasiaFilter) -> Result<Self> {
        Ok(Self::Packed(PackedInks::open(path, filter)?))
    }

    pub(super) fn len(&self) -> usize {
        self.labels().len()
    }

    fn labels(&self) -> &[u16] {
        match self {
            Self::Memory(set) => &set.labels,
            Self::Packed(set) => &set.records.labels,
        }
    }

    pub(super) fn classes(&self) -> &[char] {
        match self {
            Self::Memory(set) => &set.classes,
            Self::Packed(set) => &set.records.classes,
        }
    }

    /// The writer of each ink.
    pub(super) fn writers(&self) -> &[u32] {
        match self {
            Self::Memory(set) => &set.writers,
            Self::Packed(set) => &set.records.writers,
        }
    }

    /// Records of other characters that were passed over.
    pub(super) fn passed_over(&self) -> usize {
        match self {
            Self::Memory(set) => set.passed_over,
            Self::Packed(set) => set.records.passed_over,
        }
    }

    /// The inks at `indices`, where the others are.
    pub(super) fn subset(&self, indices: &[usize]) -> Self {
        match self {
            Self::Memory(set) => Self::Memory(set.subset(indices)),
            Self::Packed(set) => Self::Packed(set.subset(indices)),
        }
    }

    /// Two sets: the inks whose writer `first` accepts, and the others.
    pub(super) fn split_by_writer(&self, first: impl Fn(u32) -> bool) -> (Self, Self) {
        let (yes, no): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|&i| first(self.writers()[i]));
        (self.subset(&yes), self.subset(&no))
    }

    /// Leaves out the inks of all classes but the first `most`.
    pub(super) fn keep_first_classes(&mut self, most: Option<usize>) {
        let Some(most) = most.filter(|&most| most < self.classes().len()) else { return };
        let kept: Vec<usize> = (0..self.len()).filter(|&i| usize::from(self.labels()[i]) < most).collect();
        *self = self.subset(&kept);
        match self {
            Self::Memory(set) => set.classes.truncate(most),
            Self::Packed(set) => set.records.classes.truncate(most),
        }
    }

    /// All inks in memory.
    pub(super) fn into_memory(self) -> Result<InkSet> {
        Ok(match self {
            Self::Memory(set) => set,
            Self::Packed(set) => set.to_memory()?,
        })
    }

    /// The inks as the network trains on them, those of a packed file where they are.
    pub(super) fn into_samples(self, recipe: &OnlineRecipe) -> Result<Box<dyn SampleSet>> {
        Ok(match self {
            Self::Memory(set) => Box::new(SequenceSet::new(set, recipe.augmentation, recipe.steps_at_once)?),
            Self::Packed(set) => Box::new(PackedSequences::new(set, recipe.augmentation, recipe.steps_at_once)?),
        })
    }

    /// A number for each ink, the same for the same strokes.
    pub(super) fn hashes(&self) -> Result<Vec<u64>> {
        fn hash(strokes: impl Hash) -> u64 {
            let mut hasher = DefaultHasher::new();
            strokes.hash(&mut hasher);
            hasher.finish()
        }
        let hash_of = |i| match self {
            Self::Memory(set) => Ok(hash(set.strokes(i).collect::<Vec<_>>())),
            Self::Packed(set) => Ok(hash(set.strokes(i)?)),
        };
        (0..self.len()).into_par_iter().map(hash_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_data::{CasiaLimits, pack_pot, pot_archive};

    #[test]
    fn packed_inks_are_those_in_memory() {
        let mut set = InkSet::new(vec!['丁', '一']);
        for writer in 0..6 {
            let x = 10 * writer as i16;
            set.push([vec![[x, 2], [30, 4]], vec![[9, x]]], (writer % 2) as u16, writer);
        }
        let folder = tempfile::tempdir().unwrap();
        let [zip, file] = ["set.zip", "set.pack"].map(|name| folder.path().join(name));
        std::fs::write(&zip, pot_archive(&set).unwrap()).unwrap();
        pack_pot(&[zip], &CasiaLimits::default(), &file, &|_| ()).unwrap();
        let both = || [Inks::Memory(set.clone()), Inks::open(&file, &CasiaFilter::default()).unwrap()];
        let [memory, packed] = both().map(|inks| (inks.hashes().unwrap(), inks.writers().to_vec()));
        assert_eq!(memory, packed);
        assert_ne!(memory.0[0], memory.0[1]);
        let [memory, packed] = both().map(|inks| inks.split_by_writer(|writer| writer < 2).1.into_memory().unwrap());
        assert!(memory == packed && memory.len() == 4);
        let [memory, packed] = both().map(|mut inks| {
            inks.keep_first_classes(Some(1));
            inks.into_memory().unwrap()
        });
        assert!(memory == packed && memory.classes == ['丁'] && memory.len() == 3);
    }
}
