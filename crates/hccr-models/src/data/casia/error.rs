//! Why GNT data was refused.

use super::MAX_SIDE;
use std::{fmt, io};

/// Why GNT data was refused, and where.
#[derive(Debug)]
#[non_exhaustive]
pub enum GntError {
    /// The bytes of a file are not what GNT asks for.
    Malformed {
        /// The path of the file, with that of the archive before it.
        file: String,
        /// The offset of the record in the (unpacked) file.
        offset: u64,
        /// What is wrong with it.
        reason: GntReason,
    },
    /// A file, folder or archive cannot be read.
    Io {
        /// Its path.
        file: String,
        /// The system's or the archive reader's error.
        error: io::Error,
    },
    /// Archives in archives, or folders in folders, deeper than sensible data has them.
    TooDeep {
        /// The path of the innermost.
        file: String,
    },
    /// A wanted character that GB2312 does not have, or that was asked for twice.
    Class(char),
}

/// What is wrong with a GNT record or file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GntReason {
    /// The file holds no record at all.
    NoRecords,
    /// The file ends inside a record's header, after so many of its 10 bytes.
    TruncatedHeader(usize),
    /// The file ends inside a bitmap.
    TruncatedBitmap {
        /// The bytes that width and height ask for.
        expected: usize,
        /// The bytes that are there.
        found: usize,
    },
    /// A side is zero or above [`MAX_SIDE`].
    Sides {
        /// In pixels.
        width: u16,
        /// In pixels.
        height: u16,
    },
    /// The size field is not `width * height + 10`.
    Size {
        /// What the field says.
        found: u32,
        /// What it should say.
        expected: u32,
    },
    /// The tag is no GB2312 code.
    Tag([u8; 2]),
    /// The tag is none of the wanted characters, and the filter refuses others.
    Unwanted([u8; 2]),
    /// The bitmap is all white.
    Blank,
    /// The member of an archive unpacks to more bytes than allowed: a zip bomb?
    MemberBytes(u64),
    /// All archives together unpack to more bytes than allowed: a zip bomb?
    TotalBytes(u64),
    /// There are more wanted images than allowed.
    Images(usize),
}

impl fmt::Display for GntReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecords => write!(f, "the file is empty"),
            Self::TruncatedHeader(n) => write!(f, "the file ends after {n} of the 10 bytes of a header"),
            Self::TruncatedBitmap { expected, found } => {
                write!(f, "the file ends after {found} of the {expected} bytes of a bitmap")
            }
            Self::Sides { width, height } => write!(f, "{width} x {height} pixels: sides must be 1 to {MAX_SIDE}"),
            Self::Size { found, expected } => {
                write!(f, "the size field says {found} bytes, width and height {expected}: is this a GNT file?")
            }
            Self::Tag([a, b]) => write!(f, "tag {a:02X} {b:02X} is no GB2312 code"),
            Self::Unwanted([a, b]) => write!(f, "tag {a:02X} {b:02X} is not among the wanted characters"),
            Self::Blank => write!(f, "the image has no ink"),
            Self::MemberBytes(limit) => {
                write!(f, "unpacks to more than {limit} bytes: raise the limit if you trust it")
            }
            Self::TotalBytes(limit) => {
                write!(f, "the archives unpack to more than {limit} bytes: raise the limit if you trust them")
            }
            Self::Images(limit) => write!(f, "more than {limit} images: raise the limit, or ask for fewer classes"),
        }
    }
}

impl fmt::Display for GntError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { file, offset, reason } => write!(f, "{file}, byte {offset}: {reason}"),
            Self::Io { file, error } => write!(f, "cannot read {file}: {error}"),
            Self::TooDeep { file } => write!(f, "{file}: archives or folders nested too deeply"),
            Self::Class(c) => write!(f, "'{c}' cannot be a class: it is not in GB2312, or was given twice"),
        }
    }
}

impl std::error::Error for GntReason {}

impl std::error::Error for GntError {}
