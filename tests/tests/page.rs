//! The characters of simulated pages are cut apart: copybook cells, and lines of separate characters.

use hccr_data::Writer;
use hccr_data::gb2312::gb2312_level1;
use hccr_data::render::{Style, render};
use hccr_data::strokes::Skeletons;
use hccr_picture::{Picture, Region, characters};
use hccr_random::Rng;
use hccr_runtime::image::PixelFormat;

/// Grey, 255 white, and the number of the character that each pixel of ink belongs to.
struct Page {
    gray: Vec<f32>,
    owner: Vec<Option<usize>>,
    width: usize,
    height: usize,
}

/// A page as photographed, and the box of each character's ink, in the order of reading.
struct Photo {
    picture: Picture,
    boxes: Vec<Region>,
}

impl Page {
    fn new(width: usize, height: usize) -> Self {
        Self { gray: vec![255.0; width * height], owner: vec![None; width * height], width, height }
    }

    /// Puts `number`, the character that `hand` writes from `skeletons`, into the middle of a cell.
    fn write(&mut self, number: usize, hand: &Hand<'_>, cell: [f32; 3], rng: &mut Rng) {
        let [centre_x, centre_y, side] = cell;
        let classes = gb2312_level1();
        let skeleton = hand.skeletons.get(classes[rng.below(classes.len())]).expect("a skeleton");
        let sample = rng.next_u64() >> 32;
        let style = Style { size: side, width: hand.width * side, ..hand.writer.style(sample) };
        let scan = render(&hand.writer.sample(skeleton, sample), &style);
        let (left, top) = (centre_x - 0.5 * scan.width as f32, centre_y - 0.5 * scan.height as f32);
        for (i, &grey) in scan.pixels.iter().enumerate() {
            let (x, y) = (left as usize + i % scan.width, top as usize + i / scan.width);
            if x < self.width && y < self.height && f32::from(grey) < self.gray[y * self.width + x] {
                self.gray[y * self.width + x] = f32::from(grey);
                if grey < 170 {
                    self.owner[y * self.width + x] = Some(number);
                }
            }
        }
    }

    /// Seen at a slight angle, in light that falls off to one side.
    fn photographed(&self, count: usize, rng: &mut Rng) -> Photo {
        let (sin, cos) = rng.range(-0.02, 0.02).sin_cos();
        let (paper, fall, noise) = (rng.range(0.8, 0.95), rng.range(-0.2, 0.2), rng.range(1.0, 4.0));
        let (width, height) = (self.width, self.height);
        let mut boxes: Vec<Option<[usize; 4]>> = vec![None; count];
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (x as f32 - width as f32 / 2.0, y as f32 - height as f32 / 2.0);
                let (from_x, from_y) =
                    (cos * u - sin * v + width as f32 / 2.0, sin * u + cos * v + height as f32 / 2.0);
                let inside = from_x >= 0.0 && from_y >= 0.0 && (from_x as usize) < width && (from_y as usize) < height;
                let at = if inside { Some(from_y as usize * width + from_x as usize) } else { None };
                let grey = at.map_or(255.0, |at| self.gray[at]);
                if let Some(number) = at.and_then(|at| self.owner[at]) {
                    let [left, top, right, bottom] = boxes[number].unwrap_or([x, y, x, y]);
                    boxes[number] = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
                }
                let light = paper * (1.0 + fall * u / width as f32);
                pixels.push((grey * light + noise * rng.normal()).round().clamp(0.0, 255.0) as u8);
            }
        }
        let region = |[left, top, right, bottom]: [usize; 4]| Region {
            x: left,
            y: top,
            width: right + 1 - left,
            height: bottom + 1 - top,
            row: 0,
            column: 0,
        };
        let picture = Picture::new(pixels, width, height, PixelFormat::Gray).expect("a picture");
        Photo { picture, boxes: boxes.into_iter().flatten().map(region).collect() }
    }
}

/// A writer with a pen, whose lines are so wide, as a share of the characters.
struct Hand<'a> {
    skeletons: &'a Skeletons,
    writer: Writer,
    width: f32,
}

fn hand<'a>(skeletons: &'a Skeletons, page: usize, rng: &mut Rng) -> Hand<'a> {
    Hand { skeletons, writer: Writer::new(11, 500 + page as u32).with_variation(0.6), width: rng.range(0.03, 0.08) }
}

