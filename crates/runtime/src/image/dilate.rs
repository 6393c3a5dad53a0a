//! Dilation of an image.

use alloc::vec;
use alloc::vec::Vec;

/// Gives each pixel the greatest of the values at most `reach` rows and columns from it.
pub(super) fn dilate(values: &mut [u8], width: usize, reach: usize) {
    let (height, window) = (values.len() / width, 2 * reach + 1);
    // Beyond the ends is nothing.
    let padded_width = width + 2 * reach;
    let mut padded = vec![0; padded_width * (height + 2 * reach)];
    let inner = padded.chunks_exact_mut(padded_width).skip(reach);
    for (row, values) in inner.zip(values.chunks_exact(width)) {
        row[reach..reach + width].copy_from_slice(values);
    }
    let greatest = greatest(greatest(padded, window, 1), window, padded_width);
    for (values, row) in values.chunks_exact_mut(width).zip(greatest.chunks(padded_width)) {
        values.copy_from_slice(&row[..width]);
    }
}

/// The greatest of `window` values from each place on, `step` apart, for all places that have so many.
fn greatest(mut values: Vec<u8>, window: usize, step: usize) -> Vec<u8> {
    // Each pass over all values, which a processor takes many at a time, doubles how many a place stands for.
    let mut covered = 1;
    while covered < window {
        let more = covered.min(window - covered);
        values = values.iter().zip(&values[more * step..]).map(|(&a, &b)| a.max(b)).collect();
        covered += more;
    }
    values
}

/// The pixels at most `reach` rows and columns from those that are set.
pub(super) fn spread(set: impl Iterator<Item = bool>, width: usize, reach: usize) -> Vec<bool> {
    let mut near: Vec<u8> = set.map(u8::from).collect();
    dilate(&mut near, width, reach);
    near.into_iter().map(|near| near != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_gets_the_greatest_of_its_neighbourhood() {
        for (width, height, reach) in [(1, 1, 0), (1, 5, 2), (7, 4, 0), (7, 4, 1), (9, 8, 3), (5, 6, 20)] {
            let values: Vec<u8> = (0..width * height).map(|i| (i * i * 37 % 251) as u8).collect();
            let mut dilated = values.clone();
            dilate(&mut dilated, width, reach);
            let near = |a: usize, b: usize| a.abs_diff(b) <= reach;
            for (at, &found) in dilated.iter().enumerate() {
                let neighbours = (0..values.len())
                    .filter(|&other| near(other % width, at % width) && near(other / width, at / width));
                let expected = neighbours.map(|other| values[other]).max();
                assert_eq!(Some(found), expected, "{width} x {height}, reach {reach}, pixel {at}");
            }
        }
    }
}
