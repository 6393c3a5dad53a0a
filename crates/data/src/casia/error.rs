//! Why GNT or POT data was refused, or could not be written.

use std::{fmt, io};

/// The longest side that a bitmap may have, in pixels.
pub(crate) const MAX_SIDE: u16 = 4096;

/// Why GNT or POT data was refused, and where; or why it could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CasiaError {
    /// The bytes of a file are not what its format asks for.
    Malformed {
        /// The path of the file, with that of the archive before it.
        file: String,
        /// The offset of the record in the (unpacked) file.
        offset: u64,
        /// What is wrong with it.
        reason: CasiaReason,
    },
    /// A file, folder or archive cannot be read.
    Io {
        /// Its path.
        file: String,
        /// The system's or the archive reader's error.
        error: io::Error,
    },
    /// A file cannot be written.
    Write {
        /// Its path.
        file: String,
        /// The system's error.
        error: io::Error,
    },
    /// Archives in archives, or folders in folders, deeper than sensible data has them.
    TooDeep {
        /// The path of the innermost.
        file: String,
    },
    /// A character, wanted or to be written, that GBK does not have; or one that was asked for twice.
    Class(char),
    /// A sample of this character that a record of the format cannot hold.
    Unwritable(char),
}

/// What is wrong with a record or file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CasiaReason {
    /// The file holds no record at all.
    NoRecords,
    /// The archive or folder holds no file, or hidden ones alone.
    NoFiles,
    /// The file is one of another kind, which this names.
    Foreign(&'static str),
    /// The file ends inside a record's header.
    TruncatedHeader {
        /// The bytes of a header.
        expected: usize,
        /// The bytes that are there.
        found: usize,
    },
    /// The file ends inside a record's bitmap or points.
    TruncatedBody {
        /// The bytes that the header asks for.
        expected: usize,
        /// The bytes that are there.
        found: usize,
    },
    /// The tag, its bytes in the order of the file, is no GBK code.
    Tag(Vec<u8>),
    /// The tag is none of the wanted characters, and the filter refuses others.
    Unwanted([u8; 2]),
    /// The bitmap is all white, or no stroke has a point.
    Blank,
    /// GNT: a side is zero or above 4096.
    Sides {
        /// In pixels.
        width: u16,
        /// In pixels.
        height: u16,
    },
    /// GNT: the size field is not `width * height + 10`.
    Size {
        /// What the field says.
        found: u32,
        /// What it should say.
        expected: u32,
    },
    /// POT: the size field, this one, fits no whole number of points with an end mark.
    PointBytes(u16),
    /// POT: the last point of a record is not the mark (-1, -1).
    NoEnd,
    /// POT: the mark (-1, -1) stands before the end of the record.
    EarlyEnd,
    /// POT: the last stroke has no mark (-1, 0).
    OpenStroke,
    /// POT: there are more or fewer strokes than the header says.
    Strokes {
        /// The strokes that have an end.
        found: usize,
        /// What the header says.
        expected: usize,
    },
    /// The member of an archive unpacks to more bytes than allowed: a zip bomb?
    MemberBytes(u64),
    /// All archives together unpack to more bytes than allowed: a zip bomb?
    TotalBytes(u64),
    /// Archives inside of an archive unpack to more bytes than one of its size may hold: a zip bomb?
    NestedBytes(u64),
    /// There are more wanted characters than allowed.
    Samples(usize),
    /// This part of a packed set is damaged, or the file is no packed set.
    PackDamaged(&'static str),
    /// The packed set holds images where inks are wanted, or inks where images are.
    PackKind,
    /// An earlier run has packed the file of this name in the place of this one.
    PackedOther(String),
}

/// Why there is no next record.
#[derive(Debug)]
pub(crate) enum RecordError {
    Malformed(CasiaReason),
    Io(io::Error),
    /// Of the file that is written, not of the one that is read.
    Write {
        file: String,
        error: io::Error,
    },
}

impl RecordError {
    /// The error of a record in `file` at `offset`.
    pub(crate) fn at(self, file: &str, offset: u64) -> CasiaError {
        match self {
            Self::Malformed(reason) => CasiaError::Malformed { file: file.into(), offset, reason },
            Self::Io(error) => CasiaError::Io { file: file.into(), error },
            Self::Write { file, error } => CasiaError::Write { file, error },
        }
    }
}

impl From<io::Error> for RecordError {
    /// Readers that enforce limits say so with a [`CasiaReason`].
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<CasiaReason>()) {
            Some(reason) => Self::Malformed(reason.clone()),
            None => Self::Io(error),
        }
    }
}

