//! The stroke skeletons the handwriting simulator starts from.
//!
//! A stroke file, such as `datasets/strokes/strokes.bin`: `HCCRSTRK`, version (u32, little-endian, 2), number of characters
//! (u32), the characters in the order of their code points, CRC-32 of everything before (u32). A character is the difference
//! of its code point to the one before it (of the first one to 0), its number of strokes and the strokes, a stroke its number
//! of points and the points, a point the difference in x and then in y to the point before it (the first one of a character
//! to 0, 0), on a grid of 1024 with y upwards and the baseline's bottom at -124. Numbers are varints (seven bits per byte,
//! lowest first), differences of coordinates zigzag varints. Only a difference of code points may be 0, and only the first.

mod fonts;

use std::{collections::BTreeMap, fmt};

const MAGIC: &[u8; 8] = b"HCCRSTRK";
const VERSION: u32 = 2;
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

/// The skeletons of the characters of one source: of each character its strokes, in writing order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skeletons {
    strokes: BTreeMap<char, Vec<Stroke>>,
}

impl Skeletons {
    /// The 9574 characters of `datasets/strokes`.
    ///
    /// # Errors
    /// [`StrokesError`] where the embedded file is not what it should be: a broken checkout.
    pub fn embedded() -> Result<Self, StrokesError> {
        Self::parse(include_bytes!("../../../datasets/strokes/strokes.bin"))
    }

    /// Reads a stroke file.
    ///
    /// # Errors
    /// [`StrokesError`] where the bytes are not exactly one stroke file.
    pub fn parse(bytes: &[u8]) -> Result<Self, StrokesError> {
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
        let mut strokes = BTreeMap::new();
        let mut last = None;
        for _ in 0..chars {
            let c = reader.code_point(last)?;
            strokes.insert(c, reader.character()?);
            last = Some(c);
        }
        if reader.at == end { Ok(Self { strokes }) } else { Err(StrokesError::Invalid { offset: reader.at }) }
    }

    /// The skeletons of the handwriting fonts in `datasets/skeletons`, with the fonts' names. A font has but some of the characters.
    ///
    /// # Errors
    /// [`StrokesError`] where an embedded file is not what it should be: a broken checkout.
    pub fn fonts() -> Result<Vec<(&'static str, Self)>, StrokesError> {
        fonts::FILES.iter().map(|&(name, bytes)| Ok((name, Self::parse(bytes)?))).collect()
    }

    /// The strokes of a character, at least one; `None` where this source does not have it.
    pub fn get(&self, c: char) -> Option<&[Stroke]> {
        self.strokes.get(&c).map(Vec::as_slice)
    }

    /// The characters, in the order of their code points.
    pub fn chars(&self) -> impl Iterator<Item = char> {
        self.strokes.keys().copied()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// A code point above `last`.
    fn code_point(&mut self, last: Option<char>) -> Result<char, StrokesError> {
        let offset = self.at;
        let step = self.varint().filter(|&step| step > 0 || last.is_none());
        let code = step.map(|step| last.map_or(0, u32::from) + step);
        code.and_then(char::from_u32).ok_or(StrokesError::Invalid { offset })
    }

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
        let all = Skeletons::embedded().expect("embedded file");
        let count = |c| all.get(c).map(<[Stroke]>::len);
        assert_eq!(
            (count('一'), count('永'), count('矗'), count('書'), count('A')),
            (Some(1), Some(5), Some(24), Some(10), None)
        );
        assert_eq!(all.chars().count(), 9574);
        assert!(gb2312_level1().iter().all(|&c| all.get(c).is_some()));
        let strokes = || all.chars().filter_map(|c| all.get(c)).flatten();
        assert!(strokes().all(|stroke| stroke.len() >= 2));
        assert!(strokes().flatten().all(|p| (0.0..1024.0).contains(&p.x) && (0.0..1024.0).contains(&p.y)));
    }

    #[test]
    fn reads_what_the_format_says() {
        let point = |x, y| Point { x, y };
        let strokes = [vec![point(1.0, 901.0), point(201.0, 900.0)], vec![point(200.0, 897.0)]];
        let body = [b'A', 2, 2, 2, 1, 0x90, 3, 2, 1, 1, 6, 2, 1, 1, 0, 0];
        let skeletons = Skeletons::parse(&file(2, &body)).expect("a stroke file");
        assert_eq!(skeletons.get('A'), Some(&strokes[..]));
        assert_eq!(skeletons.get('C'), Some(&[vec![point(0.0, 900.0)]][..]));
        assert_eq!((skeletons.get('B'), skeletons.chars().collect::<String>()), (None, "AC".into()));
    }

    #[test]
    fn refuses_what_is_wrong() {
        let good = file(1, &[0, 1, 1, 2, 4]);
        assert!(Skeletons::parse(&good).is_ok());
        for end in 0..good.len() {
            assert!(Skeletons::parse(&good[..end]).is_err(), "cut at {end}");
        }
        for (at, bit) in (0..good.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            assert!(Skeletons::parse(&bytes).is_err(), "bit {bit} of byte {at}");
        }
        let refused = |chars, body: &[u8], offset, why| {
            assert_eq!(Skeletons::parse(&file(chars, body)), Err(StrokesError::Invalid { offset }), "{why}");
        };
        refused(1, &[9, 0], 17, "no strokes");
        refused(1, &[9, 1, 0], 18, "no points");
        refused(1, &[9, 1, 1, 0xFF, 0xFF, 0x7F, 0], 19, "coordinate outside");
        refused(1, &[9, 1, 1, 2, 4, 5], 21, "something behind");
        refused(u32::MAX, &[9, 1, 1, 2, 4], 21, "claims too much");
        refused(2, &[9, 1, 1, 2, 4, 0, 1, 1, 2, 4], 21, "a character twice");
        refused(1, &[0x80, 0xB0, 3, 1, 1, 2, 4], 16, "a surrogate");
        refused(1, &[0xFF, 0xFF, 0x7F, 1, 1, 2, 4], 16, "past the last code point");
    }

    #[test]
    fn the_fonts_are_those_of_the_folder() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/skeletons");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder")
            .filter_map(|entry| entry.expect("an entry").file_name().to_str()?.strip_suffix(".bin").map(str::to_owned))
            .collect();
        names.sort();
        let all = Skeletons::fonts().expect("embedded files");
        assert_eq!(all.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        for (font, skeletons) in &all {
            let points = || skeletons.chars().filter_map(|c| skeletons.get(c)).flatten().flatten();
            assert!(
                points().count() > 0
                    && points().all(|p| (-512.0..1536.0).contains(&p.x) && (-512.0..1536.0).contains(&p.y)),
                "{font}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(chars in any::<u32>(), body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Skeletons::parse(&file(chars, &body));
            let _ = Skeletons::parse(&body);
        }
    }
}
