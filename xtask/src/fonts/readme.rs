//! The list of the fonts that lies beside their skeletons.

use super::sources::Source;
use std::fmt::Write;

/// What the list says of one font.
pub(super) struct Row {
    pub(super) source: &'static Source,
    pub(super) copyright: String,
    /// The numbers of Chinese characters, and of all characters.
    pub(super) chinese: usize,
    pub(super) all: usize,
}

const HEAD: &str = "# Skeletons of handwriting fonts

Each file `<font>.bin` holds stroke skeletons of the characters of one font, in the form that `crates/data/src/strokes.rs`
describes. Each font is one more hand for the handwriting simulator of `hccr-data`.

- **Licence**: the SIL Open Font License 1.1, for each font the text in `<font>.LICENSE`. It covers this folder alone.
- **Changes** (2026): the outlines of the glyphs were drawn as pictures, thinned to lines, and traced as strokes. Order and
  direction of the strokes are a guess, from the strokes in `datasets/strokes` that lie nearest.
- **Left out**: characters without a skeleton in `datasets/strokes`, and glyphs little like that skeleton. Digits, Latin
  letters, punctuation and kana are taken where a font has them.
- **Rebuild**: `cargo xtask data fonts` (needs `npm` and `tar`) writes the same files, from the packages below.

| font | package | Chinese characters | others | copyright |
|---|---|---|---|---|
";

pub(super) fn text(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    for Row { source, copyright, chinese, all } in rows {
        let _ =
            writeln!(text, "| {} | `{}` | {chinese} | {} | {copyright} |", source.name, source.package, all - chinese);
    }
    text.push_str("\nThe packages' integrity, as the registry gives it:\n\n");
    for Row { source, .. } in rows {
        let _ = writeln!(text, "- `{}`: `{}`", source.package, source.integrity);
    }
    text
}
