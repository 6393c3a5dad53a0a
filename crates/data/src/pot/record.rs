//! The records of a POT file.

use crate::{
    casia::{CasiaReason, RecordError, read_body, read_header},
    gb2312::char_of_gbk,
    pack::PackRecord,
};
use std::io::Read;

const HEADER_BYTES: usize = 8;
pub(crate) const POINT_BYTES: usize = 4;
pub(super) const STROKE_END: [i16; 2] = [-1, 0];
pub(super) const INK_END: [i16; 2] = [-1, -1];

/// One character of a POT file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// As it stands in the file.
    pub(super) tag: [u8; 4],
    /// The points of each stroke.
    pub(super) strokes: Vec<Vec<[i16; 2]>>,
}

impl Record {
    /// The tag as a GBK code in the usual order, or as an ASCII character and 0.
    pub(super) fn known_tag(&self) -> Result<[u8; 2], CasiaReason> {
        match self.tag {
            [cell, row, 0, 0] if char_of_gbk([row, cell]).is_some() => Ok([row, cell]),
            [symbol, 0, 0, 0] | [0, symbol, 0, 0] if symbol.is_ascii_graphic() => Ok([symbol, 0]),
            bytes => Err(CasiaReason::Tag(bytes.to_vec())),
        }
    }

    /// The strokes that have points.
    pub(crate) fn into_strokes(mut self) -> Vec<Vec<[i16; 2]>> {
        self.strokes.retain(|stroke| !stroke.is_empty());
        self.strokes
    }

    /// Whether no stroke has a point.
    pub(super) fn is_blank(&self) -> bool {
        self.strokes.iter().all(Vec::is_empty)
    }

    /// The record as it stands in a file. `None` where it has more points than one can hold.
    pub(super) fn to_file_bytes(&self) -> Option<Vec<u8>> {
        let marked = self.strokes.iter().flat_map(|stroke| stroke.iter().chain([&STROKE_END])).chain([&INK_END]);
        let body: Vec<u8> = marked.flatten().flat_map(|v| v.to_le_bytes()).collect();
        let mut bytes = u16::try_from(HEADER_BYTES + body.len()).ok()?.to_le_bytes().to_vec();
        bytes.extend(self.tag);
        // A record has fewer strokes than bytes.
        bytes.extend((self.strokes.len() as u16).to_le_bytes());
        bytes.extend(body);
        Some(bytes)
    }
}

impl PackRecord for Record {
    const KIND: u8 = b'P';

    fn read(reader: &mut dyn Read) -> Result<Option<Self>, RecordError> {
        read_record(reader)
    }

    fn tag(&self) -> [u8; 2] {
        self.known_tag().unwrap_or_default()
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_file_bytes().expect("a record that was read from a file fits into one")
    }

    fn fault(&self) -> Option<CasiaReason> {
        let blank = self.is_blank().then_some(CasiaReason::Blank);
        self.known_tag().err().or(blank)
    }
}

/// The next record, `None` at the end of the file.
pub(super) fn read_record(reader: &mut dyn Read) -> Result<Option<Record>, RecordError> {
    let header: Option<[u8; HEADER_BYTES]> = read_header(reader)?;
    let Some([s0, s1, t0, t1, t2, t3, n0, n1]) = header else { return Ok(None) };
    let size = u16::from_le_bytes([s0, s1]);
    let expected = match usize::from(size).checked_sub(HEADER_BYTES) {
        Some(bytes) if bytes > 0 && bytes.is_multiple_of(POINT_BYTES) => bytes,
        _ => return Err(CasiaReason::PointBytes(size).into()),
    };
    let strokes = strokes(&read_body(reader, expected)?)?;
    let (found, expected) = (strokes.len(), usize::from(u16::from_le_bytes([n0, n1])));
    if found != expected {
        return Err(CasiaReason::Strokes { found, expected }.into());
    }
    Ok(Some(Record { tag: [t0, t1, t2, t3], strokes }))
}

/// The strokes among points and marks. One without points is none to the network, and no fault.
fn strokes(body: &[u8]) -> Result<Vec<Vec<[i16; 2]>>, CasiaReason> {
    let pairs = body.chunks_exact(POINT_BYTES);
    let mut pairs = pairs.map(|b| [i16::from_le_bytes([b[0], b[1]]), i16::from_le_bytes([b[2], b[3]])]);
    if pairs.next_back() != Some(INK_END) {
        return Err(CasiaReason::NoEnd);
    }
    let (mut strokes, mut stroke) = (Vec::new(), Vec::new());
    for pair in pairs {
        match pair {
            STROKE_END => strokes.push(std::mem::take(&mut stroke)),
            INK_END => return Err(CasiaReason::EarlyEnd),
            point => stroke.push(point),
        }
    }
    if stroke.is_empty() { Ok(strokes) } else { Err(CasiaReason::OpenStroke) }
}
