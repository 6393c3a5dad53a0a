//! Resampling along one axis with exact integer weights.

/// Maps `source` pixels onto `target` pixels.
pub(super) struct Axis {
    source: u64,
    target: u64,
}

impl Axis {
    pub(super) fn new(source: usize, target: usize) -> Self {
        Self { source: source as u64, target: target as u64 }
    }

    /// The sum of the weights of each target pixel.
    pub(super) fn total(&self) -> u64 {
        if self.grows() { 2 * self.target } else { self.source }
    }

    /// The source pixels that make up target pixel `at`, with their weights.
    pub(super) fn taps(&self, at: usize) -> impl Iterator<Item = (usize, u64)> {
        let (source, target, at) = (self.source, self.target, at as u64);
        let grows = self.grows();
        let (first, last, phase) = if grows {
            // Linear interpolation between pixel centres, in units of half a target pixel: the centre of the target
            // pixel lies `phase` after that of source pixel `first`. Beyond the outermost centres the image goes on.
            let centre = ((2 * at + 1) * source).saturating_sub(target);
            let first = centre / (2 * target);
            (first, first + 1, centre % (2 * target))
        } else {
            // Areas: source pixel `i` spans `i * target..(i + 1) * target`, the target pixel as many units as `source`.
            (at * source / target, ((at + 1) * source - 1) / target, 0)
        };
        (first..=last).map(move |i| {
            let weight = match (grows, i == first) {
                (true, true) => 2 * target - phase,
                (true, false) => phase,
                (false, _) => ((i + 1) * target).min((at + 1) * source) - (i * target).max(at * source),
            };
            (i.min(source - 1) as usize, weight)
        })
    }

    fn grows(&self) -> bool {
        self.target > self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_stay_inside() {
        for (source, target) in [(1, 1), (1, 7), (5, 7), (7, 7), (8, 7), (100, 7), (7, 6), (3, 1)] {
            let axis = Axis::new(source, target);
            for at in 0..target {
                let taps: alloc::vec::Vec<_> = axis.taps(at).collect();
                assert_eq!(taps.iter().map(|t| t.1).sum::<u64>(), axis.total(), "{source} -> {target}");
                assert!(taps.iter().all(|t| t.0 < source));
            }
        }
    }

    #[test]
    fn shrinking_uses_every_source_pixel_equally() {
        let axis = Axis::new(10, 4);
        let mut share = [0; 10];
        for at in 0..4 {
            axis.taps(at).for_each(|(i, weight)| share[i] += weight);
        }
        assert_eq!(share, [4; 10]);
    }

    #[test]
    fn growing_interpolates_between_centres() {
        let taps = |at| Axis::new(2, 4).taps(at).filter(|t| t.1 > 0).collect::<alloc::vec::Vec<_>>();
        // Target centres lie at -0.25 (clamped to 0), 0.25, 0.75 and 1.25 source pixels.
        assert_eq!([taps(0), taps(1)], [alloc::vec![(0, 8)], alloc::vec![(0, 6), (1, 2)]]);
        assert_eq!(taps(2), [(0, 2), (1, 6)]);
    }
}
