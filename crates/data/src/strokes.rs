//! The stroke skeletons the handwriting simulator starts from.
//!
//! `datasets/strokes/strokes.bin`: `HCCRSTRK`, version (u32, little-endian, 1), number of characters (u32), the
//! characters in the order of GB2312 level 1, CRC-32 of everything before (u32). A character is its number of strokes, a
//! stroke its number of points, a point the difference in x and then in y to the point before it (the first one of a
//! character to 0, 0), on a grid of 1024 with y upwards and the baseline's bottom at -124. Numbers are varints (seven
//! bits per byte, lowest first), differences zigzag varints.

use std::fmt;

const MAGIC: &[u8; 8] = b"HCCRSTRK";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
/// The height of the top edge of the grid, over the baseline.
const TOP: i32 = 900;
/// Coordinates in the file lie within this distance of 0.
const LIMIT: i32 = 4096;

/// A point of a pen's path, on a grid of 1024 x 1024, y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// From the left edge.
    pub x: f32,
    /// From the top edge.
    pub y: f32,
}

/// The path of one pen stroke: at least one point.
pub type Stroke = Vec<Point>;

/// Why stroke data was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StrokesError {
    /// The bytes do not start as a stroke file of this version does.
    Header,
    /// The bytes end too early, or their checksum differs: fetch or build the file again.
    Damaged,
    /// A number at this offset cannot be right.
    Invalid {
        /// From the start of the bytes.
        offset: usize,
    },
}

impl fmt::Display for StrokesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => write!(f, "not a stroke file of version {VERSION}"),
            Self::Damaged => write!(f, "stroke file cut short or altered: rebuild it with `cargo xtask data strokes`"),
            Self::Invalid { offset } => write!(f, "stroke file with an impossible number at byte {offset}"),
        }
    }
}

impl std::error::Error for StrokesError {}

/// The strokes of the 3755 characters, by class number.
///
/// # Errors
/// [`StrokesError`] where the embedded file is not what it should be: a broken checkout.
pub fn embedded() -> Result<Vec<Vec<Stroke>>, StrokesError> {
    parse(include_bytes!("../../../datasets/strokes/strokes.bin"))
}

/// Reads a stroke file: the strokes of its characters, in order.
///
/// # Errors
/// [`StrokesError`] where the bytes are not exactly one stroke file.
pub fn parse(bytes: &[u8]) -> Result<Vec<Vec<Stroke>>, StrokesError> {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    if bytes.get(..8) != Some(MAGIC) || word(8) != Some(VERSION) {
        return Err(StrokesError::Header);
    }
    let end = bytes.len() - 4;
    let (Some(chars), Some(crc)) = (word(12).filter(|_| end >= HEADER_BYTES), word(end)) else {
        return Err(StrokesError::Damaged);
    };
    if crc32fast::hash(&bytes[..end]) != crc {
        return Err(StrokesError::Damaged);
    }
    let mut reader = Reader { bytes: &bytes[..end], at: HEADER_BYTES };
    // Nothing is allocated for a count before its items have been read.
    let mut all = Vec::new();
    for _ in 0..chars {
        all.push(reader.character()?);
    }
    if reader.at == end { Ok(all) } else { Err(StrokesError::Invalid { offset: reader.at }) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn character(&mut self) -> Result<Vec<Stroke>, StrokesError> {
        let (mut x, mut y) = (0, 0);
        let mut strokes = Vec::new();
        for _ in 0..self.count()? {
            let mut stroke = Stroke::new();
            for _ in 0..self.count()? {
                x = self.coordinate(x)?;
                y = self.coordinate(y)?;
                stroke.push(Point { x: x as f32, y: (TOP - y) as f32 });
            }
            strokes.push(stroke);
        }
        Ok(strokes)
    }

    fn count(&mut self) -> Result<u32, StrokesError> {
        let offset = self.at;
        self.varint().filter(|&n| n > 0).ok_or(StrokesError::Invalid { offset })
    }

    fn coordinate(&mut self, last: i32) -> Result<i32, StrokesError> {
        let offset = self.at;
        let zigzag = self.varint().ok_or(StrokesError::Invalid { offset })?;
        let value = last + ((zigzag >> 1) as i32 ^ -((zigzag & 1) as i32));
        if value.abs() <= LIMIT { Ok(value) } else { Err(StrokesError::Invalid { offset }) }
    }

    /// A varint of at most three bytes.
    fn varint(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14] {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gb2312::gb2312_level1;
    use proptest::prelude::*;

    fn file(chars: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &chars.to_le_bytes(), body].concat();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    #[test]
    fn embedded_strokes_are_complete() {
        let all = embedded().expect("embedded file");
        let count = |c| gb2312_level1().iter().position(|&l| l == c).map(|class| all[class].len());
        assert_eq!((all.len(), count('一'), count('永'), count('矗')), (3755, Some(1), Some(5), Some(24)));
        assert!(all.iter().flatten().all(|stroke| stroke.len() >= 2));
        assert!(all.iter().flatten().flatten().all(|p| (0.0..1024.0).contains(&p.x) && (0.0..1024.0).contains(&p.y)));
    }

    #[test]
    fn reads_what_the_format_says() {
        let point = |x, y| Point { x, y };
        let strokes = vec![vec![point(1.0, 901.0), point(201.0, 900.0)], vec![point(200.0, 897.0)]];
        assert_eq!(parse(&file(1, &[2, 2, 2, 1, 0x90, 3, 2, 1, 1, 6])), Ok(vec![strokes]));
    }

    #[test]
    fn refuses_what_is_wrong() {
        let good = file(1, &[1, 1, 2, 4]);
        assert!(parse(&good).is_ok());
        for end in 0..good.len() {
            assert!(parse(&good[..end]).is_err(), "cut at {end}");
        }
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert!(parse(&bytes).is_err(), "altered at {at}");
        }
        let invalid = |offset| Err(StrokesError::Invalid { offset });
        assert_eq!(parse(&file(1, &[0])), invalid(16), "no strokes");
        assert_eq!(parse(&file(1, &[1, 0])), invalid(17), "no points");
        assert_eq!(parse(&file(1, &[1, 1, 0xFF, 0xFF, 0x7F, 0])), invalid(18), "coordinate outside");
        assert_eq!(parse(&file(1, &[1, 1, 2, 4, 5])), invalid(20), "something behind");
        assert_eq!(parse(&file(u32::MAX, &[1, 1, 2, 4])), invalid(20), "claims too much");
    }

    proptest! {
        #[test]
        fn never_panics(chars in any::<u32>(), body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&file(chars, &body));
            let _ = parse(&body);
        }
    }
}