/// 5 rows of 8 printed cells with a dashed cross, some of them empty.
fn copybook(hand: &Hand<'_>, rng: &mut Rng) -> Photo {
    let side = rng.range(60.0, 140.0);
    let margin = 0.5 * side;
    let mut page = Page::new((8.0 * side + 2.0 * margin) as usize, (5.0 * side + 2.0 * margin) as usize);
    let (contrast, half) = (rng.range(60.0, 110.0), (0.008 * side).max(0.5));
    for y in 0..page.height {
        for x in 0..page.width {
            let (u, v) = ((x as f32 - margin) / side, (y as f32 - margin) / side);
            if u > -0.02 && u < 8.02 && v > -0.02 && v < 5.02 {
                let from = |at: f32| (at - at.round()).abs() * side;
                let dashed =
                    |at: f32, along: f32| if (along * 12.0).rem_euclid(2.0) < 1.2 { from(at + 0.5) } else { side };
                let distance = from(u).min(from(v)).min(dashed(u, v)).min(dashed(v, u));
                page.gray[y * page.width + x] -= contrast * (half + 0.5 - distance).clamp(0.0, 1.0);
            }
        }
    }
    let mut count = 0;
    for cell in 0..40 {
        if rng.chance(0.9) {
            let middle = |at: usize| margin + side * (at as f32 + 0.5);
            let size = side * rng.range(0.6, 0.75);
            page.write(count, hand, [middle(cell % 8), middle(cell / 8), size], rng);
            count += 1;
        }
    }
    page.photographed(count, rng)
}

/// 10 characters with gaps, up and down a little, on plain paper.
fn line(hand: &Hand<'_>, rng: &mut Rng) -> Photo {
    let size = rng.range(40.0, 120.0);
    let pitch = size * rng.range(1.2, 1.6);
    let mut page = Page::new((pitch * 10.0 + size) as usize, (2.2 * size) as usize);
    for number in 0..10 {
        let x = 0.5 * size + pitch * (number as f32 + 0.5);
        let place = [x, 1.1 * size + size * rng.range(-0.08, 0.08), size * rng.range(0.9, 1.0)];
        page.write(number, hand, place, rng);
    }
    page.photographed(10, rng)
}

/// One character on a page of its own.
fn single(hand: &Hand<'_>, rng: &mut Rng) -> Photo {
    let size = rng.range(60.0, 400.0);
    let side = size * rng.range(1.3, 2.5);
    let mut page = Page::new(side as usize, side as usize);
    page.write(0, hand, [0.5 * side, 0.5 * side, size], rng);
    page.photographed(1, rng)
}

/// The area that two regions share, of all that they cover.
fn overlap(a: &Region, b: &Region) -> f32 {
    let shared = |a: usize, a_len: usize, b: usize, b_len: usize| (a + a_len).min(b + b_len).saturating_sub(a.max(b));
    let both = shared(a.x, a.width, b.x, b.width) * shared(a.y, a.height, b.y, b.height);
    both as f32 / (a.width * a.height + b.width * b.height - both) as f32
}

/// Percent of the characters that are cut right: one region, in the place that the character has in the order of reading or nearly so, shares
/// 0.7 of the area with the box of the ink. Regions without a character count as characters cut wrong.
fn cut_right(name: &str, pages: usize, photo: impl Fn(&Hand<'_>, &mut Rng) -> Photo) -> f32 {
    let skeletons = Skeletons::embedded().expect("the embedded skeletons");
    let (mut right, mut all) = (0, 0);
    for page in 0..pages {
        let mut rng = Rng::new(17, page as u64);
        let hand = hand(&skeletons, page, &mut rng);
        let Photo { picture, boxes } = photo(&hand, &mut rng);
        let found = characters(&picture);
        let matched = boxes.iter().filter(|ink| found.iter().any(|region| overlap(ink, region) >= 0.7)).count();
        right += matched;
        all += boxes.len().max(found.len());
        println!("{name} {page}: {matched} of {} in {} regions", boxes.len(), found.len());
        if let Some(folder) = std::env::var_os("HCCR_PAGES") {
            let mut pgm = format!("P5\n{} {}\n255\n", picture.width(), picture.height()).into_bytes();
            pgm.extend(&*picture.image().to_gray());
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}{page}.pgm")), pgm).expect("a folder");
        }
    }
    100.0 * right as f32 / all as f32
}

#[test]
fn copybook_cells_are_cut_apart() {
    let right = cut_right("copybook", 12, copybook);
    assert!(right >= 95.0, "{right:.1} % of the cells");
}

#[test]
fn a_line_of_characters_is_cut_apart() {
    let right = cut_right("line", 12, line);
    assert!(right >= 95.0, "{right:.1} % of the characters");
}

#[test]
fn one_character_is_one_region() {
    let right = cut_right("single", 60, single);
    assert!(right >= 90.0, "{right:.1} % of the characters");
}
