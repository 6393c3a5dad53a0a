//! The card of a shipped model, in Markdown: from the report of the run that made it, and from evaluations on real writing.

use crate::report::stages;
use crate::report::types::{Report, Stage};
use anyhow::{Context, Result};
use hccr_report::number::{binary_bytes, duration, millions, ms, percent, thousands};
use hccr_report::table::Table;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Confused pairs that a card names.
const PAIRS: usize = 12;

/// What a card takes from the file of `cargo xtask evaluate`.
#[derive(Debug, Deserialize)]
pub(super) struct Evaluation {
    weight: Option<f64>,
    data: Data,
    candidates: u64,
    restricted: bool,
    among: Option<String>,
    figures: Figures,
    confused_pairs: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
struct Data {
    files: String,
    strokes: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Figures {
    samples: u64,
    top1: f64,
    top5: f64,
    top10: f64,
    reliability: Reliability,
}

#[derive(Debug, Deserialize)]
struct Reliability {
    ece: f64,
}

#[derive(Debug, Deserialize)]
struct Pair {
    characters: [char; 2],
    confused: [u64; 2],
}

/// Prints the card of the model whose report is `report`, with these evaluations.
pub(crate) fn print(report: &Path, evaluations: &[PathBuf]) -> Result<()> {
    let name = report.file_stem().unwrap_or_default().to_string_lossy();
    let evaluations = evaluations.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    print!("{}", card(&name, &read(report)?, &evaluations)?);
    Ok(())
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what it should be", path.display()))
}

/// The card of the model `name`.
pub(super) fn card(name: &str, report: &Report, evaluations: &[Evaluation]) -> Result<String> {
    let model = report.stages.last().context("the report has no stages")?;
    let parts = [
        about(name, report, model),
        training(report),
        simulated(report, model),
        real(evaluations),
        failures(evaluations),
        "## Licence\n\n[MIT](../LICENSE-MIT) or [Apache-2.0](../LICENSE-APACHE), at your choice, as the project. The \
         sources of the simulator's \
         writing and their licences are listed in [datasets](../datasets/README.md)."
            .into(),
    ];
    Ok(parts.join("\n\n") + "\n")
}

fn about(name: &str, report: &Report, model: &Stage) -> String {
    let is_offline = report.pipeline == "offline";
    let (reads, recognizer) =
        if is_offline { ("the image", "Recognizer") } else { ("the pen's trajectory", "InkRecognizer") };
    let time = if is_offline { "" } else { " of mean length" };
    format!(
        "# {name}\n\nReads {reads} of one handwritten character, one of {} ([`{recognizer}`](../crates/runtime/README.md)). \
         The file has {}; a \
         character takes {} million multiply-accumulates on non-zero weights, and a character{time} takes {} ms on one \
         thread of {} \
         with {}.",
        thousands(report.config.classes as f64),
        binary_bytes(model.bytes as f64),
        millions(model.nonzero_macs as f64),
        ms(model.median_ms),
        report.machine.cpu,
        report.isa.to_uppercase(),
    )
}

fn training(report: &Report) -> String {
    let seconds: f64 = report.times.iter().map(|time| time.seconds).sum();
    format!(
        "## Training\n\nOn {}. No person's writing was trained on. The network ({}) saw {} characters in all stages \
         together.\n\n```sh\n{}\n\
         ```\n\nmade it, at commit {}, in {} with {} threads.",
        report.data,
        report.config.network(),
        thousands(report.config.train_samples as f64),
        report.config.command,
        report.commit,
        duration(seconds),
        report.threads.training,
    )
}

fn simulated(report: &Report, model: &Stage) -> String {
    let fused = report.fused.as_ref().map_or(String::new(), |fused| {
        format!(
            "\n\nThe fused answer gives the offline model a weight of {:.2}, and is calibrated by the temperature {:.2}.",
            fused.weight, fused.temperature
        )
    });
    format!(
        "## On simulated writing\n\n{} characters by writers that no training saw; the figures say little about people's \
         writing. The last row is \
         the file.\n\n{}{fused}",
        thousands(model.test_samples as f64),
        stages::markdown(std::slice::from_ref(report)).trim_end(),
    )
}

fn real(evaluations: &[Evaluation]) -> String {
    if evaluations.is_empty() {
        return "## On people's writing\n\nNot measured yet.".into();
    }
    let row = |evaluation: &Evaluation| {
        let Evaluation { weight, data, candidates, restricted, among, figures, .. } = evaluation;
        let strokes = data.strokes.as_ref().map_or(String::new(), |strokes| format!(", {strokes}"));
        let fused = if weight.is_some() { ", fused" } else { "" };
        let chosen = match among {
            _ if *restricted => "those of the set alone".into(),
            Some(other) => format!("those of {other}"),
            None => "all".into(),
        };
        let mut cells =
            vec![thousands(figures.samples as f64), format!("{} ({chosen})", thousands(*candidates as f64))];
        cells.extend([figures.top1, figures.top5, figures.top10, figures.reliability.ece].map(percent));
        (format!("{}{strokes}{fused}", data.files), cells)
    };
    let head = vec!["characters", "candidates", "top-1 %", "top-5 %", "top-10 %", "ECE %"];
    let table = Table { head, rows: evaluations.iter().map(row).collect() };
    format!(
        "## On people's writing\n\nReal characters that nothing was trained on. These are subsets: no figure can be \
         compared with one published on \
         a whole set. ECE is the mean distance between how sure the model is and how often it is right.\n\n{}",
        table.markdown("set").trim_end()
    )
}

fn failures(evaluations: &[Evaluation]) -> String {
    let mut pairs: Vec<(u64, [char; 2])> = evaluations
        .iter()
        .flat_map(|evaluation| &evaluation.confused_pairs)
        .map(|pair| (pair.confused.iter().sum(), pair.characters))
        .collect();
    pairs.sort_unstable_by(|a, b| b.cmp(a));
    let mut named: Vec<String> = Vec::new();
    for (times, [a, b]) in pairs {
        if named.len() < PAIRS && !named.iter().any(|pair| pair.starts_with([a]) && pair.contains(b)) {
            named.push(format!("{a}{b} ({times})"));
        }
    }
    let pairs = if named.is_empty() {
        String::new()
    } else {
        format!("\n- It confuses characters that look alike, on the sets above most often: {}.", named.join(", "))
    };
    format!(
        "## What it fails at\n{pairs}\n- It reads one character at a time, and always answers with one that it knows: also \
         for a scribble, for a \
         part of a character, and for two characters at once.\n- Very cursive writing, and forms that the simulator does \
         not write: variants, \
         other countries' forms, corrections."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use serde_json::json;

    #[test]
    fn a_card_has_the_figures_of_all_sets() {
        let evaluation = json!({
            "weight": 0.25, "data": {"files": "some.zip", "strokes": "shuffled"}, "candidates": 3755, "restricted": false,
            "figures": {"samples": 3000, "top1": 0.875, "top5": 0.96, "top10": 0.98, "reliability": {"ece": 0.031, "bins": []}},
            "confused_pairs": [{"characters": ['己', '已'], "confused": [7, 2], "test_samples": [60, 60]}],
        });
        let mut of_another = evaluation.clone();
        of_another["among"] = "online-few.hccr".into();
        let evaluations = [evaluation, of_another].map(|value| serde_json::from_value::<Evaluation>(value).unwrap());
        let text = card("online-3755", &sample::report(), &evaluations).unwrap();
        assert!(text.starts_with("# online-3755\n"));
        assert!(
            text.contains("| some.zip, shuffled, fused | 3,000 | 3,755 (all) | 87.50 | 96.00 | 98.00 | 3.10 |"),
            "{text}"
        );
        assert!(text.contains("| 3,755 (those of online-few.hccr) |"), "{text}");
        assert!(text.contains("己已 (9)"), "{text}");
        let mut report = sample::report();
        (report.config.width, report.config.hidden_sizes) = (None, None);
        let none = card("online-3755", &report, &[]).unwrap();
        assert!(none.contains("The network (sizes as in the file trained on) saw"), "{none}");
        assert!(none.contains("Not measured yet"), "{none}");
    }
}
