//! The glyphs of a font in an npm package, which is cut into files for ranges of characters.

use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, fs, path::Path};
use ttf_parser::{Face, GlyphId, name_id};

/// The files of one font.
pub(super) struct Font {
    files: Vec<Vec<u8>>,
}

impl Font {
    /// Reads the WOFF2 files of `folder` whose names begin with the first and end with the second of `ends`.
    pub(super) fn read(folder: &Path, ends: [&str; 2]) -> Result<Self> {
        let [prefix, suffix] = ends;
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(prefix) && name.ends_with(suffix) {
                names.push(name);
            }
        }
        names.sort();
        ensure!(!names.is_empty(), "no {prefix}*{suffix} in {}", folder.display());
        let unpack = |name: &String| {
            let bytes = fs::read(folder.join(name))?;
            wuff::decompress_woff2(&bytes).map_err(|error| anyhow::anyhow!("{name}: {error:?}"))
        };
        Ok(Self { files: names.iter().map(unpack).collect::<Result<_>>()? })
    }

    /// The parsed files.
    pub(super) fn faces(&self) -> Result<Vec<Face<'_>>> {
        self.files.iter().map(|bytes| Face::parse(bytes, 0).context("not a font")).collect()
    }
}

/// The number of a font's file, and of a glyph in it.
pub(super) type Glyph = (usize, GlyphId);

/// The glyphs of those of `wanted` that the font has.
pub(super) fn glyphs(faces: &[Face<'_>], wanted: impl Iterator<Item = char>) -> BTreeMap<char, Glyph> {
    let find = |c: char| faces.iter().enumerate().find_map(|(i, face)| Some((i, face.glyph_index(c)?)));
    wanted.filter_map(|c| Some((c, find(c)?))).collect()
}

/// The text of a font's licence, which must be the SIL Open Font License without a name that others may not use, and its copyright
/// line. Some packages leave that line to the font.
pub(super) fn license(path: &Path, faces: &[Face<'_>]) -> Result<(String, String)> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(text.contains("SIL OPEN FONT LICENSE Version 1.1"), "{} is not the SIL Open Font License", path.display());
    let (head, _) = text.split_once("This Font Software is licensed").context("no head of a licence")?;
    ensure!(!head.contains("Reserved Font Name"), "{} reserves the font's name", path.display());
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if head.contains("Copyright") {
        return Ok((text.clone(), one_line(head)));
    }
    let names = faces.iter().flat_map(|face| face.names());
    let copyright = names.filter(|name| name.name_id == name_id::COPYRIGHT_NOTICE).find_map(|name| name.to_string());
    let copyright = one_line(&copyright.context("no copyright line")?);
    Ok((format!("{copyright}\n\n{text}"), copyright))
}
