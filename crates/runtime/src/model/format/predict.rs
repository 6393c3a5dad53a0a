//! Values of images: neighbours are alike, so that the difference from a prediction takes fewer bits than the value.

use alloc::vec::Vec;

/// A number that stands for a value, below a modulus.
type Number = u32;

/// The differences of `numbers` (below `modulus`; rows of `width`) from their predictions, modulo `modulus`.
pub(super) fn differences(numbers: &[Number], width: usize, modulus: u64) -> Vec<Number> {
    let difference = |i| (u64::from(numbers[i]) + modulus - prediction(numbers, i, width)) % modulus;
    (0..numbers.len()).map(|i| difference(i) as Number).collect()
}

/// Replaces differences by their numbers.
pub(super) fn restore(numbers: &mut [Number], width: usize, modulus: u64) {
    for i in 0..numbers.len() {
        numbers[i] = ((u64::from(numbers[i]) + prediction(numbers, i, width)) % modulus) as Number;
    }
}

/// The median edge detector of LOCO-I (JPEG-LS): `left + above - above_left`, kept between the first two.
fn prediction(numbers: &[Number], i: usize, width: usize) -> u64 {
    let at = |back: usize| i.checked_sub(back).map_or(0, |i| u64::from(numbers[i]));
    let above = at(width);
    let (left, above_left) = if i.is_multiple_of(width) { (above, above) } else { (at(1), at(width + 1)) };
    (left + above).saturating_sub(above_left).clamp(left.min(above), left.max(above))
}

/// The place of `value` among all floats, so that near values have near numbers.
pub(super) fn float_to_number(value: f32) -> Number {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The float whose place is `number`.
pub(super) fn number_to_float(number: Number) -> f32 {
    f32::from_bits(if number >> 31 == 1 { number & !(1 << 31) } else { !number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_floats() {
        let floats = [f32::MIN, -1.0, -f32::MIN_POSITIVE, -0.0, 0.0, 1e-40, 1.0, f32::MAX];
        let numbers = floats.map(float_to_number);
        assert!(numbers.is_sorted() && numbers[3] + 1 == numbers[4]);
        assert_eq!(numbers.map(|n| number_to_float(n).to_bits()), floats.map(f32::to_bits));
    }

    #[test]
    fn planes_are_predicted_and_restored() {
        let image: Vec<u32> = (0..12).map(|i| 2 * (i % 4) + 3 * (i / 4)).collect();
        let mut numbers = differences(&image, 4, 20);
        // The first row and column are predicted by one neighbour, the others lie between two.
        assert_eq!(numbers, [0, 2, 2, 2, 3, 2, 2, 2, 3, 2, 2, 2]);
        restore(&mut numbers, 4, 20);
        assert_eq!(numbers, image);
    }
}
