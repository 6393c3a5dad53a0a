//! What goes over the border: structs, and the pointers to them.

use crate::border::Failure;
use hccr::image;
use hccr::ink;
use std::ffi::{CStr, c_char, c_int};

/// What the bytes of a pixel are, 8 bits per channel. Transparent is white paper.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum PixelFormat {
    /// One byte, 255 white.
    Gray = 1,
    /// Grey and alpha.
    GrayAlpha = 2,
    /// Red, green, blue.
    Rgb = 3,
    /// Red, green, blue, alpha; not premultiplied.
    Rgba = 4,
}

/// An image of one character, of any size, row by row from the top.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// `(height - 1) * stride + width * channels` bytes at least.
    pub pixels: *const u8,
    /// Pixels per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// Bytes from the start of a row to that of the next.
    pub stride: usize,
    /// One of `hccr_pixel_format`.
    pub format: c_int,
}

/// A point of a pen's path, in any unit: `x` to the right, `y` downwards.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// The path of the pen from landing to lifting.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    /// `count` points; may be NULL where there are none.
    pub points: *const Point,
    /// Number of points.
    pub count: usize,
}

/// The box that a character is written in, in the unit of the points.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WritingBox {
    /// The least x.
    pub left: f32,
    /// The least y.
    pub top: f32,
    /// Above 0.
    pub width: f32,
    /// Above 0.
    pub height: f32,
}

/// A character, and how likely it is the one that was written.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its number in Unicode.
    pub codepoint: u32,
    /// From 0 to 1; those of all characters that the recognizer knows add up to 1.
    pub probability: f32,
    /// The same character in UTF-8, and zeros.
    pub utf8: [c_char; 8],
}

impl From<&hccr::Candidate> for Candidate {
    fn from(candidate: &hccr::Candidate) -> Self {
        let mut utf8 = [0; 8];
        candidate.character.encode_utf8(&mut utf8);
        let utf8 = utf8.map(|byte| byte as c_char);
        Self { codepoint: candidate.character.into(), probability: candidate.probability, utf8 }
    }
}

pub(crate) fn given<T>(argument: Option<T>, name: &str) -> Result<T, Failure> {
    argument.ok_or_else(|| Failure::argument(format!("{name} is NULL")))
}

/// # Safety
/// `data` is null, or points to `len` elements that nobody changes meanwhile.
pub(crate) unsafe fn slice<'a, T>(data: *const T, len: usize, name: &str) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() || !data.is_aligned() || len > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::argument(format!("{name} is no array of {len} elements")));
    }
    // SAFETY: it is neither null nor misaligned nor too long, and holds `len` elements, as the caller promises.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// # Safety
/// `text` is null, or a text that ends with NUL and that nobody changes meanwhile.
pub(crate) unsafe fn characters(text: *const c_char) -> Result<Vec<char>, Failure> {
    if text.is_null() {
        return Err(Failure::argument("characters is NULL"));
    }
    // SAFETY: the text ends with NUL, as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    let text = text.to_str().map_err(|error| Failure::argument(format!("characters is no UTF-8: {error}")))?;
    Ok(text.chars().collect())
}

impl Image {
    /// # Safety
    /// As the fields say, and nobody changes the pixels meanwhile.
    pub(crate) unsafe fn view(&self) -> Result<image::Image<'_>, Failure> {
        let Self { pixels, width, height, stride, format } = *self;
        let format = match format {
            1 => image::PixelFormat::Gray,
            2 => image::PixelFormat::GrayAlpha,
            3 => image::PixelFormat::Rgb,
            4 => image::PixelFormat::Rgba,
            _ => return Err(Failure::argument(format!("{format} is no pixel format"))),
        };
        // An overflow is caught as too long an array; an image without pixels, by the runtime.
        let rows = height.saturating_sub(1).saturating_mul(stride);
        let len = rows.saturating_add(width.saturating_mul(format.bytes()));
        // SAFETY: there are so many bytes, as the caller promises.
        let pixels = unsafe { slice(pixels, len, "pixels") }?;
        Ok(image::Image::with_stride(pixels, width, height, stride, format)?)
    }
}

/// The points of an array from C.
///
/// # Safety
/// As [`slice`].
pub(crate) unsafe fn points(data: *const Point, count: usize) -> Result<Vec<ink::Point>, Failure> {
    // SAFETY: the caller promises the same.
    let points = unsafe { slice(data, count, "points") }?;
    Ok(points.iter().map(|&Point { x, y }| ink::Point { x, y }).collect())
}

/// # Safety
/// As [`slice`], for the strokes and for the points of each.
pub(crate) unsafe fn ink(
    strokes: *const Stroke,
    count: usize,
    writing_box: Option<&WritingBox>,
) -> Result<ink::Ink, Failure> {
    // SAFETY: the caller promises the same.
    let strokes = unsafe { slice(strokes, count, "strokes") }?;
    // SAFETY: the caller promises the same.
    let strokes: Result<Vec<_>, _> =
        strokes.iter().map(|stroke| unsafe { points(stroke.points, stroke.count) }).collect();
    Ok(in_box(ink::Ink::new(&strokes?)?, convert(writing_box)?))
}

pub(crate) fn in_box(ink: ink::Ink, writing_box: Option<ink::WritingBox>) -> ink::Ink {
    match writing_box {
        Some(writing_box) => ink.in_box(writing_box),
        None => ink,
    }
}

pub(crate) fn convert(writing_box: Option<&WritingBox>) -> Result<Option<ink::WritingBox>, Failure> {
    let convert = |b: &WritingBox| ink::WritingBox::new(b.left, b.top, b.width, b.height);
    Ok(writing_box.map(convert).transpose()?)
}

/// Writes the first `capacity` items into an array of the caller's.
///
/// # Safety
/// `place` is null or has room for `capacity` items, and nobody else uses it meanwhile.
pub(crate) unsafe fn fill<T>(
    items: impl Iterator<Item = T>,
    place: *mut T,
    capacity: usize,
    name: &str,
) -> Result<(), Failure> {
    if capacity > 0 && (place.is_null() || !place.is_aligned()) {
        return Err(Failure::argument(format!("{name} is no array of {capacity} elements")));
    }
    for (i, item) in items.take(capacity).enumerate() {
        // SAFETY: the array has room for more than `i` items, as the caller promises.
        unsafe { place.add(i).write(item) };
    }
    Ok(())
}
