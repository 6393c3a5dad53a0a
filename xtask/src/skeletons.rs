//! Writes stroke files, whose form is described where they are read, in `hccr_data::strokes`.

use anyhow::Result;
use std::{collections::BTreeMap, fs, path::Path};

/// The strokes of one character: points on a grid of 1024, `y` upwards, the grid's bottom at -124.
pub(crate) type Skeleton = Vec<Vec<[i32; 2]>>;

const MAGIC: &[u8; 8] = b"HCCRSTRK";
const VERSION: u32 = 2;

/// Writes a stroke file, and says how it differs from the one that was there.
pub(crate) fn write(path: &Path, skeletons: &BTreeMap<char, Skeleton>) -> Result<()> {
    let bytes = encode(skeletons);
    let state = match fs::read(path) {
        Ok(old) if old == bytes => "unchanged",
        Ok(_) => "changed",
        Err(_) => "new",
    };
    hccr_files::replace(path, &[&bytes])?;
    println!("{}: {} characters, {} bytes, {state}", path.display(), skeletons.len(), bytes.len());
    Ok(())
}

fn encode(skeletons: &BTreeMap<char, Skeleton>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((skeletons.len() as u32).to_le_bytes());
    let mut last = 0;
    for (&c, strokes) in skeletons {
        push_varint(&mut bytes, u32::from(c) - last);
        last = c.into();
        push_varint(&mut bytes, strokes.len() as u32);
        let mut pen = [0; 2];
        for stroke in strokes {
            push_varint(&mut bytes, stroke.len() as u32);
            for point in stroke {
                for axis in 0..2 {
                    push_signed(&mut bytes, point[axis] - pen[axis]);
                    pen[axis] = point[axis];
                }
            }
        }
    }
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// Seven bits per byte, the lowest first, with the top bit set in all bytes but the last.
fn push_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
fn push_signed(bytes: &mut Vec<u8>, value: i32) {
    push_varint(bytes, ((value << 1) ^ (value >> 31)) as u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_become_their_differences() {
        let first = vec![vec![[1, -1], [201, 0]], vec![[200, 3]]];
        let bytes = encode(&BTreeMap::from([('C', vec![vec![[0, 0]]]), ('A', first)]));
        let body = &bytes[16..bytes.len() - 4];
        assert_eq!(body, [b'A', 2, 2, 2, 1, 0x90, 3, 2, 1, 1, 6, 2, 1, 1, 0, 0]);
    }
}
