//! The report of the ablation: JSON, HTML and Markdown.

use super::measure::{Compared, Judged, MeasuredCell, levels};
use super::method::{Family, Method};
use super::statistics::{Difference, Verdict};
use crate::report::types::Threads;
use anyhow::Result;
use hccr_report::chart::{Axis, Chart, Plot, Series, Style};
use hccr_report::machine::{Machine, Versions};
use hccr_report::table::{Table, mean_and_range};
use hccr_report::{markup, number, page};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// All that was asked and measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ablation {
    /// The command that repeats it.
    pub(crate) command: String,
    /// What the sets are, in words.
    pub(crate) data: String,
    pub(crate) machine: Machine,
    /// Instruction set of the runtime.
    pub(crate) isa: String,
    pub(crate) threads: Threads,
    pub(crate) commit: String,
    pub(crate) versions: Versions,
    /// Samples per mini-batch.
    pub(crate) batch_size: usize,
    /// The method of the low-rank network that is pruned.
    pub(crate) pruned: Method,
    pub(crate) cells: Vec<MeasuredCell>,
    pub(crate) compared: Vec<Compared>,
    pub(crate) claims: Vec<Judged>,
}

/// Writes `report.json`, `report.html`, `ablations.md` and the plots into the directory `out`.
pub(super) fn write(out: &Path, ablation: &Ablation) -> Result<()> {
    let plots = plots(ablation)?;
    let mut files = vec![
        ("report.json".to_owned(), serde_json::to_string_pretty(ablation)? + "\n"),
        ("report.html".to_owned(), html(ablation, &plots)),
        ("ablations.md".to_owned(), markdown(ablation)),
    ];
    files.extend(plots.iter().map(|plot| (format!("plots/{}.svg", plot.file_name()), plot.standalone())));
    hccr_report::write_files(out, files)
}

/// How the methods are compared, where the low-rank network of `pruned` is pruned.
fn about(pruned: Method) -> String {
    format!(
        "Each row trains from the same start for as many steps as the other rows of its table. The first row of a table is the \
                     uncompressed network, trained on for as many steps since its baseline: drops are against it. Low rank starts from the \
                     baseline, pruning from the low-rank network of {pruned} at a speed-up of 3, shared values from the pruned network of ADW with \
                     CRA at a ratio of 8. The first layer is not pruned. A distilled method learns, beside the labels, from the \
                     answers of the baseline: half of the loss, at a temperature of 3."
    )
}

const STATISTICS: &str = "Accuracy is on the test set, which is read once, when all is trained; the mean over the seeds, and in brackets the \
                          range. Differences are between networks of one seed on the same test samples. Their intervals are of 95 %: \
                          McNemar's variance of the samples plus the variance between the seeds, and Student's \
                          quantile, which is large where seeds differ and are few. \"Holds\" says that the whole interval is \
                          above zero, \"does not hold\" that it is below, \"no difference seen\" that zero is in it.";

/// The page of a run, as Markdown.
fn markdown(ablation: &Ablation) -> String {
    format!("# Ablations\n\n{}\n\n{STATISTICS}\n\n{}", about(ablation.pruned), figures(ablation))
}

/// How a run was made and what it measured: docs/ablations.md has this of each run in docs/results.
fn figures(ablation: &Ablation) -> String {
    let mut text = format!(
        "`{}`\n\nData: {}. Mini-batches of {}.\n\n### Verdicts\n\n{}",
        ablation.command,
        ablation.data,
        ablation.batch_size,
        verdicts(&ablation.claims).markdown("claim"),
    );
    for (family, table) in tables(ablation) {
        text += &format!("\n### {}\n\n{}", family.title(), table.markdown("method"));
    }
    text + &format!(
        "\nMeasured on {} ({}), on one thread, with {}, at commit {}.\n",
        ablation.machine.cpu, ablation.machine.os, ablation.isa, ablation.commit
    )
}

/// What is printed at the end.
pub(super) fn terminal(ablation: &Ablation) -> String {
    let tables =
        tables(ablation).into_iter().map(|(family, table)| format!("{}\n{}\n", family.title(), table.terminal()));
    tables.collect::<String>() + &verdicts(&ablation.claims).terminal()
}

