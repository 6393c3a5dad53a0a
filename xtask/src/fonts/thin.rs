//! Thins ink to lines one pixel wide.

use super::raster::Bitmap;

/// The lines in the middle of the ink, one pixel wide, by Guo and Hall's parallel thinning.
pub(super) fn thin(bitmap: &Bitmap) -> Bitmap {
    let Bitmap { width, height, .. } = *bitmap;
    let mut lines = Bitmap { width, height, ink: bitmap.ink.clone() };
    // Only ink beside paper can go, so only that is looked at.
    let mut listed = vec![false; lines.ink.len()];
    let mut border: Vec<usize> = (0..lines.ink.len()).filter(|&i| lines.ink[i] && lines.around(i) != 0xFF).collect();
    border.iter().for_each(|&i| listed[i] = true);
    loop {
        let mut changed = false;
        for half in [0, 1] {
            let (gone, left): (Vec<usize>, Vec<usize>) =
                border.iter().partition(|&&i| removable(lines.around(i), half));
            changed |= !gone.is_empty();
            border = left;
            gone.iter().for_each(|&i| lines.ink[i] = false);
            for i in gone {
                for next in lines.neighbours(i) {
                    if lines.ink[next] && !listed[next] {
                        listed[next] = true;
                        border.push(next);
                    }
                }
            }
        }
        if !changed {
            break;
        }
    }
    // Corners of stairs that no path needs.
    for i in border {
        let around = lines.around(i);
        if around.count_ones() >= 2 && connected(around) {
            lines.ink[i] = false;
        }
    }
    lines
}

/// The distance from each pixel of ink to the nearest paper, in pixels, within some 5 %.
pub(super) fn depth(bitmap: &Bitmap) -> Vec<f32> {
    let (width, far) = (bitmap.width, u32::MAX / 2);
    let mut depth: Vec<u32> = bitmap.ink.iter().map(|&ink| if ink { far } else { 0 }).collect();
    // Steps of 3 straight and 4 diagonally; ink never lies at an edge.
    for i in 0..depth.len() {
        if depth[i] > 0 {
            depth[i] = depth[i].min(depth[i - 1] + 3).min(depth[i - width] + 3);
            depth[i] = depth[i].min(depth[i - width - 1] + 4).min(depth[i - width + 1] + 4);
        }
    }
    for i in (0..depth.len()).rev() {
        if depth[i] > 0 {
            depth[i] = depth[i].min(depth[i + 1] + 3).min(depth[i + width] + 3);
            depth[i] = depth[i].min(depth[i + width + 1] + 4).min(depth[i + width - 1] + 4);
        }
    }
    depth.into_iter().map(|d| d as f32 / 3.0).collect()
}

impl Bitmap {
    /// The eight pixels around pixel `i`: north, north-east, and on clockwise.
    pub(super) fn neighbours(&self, i: usize) -> [usize; 8] {
        let w = self.width;
        [i - w, i - w + 1, i + 1, i + w + 1, i + w, i + w - 1, i - 1, i - w - 1]
    }

    /// The ink in [`Self::neighbours`], the lowest bit first.
    fn around(&self, i: usize) -> u8 {
        self.neighbours(i).iter().enumerate().fold(0, |bits, (k, &n)| bits | u8::from(self.ink[n]) << k)
    }
}

/// Whether Guo and Hall remove a pixel in this half of a round.
fn removable(around: u8, half: usize) -> bool {
    let p = |k: u32| around.rotate_right(k) & 1;
    let crossings: u8 = [0, 2, 4, 6].map(|k| (1 - p(k)) & (p(k + 1) | p((k + 2) % 8))).iter().sum();
    let pairs = |first: u32| -> u8 { [0, 2, 4, 6].map(|k| p((first + k) % 8) | p((first + k + 1) % 8)).iter().sum() };
    let blocked = match half {
        0 => (p(4) | p(5) | (1 - p(7))) & p(6),
        _ => (p(0) | p(1) | (1 - p(3))) & p(2),
    };
    crossings == 1 && (2..=3).contains(&pairs(7).min(pairs(0))) && blocked == 0
}

/// Whether the ink around a pixel stays connected without the pixel.
fn connected(around: u8) -> bool {
    let paper = |k: u32| 1 - (around.rotate_right(k % 8) & 1);
    let number: u8 = [0, 2, 4, 6].map(|k| paper(k) - paper(k) * paper(k + 1) * paper(k + 2)).iter().sum();
    number == 1
}
