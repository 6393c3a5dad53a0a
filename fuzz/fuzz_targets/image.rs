//! Pixels of any size and format: normalized.
#![no_main]

use hccr_runtime::image::{Image, PixelFormat, normalize};
use libfuzzer_sys::fuzz_target;

const FORMATS: [PixelFormat; 4] = [PixelFormat::Gray, PixelFormat::GrayAlpha, PixelFormat::Rgb, PixelFormat::Rgba];

fuzz_target!(|data: &[u8]| {
    let Some((&[format, width, height, stride, size], pixels)) = data.split_first_chunk() else { return };
    let format = FORMATS[usize::from(format) % FORMATS.len()];
    let (width, height) = (usize::from(width), usize::from(height));
    let mut out = vec![0; usize::from(size).pow(2)];
    let plain = Image::new(pixels, width, height, format);
    let strided = Image::with_stride(pixels, width, height, usize::from(stride) * 4, format);
    for image in [plain, strided].into_iter().flatten() {
        let _ = normalize(&image, size.into(), &mut out);
    }
});
