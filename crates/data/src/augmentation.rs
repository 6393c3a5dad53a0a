//! Images written in another way, for training.

use crate::field::Field;
use crate::image_set::IMAGE_SIZE;
use hccr_random::Rng;
use hccr_runtime::image::{Image, PixelFormat, normalize};

/// Side of the square, in pixels, that an image is distorted in: distorted ink has room about it.
const CANVAS: usize = IMAGE_SIZE + 32;
/// The distortion is computed at points so many pixels apart, and linear between them.
const MESH: usize = 8;
const NODES: usize = CANVAS / MESH + 1;
/// Cells of the elastic field along a side.
const CELLS: usize = 5;

/// How training changes an image, anew each time: as if its writer had written it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageAugmentation {
    /// How much the character leans and is stretched: the standard deviation of the slopes of rows and columns, and of the logarithm of
    /// width over height.
    pub lean: f32,
    /// How much strokes are bent: the size of an elastic displacement, as a share of the character's side.
    pub elastic: f32,
    /// How much wider or narrower strokes become, at most: 1 is a pixel on each of their sides.
    pub stroke_width: f32,
}

impl Default for ImageAugmentation {
    /// The usual amounts: about as much as one writer differs from the next.
    fn default() -> Self {
        Self { lean: 0.1, elastic: 0.04, stroke_width: 0.7 }
    }
}

impl ImageAugmentation {
    /// Changes a normalized image at random. What comes out is normalized too.
    ///
    /// # Panics
    /// Where `image` has not `IMAGE_SIZE * IMAGE_SIZE` values.
    pub fn change(self, image: &mut [u8], rng: &mut Rng) {
        assert_eq!(image.len(), IMAGE_SIZE * IMAGE_SIZE, "the values of an image");
        let mut canvas = self.distorted(image, rng);
        change_width(&mut canvas, self.stroke_width * rng.range(-1.0, 1.0));
        // The runtime expects ink as it is on paper.
        canvas.iter_mut().for_each(|v| *v = 255 - *v);
        let canvas = Image::new(&canvas, CANVAS, CANVAS, PixelFormat::Gray).expect("a grey value per pixel");
        let mut changed = [0; IMAGE_SIZE * IMAGE_SIZE];
        // What got lost altogether stays as it was.
        if normalize(&canvas, IMAGE_SIZE, &mut changed).is_ok() {
            image.copy_from_slice(&changed);
        }
    }

    /// The image sheared, stretched and bent, `[CANVAS, CANVAS]`.
    fn distorted(self, image: &[u8], rng: &mut Rng) -> Vec<u8> {
        // At most about what the canvas has room for.
        let [slope, slant, aspect] = [(); 3].map(|()| (self.lean * rng.normal()).clamp(-0.2, 0.2));
        let stretch = libm::expf(0.5 * aspect);
        let field = Field::new(CELLS, self.elastic * IMAGE_SIZE as f32, rng);
        // Where in the image each point of the mesh comes from.
        let middle = CANVAS as f32 / 2.0;
        let mut nodes = [[[0.0; 2]; NODES]; NODES];
        for (row, nodes) in nodes.iter_mut().enumerate() {
            for (column, node) in nodes.iter_mut().enumerate() {
                let [x, y] = [column, row].map(|i| (i * MESH) as f32);
                let moved = field.at([x, y].map(|v| v / CANVAS as f32));
                let [x, y] = [(x - middle) * stretch, (y - middle) / stretch];
                *node = [x + slant * y + moved[0], y + slope * x + moved[1]].map(|v| v + IMAGE_SIZE as f32 / 2.0);
            }
        }
        let source = Source::new(image);
        let mut canvas = vec![0; CANVAS * CANVAS];
        for (y, row) in canvas.chunks_exact_mut(CANVAS).enumerate() {
            let [upper, lower] = [nodes[y / MESH], nodes[y / MESH + 1]];
            let down = (y % MESH) as f32 / MESH as f32;
            let mix = |a: [f32; 2], b: [f32; 2], t: f32| [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
            let edge: [[f32; 2]; NODES] = std::array::from_fn(|i| mix(upper[i], lower[i], down));
            for (pixels, ends) in row.chunks_exact_mut(MESH).zip(edge.windows(2)) {
                for (x, pixel) in pixels.iter_mut().enumerate() {
                    *pixel = source.at(mix(ends[0], ends[1], x as f32 / MESH as f32));
                }
            }
        }
        canvas
    }
}

/// An image with a border of zeros.
struct Source(Vec<u8>);

impl Source {
    const SIDE: usize = IMAGE_SIZE + 2;

    fn new(image: &[u8]) -> Self {
        let mut source = vec![0; Self::SIDE * Self::SIDE];
        for (to, row) in source[Self::SIDE..].chunks_exact_mut(Self::SIDE).zip(image.chunks_exact(IMAGE_SIZE)) {
            to[1..=IMAGE_SIZE].copy_from_slice(row);
        }
        Self(source)
    }

