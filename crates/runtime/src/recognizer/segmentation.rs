//! Where one character of a line ends and the next begins.
//!
//! A *run* is some consecutive strokes of the line, taken for one character. A *path* divides the strokes into runs. Its score
//! is the sum of what speaks for each run ([`RUN`]) and for each two neighbours ([`PAIR`]): the logarithm of its probability, but
//! for a constant. (In the literature: a semi-Markov conditional random field.) Dynamic programming finds the best path to each
//! run from the best paths to the runs before it.
//!
//! Whatever a score takes in belongs to the strokes up to the run's last one, so that a later stroke never changes it.

use super::Candidate;
use crate::ink::Point;
use alloc::vec::Vec;

/// Strokes that one character may have.
pub(super) const STROKES: usize = 24;

/// A feature's weight where the characters lie over each other, and where they lie beside each other.
type Weights = [f64; 2];

/// What speaks for a run as one character. These weights and [`PAIR`]'s make the boundaries of simulated lines likeliest.
const RUN: [Weights; 11] = [
    [-3.46, -1.94], // a character
    [0.61, 0.36],   // how sure the recognizer is: the logarithm of a probability, not below -6
    [0.85, 0.68],   // the same, times a sixth of the strokes: many strokes make a chance likeness rarer
    [-1.31, -1.53], // how far it is from square: 1 for a line
    [-0.48, -0.43], // it is a single stroke
    [-0.58, -0.56], // how far two networks agree
    [-2.14, -1.44], // how much smaller it is than the cell: the line's shorter side, or its longest stroke
    [0.48, -3.00],  // how much larger, in cells
    [4.58, 0.43],   // how much was written: steps / 40
    [-4.29, -1.77], // the square of that
    [1.09, -1.09],  // strokes / 6
];

/// What speaks for two runs as neighbours.
const PAIR: [Weights; 9] = [
    [2.61, 3.07],   // the gap between them
    [2.25, 1.85],   // how far they reach into each other: negative
    [-1.75, -3.08], // the share of their widths that they have in common
    [-1.32, 0.93],  // the share of their heights
    [2.05, -2.98],  // the product of both
    [-3.72, -3.89], // how far their sizes differ: 0 for equal ones
    [3.18, 0.53],   // how far the pen goes up from one to the other
    [-3.02, 3.83],  // how far it goes to the right
    [1.41, 0.15],   // the product of up and left
];

/// A run is no part of a longer path where the best path to it lies so far behind the best one to its last stroke.
const BEAM: f64 = 4.0;

/// Where it lies so far behind, no longer run is a character either.
const OPEN_BEAM: f64 = 12.0;

/// What the recognizer makes of a run.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) candidates: Vec<Candidate>,
    /// The logarithm of the likeliest one's probability; of two networks the weighted geometric mean, not calibrated.
    pub(super) certainty: f64,
    /// The logarithm of the sum of these means over all characters: 0 where the networks agree in everything, or where there is one.
    pub(super) agreement: f64,
    /// Steps of the network.
    pub(super) steps: usize,
}

/// Consecutive strokes, taken for one character.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Its first stroke.
    pub(super) first: usize,
    pub(super) bounds: Bounds,
    pub(super) reading: Reading,
    /// Of the best path that ends with it, and where the run before it there stands among those of its last stroke.
    score: f64,
    before: usize,
}

/// A stroke of the line, and the runs that end with it.
#[derive(Clone, Debug)]
struct End {
    bounds: Bounds,
    first: Point,
    last: Point,
    /// Around all strokes so far, and the longest side of one of them.
    line: Bounds,
    longest: f64,
    /// Those that may still be a character, the shortest first.
    runs: Vec<Run>,
    /// Where the runs begin that may go on beyond this stroke, the last first.
    open: Vec<usize>,
}

/// The strokes of a line, and the paths through them.
#[derive(Clone, Debug, Default)]
pub(super) struct Segmentation {
    ends: Vec<End>,
}

