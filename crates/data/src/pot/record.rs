//! The records of a POT file.

use crate::{
    casia::{CasiaReason, RecordError, read_body, read_header},
    gb2312::char_of_gbk,
};
use std::io::Read;

const HEADER_BYTES: usize = 8;
const POINT_BYTES: usize = 4;
pub(super) const STROKE_END: [i16; 2] = [-1, 0];
pub(super) const INK_END: [i16; 2] = [-1, -1];

/// One character of a POT file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Its GBK code, in the usual order, or an ASCII character and 0.
    pub(super) tag: [u8; 2],
    /// The points of each stroke.
    pub(super) strokes: Vec<Vec<[i16; 2]>>,
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
    let tag = match [t0, t1, t2, t3] {
        [cell, row, 0, 0] if char_of_gbk([row, cell]).is_some() => [row, cell],
        [symbol, 0, 0, 0] | [0, symbol, 0, 0] if symbol.is_ascii_graphic() => [symbol, 0],
        bytes => return Err(CasiaReason::Tag(bytes.to_vec()).into()),
    };
    let strokes = strokes(&read_body(reader, expected)?)?;
    let (found, expected) = (strokes.len(), usize::from(u16::from_le_bytes([n0, n1])));
    if found != expected {
        return Err(CasiaReason::Strokes { found, expected }.into());
    }
    Ok(Some(Record { tag, strokes }))
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
