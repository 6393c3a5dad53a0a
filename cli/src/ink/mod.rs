//! Files of pen strokes: JSON, InkML, POT. `docs/formats/ink.md` describes them.

mod inkml;
mod json;

use anyhow::{Context, Result, bail, ensure};
use hccr::ink::Ink;
use hccr_data::{CasiaFilter, load_pot};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// The endings of the names of ink files, in small letters.
pub(crate) const ENDINGS: [&str; 3] = ["json", "inkml", "pot"];

/// The bytes that a file of text may have.
const MAX_BYTES: u64 = 16 << 20;

/// The inks in the file at `path`, at least one: a character each. Its content tells the format.
///
/// # Errors
/// Where the file cannot be read, is none of these formats, is damaged, or holds no ink.
pub(crate) fn open(path: &Path) -> Result<Vec<Ink>> {
    // A pipe would block, and a device have no end.
    ensure!(fs::metadata(path)?.is_file(), "is no regular file; `-` reads the standard input");
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if is_text(&bytes) {
        return from_bytes(&bytes);
    }
    let set = load_pot(&[path.into()], &CasiaFilter::default())
        .context("is no file of pen strokes: neither JSON nor InkML nor POT")?;
    ensure!(!set.is_empty(), "holds no character");
    (0..set.len()).map(|i| Ok(Ink::new(&set.ink(i))?)).collect()
}

/// The inks in the bytes of a file of text, at least one.
///
/// # Errors
/// Where it is neither JSON nor InkML, is damaged, or holds no ink.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Vec<Ink>> {
    ensure!(bytes.len() as u64 <= MAX_BYTES, "is larger than {} MiB", MAX_BYTES >> 20);
    ensure!(is_text(bytes), "is neither JSON nor InkML; a POT file must be given by its name");
    let text = str::from_utf8(bytes).context("is no UTF-8 text")?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let inks = if text.starts_with('<') { vec![inkml::read(text)?] } else { json::read(text)? };
    if inks.is_empty() {
        bail!("holds no ink");
    }
    let ink =
        |(number, strokes): (usize, &Vec<Vec<_>>)| Ink::new(strokes).with_context(|| format!("ink {}", number + 1));
    inks.iter().enumerate().map(ink).collect()
}

/// Whether a file begins as JSON or InkML do.
fn is_text(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_altered_file_is_a_danger() {
        let files = [
            r#"{"strokes": [[[40, 150], [260, 149]], [[151, 20]]]} {"strokes": [[[0, 0]]]}"#,
            "<ink><traceFormat><channel name=\"Y\"/><channel name=\"X\"/></traceFormat><trace>1 2,'3-4,\"5!6</trace></ink>",
        ];
        let mut refused = 0;
        for file in files.map(str::as_bytes) {
            assert!(from_bytes(file).is_ok());
            for (at, with) in (0..file.len()).flat_map(|at| b"\0\"'<>{[,- 9e\xff".map(|with| (at, with))) {
                let mut altered = file.to_vec();
                altered[at] = with;
                refused += usize::from(from_bytes(&altered).is_err());
                let _ = from_bytes(&file[..at]);
            }
        }
        assert!(refused > 500, "{refused}");
    }
}
