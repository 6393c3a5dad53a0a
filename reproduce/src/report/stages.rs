//! The stage table: on the terminal, in Markdown, and as cells for the HTML page.

use super::thesis::{Figure, ThesisStage};
use super::types::{Config, Fused, Report, Stage};
use super::{fused, ladder, released};
use anyhow::{Result, ensure};
use hccr_report::number;
use hccr_report::table::{Table, mean_and_range};

/// A row's figures; what is not known is `None`. Units as in [`Stage`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) top1: Option<f64>,
    pub(crate) top5: Option<f64>,
    pub(crate) weights: Option<f64>,
    pub(crate) nonzeros: Option<f64>,
    pub(crate) dense_macs: Option<f64>,
    pub(crate) nonzero_macs: Option<f64>,
    pub(crate) bytes: Option<f64>,
    pub(crate) min_ms: Option<f64>,
    pub(crate) median_ms: Option<f64>,
    pub(crate) steps: Option<f64>,
}

impl From<&Stage> for Figures {
    fn from(stage: &Stage) -> Self {
        Self {
            top1: Some(stage.top1),
            top5: Some(stage.top5),
            weights: Some(stage.weights as f64),
            nonzeros: Some(stage.nonzeros as f64),
            dense_macs: Some(stage.dense_macs as f64),
            nonzero_macs: Some(stage.nonzero_macs as f64),
            bytes: Some(stage.bytes as f64),
            min_ms: Some(stage.min_ms),
            median_ms: Some(stage.median_ms),
            steps: stage.steps.map(|steps| steps as f64),
        }
    }
}

impl From<&ThesisStage> for Figures {
    fn from(stage: &ThesisStage) -> Self {
        let value = |figure: Option<Figure>| figure.map(|f| f.value);
        Self {
            top1: value(stage.top1),
            weights: value(stage.weights),
            nonzeros: value(stage.nonzeros),
            dense_macs: value(stage.dense_macs),
            nonzero_macs: value(stage.nonzero_macs),
            bytes: value(stage.bytes),
            median_ms: value(stage.ms),
            ..Self::default()
        }
    }
}

impl Figures {
    /// Percentage points lost since `baseline`.
    pub(crate) fn drop_points(&self, baseline: &Self) -> Option<f64> {
        Some(100.0 * (baseline.top1? - self.top1?))
    }

    /// Baseline MACs divided by this row's MACs on non-zero weights.
    pub(crate) fn macs_ratio(&self, baseline: &Self) -> Option<f64> {
        ratio(baseline.nonzero_macs?, self.nonzero_macs?)
    }

    /// Baseline bytes divided by this row's bytes.
    pub(crate) fn bytes_ratio(&self, baseline: &Self) -> Option<f64> {
        ratio(baseline.bytes?, self.bytes?)
    }

    /// Baseline median time divided by this row's.
    pub(crate) fn time_ratio(&self, baseline: &Self) -> Option<f64> {
        ratio(baseline.median_ms?, self.median_ms?)
    }
}

fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

struct Column {
    head: &'static str,
    /// The value of a row, given the row and the baseline.
    value: fn(&Figures, &Figures) -> Option<f64>,
    text: fn(f64) -> String,
}

const COLUMNS: [Column; 13] = [
    Column { head: "top-1 %", value: |row, _| row.top1, text: number::percent },
    Column { head: "drop pt", value: Figures::drop_points, text: number::points },
    Column { head: "top-5 %", value: |row, _| row.top5, text: number::percent },
    Column { head: "weights", value: |row, _| row.weights, text: number::thousands },
    Column { head: "non-zeros", value: |row, _| row.nonzeros, text: number::thousands },
    Column { head: "dense MMACs", value: |row, _| row.dense_macs, text: number::millions },
    Column { head: "non-zero MMACs", value: |row, _| row.nonzero_macs, text: number::millions },
    Column { head: "fewer", value: Figures::macs_ratio, text: number::times },
    Column { head: "bytes", value: |row, _| row.bytes, text: number::thousands },
    Column { head: "smaller", value: Figures::bytes_ratio, text: number::times },
    Column { head: "min ms", value: |row, _| row.min_ms, text: number::ms },
    Column { head: "median ms", value: |row, _| row.median_ms, text: number::ms },
    Column { head: "steps", value: |row, _| row.steps, text: number::thousands },
];