impl Segmentation {
    /// Forgets all strokes but the first `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
    }

    /// Appends a stroke with these points, at least one. `read` recognizes the run from the stroke of a number to this one, or finds
    /// that it is too much for one character; no longer one is then tried.
    pub(super) fn append(&mut self, stroke: &[Point], mut read: impl FnMut(usize) -> Option<Reading>) {
        let Some((&first, &last)) = stroke.first().zip(stroke.last()) else { return };
        let bounds = stroke.iter().map(Bounds::at).fold(Bounds::NOWHERE, Bounds::and);
        let (line, longest) = self.ends.last().map_or((Bounds::NOWHERE, 0.0), |end| (end.line, end.longest));
        let (line, longest) = (line.and(bounds), longest.max(bounds.side()));
        let number = self.ends.len();
        let before = self.ends.last().map_or(&[][..], |end| &end.open);
        let open: Vec<usize> =
            [number].iter().chain(before).copied().filter(|first| number - first < STROKES).collect();
        self.ends.push(End { bounds, first, last, line, longest, runs: Vec::new(), open: Vec::new() });
        let (mut bounds, mut from) = (bounds, number);
        let mut runs = Vec::new();
        for first in open {
            bounds = self.ends[first..from].iter().fold(bounds, |bounds, end| bounds.and(end.bounds));
            from = first;
            let Some(reading) = read(first) else { continue };
            let mut run = Run { first, bounds, reading, score: 0.0, before: 0 };
            let (before, score) = self.best_before(&run, number);
            run.before = before;
            run.score = score + self.ends[number].weigh_run(&run, number + 1 - first);
            runs.push(run);
        }
        let best = runs.iter().fold(f64::NEG_INFINITY, |best, run| best.max(run.score));
        let end = &mut self.ends[number];
        end.open = runs.iter().filter(|run| run.score >= best - OPEN_BEAM).map(|run| run.first).collect();
        runs.retain(|run| run.score >= best - BEAM);
        end.runs = runs;
    }

    /// The run before `run` on the best path to it, and the score of the path so far.
    fn best_before(&self, run: &Run, number: usize) -> (usize, f64) {
        let Some(before) = run.first.checked_sub(1) else { return (0, 0.0) };
        let (before, begin, apart) = (&self.ends[before], self.ends[run.first].first, self.ends[number].apart());
        let path = |earlier: &Run| earlier.score + weigh(&PAIR, pair_features(earlier, run, before.last, begin), apart);
        let paths = before.runs.iter().map(path).enumerate();
        paths.reduce(|a, b| if b.1 > a.1 { b } else { a }).unwrap_or_default()
    }

    /// The runs of the best path through all strokes, in order; each with its last stroke, and whether no stroke to come can change it.
    pub(super) fn best_path(&self) -> Vec<(&Run, usize, bool)> {
        let Some(end) = self.ends.last() else { return Vec::new() };
        let best = (0..end.runs.len()).reduce(|a, b| if end.runs[b].score > end.runs[a].score { b } else { a });
        let mut path = Vec::new();
        self.walk_back(self.ends.len() - 1, best.unwrap_or_default(), |last, number| path.push((last, number)));
        path.reverse();
        let stable = self.stable(&path);
        path.iter().enumerate().map(|(i, &(last, number))| (&self.ends[last].runs[number], last, i < stable)).collect()
    }

    /// How many runs of `path` every path shares that can still become the best one.
    fn stable(&self, path: &[(usize, usize)]) -> usize {
        let last = self.ends.len() - 1;
        // The run with the last stroke may go on. It begins there, or has come from the stroke before.
        let open = last.checked_sub(1).map_or(&[][..], |before| &self.ends[before].open);
        let mut shared = path.len();
        for &first in open.iter().chain([&last]).filter(|&first| last - first < STROKES) {
            let Some(before) = first.checked_sub(1) else { return 0 };
            for number in 0..self.ends[before].runs.len() {
                let mut other = Vec::new();
                self.walk_back(before, number, |last, number| other.push((last, number)));
                shared = path.iter().zip(other.iter().rev()).take(shared).take_while(|(a, b)| a == b).count();
            }
        }
        shared
    }

    /// The best path to a run, from its end: the last stroke of each run, and where it stands among those that end there.
    fn walk_back(&self, mut last: usize, mut number: usize, mut visit: impl FnMut(usize, usize)) {
        while let Some(run) = self.ends[last].runs.get(number) {
            visit(last, number);
            let Some(before) = run.first.checked_sub(1) else { return };
            (last, number) = (before, run.before);
        }
    }
}

