//! Where the 256 values stand to which others are rounded.

/// Elements of a value that are looked at for its grid, of all samples together.
const SAMPLED: usize = 1 << 15;

/// Shares of the range seen that are tried, at either end.
const SHARES: [f32; 12] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45];

/// 256 values at even distances, one of them zero: see `Op::FakeQuantize`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) scale: f32,
    pub(super) zero_point: u8,
}

impl Grid {
    /// The grid over a range that holds zero, both ends moved by less than a step.
    fn over(low: f32, high: f32) -> Self {
        let scale = (high - low) / 255.0;
        Self { scale, zero_point: (-low / scale).round_ties_even() as u8 }
    }

    /// The nearest of the values.
    fn round(self, x: f32) -> f32 {
        let zero = f32::from(self.zero_point);
        ((x / self.scale + zero).clamp(0.0, 255.0).round_ties_even() - zero) * self.scale
    }

    /// Sum of squared errors.
    fn error(self, values: &[f32]) -> f64 {
        values.iter().map(|&x| f64::from(x - self.round(x)).powi(2)).sum()
    }
}

/// What is seen of a value: its range, zero included, and some of its elements.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    low: f32,
    high: f32,
    not_a_number: bool,
    elements: Vec<f32>,
}

impl Spread {
    /// Takes in the elements that sample number `sample` of `samples` has.
    pub(super) fn add(&mut self, elements: &[f32], sample: usize, samples: usize) {
        for &x in elements {
            (self.low, self.high) = (self.low.min(x), self.high.max(x));
            self.not_a_number |= x.is_nan();
        }
        // Odd, so that the rows of a plane are all met, and from another place in each sample.
        let step = (elements.len() * samples / SAMPLED) | 1;
        self.elements.extend(elements.iter().skip(sample % step).step_by(step));
    }

    /// The grid with the least squared error; `None` where the range is not finite.
    pub(super) fn grid(&self) -> Option<Grid> {
        let Self { low, high, not_a_number, elements } = self;
        let width = high - low;
        if !width.is_finite() || *not_a_number {
            return None;
        }
        if !(width / 1e3).is_normal() {
            return Some(Grid { scale: 1.0, zero_point: 0 });
        }
        let candidates = SHARES.iter().flat_map(|l| SHARES.iter().map(move |h| Grid::over(l * low, h * high)));
        let error = |grid: &Grid| grid.error(elements);
        candidates.map(|grid| (error(&grid), grid)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, grid)| grid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    fn spread(elements: &[f32]) -> Spread {
        let mut spread = Spread::default();
        spread.add(elements, 0, 1);
        spread
    }

    #[test]
    fn zero_is_one_of_the_values() {
        let mut rng = Rng::new(1, 0);
        for (low, high) in [(0.0, 3.0), (-1.0, 0.0), (-0.3, 2.0), (-5.0, 5.0), (1.0, 2.0), (-2.0, -1.0)] {
            let elements: Vec<f32> = (0..5000).map(|_| rng.range(low, high)).collect();
            let grid = spread(&elements).grid().unwrap();
            assert_eq!(grid.round(0.0), 0.0, "{grid:?}");
            let worst = elements.iter().map(|&x| (x - grid.round(x)).abs()).fold(0.0, f32::max);
            // Evenly spread values are cut at no end; their grid's ends are off by half a step.
            assert!(worst < 1.01 * grid.scale && grid.scale < 1.01 * (high.max(0.0) - low.min(0.0)) / 255.0);
            assert_eq!(grid.zero_point == 0, low >= 0.0, "{grid:?}");
            assert_eq!(grid.zero_point == 255, high <= 0.0, "{grid:?}");
        }
    }

    #[test]
    fn a_lonely_value_is_cut_off() {
        let mut rng = Rng::new(2, 0);
        let mut elements: Vec<f32> = (0..20_000).map(|_| rng.normal()).collect();
        elements.push(12.0);
        let (spread, whole) = (spread(&elements), Grid::over(spread(&elements).low, 12.0));
        let grid = spread.grid().unwrap();
        assert!(grid.round(12.0) < 11.7, "{grid:?}");
        assert!(grid.error(&elements) < whole.error(&elements));
    }

    #[test]
    fn many_samples_are_looked_at_in_part() {
        let mut all = Spread::default();
        for sample in 0..100 {
            all.add(&vec![sample as f32; 10_000], sample, 100);
        }
        assert!((30_000..=40_000).contains(&all.elements.len()), "{}", all.elements.len());
        assert_eq!((all.low, all.high, all.elements.last()), (0.0, 99.0, Some(&99.0)));
    }

    #[test]
    fn constants_and_values_without_a_range() {
        assert_eq!(spread(&[0.0; 9]).grid(), Some(Grid { scale: 1.0, zero_point: 0 }));
        assert_eq!(spread(&[f32::MIN_POSITIVE, 0.0]).grid(), Some(Grid { scale: 1.0, zero_point: 0 }));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(spread(&[1.0, bad, 2.0]).grid(), None);
        }
        assert_eq!(spread(&[f32::MAX, -f32::MAX]).grid(), None);
    }
}