fn html(ablation: &Ablation, plots: &[Plot]) -> String {
    let mut body = markup::section("Verdicts", &markup::figures_table(&verdicts(&ablation.claims)));
    for (family, table) in tables(ablation) {
        body += &markup::section(family.title(), &markup::figures_table(&table));
    }
    body += &markup::section("Curves", &page::figures(plots));
    let facts = [
        ("Data", ablation.data.clone()),
        ("Machine", format!("{}, {}", ablation.machine.cpu, ablation.machine.os)),
        ("Instruction set", ablation.isa.clone()),
        ("Threads", format!("{} to train, {} to time", ablation.threads.training, ablation.threads.timing)),
        ("Mini-batch", format!("{} samples", ablation.batch_size)),
        ("Commit", ablation.commit.clone()),
        ("Compiler", ablation.versions.rustc.clone()),
    ];
    body += &markup::section("Run", &page::facts(&ablation.command, facts));
    body += &markup::section("Notes", &page::notes([&about(ablation.pruned)[..], STATISTICS]));
    page::page("Ablations", "Methods of compression against each other, at equal steps of training", &body)
}

/// A table for each family that was compared.
fn tables(ablation: &Ablation) -> Vec<(Family, Table)> {
    let table = |family| (family, self::table(ablation, family));
    Family::COMPARED.into_iter().map(table).filter(|(_, table)| table.rows.len() > 1).collect()
}

fn table(ablation: &Ablation, family: Family) -> Table {
    let mut rows = vec![(Method::Uncompressed, 0.0)];
    rows.extend(ablation.compared.iter().filter(|row| row.family == family).map(|row| (row.method, row.level)));
    let row = |(method, level): (Method, f64)| {
        let runs: Vec<&MeasuredCell> = ablation
            .cells
            .iter()
            .filter(|m| (m.cell.family, m.cell.method, m.cell.level) == (family, method, level))
            .collect();
        let over = |value: fn(&MeasuredCell) -> f64, text: fn(f64) -> String| {
            mean_and_range(&runs.iter().map(|run| value(run)).collect::<Vec<_>>(), text)
        };
        let gain = ablation.compared.iter().find(|c| (c.family, c.method, c.level) == (family, method, level));
        let level = if level > 0.0 { format!(", {}", family.level(level)) } else { String::new() };
        let cells = vec![
            over(|run| run.figures.top1, number::percent),
            gain.map_or(number::NONE.into(), |compared| difference(&compared.gain)),
            over(|run| run.figures.nonzeros as f64, number::thousands),
            over(|run| run.figures.nonzero_macs as f64, number::millions),
            over(|run| run.figures.bytes as f64, number::thousands),
            over(|run| run.figures.min_ms, number::ms),
            over(|run| run.steps as f64, number::thousands),
        ];
        (format!("{method}{level}"), cells)
    };
    Table {
        head: vec!["top-1 %", "gain pt", "non-zeros", "non-zero MMACs", "bytes", "min ms", "steps"],
        rows: rows.into_iter().map(row).collect(),
    }
}

fn verdicts(claims: &[Judged]) -> Table {
    let row = |judged: &Judged| {
        let at = |level: &super::measure::JudgedLevel| {
            let verdict = match level.verdict {
                Verdict::Holds => "holds",
                Verdict::NoDifferenceSeen => "no difference seen",
                Verdict::DoesNotHold => "does not hold",
            };
            format!("{}: {} {verdict}", judged.family.level(level.level), difference(&level.gain))
        };
        let levels: Vec<String> = judged.levels.iter().map(at).collect();
        let from = judged.holds_from().map_or(number::NONE.into(), |level| judged.family.level(level));
        (judged.claim.clone(), vec![from, levels.join("; ")])
    };
    Table { head: vec!["holds from", "difference in points"], rows: claims.iter().map(row).collect() }
}

fn difference(gain: &Difference) -> String {
    let [low, high] = gain.interval;
    format!("{:+.2} ({low:+.2} to {high:+.2})", gain.points)
}

/// Accuracy against size, MACs and time, for each family.
fn plots(ablation: &Ablation) -> Result<Vec<Plot>> {
    type Value = fn(&MeasuredCell) -> f64;
    let axes: [(Axis, Value); 3] = [
        (Axis { label: "file size", log: true, text: number::decimal_bytes }, |run| run.figures.bytes as f64),
        (Axis { label: "MACs on non-zero weights, millions", log: true, text: number::millions }, |run| {
            run.figures.nonzero_macs as f64
        }),
        (Axis { label: "milliseconds", log: true, text: number::ms }, |run| run.figures.min_ms),
    ];
    let titles = |family| match family {
        Family::LowRank => ["Low rank: accuracy against size", "Low rank: against MACs", "Low rank: against time"],
        Family::Sharing => {
            ["Shared values: accuracy against size", "Shared values: against MACs", "Shared values: against time"]
        }
        _ => ["Pruning: accuracy against size", "Pruning: against MACs", "Pruning: against time"],
    };
    let mut plots = Vec::new();
    for family in Family::COMPARED {
        for (title, (x, value)) in titles(family).into_iter().zip(axes) {
            let chart = Chart {
                title,
                caption: "Means over the seeds; upright lines reach from the lowest to the highest seed.".into(),
                x,
                y: Axis::percent("top-1 accuracy, %"),
                series: series(&ablation.cells, family, value),
                boundaries: Vec::new(),
            };
            plots.extend(chart.draw()?);
        }
    }
    Ok(plots)
}

