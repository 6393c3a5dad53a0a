//! Prints what was read.

use super::files::File;
use super::reader::Character;
use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde::Serialize;
use std::io::{BufWriter, Stdout, Write, stdout};

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A line per character, with its candidates.
    Table,
    /// The text alone.
    Plain,
    /// A line of JSON per file.
    Json,
}

/// Names longer than this do not move the others to the right.
const MAX_NAME: usize = 40;

const BEST: Style = Style::new().bold();
const OTHERS: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default();

/// Prints results, and names on the standard error what could not be read.
pub(super) struct Output {
    format: Format,
    name_width: usize,
    out: BufWriter<AutoStream<Stdout>>,
}

/// A file's line of JSON.
#[derive(Serialize)]
struct JsonFile {
    file: String,
    #[serde(flatten)]
    result: JsonResult,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum JsonResult {
    Characters(Vec<JsonCharacter>),
    Error(String),
}

#[derive(Serialize)]
struct JsonCharacter {
    #[serde(flatten)]
    place: Option<JsonPlace>,
    candidates: Vec<JsonCandidate>,
}

#[derive(Serialize)]
struct JsonPlace {
    /// Left, top, width and height, in pixels.
    #[serde(rename = "box")]
    sides: [usize; 4],
    /// Counted from 1, as is the column.
    row: usize,
    column: usize,
}

#[derive(Serialize)]
struct JsonCandidate {
    character: char,
    probability: f32,
}

impl Output {
    /// For results of `files`.
    pub(super) fn new(format: Format, files: &[File]) -> Self {
        let widths = files.iter().map(|file| shown(file).chars().count()).filter(|&width| width <= MAX_NAME);
        let out = BufWriter::new(AutoStream::auto(stdout()));
        Self { format, name_width: widths.max().unwrap_or(0), out }
    }

    /// Prints the result of a file.
    ///
    /// # Errors
    /// Where the standard output takes nothing more.
    pub(super) fn write(&mut self, file: &File, result: Result<Vec<Character>>) -> Result<()> {
        if let Err(error) = &result {
            anstream::eprintln!("{ERROR}{}: {error:#}{ERROR:#}", shown(file));
        }
        match (self.format, result) {
            (Format::Json, result) => self.json(file, result),
            (Format::Plain, Ok(characters)) => self.plain(&characters),
            (Format::Table, Ok(characters)) => self.table(file, &characters),
            (Format::Plain | Format::Table, Err(_)) => Ok(()),
        }
    }

    /// Hands on what has been printed so far.
    ///
    /// # Errors
    /// Where the standard output takes nothing more.
    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    fn table(&mut self, file: &File, characters: &[Character]) -> Result<()> {
        for (number, Character { region, candidates }) in characters.iter().enumerate() {
            write!(self.out, "{:<width$}  ", shown(file), width = self.name_width)?;
            match region {
                _ if characters.len() == 1 => {}
                Some(region) => write!(self.out, "{:<7}", format!("{}:{}", region.row + 1, region.column + 1))?,
                None => write!(self.out, "{:<7}", number + 1)?,
            }
            for (rank, candidate) in candidates.iter().enumerate() {
                let style = if rank == 0 { BEST } else { OTHERS };
                let percent = 100.0 * candidate.probability;
                write!(self.out, "{style}{} {percent:5.1} %{style:#}  ", candidate.character)?;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn plain(&mut self, characters: &[Character]) -> Result<()> {
        let mut row = None;
        for Character { region, candidates } in characters {
            let this = region.as_ref().map(|region| region.row);
            if row.is_some_and(|row| row != this) {
                writeln!(self.out)?;
            }
            row = Some(this);
            if let Some(best) = candidates.first() {
                write!(self.out, "{}", best.character)?;
            }
        }
        Ok(writeln!(self.out)?)
    }

    fn json(&mut self, file: &File, result: Result<Vec<Character>>) -> Result<()> {
        let result = match result {
            Ok(characters) => JsonResult::Characters(characters.iter().map(json).collect()),
            Err(error) => JsonResult::Error(format!("{error:#}")),
        };
        // Not written by serde_json, whose errors hide that a reader has gone.
        let line = serde_json::to_string(&JsonFile { file: file.to_string(), result })?;
        Ok(writeln!(self.out, "{line}")?)
    }
}

fn json(Character { region, candidates }: &Character) -> JsonCharacter {
    let place = region.as_ref().map(|region| JsonPlace {
        sides: [region.x, region.y, region.width, region.height],
        row: region.row + 1,
        column: region.column + 1,
    });
    let candidate =
        |&hccr::Candidate { character, probability, .. }: &hccr::Candidate| JsonCandidate { character, probability };
    JsonCharacter { place, candidates: candidates.iter().map(candidate).collect() }
}

/// A file's name, without characters that would command the terminal.
fn shown(file: &File) -> String {
    file.to_string().replace(char::is_control, "\u{fffd}")
}
