//! What is measured, and the names it has in `evaluation.json`.

use crate::ModelSource;
use anyhow::Result;
use hccr::Model;
use hccr_evaluate::{ConfusedPair, Figures, Unknown, WriterAccuracy};
use hccr_report::machine::{Machine, Versions};
use hccr_report::number;
use hccr_report::table::Table;
use serde::{Deserialize, Serialize};

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The model; of two that are fused, the offline one first.
    pub(crate) models: Vec<ModelFile>,
    /// Share of the offline model in a fused answer.
    pub(crate) weight: Option<f32>,
    pub(crate) data: Data,
    /// Characters that the model chose among.
    pub(crate) candidates: u64,
    /// Whether these are the files' characters alone.
    pub(crate) restricted: bool,
    /// The other model whose characters these are, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) among: Option<String>,
    pub(crate) figures: Figures,
    pub(crate) unknown: Unknown,
    pub(crate) confused_pairs: Vec<ConfusedPair>,
    pub(crate) time: Time,
    /// The command that repeats the measurement.
    pub(crate) command: String,
    pub(crate) machine: Machine,
    /// Instruction set of the runtime's kernels.
    pub(crate) isa: String,
    pub(crate) commit: String,
    pub(crate) versions: Versions,
}

/// A model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelFile {
    pub(crate) file: String,
    pub(crate) characters: u64,
    pub(crate) bytes: u64,
    pub(crate) weights: u64,
    pub(crate) nonzeros: u64,
    /// For one character, of the mean length where it is an ink.
    pub(crate) dense_macs: u64,
    pub(crate) nonzero_macs: u64,
    /// Divides the scores before they become probabilities.
    pub(crate) temperature: Option<f32>,
}

impl ModelFile {
    pub(crate) fn new(source: &ModelSource, model: &Model, [dense_macs, nonzero_macs]: [u64; 2]) -> Result<Self> {
        Ok(Self {
            file: source.name(),
            characters: model.labels().len() as u64,
            bytes: source.bytes()?.len() as u64,
            weights: model.weight_elements() as u64,
            nonzeros: model.weight_nonzeros() as u64,
            dense_macs,
            nonzero_macs,
            temperature: model.temperature(),
        })
    }
}

/// The samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Data {
    pub(crate) files: String,
    /// Different characters.
    pub(crate) characters: u64,
    /// Of inks: `as written`, `shuffled` or `joined`.
    pub(crate) strokes: Option<String>,
}

/// Milliseconds per character, on one thread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Time {
    pub(crate) min_ms: f64,
    pub(crate) median_ms: f64,
}

impl Report {
    /// What was read by what.
    pub(crate) fn about(&self) -> String {
        let models: Vec<&str> = self.models.iter().map(|model| model.file.as_str()).collect();
        let weight = self.weight.map_or(String::new(), |weight| format!(" (fused, the first weighing {weight})"));
        let strokes = self.data.strokes.as_ref().map_or(String::new(), |strokes| format!(", strokes {strokes}"));
        format!("{}{weight} on {}{strokes}", models.join(" and "), self.data.files)
    }

    /// The accuracy as a table.
    pub(crate) fn accuracy(&self) -> Table {
        let Figures { samples, top1, top5, top10, reliability, risk_coverage, .. } = &self.figures;
        let figures = [*top1, *top5, *top10, reliability.ece, risk_coverage.area].map(number::percent);
        let mut cells = vec![number::thousands(*samples as f64)];
        cells.extend(figures);
        cells.extend([self.time.min_ms, self.time.median_ms].map(number::ms));
        Table {
            head: vec![
                "characters read",
                "top-1 %",
                "top-5 %",
                "top-10 %",
                "ECE %",
                "mean-risk %",
                "min ms",
                "median ms",
            ],
            rows: vec![("all".into(), cells)],
        }
    }

    /// The sizes of the models as a table.
    pub(crate) fn sizes(&self) -> Table {
        let row = |model: &ModelFile| {
            let count = |n: u64| number::thousands(n as f64);
            let millions = |n: u64| number::millions(n as f64);
            let cells = vec![
                count(model.characters),
                count(model.bytes),
                count(model.weights),
                count(model.nonzeros),
                millions(model.dense_macs),
                millions(model.nonzero_macs),
                model.temperature.map_or(number::NONE.into(), |t| format!("{t:.3}")),
            ];
            (model.file.clone(), cells)
        };
        Table {
            head: vec!["classes", "bytes", "weights", "non-zeros", "dense MMACs", "non-zero MMACs", "temperature"],
            rows: self.models.iter().map(row).collect(),
        }
    }

    /// Among which characters the model chose, and which it does not know.
    pub(crate) fn choice(&self) -> String {
        let candidates = number::thousands(self.candidates as f64);
        let mut text = if self.restricted {
            format!("The answers were restricted to the {candidates} characters of the files.")
        } else if let Some(other) = &self.among {
            format!("The answers were restricted to the {candidates} characters that {other} reads.")
        } else {
            format!(
                "The model chose among all of its {candidates} characters; the files have {}.",
                number::thousands(self.data.characters as f64)
            )
        };
        let Unknown { samples, characters } = &self.unknown;
        if *samples > 0 {
            let named: String = characters.iter().take(100).collect();
            let more = if characters.len() > 100 { " ..." } else { "" };
            text += &format!(
                " Not read, and in no figure: {} samples of {} characters that the model does not know: {named}{more}",
                number::thousands(*samples as f64),
                number::thousands(characters.len() as f64),
            );
        }
        text
    }

    /// The pairs confused most, in a line.
    fn pairs(&self) -> String {
        let pair = |pair: &ConfusedPair| {
            let [a, b] = pair.characters;
            format!("{a}{b} {}", pair.confused.iter().sum::<u64>())
        };
        self.confused_pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
    }

    /// What is printed.
    pub(crate) fn terminal(&self) -> String {
        let mut text = format!("{}\n\n{}\n{}\n", self.about(), self.accuracy().terminal(), self.sizes().terminal());
        text += &self.choice();
        text.push('\n');
        if let (Some(worst), Some(best)) = (self.writer(f64::min), self.writer(f64::max)) {
            text += &format!(
                "{} writers: the best {} % top-1 (writer {}), the worst {} % (writer {})\n",
                self.figures.writers.len(),
                number::percent(best.top1),
                best.writer,
                number::percent(worst.top1),
                worst.writer,
            );
        }
        if !self.confused_pairs.is_empty() {
            text += &format!("most confused: {}\n", self.pairs());
        }
        text
    }

    /// The writer whose accuracy `choose` prefers; none where there is only one.
    fn writer(&self, choose: fn(f64, f64) -> f64) -> Option<&WriterAccuracy> {
        let writers = &self.figures.writers;
        let chosen = writers.iter().map(|writer| writer.top1).reduce(choose)?;
        writers.iter().filter(|_| writers.len() > 1).find(|writer| writer.top1 == chosen)
    }
}