/// A line for each method, and the spread over the seeds at each level.
fn series(cells: &[MeasuredCell], family: Family, value: fn(&MeasuredCell) -> f64) -> Vec<Series> {
    let mut methods: Vec<Method> =
        cells.iter().map(|m| m.cell).filter(|c| c.family == family).map(|c| c.method).collect();
    methods.sort();
    methods.dedup();
    let levels = [vec![0.0], levels(cells, family)].concat();
    let mut all = Vec::new();
    for (colour, method) in methods.into_iter().enumerate() {
        let style = Style { colour, ..Style::default() };
        let mut line = Vec::new();
        for &level in &levels {
            let runs: Vec<&MeasuredCell> = cells
                .iter()
                .filter(|m| (m.cell.family, m.cell.method, m.cell.level) == (family, method, level))
                .collect();
            if runs.is_empty() {
                continue;
            }
            let n = runs.len() as f64;
            let x = runs.iter().map(|run| value(run)).sum::<f64>() / n;
            let top1 = || runs.iter().map(|run| run.figures.top1);
            line.push((x, top1().sum::<f64>() / n));
            let spread = vec![(x, top1().fold(1.0, f64::min)), (x, top1().fold(0.0, f64::max))];
            all.push(Series { label: None, style, points: spread });
        }
        let style = Style { dot: Some(4), ..style };
        all.push(Series { label: Some(method.to_string()), style, points: line });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::measure::{compared, judged, tests::measured};
    use super::*;

    fn ablation() -> Ablation {
        let pruning = |method, level, share| (Family::Pruning, method, level, share);
        let cells = measured(&[
            pruning(Method::Uncompressed, 0.0, 0.95),
            pruning(Method::GradualUniform, 4.0, 0.94),
            pruning(Method::OneShot, 4.0, 0.90),
            pruning(Method::GradualUniform, 16.0, 0.90),
            pruning(Method::OneShot, 16.0, 0.90),
        ]);
        Ablation {
            command: "cargo xtask reproduce ablate".into(),
            data: "simulated".into(),
            machine: Machine::detect(),
            isa: "avx2".into(),
            threads: Threads { training: 2, timing: 1 },
            commit: "0".into(),
            versions: Versions::detect(),
            batch_size: 64,
            pruned: Method::Gslre,
            compared: compared(&cells),
            claims: judged(&cells),
            cells,
        }
    }

    #[test]
    fn the_page_says_what_the_figures_say() {
        let text = markdown(&ablation());
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"));
        assert!(line("| uncompressed").contains("95.00 | – |"), "{text}");
        assert!(line("| one-shot, 4x fewer weights").contains("90.00 | -5.00 ("), "{text}");
        let claim = line("| weights that are dropped gradually");
        assert!(
            claim.contains("4x fewer weights: +4.00") && claim.contains("16x fewer weights: +0.00 (+0.00 to +0.00) no")
        );
        assert!(!text.contains("## Low rank"));
    }

    #[test]
    fn the_documentation_has_the_figures_of_the_committed_runs() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let page = std::fs::read_to_string(docs.join("ablations.md")).unwrap();
        let mut runs = 0;
        for file in std::fs::read_dir(docs.join("results")).unwrap() {
            let path = file.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("ablation") {
                let run: Ablation = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                assert!(page.contains(&figures(&run)), "{} and docs/ablations.md differ", path.display());
                runs += 1;
            }
        }
        assert!(runs > 0 && page.contains(STATISTICS));
    }

    #[test]
    fn all_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &ablation()).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let json: Ablation = serde_json::from_str(&read("report.json")).unwrap();
        assert_eq!(json.claims, ablation().claims);
        assert!(read("report.html").contains("Pruning: against MACs"));
        assert!(read("plots/pruning-accuracy-against-size.svg").contains("gradual-uniform"));
    }
}
