//! The report of a run: `report.json`, a self-contained `report.html`, the table on the terminal and the one in README.

pub(crate) mod ladder;
pub(crate) mod stages;
pub(crate) mod thesis;
pub(crate) mod types;

mod fused;
mod html;
mod plots;
mod released;
#[cfg(test)]
pub(crate) mod sample;

use anyhow::Result;
use hccr_report::sheet::SheetItem;
use hccr_report::write_files;
use std::path::Path;

/// Writes `report.json`, `report.html` and the plots into the directory `out`, which is made where it is missing.
///
/// # Errors
/// Where a file cannot be written, a plot cannot be drawn, or a sample is not a 96 x 96 image.
pub(crate) fn write(out: &Path, report: &types::Report, sheet: &[SheetItem]) -> Result<()> {
    let mut files = vec![
        ("report.json".to_owned(), serde_json::to_string_pretty(report)? + "\n"),
        ("report.html".to_owned(), html::page(report, sheet)?),
    ];
    let mut plots = plots::all(report)?;
    plots.extend(report.ladder.iter().map(|climbed| ladder::plot(&[("", climbed)])));
    files.extend(plots.iter().map(|plot| (format!("plots/{}.svg", plot.file_name()), plot.standalone())));
    write_files(out, files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn keys(value: &Value) -> Vec<&str> {
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn json_names_stay() {
        let json = serde_json::to_value(sample::report()).unwrap();
        for name in ["pipeline", "data", "machine", "seed", "commit", "stages", "layers", "thesis"] {
            assert!(!json[name].is_null(), "{name} is missing");
        }
        assert_eq!(
            keys(&json["stages"][0]),
            [
                "bytes",
                "dense_macs",
                "median_ms",
                "min_ms",
                "name",
                "nonzero_macs",
                "nonzeros",
                "test_samples",
                "top1",
                "top5",
                "weights"
            ]
        );
        assert!(json["stages"].is_array() && json["layers"].is_array() && json["thesis"].is_object());
        assert_eq!(json["ladder"]["note"], "structure only, untrained");
        assert_eq!(keys(&json["fused"]), ["fused", "inks", "offline", "online", "temperature", "weight"]);
        assert_eq!(keys(&json["fused"]["online"]), ["joined", "plain", "shuffled"]);
    }

    #[test]
    fn json_reads_back_alike() {
        let report = sample::report();
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<types::Report>(&json).unwrap(), report);
    }

    #[test]
    fn both_files_are_written() {
        let out = std::env::temp_dir().join(format!("hccr-report-{}", std::process::id()));
        write(&out.join("deep"), &sample::report(), &[]).unwrap();
        let html = std::fs::read_to_string(out.join("deep/report.html")).unwrap();
        let json = std::fs::read_to_string(out.join("deep/report.json")).unwrap();
        std::fs::remove_dir_all(&out).unwrap();
        assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
        assert!(json.ends_with("}\n"));
    }
}
