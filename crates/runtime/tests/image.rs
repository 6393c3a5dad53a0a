//! Normalization: crop, scale, centre; the same bytes everywhere.

use hccr_runtime::image::{Image, ImageError, PixelFormat, normalize};

fn gray(pixels: &[u8], width: usize, height: usize) -> Result<Image<'_>, ImageError> {
    Image::new(pixels, width, height, PixelFormat::Gray)
}

fn normalized(pixels: &[u8], width: usize, height: usize, size: usize) -> Vec<u8> {
    let mut out = vec![7; size * size];
    normalize(&gray(pixels, width, height).unwrap(), size, &mut out).unwrap();
    out
}

/// A chequerboard of many greys, `width` by `height`, on `size` by `size` white.
fn centred(width: usize, height: usize, size: usize, left: usize, top: usize) -> Vec<u8> {
    let mut image = vec![255; size * size];
    for y in 0..height {
        for x in (y % 2..width).step_by(2) {
            image[(top + y) * size + left + x] = (x * 37 + y * 11) as u8 % 250;
        }
    }
    image
}

#[test]
fn a_normalized_image_is_only_inverted() {
    // Odd margins, split either way; and a border that an earlier scaling left white.
    for (width, height, left, top) in
        [(96, 96, 0, 0), (71, 96, 12, 0), (71, 96, 13, 0), (96, 30, 0, 33), (94, 50, 0, 23)]
    {
        let image = centred(width, height, 96, left, top);
        let inverted: Vec<u8> = image.iter().map(|&grey| 255 - grey).collect();
        assert!(normalized(&image, 96, 96, 96) == inverted, "{width}x{height} at {left}, {top}");
    }
}

#[test]
fn margins_are_cut_and_the_ink_is_centred() {
    let image = centred(71, 96, 150, 70, 3);
    let want = normalized(&centred(71, 96, 96, 12, 0), 96, 96, 96);
    assert!(normalized(&image, 150, 150, 96) == want);
}

#[test]
fn shrinking_averages_areas() {
    // Each block of 2 x 2 has ink 200, 100, 50 and 0.
    let mut image = vec![255; 16];
    for (at, ink) in [(0, 200), (1, 100), (4, 50), (2, 200), (3, 100), (6, 50), (8, 200), (9, 100), (12, 50)] {
        image[at] = 255 - ink;
    }
    assert_eq!(normalized(&image, 4, 4, 2), [88, 88, 88, 0]);
}

#[test]
fn growing_interpolates_and_keeps_the_aspect_ratio() {
    // 2 x 1 pixels to 8 x 4, in the middle.
    let out = normalized(&[255 - 80, 255 - 240], 2, 1, 8);
    let row = [80, 80, 100, 140, 180, 220, 240, 240];
    for (y, found) in out.chunks(8).enumerate() {
        assert_eq!(found, if (2..6).contains(&y) { row } else { [0; 8] });
    }
}

#[test]
fn extreme_sides_stay_inside() {
    for (width, height) in [(1, 1), (1, 5000), (5000, 1), (3000, 7), (1, 97)] {
        let out = normalized(&vec![0; width * height], width, height, 96);
        assert_eq!(out.iter().max(), Some(&255), "{width}x{height}");
    }
}

#[test]
fn white_and_malformed_images_are_errors() {
    let mut out = [0; 16];
    assert_eq!(normalize(&gray(&[255; 6], 2, 3).unwrap(), 4, &mut out), Err(ImageError::Empty));
    assert!(gray(&[0; 6], 2, 4).is_err());
    assert!(gray(&[], 0, 4).is_err());
    assert!(gray(&[0; 6], usize::MAX, 2).is_err());
    let (width, height, stride, format, bytes) = (2, 4, 2, PixelFormat::Gray, 6);
    assert_eq!(gray(&[0; 6], 2, 4).unwrap_err(), ImageError::Size { width, height, stride, format, bytes });
    for (width, height, stride) in [(2, 2, 5), (3, 1, 2), (usize::MAX, 1, 9), (1, usize::MAX, 9), (1, 0, 9), (0, 1, 9)]
    {
        let image = Image::with_stride(&[0; 10], width, height, stride, PixelFormat::Rgb);
        assert!(matches!(image, Err(ImageError::Size { .. })), "{width}x{height}, {stride}");
    }
}

/// A pen's strokes on white: a frame, a cross, and a thin line.
fn character(width: usize, height: usize) -> Vec<u8> {
    let ink = |x: usize, y: usize| {
        let inside = (20..80).contains(&x) && (20..80).contains(&y);
        inside && (!(26..74).contains(&x) || !(26..74).contains(&y) || x.abs_diff(y) < 4 || x == 60)
    };
    (0..width * height).map(|i| if ink(i % width, i / width) { 95 } else { 255 }).collect()
}