    /// The value between pixels, linearly; nothing outside of the image.
    fn at(&self, at: [f32; 2]) -> u8 {
        let [x, y] = at.map(|v| v + 1.0);
        let inside = 0.0..(Self::SIDE - 1) as f32;
        if !(inside.contains(&x) && inside.contains(&y)) {
            return 0;
        }
        let (left, top) = (x as usize, y as usize);
        let (along, down) = (x - left as f32, y - top as f32);
        let row = |y: usize| {
            let [a, b] = [0, 1].map(|i| f32::from(self.0[y * Self::SIDE + left + i]));
            a + along * (b - a)
        };
        let upper = row(top);
        (upper + down * (row(top + 1) - upper) + 0.5) as u8
    }
}

/// Dilates the ink by a share of a pixel, or erodes it where `by` is negative: each value goes by so much to the largest, or least, of it
/// and its four neighbours.
fn change_width(canvas: &mut [u8], by: f32) {
    let before = canvas.to_vec();
    let wanted: fn(u8, u8) -> u8 = if by > 0.0 { u8::max } else { u8::min };
    let share = (by.abs() * 256.0) as i32;
    for y in 1..CANVAS - 1 {
        let row = |y: usize| &before[y * CANVAS..][..CANVAS];
        let (above, here, below) = (row(y - 1), row(y), row(y + 1));
        for x in 1..CANVAS - 1 {
            let old = here[x];
            let new = [here[x - 1], here[x + 1], above[x], below[x]].into_iter().fold(old, wanted);
            canvas[y * CANVAS + x] = (i32::from(old) + (((i32::from(new) - i32::from(old)) * share) >> 8)) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Simulator, SimulatorConfig};

    const NOTHING: ImageAugmentation = ImageAugmentation { lean: 0.0, elastic: 0.0, stroke_width: 0.0 };

    fn image() -> Vec<u8> {
        let mut image = vec![0; IMAGE_SIZE * IMAGE_SIZE];
        let simulator = Simulator::new(&SimulatorConfig::new(20, 1)).expect("known characters");
        simulator.image(17, &mut Rng::new(1, 0), &mut image);
        image
    }

    fn changed(image: &[u8], augmentation: ImageAugmentation, seed: u64) -> Vec<u8> {
        let mut image = image.to_vec();
        augmentation.change(&mut image, &mut Rng::new(seed, 0));
        image
    }

    fn ink(image: &[u8]) -> u32 {
        image.iter().map(|&v| u32::from(v)).sum()
    }

    #[test]
    fn no_augmentation_leaves_the_image() {
        let before = image();
        let after = changed(&before, NOTHING, 1);
        let far = before.iter().zip(&after).filter(|(a, b)| a.abs_diff(**b) > 8).count();
        assert!(far < before.len() / 100, "{far} pixels are others");
    }

    #[test]
    fn each_part_changes_the_image_and_repeats_by_its_seed() {
        let (before, usual) = (image(), ImageAugmentation::default());
        let changed = |part, seed| changed(&before, part, seed);
        let parts = [
            ImageAugmentation { lean: usual.lean, ..NOTHING },
            ImageAugmentation { elastic: usual.elastic, ..NOTHING },
            ImageAugmentation { stroke_width: usual.stroke_width, ..NOTHING },
        ];
        for part in parts {
            assert_eq!(changed(part, 1), changed(part, 1));
            assert!(changed(part, 1) != changed(part, 2) && changed(part, 1) != changed(NOTHING, 1), "{part:?}");
            for seed in 0..20 {
                // The character is still there, and fills the image.
                let (before, after) = (ink(&before), ink(&changed(part, seed)));
                assert!(after > before / 2 && after < 2 * before, "{part:?}: {before} became {after}");
            }
        }
    }

    #[test]
    fn strokes_become_wider_and_narrower() {
        let mut canvas = vec![0; CANVAS * CANVAS];
        (20..100).for_each(|y| canvas[y * CANVAS + 60..y * CANVAS + 64].fill(200));
        let width = |by: f32| {
            let mut changed = canvas.clone();
            change_width(&mut changed, by);
            ink(&changed[50 * CANVAS..51 * CANVAS]) as f32 / 200.0
        };
        assert_eq!([width(0.0), width(0.5), width(-0.5)], [4.0, 5.0, 3.0]);
    }

    #[test]
    fn an_empty_image_stays() {
        let mut empty = vec![0; IMAGE_SIZE * IMAGE_SIZE];
        ImageAugmentation::default().change(&mut empty, &mut Rng::new(1, 0));
        assert!(empty.iter().all(|&v| v == 0));
    }
}
