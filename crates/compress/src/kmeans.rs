//! k-means in one dimension.
//!
//! On a line the optimal clusters are intervals, so that dynamic programming finds the best partition. It runs exactly over up to `MAX_POINTS` values; more are first binned into as many cells, and Lloyd's
//! iterations over all values then repair what the binning cost.

/// Values, or cells of a histogram, that the dynamic programme sees.
const MAX_POINTS: usize = 4096;
const MAX_LLOYD_ITERATIONS: usize = 100;

/// At most `clusters` centres (as many as there are different values, if those are fewer), ascending, that make the sum of squared
/// distances of `values` to their nearest centre small. Deterministic.
pub(crate) fn kmeans(values: &[f32], clusters: usize) -> Vec<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let sums = Sums::new(sorted.iter().map(|&v| (1.0, f64::from(v))));
    let (starts, points) = points(&sorted, &sums);
    let partitions = Partitions::new(&points, clusters.min(starts.len()));
    let cuts = partitions.starts().into_iter().map(|point| starts[point]).collect();
    lloyd(&sorted, &sums, cuts)
}

/// The index of the centre nearest to `value`; `centres` ascend and are not empty.
pub(crate) fn nearest(centres: &[f32], value: f32) -> usize {
    let at = centres.partition_point(|&c| c < value).min(centres.len() - 1);
    let distance = |c: f32| (f64::from(c) - f64::from(value)).abs();
    if at > 0 && distance(centres[at - 1]) <= distance(centres[at]) { at - 1 } else { at }
}

/// Prefix sums of weights, weighted values and weighted squares.
struct Sums {
    weights: Vec<f64>,
    values: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    fn new(points: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut sums = Self { weights: vec![0.0], values: vec![0.0], squares: vec![0.0] };
        let (mut w, mut x, mut xx) = (0.0, 0.0, 0.0);
        for (weight, value) in points {
            w += weight;
            x += weight * value;
            xx += weight * value * value;
            sums.weights.push(w);
            sums.values.push(x);
            sums.squares.push(xx);
        }
        sums
    }

    fn mean(&self, from: usize, to: usize) -> f64 {
        (self.values[to] - self.values[from]) / (self.weights[to] - self.weights[from])
    }

    /// Sum of squared distances of the points `from..to` (not empty) to their mean.
    fn error(&self, from: usize, to: usize) -> f64 {
        let value = self.values[to] - self.values[from];
        let weight = self.weights[to] - self.weights[from];
        (self.squares[to] - self.squares[from] - value * value / weight).max(0.0)
    }
}

/// Groups equal values, or values of the same histogram cell: the start of each group in `sorted`, and the groups' sums.
fn points(sorted: &[f32], sums: &Sums) -> (Vec<usize>, Sums) {
    let group = |same: &dyn Fn(f32, f32) -> bool| -> Vec<usize> {
        (0..sorted.len()).filter(|&i| i == 0 || !same(sorted[i - 1], sorted[i])).collect()
    };
    let mut starts = group(&|a, b| a == b);
    if starts.len() > MAX_POINTS {
        let (low, high) = (f64::from(sorted[0]), f64::from(sorted[sorted.len() - 1]));
        let cell = |v: f32| ((f64::from(v) - low) / (high - low) * MAX_POINTS as f64) as usize;
        starts = group(&|a, b| cell(a).min(MAX_POINTS - 1) == cell(b).min(MAX_POINTS - 1));
    }
    let ends = starts.iter().skip(1).copied().chain([sorted.len()]);
    let groups = starts.iter().zip(ends).map(|(&from, to)| ((to - from) as f64, sums.mean(from, to)));
    let points = Sums::new(groups);
    (starts, points)
}

/// The best partitions of the points into 1, 2, ... intervals.
struct Partitions {
    /// `cuts[k][j]`: where the last of `k + 1` intervals over the points `0..=j` starts.
    cuts: Vec<Vec<u16>>,
}

impl Partitions {
    fn new(points: &Sums, most: usize) -> Self {
        let n = points.weights.len() - 1;
        let mut best: Vec<f64> = (0..n).map(|j| points.error(0, j + 1)).collect();
        let mut partitions = Self { cuts: Vec::new() };
        for k in 0..most {
            let mut cuts = vec![0; n];
            if k > 0 {
                let mut next = vec![0.0; n];
                fill(points, &best, &mut next, &mut cuts, k..n, k..n);
                best = next;
            }
            partitions.cuts.push(cuts);
        }
        partitions
    }

    /// The first point of each interval, where there are as many as can be.
    fn starts(&self) -> Vec<usize> {
        let k = self.cuts.len();
        let mut end = self.cuts.first().map_or(0, Vec::len);
        let mut starts = vec![0; k];
        for i in (0..k).rev() {
            starts[i] = usize::from(self.cuts[i][end - 1]);
            end = starts[i];
        }
        starts
    }
}

