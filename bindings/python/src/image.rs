//! Images from Python.

use crate::error::{error, picture_error};
use hccr::image::PixelFormat;
use hccr_picture::Picture;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use std::borrow::Cow;
use std::path::PathBuf;

/// An image that Python has handed over. What remains to be done with it needs no Python.
pub(crate) enum Source {
    Path(PathBuf),
    /// The bytes of a picture file.
    File(Vec<u8>),
    Pixels(Picture),
}

const KINDS: &str = "an image is a path, the bytes of a picture file, a Pillow image, or an array of uint8 of shape \
                     (height, width) or (height, width, 1 to 4 channels)";

impl Source {
    pub(crate) fn new(image: &Bound<'_, PyAny>) -> PyResult<Self> {
        if image.is_instance_of::<PyBytes>() || image.is_instance_of::<PyByteArray>() {
            Ok(Self::File(image.extract()?))
        } else if let Ok(path) = image.extract() {
            Ok(Self::Path(path))
        } else if image.hasattr("mode")? && image.hasattr("tobytes")? {
            pillow(image).map(Self::Pixels)
        } else {
            array(image).map(Self::Pixels)
        }
    }

    pub(crate) fn picture(&self) -> PyResult<Cow<'_, Picture>> {
        match self {
            Self::Path(path) => Picture::open(path).map(Cow::Owned).map_err(picture_error),
            Self::File(bytes) => Picture::from_bytes(bytes).map(Cow::Owned).map_err(picture_error),
            Self::Pixels(picture) => Ok(Cow::Borrowed(picture)),
        }
    }
}

fn pillow(image: &Bound<'_, PyAny>) -> PyResult<Picture> {
    let mode: String = image.getattr("mode")?.extract()?;
    let format = match &mode[..] {
        "L" => PixelFormat::Gray,
        "LA" => PixelFormat::GrayAlpha,
        "RGB" => PixelFormat::Rgb,
        "RGBA" => PixelFormat::Rgba,
        _ => return pillow(&image.call_method1("convert", ("RGBA",))?),
    };
    let (width, height) = image.getattr("size")?.extract()?;
    let pixels = image.call_method0("tobytes")?.extract()?;
    Picture::new(pixels, width, height, format).map_err(error)
}

fn array(image: &Bound<'_, PyAny>) -> PyResult<Picture> {
    let buffer = PyUntypedBuffer::get(image).map_err(|_| error(format!("{KINDS}, not {}", image.get_type())))?;
    let (height, width, format) = match *buffer.shape() {
        [height, width] | [height, width, 1] => (height, width, PixelFormat::Gray),
        [height, width, 2] => (height, width, PixelFormat::GrayAlpha),
        [height, width, 3] => (height, width, PixelFormat::Rgb),
        [height, width, 4] => (height, width, PixelFormat::Rgba),
        _ => return Err(error(format!("{KINDS}, not of shape {:?}", buffer.shape()))),
    };
    let Ok(buffer) = buffer.as_typed::<u8>() else {
        return Err(error(format!("{KINDS}, not an array of elements {:?}", buffer.format())));
    };
    Picture::new(buffer.to_vec(image.py())?, width, height, format).map_err(error)
}
