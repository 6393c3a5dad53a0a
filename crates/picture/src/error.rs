//! Why a picture was refused.

use image::ImageError;
use std::path::PathBuf;
use std::{fmt, io};

/// A picture that cannot be read: which file, and what is wrong with it.
#[derive(Debug)]
pub struct PictureError {
    /// The file's path; none where the caller gave bytes.
    pub file: Option<PathBuf>,
    /// What is wrong.
    pub reason: PictureReason,
}

/// What is wrong with a picture.
#[derive(Debug)]
#[non_exhaustive]
pub enum PictureReason {
    /// The file cannot be read.
    Io(io::Error),
    /// It is no regular file, but a folder, a pipe or a device.
    NotAFile,
    /// It is none of the formats that are read.
    UnknownFormat,
    /// Its width, height or number of bytes is above the limits.
    TooLarge,
    /// It is damaged, or of a kind that the decoder does not know.
    Decode(ImageError),
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        self.reason.fmt(f)
    }
}

impl fmt::Display for PictureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::NotAFile => write!(f, "is no regular file"),
            Self::UnknownFormat => write!(f, "is no PNG, JPEG, BMP or WebP picture"),
            Self::TooLarge => write!(
                f,
                "is larger than {0} x {0} pixels, {1} million pixels or {2} MiB",
                crate::picture::MAX_SIDE,
                crate::picture::MAX_PIXELS / 1_000_000,
                crate::picture::MAX_FILE_BYTES >> 20
            ),
            Self::Decode(error) => write!(f, "is damaged, or of an unknown kind: {error}"),
        }
    }
}

impl std::error::Error for PictureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            PictureReason::Io(error) => Some(error),
            PictureReason::Decode(error) => Some(error),
            _ => None,
        }
    }
}