/// Share of the pixels at which two normalized images differ by more than 80 grey levels.
fn difference(a: &[u8], b: &[u8]) -> f32 {
    a.iter().zip(b).filter(|(a, b)| a.abs_diff(**b) > 80).count() as f32 / a.len() as f32
}

#[test]
fn what_is_not_ink_is_taken_away() {
    let clean = character(100, 110);
    let want = normalized(&clean, 100, 110, 96);
    let mut state = 1u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as f32 - 7.5
    };
    let mut changed = |name: &str, change: &dyn Fn(f32, f32) -> f32, amount: f32| {
        let image = clean.iter().enumerate();
        let image =
            image.map(|(i, &grey)| (change(f32::from(grey), (i % 100) as f32 / 100.0) + amount * noise()) as u8);
        let found = normalized(&image.collect::<Vec<_>>(), 100, 110, 96);
        assert!(difference(&found, &want) < 0.01, "{name}: {}", difference(&found, &want));
    };
    changed("light on dark", &|grey, _| 255.0 - grey, 0.0);
    changed("grey, noisy", &|grey, _| grey * 0.8 + 20.0, 1.0);
    changed("uneven", &|grey, x| grey * (1.0 - 0.4 * x), 0.0);
    changed("pencil", &|grey, _| 225.0 - (255.0 - grey) * 0.3, 0.5);
    changed("chalk, uneven, noisy", &|grey, x| 20.0 + (255.0 - grey) * 0.7 + 40.0 * x, 0.5);

    let mut specks = clean.clone();
    for at in [5 * 100 + 3, 97 * 100 + 95, 40 * 100 + 40 + 10, 99 * 100 + 4] {
        specks[at] = 0;
    }
    assert!(normalized(&specks, 100, 110, 96) == want);
}

#[test]
fn colour_becomes_luma_over_white() {
    let gray = |pixels: &[u8], format| Image::new(pixels, 1, 1, format).unwrap().to_gray()[0];
    for v in 0..=255 {
        assert_eq!(gray(&[v; 3], PixelFormat::Rgb), v);
        assert_eq!(gray(&[v, v, v, 255], PixelFormat::Rgba), v);
        assert_eq!(gray(&[v, 255], PixelFormat::GrayAlpha), v);
        assert_eq!(gray(&[v, v, v, 0], PixelFormat::Rgba), 255, "transparent is paper");
    }
    assert_eq!(
        [0, 1, 2].map(|c| gray(&[0, 1, 2].map(|i| if i == c { 255 } else { 0 }), PixelFormat::Rgb)),
        [76, 150, 29]
    );
    assert_eq!(gray(&[10, 100], PixelFormat::GrayAlpha), 159, "100 of 10 and 155 of 255");
}

#[test]
fn any_format_and_stride_is_recognized_as_its_grey() {
    let (width, height) = (100, 110);
    let image = character(width, height);
    let want = normalized(&image, width, height, 96);
    let formats = [(PixelFormat::Gray, 1), (PixelFormat::GrayAlpha, 2), (PixelFormat::Rgb, 3), (PixelFormat::Rgba, 4)];
    for (format, bytes) in formats {
        assert_eq!(format.bytes(), bytes);
        for padding in [0, 7] {
            let mut pixels = Vec::new();
            for row in image.chunks(width) {
                pixels.extend(
                    row.iter().flat_map(|&grey| {
                        [grey, if bytes == 2 { 255 } else { grey }, grey, 255].into_iter().take(bytes)
                    }),
                );
                pixels.resize(pixels.len() + padding, 9);
            }
            pixels.truncate(pixels.len() - padding);
            let image = Image::with_stride(&pixels, width, height, width * bytes + padding, format).unwrap();
            let mut found = vec![0; 96 * 96];
            normalize(&image, 96, &mut found).unwrap();
            assert!(found == want, "{format:?}, {padding}");
        }
    }
}

#[test]
fn paper_without_ink_is_empty() {
    let mut state = 7u32;
    let mut noise = move |levels: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % levels
    };
    let mut pictures = vec![vec![128; 64 * 64], vec![255; 64 * 64], vec![0; 64 * 64]];
    pictures.extend([4, 8, 16].map(|levels| (0..64 * 64).map(|_| 225 + noise(levels) as u8).collect::<Vec<u8>>()));
    // A trace of grey on white, also where it would fill a normalized image.
    let trace = |x: usize, y: usize| if x.abs_diff(y) < 3 { 254 } else { 255 };
    pictures.push((0..64 * 64).map(|i| trace(i % 64, i / 64)).collect());
    for (number, pixels) in pictures.iter().enumerate() {
        for size in [64, 96] {
            let found = normalize(&gray(pixels, 64, 64).unwrap(), size, &mut vec![0; size * size]);
            assert_eq!(found, Err(ImageError::Empty), "picture {number}");
        }
    }
}
