//! Two recognizers on one ink, alone and fused.

use super::types::{Fused, InkAccuracy};
use hccr_report::number::{percent, thousands};
use hccr_report::table::{Table, mean_and_range};

type Recognizer = fn(&Fused) -> &InkAccuracy;
type Kind = fn(&InkAccuracy) -> f64;

const RECOGNIZERS: [(&str, Recognizer); 3] =
    [("online", |f| &f.online), ("offline", |f| &f.offline), ("fused", |f| &f.fused)];
const KINDS: [(&str, Kind); 3] = [("as written", |a| a.plain), ("shuffled", |a| a.shuffled), ("joined", |a| a.joined)];

/// Top-1 accuracy of each recognizer on each kind of ink: mean, and lowest to highest value, over the runs.
pub(crate) fn table(runs: &[&Fused]) -> Table {
    let cell = |recognizer: Recognizer, kind: Kind| {
        mean_and_range(&runs.iter().map(|run| kind(recognizer(run))).collect::<Vec<_>>(), percent)
    };
    let row = |(name, recognizer): (&str, Recognizer)| {
        (name.to_owned(), KINDS.iter().map(|(_, kind)| cell(recognizer, *kind)).collect())
    };
    Table { head: KINDS.iter().map(|(name, _)| *name).collect(), rows: RECOGNIZERS.map(row).into() }
}

/// What the table needs beside it.
pub(crate) fn note(fused: &Fused) -> String {
    let inks = fused
        .inks
        .map_or(String::new(), |inks| format!(" Measured on {} inks of the test writers.", thousands(inks as f64)));
    format!(
        "Shuffled: the strokes in a random order. Joined: without lifting the pen. Fused: log-probabilities of both, the \
         offline network's weighing {:.3}, calibrated by the temperature {:.2}; both are fitted on the development writers.{inks}",
        fused.weight, fused.temperature
    )
}

/// The table and its note for the terminal.
pub(crate) fn terminal(fused: &Fused) -> String {
    format!("\nTop-1 accuracy on one ink, %:\n\n{}\n{}\n", table(&[fused]).terminal(), note(fused))
}
