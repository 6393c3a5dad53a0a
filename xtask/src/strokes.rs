//! `cargo xtask data strokes`: rebuilds `datasets/strokes/` from the npm package it comes from.

use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command};

const PACKAGE: &str = "hanzi-writer-data@2.0.1";
const MAGIC: &[u8; 8] = b"HCCRSTRK";
const VERSION: u32 = 1;

/// Fetches the package with `npm pack`, and writes `strokes.bin` and `LICENSE` under `root/datasets/strokes`.
///
/// The file's form is described where it is read, in `hccr_data::strokes`.
pub(crate) fn run(root: &Path) -> Result<()> {
    let work = root.join("target/strokes");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
    }
    fs::create_dir_all(&work)?;
    let archive = output(Command::new("npm").args(["pack", "--silent", PACKAGE]).current_dir(&work))?;
    output(Command::new("tar").args(["-xzf", archive.trim()]).current_dir(&work))?;

    let package = work.join("package");
    let target = root.join("datasets/strokes/strokes.bin");
    let bytes = encode(&package)?;
    let state = match fs::read(&target) {
        Ok(old) if old == bytes => "unchanged",
        Ok(_) => "changed",
        Err(_) => "new",
    };
    fs::create_dir_all(root.join("datasets/strokes"))?;
    fs::write(&target, &bytes)?;
    fs::copy(package.join("ARPHICPL.TXT"), root.join("datasets/strokes/LICENSE"))?;
    println!("{}: {} bytes, {state}", target.display(), bytes.len());
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().with_context(|| format!("cannot start {name}: is it installed?"))?;
    ensure!(out.status.success(), "{name} failed: {}", String::from_utf8_lossy(&out.stderr));
    Ok(String::from_utf8(out.stdout)?)
}

fn encode(package: &Path) -> Result<Vec<u8>> {
    let chars = gb2312_level1();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((chars.len() as u32).to_le_bytes());
    for c in chars {
        let path = package.join(format!("{c}.json"));
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        encode_char(&text, &mut bytes).with_context(|| format!("{} is not stroke data", path.display()))?;
    }
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

fn encode_char(json: &str, bytes: &mut Vec<u8>) -> Result<()> {
    let json: serde_json::Value = serde_json::from_str(json)?;
    let strokes = json["medians"].as_array().context("no medians")?;
    push_varint(bytes, strokes.len() as u64);
    let mut last = [0; 2];
    for stroke in strokes {
        let points = stroke.as_array().context("a stroke is not a list of points")?;
        push_varint(bytes, points.len() as u64);
        for point in points {
            for axis in 0..2 {
                // A handful of the package's coordinates are not whole.
                let value = point[axis].as_f64().context("a coordinate is not a number")?.round() as i64;
                push_signed(bytes, value - last[axis]);
                last[axis] = value;
            }
        }
    }
    Ok(())
}

/// Seven bits per byte, the lowest first, with the top bit set in all bytes but the last.
fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
fn push_signed(bytes: &mut Vec<u8>, value: i64) {
    push_varint(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// The 3755 characters B0A1..=D7F9 in code order.
fn gb2312_level1() -> Vec<char> {
    let pairs = (0xB0..=0xD7).flat_map(|row| (0xA1..=0xFE).map(move |cell| [row, cell]));
    pairs.take(3755).filter_map(|pair| encoding_rs::GBK.decode(&pair).0.chars().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_in_code_order() {
        let chars = gb2312_level1();
        assert_eq!((chars.len(), chars[0], chars[94], chars[3754]), (3755, '啊', '薄', '座'));
    }

    #[test]
    fn a_character_becomes_its_deltas() -> Result<()> {
        let mut bytes = Vec::new();
        encode_char(r#"{"medians": [[[1, -1], [201, 0]], [[200.4, 3]]]}"#, &mut bytes)?;
        assert_eq!(bytes, [2, 2, 2, 1, 0x90, 3, 2, 1, 1, 6]);
        assert!(encode_char(r#"{"medians": [[1]]}"#, &mut bytes).is_err());
        Ok(())
    }
}
