//! What only the report of the thesis's released network shows: writers, confused pairs, and how its file fares.

use super::markup::{paragraph, table};
use super::number;
use super::types::{ConfusedPair, Released};

/// A sentence on the repacked file.
pub(super) fn repacked(released: &Released) -> String {
    format!(
        "The repacked file is {:.2} times smaller than the uncompressed network, holds {} weights bit for bit as released, \
         and is ready to run {} ms after it has been read.",
        released.bytes_ratio,
        number::thousands(released.identical_weights as f64),
        number::ms(released.load_ms),
    )
}

/// Accuracy per writer, as HTML.
pub(super) fn writers(released: &Released) -> String {
    let rows = released.writers.iter().map(|w| {
        let samples = number::thousands(w.test_samples as f64);
        ("", vec![w.writer.to_string(), samples, number::percent(w.top1), number::percent(w.top5)])
    });
    table(&["writer", "samples", "top-1 %", "top-5 %"], rows)
        + &paragraph("A file counts as one writer; the numbers follow the order of the files.")
}

/// The most confused pairs, as HTML.
pub(super) fn confused_pairs(released: &Released) -> String {
    if released.confused_pairs.is_empty() {
        return String::new();
    }
    let rows = released.confused_pairs.iter().map(|pair| {
        let ConfusedPair { characters: [a, b], confused, test_samples } = pair;
        let (wrong, of) = (confused.iter().sum::<u64>(), test_samples.iter().sum::<u64>());
        let each = [format!("{a} as {b}"), format!("{b} as {a}")];
        let each: Vec<_> =
            each.iter().zip(confused).filter(|(_, n)| **n > 0).map(|(t, n)| format!("{t}: {n}")).collect();
        ("", vec![format!("{a} {b}"), format!("{wrong} of {of}"), each.join(", ")])
    });
    table(&["pair", "confused", "read"], rows)
}

/// The lines below the stages on the terminal.
pub(super) fn terminal(released: &Released) -> String {
    let mut text = format!("\n{}\n", repacked(released));
    for w in &released.writers {
        let samples = number::thousands(w.test_samples as f64);
        let [top1, top5] = [w.top1, w.top5].map(number::percent);
        text += &format!("writer {}: {top1} % top-1, {top5} % top-5 of {samples} characters\n", w.writer);
    }
    let pair = |pair: &ConfusedPair| {
        let [a, b] = pair.characters;
        format!("{a}{b} {}", pair.confused.iter().sum::<u64>())
    };
    let pairs: Vec<_> = released.confused_pairs.iter().map(pair).collect();
    if !pairs.is_empty() {
        text += &format!("most confused: {}\n", pairs.join(", "));
    }
    text
}
