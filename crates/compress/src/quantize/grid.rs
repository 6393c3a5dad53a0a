//! Where the 256 values stand to which others are rounded.

/// Elements of a value that are looked at for its grid, of all samples together.
const SAMPLED: usize = 1 << 15;

/// Shares of the range seen that are tried, at either end.
const SHARES: [f32; 12] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45];

/// 256 values a step apart, one of them zero: see `Op::FakeQuantize`.
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
