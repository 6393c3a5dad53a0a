//! Picture files.

use crate::{PictureError, PictureReason, Region};
use hccr_runtime::image::{Image, ImageError, PixelFormat};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError as DecodeError, ImageReader, Limits};
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::Path;

/// The endings of the names of files in the formats that are read, in small letters.
pub const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "bmp", "webp"];

/// The longest side and the number of pixels that a picture may have: more than the sensors of phones have.
pub(crate) const MAX_SIDE: u32 = 16_384;
pub(crate) const MAX_PIXELS: u64 = 64_000_000;
/// The bytes that a file may have, and those that its decoder may take.
pub(crate) const MAX_FILE_BYTES: u64 = 256 << 20;
const MAX_DECODER_BYTES: u64 = 512 << 20;

/// A decoded picture, upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    format: PixelFormat,
}

impl Picture {
    /// Reads and decodes a PNG, JPEG, BMP or WebP file. Its content tells the format; the name's ending does not matter.
    ///
    /// # Errors
    /// [`PictureError`], which names the file, where it cannot be read, is too large (16,384 pixels a side, 64 million pixels,
    /// 256 MiB), or is no such picture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PictureError> {
        let path = path.as_ref();
        read(path)
            .and_then(|bytes| decode(&bytes))
            .map_err(|reason| PictureError { file: Some(path.to_owned()), reason })
    }

    /// Decodes the bytes of a PNG, JPEG, BMP or WebP file.
    ///
    /// # Errors
    /// As [`Picture::open`], without a file's name.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PictureError> {
        decode(bytes).map_err(|reason| PictureError { file: None, reason })
    }

    /// A picture of `width * height` pixels that the caller has decoded.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn new(pixels: Vec<u8>, width: usize, height: usize, format: PixelFormat) -> Result<Self, ImageError> {
        Image::new(&pixels, width, height, format)?;
        Ok(Self { pixels, width, height, format })
    }

    /// Pixels per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The whole picture, to be recognized.
    pub fn image(&self) -> Image<'_> {
        Image::new(&self.pixels, self.width, self.height, self.format).expect("checked when the picture was made")
    }

    /// A part of the picture, to be recognized.
    ///
    /// # Errors
    /// [`ImageError::Size`] where `region` is empty or reaches beyond the picture; those of
    /// [`characters`](crate::characters) do not.
    pub fn crop(&self, region: &Region) -> Result<Image<'_>, ImageError> {
        let Region { x, y, width, height, .. } = *region;
        let (bytes, stride) = (self.format.bytes(), self.width * self.format.bytes());
        let inside = x.checked_add(width).is_some_and(|right| right <= self.width);
        let start = y.saturating_mul(stride).saturating_add(x.saturating_mul(bytes));
        let pixels = self.pixels.get(start..).filter(|_| inside).unwrap_or_default();
        Image::with_stride(pixels, width, height, stride, self.format)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PictureReason> {
    // A pipe would block, and a device have no end.
    let metadata = fs::metadata(path).map_err(PictureReason::Io)?;
    if !metadata.is_file() {
        return Err(PictureReason::NotAFile);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(PictureReason::Io)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(PictureReason::Io)?;
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Picture, PictureReason> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(PictureReason::TooLarge);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(PictureReason::Io)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PictureReason::TooLarge);
    }
    // A picture without an orientation, or with a damaged one, is as it is.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(reason)?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (pixels, format) = match picture {
        DynamicImage::ImageLuma8(pixels) => (pixels.into_raw(), PixelFormat::Gray),
        DynamicImage::ImageRgb8(pixels) => (pixels.into_raw(), PixelFormat::Rgb),
        other => (other.into_rgba8().into_raw(), PixelFormat::Rgba),
    };
    Picture::new(pixels, width, height, format).map_err(|_| PictureReason::UnknownFormat)
}