/// One row per name; each cell summarizes the figures of one or several runs, each beside its own baseline.
fn of_figures<'a>(rows: impl IntoIterator<Item = (String, &'a [(Figures, Figures)])>) -> Table {
    let cells = |runs: &[(Figures, Figures)]| -> Vec<String> {
        COLUMNS
            .iter()
            .map(|column| {
                let values = runs.iter().filter_map(|(row, baseline)| (column.value)(row, baseline));
                mean_and_range(&values.filter(|v| v.is_finite()).collect::<Vec<_>>(), column.text)
            })
            .collect()
    };
    let rows = rows.into_iter().map(|(name, runs)| (name, cells(runs))).collect();
    let mut table = Table { head: COLUMNS.iter().map(|c| c.head).collect(), rows };
    table.drop_empty_columns();
    table
}

/// The row with which drop, fewer, smaller and faster compare: the first stage, with the accuracy that it has after as many training
/// steps as the last one, where that was measured. The released network comes without its baseline.
/// The thesis says how large that was; accuracy and time of the thesis are from other data and machines.
pub(crate) fn baseline(report: &Report) -> Option<Figures> {
    match report.released {
        None => {
            let first = report.stages.first().map(Figures::from)?;
            let longer = report.longer_baseline.as_ref().map(|longer| longer.top1);
            Some(Figures { top1: longer.or(first.top1), ..first })
        }
        Some(_) => {
            let thesis = report.thesis.stages.first().map(Figures::from)?;
            Some(Figures { top1: None, median_ms: None, ..thesis })
        }
    }
}

/// The stages of `report`, and the thesis's stages below.
pub(crate) fn stages(report: &Report) -> Table {
    with_thesis(&[report])
}

/// What the run prints at its end.
pub(crate) fn terminal(report: &Report) -> String {
    let config = &report.config;
    let mut text = format!(
        "{}, {} classes, {}, seed {}, commit {}\n{}, {}, {} timing thread(s)\n\n",
        report.pipeline,
        config.classes,
        config.network(),
        report.seed,
        report.commit,
        report.machine.cpu,
        report.isa,
        report.threads.timing,
    );
    text += &stages(report).terminal();
    text += &format!("\nthesis: {}\n", report.thesis.source);
    if let Some(released) = &report.released {
        text += &released::terminal(released);
    }
    if let Some(fused) = &report.fused {
        text += &fused::terminal(fused);
    }
    if let Some(climbed) = &report.ladder {
        text += &format!("\nWhat each idea buys, {}:\n\n", climbed.note);
        text += &format!("{}\n{}\n", ladder::table(climbed).terminal(), ladder::note(climbed));
    }
    text
}

/// Refuses reports whose mean would say nothing: of other pipelines, tiers, classes, networks or stages.
///
/// # Errors
/// Where one differs from the first.
pub(crate) fn check_alike(reports: &[Report]) -> Result<()> {
    let Some((first, others)) = reports.split_first() else { return Ok(()) };
    let kind = |report: &Report| {
        let stages: Vec<&str> = report.stages.iter().map(|stage| stage.name.as_str()).collect();
        let Config { tier, classes, .. } = &report.config;
        let network = report.config.network();
        format!("{} pipeline, tier {tier}, {classes} classes, {network}, stages {}", report.pipeline, stages.join(" "))
    };
    for (i, report) in others.iter().enumerate() {
        let (this, that) = (kind(first), kind(report));
        ensure!(this == that, "report {} cannot be averaged with the first one: {that}; the first: {this}", i + 2);
    }
    Ok(())
}

