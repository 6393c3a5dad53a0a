//! What only the report of the thesis's released network says.

use super::types::Released;
use hccr_evaluate::ConfusedPair;
use hccr_report::number;

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
