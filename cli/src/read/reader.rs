//! Reads one file.

use super::files::File;
use crate::ink;
use anyhow::{Context, Result, anyhow, bail, ensure};
use hccr::image::ImageError;
use hccr::ink::Ink;
use hccr::{Candidate, FusedRecognizer, InkRecognizer, Recognizer};
use hccr_gauge::ModelSource;
use hccr_picture::{Picture, Region, characters};
use std::io::{self, Read};

/// The most bytes that are taken from the standard input.
const MAX_STDIN_BYTES: u64 = 256 << 20;

/// A character that was read.
pub(super) struct Character {
    /// Where it stands in the picture; nowhere, where it is pen strokes.
    pub(super) region: Option<Region>,
    pub(super) candidates: Vec<Candidate>,
}

/// What reads a file. A clone shares the models.
#[derive(Clone)]
pub(super) enum Reader {
    Pictures { recognizer: Recognizer, single: bool },
    Ink(InkRecognizer),
    FusedInk(Box<FusedRecognizer>),
}

impl Reader {
    /// Of pictures: of `single` characters, or of pages.
    pub(super) fn of_pictures(source: &ModelSource, single: bool) -> Result<Self> {
        let model = source.read()?;
        ensure!(!model.is_sequence(), "{source} reads pen strokes: give them by --ink, or another --model");
        let recognizer = Recognizer::new(model).with_context(|| format!("{source} cannot read pictures"))?;
        Ok(Self::Pictures { recognizer, single })
    }

    /// Of pen strokes: with one model, or with one of each kind. Without any, with those in the box.
    pub(super) fn of_ink(model: Option<&ModelSource>, ink_model: Option<&ModelSource>) -> Result<Self> {
        let (offline, online) = match (model, ink_model) {
            (Some(source), None) => {
                let online = source.read()?;
                ensure!(online.is_sequence(), "{source} reads pictures: add --ink-model online to read ink with both");
                let recognizer = InkRecognizer::new(online);
                return Ok(Self::Ink(recognizer.with_context(|| format!("{source} cannot read pen strokes"))?));
            }
            (offline, online) => (offline.unwrap_or(&ModelSource::Offline), online.unwrap_or(&ModelSource::Online)),
        };
        let fused = FusedRecognizer::from_bytes(&online.bytes()?, &offline.bytes()?);
        Ok(Self::FusedInk(Box::new(fused.with_context(|| format!("{offline} and {online} cannot read ink together"))?)))
    }

    /// The same for some of the characters.
    pub(super) fn restricted(&self, characters: &[char]) -> Result<Self> {
        Ok(match self {
            Self::Pictures { recognizer, single } => {
                Self::Pictures { recognizer: recognizer.restricted(characters)?, single: *single }
            }
            Self::Ink(recognizer) => Self::Ink(recognizer.restricted(characters)?),
            Self::FusedInk(recognizer) => Self::FusedInk(Box::new(recognizer.restricted(characters)?)),
        })
    }

    /// Reads the characters of a file, with `top` candidates each.
    ///
    /// # Errors
    /// Where there are none, or the file cannot be read; the error does not name the file.
    pub(super) fn read(&mut self, file: &File, top: usize) -> Result<Vec<Character>> {
        if let Self::Pictures { recognizer, single } = self {
            let picture = match file {
                File::Stdin => Picture::from_bytes(&stdin()?),
                File::At(path) => Picture::open(path),
                File::Bad(_, reason) => bail!("{reason}"),
            };
            // The caller names the file.
            let picture = picture.map_err(|error| anyhow!("{}", error.reason))?;
            return if *single { one(recognizer, &picture, top) } else { page(recognizer, &picture, top) };
        }
        let inks = match file {
            File::Stdin => ink::from_bytes(&stdin()?),
            File::At(path) => ink::open(path),
            File::Bad(_, reason) => bail!("{reason}"),
        };
        inks?.iter().map(|ink| Ok(Character { region: None, candidates: self.ink(ink, top)? })).collect()
    }

    fn ink(&mut self, ink: &Ink, top: usize) -> Result<Vec<Candidate>> {
        match self {
            Self::Ink(recognizer) => Ok(recognizer.recognize(ink, top)),
            Self::FusedInk(recognizer) => Ok(recognizer.recognize(ink, top)?),
            Self::Pictures { .. } => bail!("pictures hold no pen strokes"),
        }
    }
}

/// The whole picture as one character.
fn one(recognizer: &mut Recognizer, picture: &Picture, top: usize) -> Result<Vec<Character>> {
    let region = Region { x: 0, y: 0, width: picture.width(), height: picture.height(), row: 0, column: 0 };
    Ok(vec![Character { region: Some(region), candidates: recognizer.recognize(&picture.image(), top)? }])
}

/// The characters of a page.
fn page(recognizer: &mut Recognizer, picture: &Picture, top: usize) -> Result<Vec<Character>> {
    let mut read = Vec::new();
    for region in characters(picture) {
        match picture.crop(&region).and_then(|image| recognizer.recognize(&image, top)) {
            Ok(candidates) => read.push(Character { region: Some(region), candidates }),
            Err(ImageError::Empty) => {} // a smudge
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(!read.is_empty(), "no character was found; --single takes the whole picture as one");
    Ok(read)
}

fn stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_STDIN_BYTES + 1).read_to_end(&mut bytes).context("cannot be read")?;
    ensure!(bytes.len() as u64 <= MAX_STDIN_BYTES, "more than {} MiB", MAX_STDIN_BYTES >> 20);
    Ok(bytes)
}