impl From<CasiaReason> for RecordError {
    fn from(reason: CasiaReason) -> Self {
        Self::Malformed(reason)
    }
}

impl fmt::Display for CasiaReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecords => write!(f, "the file is empty"),
            Self::NoFiles => write!(f, "there are no files in it"),
            Self::Foreign(kind) => write!(f, "this is {kind}, and no GNT or POT file, nor a zip archive of them"),
            Self::TruncatedHeader { expected, found } => {
                write!(f, "the file ends after {found} of the {expected} bytes of a header")
            }
            Self::TruncatedBody { expected, found } => {
                write!(f, "the file ends after {found} of the {expected} bytes of a bitmap or of points")
            }
            Self::Tag(bytes) => {
                write!(f, "tag")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02X}"))?;
                write!(f, " is no GBK code")
            }
            Self::Unwanted([a, b]) => write!(f, "tag {a:02X} {b:02X} is not among the wanted characters"),
            Self::Blank => write!(f, "the character has no ink"),
            Self::Sides { width, height } => {
                write!(f, "{width} x {height} pixels, sides must be 1 to {MAX_SIDE}: is this a GNT file?")
            }
            Self::Size { found, expected } => {
                write!(f, "the size field says {found} bytes, width and height {expected}: is this a GNT file?")
            }
            Self::PointBytes(size) => {
                write!(f, "the size field says {size} bytes, which no number of points takes: is this a POT file?")
            }
            Self::NoEnd => write!(f, "the character does not end with the mark (-1, -1)"),
            Self::EarlyEnd => write!(f, "the end mark (-1, -1) stands before the end of the character"),
            Self::OpenStroke => write!(f, "the last stroke does not end with the mark (-1, 0)"),
            Self::Strokes { found, expected } => {
                write!(f, "{found} strokes have an end, the header says {expected}")
            }
            Self::MemberBytes(limit) => {
                write!(f, "unpacks to more than {limit} bytes: if you trust it, unpack it before")
            }
            Self::TotalBytes(limit) => {
                write!(
                    f,
                    "the archives unpack to more than {limit} bytes: if you trust them, unpack them into folders before"
                )
            }
            Self::NestedBytes(limit) => {
                write!(
                    f,
                    "the archives in this archive unpack to more than the {limit} bytes that one of its size may hold"
                )
            }
            Self::Samples(limit) => {
                write!(f, "more than {limit} characters: read fewer classes, or fewer files at a time")
            }
            Self::PackDamaged(part) => write!(f, "{part} is damaged, or this is no packed set"),
            Self::PackedOther(name) => write!(
                f,
                "an earlier run has packed {name} in its place, so the files have changed since: to begin anew, remove what that run left \
                 (the name of the packed set, with .part and .part-index behind it)"
            ),
            Self::PackKind => write!(f, "this packed set holds the other kind of records: images (GNT), or inks (POT)"),
        }
    }
}

impl fmt::Display for CasiaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { file, offset, reason } => write!(f, "{file}, byte {offset}: {reason}"),
            Self::Io { file, error } => write!(f, "cannot read {file}: {error}"),
            Self::Write { file, error } => write!(f, "cannot write {file}: {error}"),
            Self::TooDeep { file } => write!(f, "{file}: archives or folders nested too deeply"),
            Self::Class(c) => write!(f, "'{c}' cannot be a class: it is not in GBK, or was given twice"),
            Self::Unwritable(c) => write!(f, "a sample of '{c}' does not fit a record of the format"),
        }
    }
}

impl std::error::Error for CasiaReason {}

impl std::error::Error for CasiaError {}
