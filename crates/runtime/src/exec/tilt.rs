//! An image turned a little, for a model that looks twice.

/// A square image, `[size, size]`, turned about its middle and fitted to its frame again: what is above 0 in it touches the frame on two
/// sides, as [`normalize`](crate::image::normalize) leaves it.
pub(super) struct Turned<'a> {
    image: &'a [f32],
    size: usize,
    /// The tangent of the angle.
    tangent: f32,
    /// The middle of the ink, and the distance of two pixels, both as turned.
    middle: [f32; 2],
    step: f32,
}

impl<'a> Turned<'a> {
    /// `image` turned counterclockwise by the angle of this `tangent`.
    pub(super) fn new(image: &'a [f32], size: usize, tangent: f32) -> Self {
        // Turned, the pixel (x, y) is at (x + ty, y - tx), all distances growing alike. In a row, ink ends at its first and last pixel.
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for (y, row) in image.chunks_exact(size).enumerate() {
            let ends = [row.iter().position(|&v| v > 0.0), row.iter().rposition(|&v| v > 0.0)];
            for x in ends.into_iter().flatten() {
                let (x, y) = (x as f32, y as f32);
                for (i, at) in [x + tangent * y, y - tangent * x].into_iter().enumerate() {
                    (low[i], high[i]) = (low[i].min(at), high[i].max(at));
                }
            }
        }
        if low[0] > high[0] {
            (low, high) = ([0.0; 2], [0.0; 2]); // no ink, wherever one looks
        }
        let longest = (high[0] - low[0]).max(high[1] - low[1]) + 1.0;
        Self { image, size, tangent, middle: [0, 1].map(|i| 0.5 * (low[i] + high[i])), step: longest / size as f32 }
    }

    /// Row `y` of the turned image: between the pixels of the image linearly, outside of it 0.
    pub(super) fn row(&self, y: usize, row: &mut [f32]) {
        let Self { image, size, tangent, middle, step } = *self;
        let centre = 0.5 * (size as f32 - 1.0);
        let back = 1.0 / (1.0 + tangent * tangent);
        let v = middle[1] + step * (y as f32 - centre);
        let place = |x: usize| {
            let u = middle[0] + step * (x as f32 - centre);
            (back * (u - tangent * v), back * (v + tangent * u))
        };
        // Most of the row lies where all four neighbours are pixels, between two ends where they may not be.
        let last = size as f32 - 1.0;
        let is_inside = |x: &usize| {
            let (x, y) = place(*x);
            x >= 0.0 && y >= 0.0 && x < last && y < last
        };
        let first = (0..size).find(is_inside).unwrap_or(size);
        let end = (first..size).rfind(is_inside).map_or(first, |x| x + 1);
        for x in (0..first).chain(end..size) {
            row[x] = self.at_edge(place(x));
        }
        for (x, value) in (first..end).zip(&mut row[first..end]) {
            let (x, y) = place(x);
            let (column, line) = (x as usize, y as usize);
            let (right, below) = (x - column as f32, y - line as f32);
            // Two lines one after the other, of which only the ends of this pair matter.
            let pair = &image[line * size + column..][..size + 2];
            let between = |left: usize| (1.0 - right) * pair[left] + right * pair[left + 1];
            *value = (1.0 - below) * between(0) + below * between(size);
        }
    }

    /// The image at a place whose neighbours need not all be pixels.
    fn at_edge(&self, (x, y): (f32, f32)) -> f32 {
        // By one pixel to the right and down, so that all that is not quite outside is positive.
        let (x, y) = (x + 1.0, y + 1.0);
        let end = (self.size + 1) as f32;
        if !(x > 0.0 && y > 0.0 && x < end && y < end) {
            return 0.0;
        }
        let (column, row) = (x as usize, y as usize);
        let (right, below) = (x - column as f32, y - row as f32);
        let pixel = |column: usize, row: usize| {
            let is_inside = (1..=self.size).contains(&column) && (1..=self.size).contains(&row);
            if is_inside { self.image[(row - 1) * self.size + column - 1] } else { 0.0 }
        };
        let between = |row| (1.0 - right) * pixel(column, row) + right * pixel(column + 1, row);
        (1.0 - below) * between(row) + below * between(row + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn turned(image: &[f32], size: usize, tangent: f32) -> Vec<f32> {
        let mut rows = vec![0.0; size * size];
        let turned = Turned::new(image, size, tangent);
        rows.chunks_exact_mut(size).enumerate().for_each(|(y, row)| turned.row(y, row));
        rows
    }

    /// A bar of ink across the middle of the image.
    fn bar(size: usize) -> Vec<f32> {
        let is_ink = |y: usize| (size / 2 - 2..size / 2 + 2).contains(&y);
        (0..size * size).map(|i| if is_ink(i / size) { 200.0 } else { 0.0 }).collect()
    }

    /// The height of the ink in a column, from the bottom.
    fn height(image: &[f32], size: usize, x: usize) -> f32 {
        let column = (0..size).map(|y| (image[y * size + x], (size - y) as f32));
        let (ink, sum) = column.fold((0.0, 0.0), |(ink, sum), (v, y)| (ink + v, sum + v * y));
        sum / ink
    }

    #[test]
    fn a_normalized_image_that_is_not_turned_stays() {
        let image = bar(32);
        assert_eq!(turned(&image, 32, 0.0), image);
    }

    #[test]
    fn a_bar_rises_by_the_tangent_and_fills_the_frame() {
        let size = 96;
        for tangent in [0.1f32, -0.1] {
            let image = turned(&bar(size), size, tangent);
            let slope = (height(&image, size, size - 10) - height(&image, size, 10)) / (size - 20) as f32;
            assert!((slope - tangent).abs() < 0.005, "{slope} for {tangent}");
            let column = |x: usize| (0..size).any(|y| image[y * size + x] > 20.0);
            assert!(column(0) && column(size - 1), "the ink reaches both sides");
        }
    }

    #[test]
    fn an_image_without_ink_stays_so() {
        assert_eq!(turned(&[0.0; 64], 8, 0.1), [0.0; 64]);
        let dot: Vec<f32> = (0..64).map(|i| f32::from(i == 20)).collect();
        let fills = turned(&dot, 8, 0.1);
        assert!(fills.iter().all(|v| v.is_finite()) && fills[27] > 0.5, "a dot grows: {fills:?}");
    }
}
