//! Labelled pen trajectories in memory.

use hccr_runtime::ink::Point;
use std::ops::Range;

/// Inks as a device gave them (`y` downwards, in its own unit), each with its class and its writer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InkSet {
    /// The points of all strokes of all inks.
    points: Vec<[i16; 2]>,
    /// Where each stroke ends among the points.
    stroke_ends: Vec<usize>,
    /// Where each ink ends among the strokes.
    ink_ends: Vec<usize>,
    /// The class of each ink: an index into `classes`.
    pub labels: Vec<u16>,
    /// The writer of each ink; a number says nothing about other sets.
    pub writers: Vec<u32>,
    /// The character of each class.
    pub classes: Vec<char>,
    /// Records of other characters that were passed over when the files were read.
    pub passed_over: usize,
}

impl InkSet {
    /// A set without inks.
    pub fn new(classes: Vec<char>) -> Self {
        Self { classes, ..Self::default() }
    }

    /// The number of inks.
    pub fn len(&self) -> usize {
        self.ink_ends.len()
    }

    /// Whether there are no inks.
    pub fn is_empty(&self) -> bool {
        self.ink_ends.is_empty()
    }

    /// Adds an ink; strokes without points are left out.
    pub fn push<S: AsRef<[[i16; 2]]>>(&mut self, strokes: impl IntoIterator<Item = S>, label: u16, writer: u32) {
        for stroke in strokes {
            if !stroke.as_ref().is_empty() {
                self.points.extend_from_slice(stroke.as_ref());
                self.stroke_ends.push(self.points.len());
            }
        }
        self.ink_ends.push(self.stroke_ends.len());
        self.labels.push(label);
        self.writers.push(writer);
    }

    /// The strokes of ink `i`, in writing order.
    ///
    /// # Panics
    /// From `len()` on.
    pub fn strokes(&self, i: usize) -> impl Iterator<Item = &[[i16; 2]]> {
        range(&self.ink_ends, i).map(|stroke| &self.points[range(&self.stroke_ends, stroke)])
    }

    /// Ink `i` as the runtime takes it.
    ///
    /// # Panics
    /// From `len()` on.
    pub fn ink(&self, i: usize) -> Vec<Vec<Point>> {
        let point = |&[x, y]: &[i16; 2]| Point { x: x.into(), y: y.into() };
        self.strokes(i).map(|stroke| stroke.iter().map(point).collect()).collect()
    }

    /// The inks at `indices`, in that order, with the same classes.
    ///
    /// # Panics
    /// Where an index is not below `len()`.
    pub fn subset(&self, indices: &[usize]) -> Self {
        let mut set = Self::new(self.classes.clone());
        for &i in indices {
            set.push(self.strokes(i), self.labels[i], self.writers[i]);
        }
        set
    }

    /// Two sets: the inks whose writer `first` accepts, and the others.
    pub fn split_by_writer(&self, first: impl Fn(u32) -> bool) -> (Self, Self) {
        let (yes, no): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|&i| first(self.writers[i]));
        (self.subset(&yes), self.subset(&no))
    }
}

/// The range of item `i` where items follow each other and end at `ends`.
fn range(ends: &[usize], i: usize) -> Range<usize> {
    let start = if i == 0 { 0 } else { ends[i - 1] };
    start..ends[i]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_come_back_and_split_by_writer() {
        let mut set = InkSet::new(vec!['一', '乙']);
        let inks = [vec![vec![[1, 2], [3, 4]], vec![[-5, 6]]], vec![vec![[7, 8]]], vec![vec![[9, 9]], vec![[0, 0]]]];
        for (ink, (label, writer)) in inks.iter().zip([(1, 7), (0, 8), (0, 7)]) {
            set.push(ink, label, writer);
        }
        set.push([&[][..], &[[1, 1]], &[]], 1, 9);
        assert_eq!(set.len(), 4);
        for (i, ink) in inks.iter().enumerate() {
            assert!(set.strokes(i).eq(ink.iter().map(|stroke| &stroke[..])));
        }
        assert_eq!(set.strokes(3).collect::<Vec<_>>(), [[[1, 1]]], "strokes without points are left out");
        assert_eq!(set.ink(0)[1], [Point { x: -5.0, y: 6.0 }]);

        let (first, second) = set.split_by_writer(|writer| writer == 7);
        assert_eq!((&first.labels, &first.writers, first.len()), (&vec![1, 0], &vec![7, 7], 2));
        assert!(first.strokes(1).eq(inks[2].iter().map(|stroke| &stroke[..])));
        assert_eq!((second.labels, second.writers, &second.classes), (vec![0, 1], vec![8, 9], &set.classes));
    }
}