impl End {
    /// From 0, where the line so far is no wider than a character, to 1, where its characters stand beside each other.
    fn apart(&self) -> f64 {
        ((share(self.line.extent(0), self.line.extent(1).max(self.longest)) - 1.2) / 0.6).clamp(0.0, 1.0)
    }

    /// What speaks for a run of so many strokes that ends here.
    fn weigh_run(&self, run: &Run, strokes: usize) -> f64 {
        let (bounds, reading) = (&run.bounds, &run.reading);
        let cell = self.line.extent(0).min(self.line.extent(1)).max(self.longest);
        let (certainty, size) = (reading.certainty.max(-6.0), share(bounds.side(), cell));
        let (strokes, steps) = (strokes as f64, reading.steps as f64 / 40.0);
        let features = [
            1.0,
            certainty,
            certainty * strokes / 6.0,
            1.0 - share(bounds.extent(0).min(bounds.extent(1)), bounds.side()),
            if strokes == 1.0 { 1.0 } else { 0.0 },
            reading.agreement.max(-6.0),
            (1.0 - size).clamp(0.0, 1.0),
            (size - 1.0).clamp(0.0, 2.0),
            steps,
            steps * steps,
            strokes / 6.0,
        ];
        weigh(&RUN, features, self.apart())
    }
}

/// What can be seen of two neighbours: the pen leaves the first at `end`, and lands in the second at `begin`.
fn pair_features(a: &Run, b: &Run, end: Point, begin: Point) -> [f64; PAIR.len()] {
    let (a, b) = (&a.bounds, &b.bounds);
    let size = a.side().max(b.side());
    let gap = share(b.low[0] - a.high[0], size);
    let [beside, above] = [a.overlap(b, 0, size), a.overlap(b, 1, size)];
    let right = share(f64::from(begin.x) - f64::from(end.x), size).clamp(-1.0, 1.0);
    let up = share(f64::from(end.y) - f64::from(begin.y), size).clamp(-0.5, 1.0);
    [
        gap.clamp(0.0, 0.5),
        gap.clamp(-0.5, 0.0),
        beside,
        above,
        beside * above,
        1.0 - share(a.side().min(b.side()), size),
        up,
        right,
        up * (-right).max(0.0),
    ]
}

fn weigh<const N: usize>(weights: &[Weights; N], features: [f64; N], apart: f64) -> f64 {
    weights.iter().zip(features).map(|([over, beside], feature)| feature * (over + apart * (beside - over))).sum()
}

/// A part of a length; 0 of none.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The rectangle around some points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: [f64; 2],
    pub(super) high: [f64; 2],
}

impl Bounds {
    const NOWHERE: Self = Self { low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2] };

    fn at(point: &Point) -> Self {
        let place = [point.x, point.y].map(f64::from);
        Self { low: place, high: place }
    }

    fn and(self, other: Self) -> Self {
        Self {
            low: [self.low[0].min(other.low[0]), self.low[1].min(other.low[1])],
            high: [self.high[0].max(other.high[0]), self.high[1].max(other.high[1])],
        }
    }

    fn extent(&self, axis: usize) -> f64 {
        self.high[axis] - self.low[axis]
    }

    /// The longest side.
    fn side(&self) -> f64 {
        self.extent(0).max(self.extent(1))
    }

    /// The share of the smaller extent that both have in common; an extent below a tenth of `size` counts as that.
    fn overlap(&self, other: &Self, axis: usize, size: f64) -> f64 {
        let common = self.high[axis].min(other.high[axis]) - self.low[axis].max(other.low[axis]);
        share(common, self.extent(axis).min(other.extent(axis)).max(0.1 * size)).clamp(0.0, 1.0)
    }
}
