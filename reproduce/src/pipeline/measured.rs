//! The measurements of a stage, as a line of the metrics file and as a line for the user.

use hccr_compress::Targets;
use hccr_models::pipeline::Measured;
use serde_json::{Value, json};
use std::time::Duration;

/// The line of the metrics file on the interval that the stage `name` has just done, of which it says `message`.
pub(super) fn metrics(name: &str, measured: &Measured<'_>, message: &str) -> Option<Value> {
    Some(match measured {
        Measured::Training(records) => json!({"stage": name, "record": records.last()}),
        Measured::Retraining { before, history } => json!({"stage": name, "before": before, "record": history.last()}),
        Measured::Expansion(records) => json!({"stage": name, "record": records.last()}),
        Measured::Pruning { history, .. } => json!({"stage": name, "record": history.last()}),
        Measured::Redundancy(..) => json!({"stage": name, "point": message}),
        Measured::Nothing => return None,
    })
}

/// The line for a stage that has ended, with the time that it took.
pub(super) fn summary(measured: &Measured<'_>, time: Duration) -> String {
    let last = match measured {
        Measured::Training(records) | Measured::Retraining { history: records, .. } => records.last(),
        Measured::Expansion(records) => records.last().map(|r| &r.record),
        Measured::Pruning { history, .. } => history.last().map(|r| &r.record),
        Measured::Redundancy(..) | Measured::Nothing => None,
    };
    let measured = match (measured, last.and_then(|record| record.dev_accuracy)) {
        (_, Some(accuracy)) => format!("{:.2} % of the development set, ", 100.0 * accuracy),
        (Measured::Redundancy(_, Some(Targets { tolerance: Some(tolerance), .. })), None) => {
            format!("tolerance {:.2} points per layer, ", 100.0 * tolerance)
        }
        _ => String::new(),
    };
    format!("{measured}{:.0} s", time.as_secs_f64())
}
