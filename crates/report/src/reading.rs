//! How well a model reads: writers and confused pairs, as tables in HTML.

use crate::markup::{paragraph, table};
use crate::number;
use hccr_evaluate::{ConfusedPair, WriterAccuracy};

/// Accuracy per writer.
pub fn writers(writers: &[WriterAccuracy]) -> String {
    let rows = writers.iter().map(|w| {
        let samples = number::thousands(w.test_samples as f64);
        ("", vec![w.writer.to_string(), samples, number::percent(w.top1), number::percent(w.top5)])
    });
    table(&["writer", "samples", "top-1 %", "top-5 %"], rows)
        + &paragraph("A file counts as one writer; the numbers follow the order of the files.")
}

/// The most confused pairs; nothing where there are none.
pub fn confused_pairs(pairs: &[ConfusedPair]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let rows = pairs.iter().map(|pair| {
        let ConfusedPair { characters: [a, b], confused, test_samples } = pair;
        let (wrong, of) = (confused.iter().sum::<u64>(), test_samples.iter().sum::<u64>());
        let each = [format!("{a} as {b}"), format!("{b} as {a}")];
        let each: Vec<_> =
            each.iter().zip(confused).filter(|(_, n)| **n > 0).map(|(t, n)| format!("{t}: {n}")).collect();
        ("", vec![format!("{a} {b}"), format!("{wrong} of {of}"), each.join(", ")])
    });
    table(&["pair", "confused", "read"], rows)
}
