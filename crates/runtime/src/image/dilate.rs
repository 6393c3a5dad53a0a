//! Dilation of an image.

use alloc::vec;
use alloc::vec::Vec;

/// Gives each pixel the greatest of the values at most `reach` rows and columns from it (M. van Herk, "A fast algorithm for local
/// minimum and maximum filters on rectangular and octagonal kernels", 1992).
pub(super) fn dilate(values: &mut [u8], width: usize, reach: usize) {
    let height = values.len() / width;
    let window = 2 * reach + 1;
    // Rows, then columns: how many there are, how far apart they begin, and the pixels of one and how far apart they are.
    for (lines, apart, len, step) in [(height, width, width, 1), (width, 1, height, width)] {
        let padded = (len + 2 * reach).next_multiple_of(window);
        // Beyond the ends is nothing.
        let mut line = vec![0; padded];
        // Of each stretch as long as the window, the greatest up to a value and from it on.
        let (mut up_to, mut from) = (vec![0; padded], vec![0; padded]);
        for start in (0..lines).map(|line| line * apart) {
            let places = || (start..).step_by(step).take(len);
            line[reach..].iter_mut().zip(places()).for_each(|(v, at)| *v = values[at]);
            for first in (0..padded).step_by(window) {
                let stretch = first..first + window;
                running_greatest(line[stretch.clone()].iter(), up_to[stretch.clone()].iter_mut());
                running_greatest(line[stretch.clone()].iter().rev(), from[stretch].iter_mut().rev());
            }
            let greatest = from.iter().zip(&up_to[window - 1..]).map(|(a, b)| *a.max(b));
            places().zip(greatest).for_each(|(at, v)| values[at] = v);
        }
    }
}

fn running_greatest<'a>(values: impl Iterator<Item = &'a u8>, out: impl Iterator<Item = &'a mut u8>) {
    let mut greatest = 0;
    for (&value, out) in values.zip(out) {
        greatest = value.max(greatest);
        *out = greatest;
    }
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