fn reason(error: DecodeError) -> PictureReason {
    match error {
        DecodeError::Limits(_) => PictureReason::TooLarge,
        DecodeError::Unsupported(_) => PictureReason::UnknownFormat,
        error => PictureReason::Decode(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, ImageFormat, Luma, RgbaImage};

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// Dark in the upper left quarter, 40 by 24.
    fn quarter() -> DynamicImage {
        GrayImage::from_fn(40, 24, |x, y| Luma([if x < 20 && y < 12 { 10 } else { 240 }])).into()
    }

    #[test]
    fn each_format_is_decoded_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP] {
            let path = folder.path().join("picture.txt");
            fs::write(&path, encoded(&quarter().into_rgb8().into(), format)).unwrap();
            let picture = Picture::open(&path).unwrap();
            let gray = picture.image().to_gray();
            assert_eq!((picture.width(), picture.height(), gray.len()), (40, 24, 40 * 24));
            assert!(gray[2 * 40 + 2] < 30 && gray[2 * 40 + 38] > 220 && gray[22 * 40 + 2] > 220, "{format:?}");
        }
    }

    #[test]
    fn transparent_is_paper() {
        let clear = RgbaImage::from_fn(9, 9, |x, _| image::Rgba([0, 0, 0, if x == 4 { 255 } else { 0 }]));
        let picture = Picture::from_bytes(&encoded(&clear.into(), ImageFormat::Png)).unwrap();
        assert_eq!(picture.image().to_gray()[..9], [255, 255, 255, 255, 0, 255, 255, 255, 255]);
    }

    #[test]
    fn a_photograph_is_turned_upright() {
        let jpeg = encoded(&quarter(), ImageFormat::Jpeg);
        // The dark quarter is upper left in the file. Orientation 6: the upper edge of the file is the right one of the scene.
        for (orientation, dark) in [(1, (5, 5)), (3, (35, 18)), (6, (18, 5)), (8, (5, 35))] {
            let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
            exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
            let mut bytes = jpeg[..2].to_vec();
            bytes.extend([0xFF, 0xE1, 0, exif.len() as u8 + 2]);
            bytes.extend(exif);
            bytes.extend(&jpeg[2..]);
            let picture = Picture::from_bytes(&bytes).unwrap();
            let (x, y) = dark;
            assert_eq!(picture.width() < picture.height(), orientation >= 5);
            let gray = picture.image().to_gray();
            let at = |x: usize, y: usize| gray[y * picture.width() + x];
            assert!(at(x, y) < 40, "{orientation}");
            assert!(at(picture.width() - 1 - x, picture.height() - 1 - y) > 210, "{orientation}");
        }
    }

    #[test]
    fn bad_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let error = Picture::open(path).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            error.reason
        };
        assert!(matches!(open("text.png", b"no picture"), PictureReason::UnknownFormat));
        assert!(matches!(open("empty.png", b""), PictureReason::UnknownFormat));
        let png = encoded(&quarter(), ImageFormat::Png);
        assert!(matches!(open("cut.png", &png[..png.len() / 2]), PictureReason::Decode(_)));
        let long = encoded(&GrayImage::new(17_000, 1).into(), ImageFormat::Png);
        assert!(matches!(open("long.png", &long), PictureReason::TooLarge));
        // 16,000 x 16,000 pixels claimed by a header of 54 bytes.
        let mut claim = encoded(&GrayImage::new(1, 1).into(), ImageFormat::Bmp);
        claim[18..26].copy_from_slice(&[0x80, 0x3E, 0, 0, 0x80, 0x3E, 0, 0]);
        assert!(matches!(open("claim.bmp", &claim), PictureReason::TooLarge));
        assert!(matches!(Picture::open(folder.path()).unwrap_err().reason, PictureReason::NotAFile));
        assert!(matches!(Picture::open(folder.path().join("none")).unwrap_err().reason, PictureReason::Io(_)));
    }

    #[test]
    fn regions_beyond_the_picture_are_errors() {
        let picture = Picture::new(vec![0; 12], 4, 3, PixelFormat::Gray).unwrap();
        let crop = |x, y, width, height| picture.crop(&Region { x, y, width, height, row: 0, column: 0 }).is_ok();
        assert!(crop(0, 0, 4, 3) && crop(3, 2, 1, 1) && crop(1, 1, 2, 2));
        assert!(!crop(1, 0, 4, 1) && !crop(0, 1, 1, 3) && !crop(0, 0, 0, 1) && !crop(4, 0, 1, 1));
        assert!(!crop(usize::MAX, 0, 1, 1) && !crop(0, usize::MAX, 1, 1) && !crop(0, 0, usize::MAX, usize::MAX));
    }
}