/// The stages of one pipeline's runs as Markdown: mean, and lowest to highest value, over the reports (one per seed), with
/// the thesis's stages below; then the recognizers and kinds of ink, where the reports have them.
pub(crate) fn markdown(reports: &[Report]) -> String {
    let stages = with_thesis(&reports.iter().collect::<Vec<_>>()).markdown("");
    let runs: Vec<&Fused> = reports.iter().filter_map(|report| report.fused.as_ref()).collect();
    if runs.is_empty() { stages } else { stages + "\n" + &fused::table(&runs).markdown("") }
}

fn with_thesis(reports: &[&Report]) -> Table {
    let Some(first) = reports.first() else { return of_figures([]) };
    let mut rows: Vec<(String, Vec<(Figures, Figures)>)> = Vec::new();
    for stage in &first.stages {
        let runs = reports.iter().filter_map(|report| {
            let same = report.stages.iter().find(|other| other.name == stage.name)?;
            Some((Figures::from(same), baseline(report)?))
        });
        rows.push((stage.name.clone(), runs.collect()));
    }
    let longer = reports
        .iter()
        .map(|report| Some((Figures::from(report.longer_baseline.as_ref()?), baseline(report)?)))
        .collect::<Option<Vec<_>>>();
    if let (Some(longer), false) = (longer, rows.is_empty()) {
        rows.insert(1, ("baseline, trained on".into(), longer));
    }
    let thesis_baseline = first.thesis.stages.first().map(Figures::from).unwrap_or_default();
    for stage in &first.thesis.stages {
        rows.push((format!("thesis: {}", stage.name), vec![(Figures::from(stage), thesis_baseline)]));
    }
    of_figures(rows.iter().map(|(name, runs)| (name.clone(), runs.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use hccr_report::number::NONE;

    #[test]
    fn markdown_of_one_report() {
        let mut report = sample::report();
        report.stages.truncate(2);
        report.thesis.stages.drain(..2);
        assert_eq!(
            markdown(&[report]),
            "| | top-1 % | drop pt | top-5 % | weights | non-zeros | dense MMACs | non-zero MMACs | fewer | bytes | smaller | min ms | median ms |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n\
             | baseline | 97.60 | 0.00 | 99.80 | 700,000 | 700,000 | 40.00 | 40.00 | 1.0× | 2,810,000 | 1.0× | 4.10 | 4.20 |\n\
             | gslre | 97.55 | 0.05 | 99.79 | 520,000 | 520,000 | 10.00 | 10.00 | 4.0× | 2,090,000 | 1.3× | 2.10 | 2.20 |\n\
             | thesis: compressed | 97.09 | 0.00 | – | 8,157,920 | 2,138,992 | 152.00 | 62.98 | 1.0× | 2,455,133 | 1.0× | – | 9.70 |\n\n\
             | | as written | shuffled | joined |\n|---|---:|---:|---:|\n| online | 97.80 | 41.00 | 88.00 |\n\
             | offline | 97.00 | 97.00 | 93.00 |\n| fused | 98.50 | 96.00 | 95.00 |\n"
        );
    }

    #[test]
    fn readme_shows_the_committed_reports() {
        let readme = sample::committed("README.md");
        for (run, seeds) in
            [("offline-hwdb64", 1), ("online-olhwdb50", 3), ("offline-default", 1), ("online-default", 1)]
        {
            let path = |seed| format!("docs/results/{run}-seed{seed}.json");
            let report = |seed| serde_json::from_str(&sample::committed(&path(seed))).unwrap();
            let reports: Vec<Report> = (1..=seeds).map(report).collect();
            let (_, rest) = readme.split_once(&format!("<!-- {run}:begin -->\n")).expect("the table's first mark");
            let (table, _) = rest.split_once(&format!("<!-- {run}:end -->")).expect("the table's last mark");
            assert_eq!(table, markdown(&reports), "fill in what `cargo xtask reproduce table` prints");
        }
    }

    #[test]
    fn markdown_over_seeds_gives_mean_and_range() {
        let mut reports = [sample::report(), sample::report(), sample::report()];
        for (report, top1) in reports.iter_mut().zip([0.97, 0.98, 0.987]) {
            report.stages[0].top1 = top1;
        }
        let table = markdown(&reports);
        let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_string();
        assert!(row("| baseline").starts_with("| baseline | 97.90 (97.00 to 98.70) | 0.00 | 99.80 | 700,000 |"));
        // The drop belongs to each seed: 97.55 % from each baseline.
        assert!(row("| gslre").starts_with("| gslre | 97.55 | 0.35 (-0.55 to 1.15) |"));
        assert_eq!(markdown(&[]), "| |  |\n|---|\n");
    }

    #[test]
    fn drops_are_against_the_baseline_that_trained_for_as_long() {
        let mut report = sample::report();
        for (stage, steps) in report.stages.iter_mut().zip([1000, 1500, 2500, 3000, 3000, 3000]) {
            stage.steps = Some(steps);
        }
        let longer = Stage { top1: 0.98, steps: Some(3000), ..report.stages[0].clone() };
        report.longer_baseline = Some(longer);
        let table = markdown(&[report]);
        let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_string();
        assert!(
            row("| baseline |").starts_with("| baseline | 97.60 | 0.40 |")
                && row("| baseline |").ends_with("| 1,000 |")
        );
        assert!(row("| baseline, trained on").contains("| 98.00 | 0.00 |"), "{table}");
        assert!(row("| gslre").starts_with("| gslre | 97.55 | 0.45 |") && row("| gslre").contains("| 1.3× |"));
    }

    #[test]
    fn unlike_reports_have_no_mean() {
        let (mut other, mut fewer) = (sample::report(), sample::report());
        other.seed = 7;
        assert!(check_alike(&[sample::report(), other]).is_ok() && check_alike(&[]).is_ok());
        fewer.stages.pop();
        for unlike in [sample::released(), fewer] {
            let error = check_alike(&[sample::report(), sample::report(), unlike]).unwrap_err().to_string();
            assert!(error.starts_with("report 3 cannot be averaged"), "{error}");
        }
    }

    #[test]
    fn terminal_lines_align_and_unknown_columns_go() {
        let report = sample::report();
        let text = terminal(&report);
        let widths: Vec<usize> = stages(&report).terminal().lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|&w| w == widths[0]), "{text}");
        assert!(text.contains("structure only, untrained"));
        let fused = ["fused", "98.50", "96.00", "95.00"];
        assert!(text.lines().any(|line| line.split_whitespace().eq(fused)), "{text}");
        assert!(text.contains("thesis: compressed"));
        assert!(text.contains("zeros in blocks"));
    }

    #[test]
    fn the_released_network_is_measured_against_the_thesis() {
        let table = markdown(&[sample::released()]);
        let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().to_string();
        let macs = "8,157,920 | 2,138,992 | 152.00 | 62.98 | 9.4×";
        assert_eq!(
            row("| released"),
            format!("| released | 96.79 | – | 99.59 | {macs} | 2,455,133 | 17.7× | 8.00 | 8.20 |")
        );
        assert_eq!(row("| thesis: baseline").split(" | ").nth(2), Some("0.00"));
    }

    #[test]
    fn a_division_by_nothing_has_no_figure() {
        let mut report = sample::report();
        report.stages[1].bytes = 0;
        report.stages[1].median_ms = f64::NAN;
        let table = stages(&report);
        let cell = |head| table.rows[1].1[table.head.iter().position(|&h| h == head).unwrap()].clone();
        assert_eq!([cell("smaller"), cell("median ms")], [NONE, NONE]);
    }
}