/// Fills a row of the table from the `previous` one, for the end points `ends`, whose best cuts lie in `cuts_in`: as the end moves right, so does the best cut,
/// which halves the work at every level.
fn fill(
    points: &Sums,
    previous: &[f64],
    next: &mut [f64],
    cuts: &mut [u16],
    ends: std::ops::Range<usize>,
    cuts_in: std::ops::Range<usize>,
) {
    if ends.is_empty() {
        return;
    }
    let end = ends.start + ends.len() / 2;
    let (mut best, mut best_cut) = (f64::INFINITY, cuts_in.start);
    for cut in cuts_in.start..cuts_in.end.min(end + 1) {
        let error = previous[cut - 1] + points.error(cut, end + 1);
        if error < best {
            (best, best_cut) = (error, cut);
        }
    }
    next[end] = best;
    cuts[end] = best_cut as u16;
    fill(points, previous, next, cuts, ends.start..end, cuts_in.start..best_cut + 1);
    fill(points, previous, next, cuts, end + 1..ends.end, best_cut..cuts_in.end);
}

/// Moves the intervals that start at `starts` until no value is nearer to another one's mean; returns the means.
fn lloyd(sorted: &[f32], sums: &Sums, mut starts: Vec<usize>) -> Vec<f32> {
    let ends = |starts: &[usize]| starts.iter().skip(1).copied().chain([sorted.len()]).collect::<Vec<_>>();
    let means = |starts: &[usize]| -> Vec<f64> {
        starts.iter().zip(ends(starts)).map(|(&from, to)| sums.mean(from, to)).collect()
    };
    for _ in 0..MAX_LLOYD_ITERATIONS {
        let centres = means(&starts);
        let border = |pair: &[f64]| sorted.partition_point(|&v| f64::from(v) <= 0.5 * (pair[0] + pair[1]));
        let mut moved: Vec<usize> = starts.iter().take(1).copied().chain(centres.windows(2).map(border)).collect();
        // An interval left without values goes.
        moved.dedup();
        if moved == starts {
            break;
        }
        starts = moved;
    }
    let mut centres: Vec<f32> = means(&starts).into_iter().map(|c| c as f32).collect();
    centres.dedup();
    centres
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    fn normals(n: usize) -> Vec<f32> {
        let mut rng = Rng::new(5, 0);
        (0..n).map(|_| rng.normal()).collect()
    }

    fn error(values: &[f32], centres: &[f32]) -> f64 {
        values.iter().map(|&v| f64::from(v - centres[nearest(centres, v)]).powi(2)).sum()
    }

    /// The least error over all partitions into `k` intervals.
    fn brute_force(sorted: &[f32], k: usize) -> f64 {
        let sums = Sums::new(sorted.iter().map(|&v| (1.0, f64::from(v))));
        fn best(sums: &Sums, from: usize, n: usize, k: usize) -> f64 {
            if k == 1 {
                return sums.error(from, n);
            }
            let cuts = from + 1..=n + 1 - k;
            cuts.map(|cut| sums.error(from, cut) + best(sums, cut, n, k - 1)).fold(f64::INFINITY, f64::min)
        }
        best(&sums, 0, sorted.len(), k)
    }

    #[test]
    fn optimal_on_few_values() {
        let mut values = normals(14);
        for k in 1..=6 {
            let centres = kmeans(&values, k);
            values.sort_unstable_by(f32::total_cmp);
            let (got, want) = (error(&values, &centres), brute_force(&values, k));
            assert!(centres.len() == k && (got - want).abs() < 1e-6, "{k}: {got} instead of {want}");
            values.reverse();
        }
    }

    #[test]
    fn no_more_centres_than_values() {
        assert_eq!(kmeans(&[2.0, 1.0, 2.0], 7), [1.0, 2.0]);
        assert_eq!(kmeans(&[], 7), [0.0; 0]);
    }

    #[test]
    fn many_values_come_near_the_known_optimum() {
        // The optimal 16-level quantizer of a normal distribution has an error of 0.009497 (Max, 1960).
        let values = normals(200_000);
        let centres = kmeans(&values, 16);
        let mean = error(&values, &centres) / 200_000.0;
        assert!((mean - 0.009_497).abs() < 2e-4, "{mean}");
    }

    #[test]
    fn nearest_centre() {
        let centres = [-1.0, 0.5, 2.0];
        assert_eq!([-9.0, -0.26, -0.24, 1.25, 1.3, 9.0].map(|v| nearest(&centres, v)), [0, 0, 1, 1, 2, 2]);
    }
}
