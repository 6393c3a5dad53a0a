//! Magnitude pruning: which weights of a layer to keep.

/// Keeps all but the `sparsity` (0 to 1) share of `weight` that is smallest in magnitude; of equals, the later ones.
///
/// A weight of zero is never kept, so that what was dropped once stays dropped.
pub(crate) fn keep_largest(weight: &[f32], sparsity: f32) -> Vec<bool> {
    let dropped = dropped_weights(weight.len(), sparsity);
    // Magnitude and position in one integer: the bits of a non-negative float sort as its value does.
    let key = |at: usize, w: f32| (u64::from(w.abs().to_bits()) << 32) | at as u64;
    let mut keys: Vec<u64> = weight.iter().enumerate().map(|(at, &w)| key(at, w)).collect();
    let first_kept = match dropped < keys.len() {
        true => *keys.select_nth_unstable(dropped).1,
        false => u64::MAX,
    };
    weight.iter().enumerate().map(|(at, &w)| w != 0.0 && key(at, w) >= first_kept).collect()
}

/// Number of weights that a layer of `weights` loses at `sparsity`.
pub(crate) fn dropped_weights(weights: usize, sparsity: f32) -> usize {
    ((weights as f64 * f64::from(sparsity)).round() as usize).min(weights)
}

/// Share of `keep` that is false.
pub(crate) fn sparsity_of(keep: &[bool]) -> f32 {
    let dropped = keep.iter().filter(|&&k| !k).count();
    (dropped as f64 / keep.len().max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_go_first_and_the_count_is_exact() {
        let weight = [0.5, -0.1, 0.3, -0.5, 0.2];
        assert_eq!(keep_largest(&weight, 0.4), [true, false, true, true, false]);
        assert_eq!(keep_largest(&weight, 0.0), [true; 5]);
        assert_eq!(keep_largest(&weight, 1.0), [false; 5]);
        // Equal magnitudes: exactly as many as asked for, the earlier ones first.
        assert_eq!(keep_largest(&[1.0, -1.0, 1.0, -1.0], 0.5), [false, false, true, true]);
    }

    #[test]
    fn zeros_are_never_kept() {
        assert_eq!(keep_largest(&[0.0, -0.0, 2.0], 0.0), [false, false, true]);
        assert_eq!(keep_largest(&[], 0.5), [false; 0]);
    }
}
