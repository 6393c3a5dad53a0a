//! The report as a page.

use crate::report::Report;
use anyhow::Result;
use hccr_report::chart::{Axis, Chart, Plot, Series, Style};
use hccr_report::markup::{figures_table, paragraph, section};
use hccr_report::page::{self, cards, facts, figures, samples};
use hccr_report::sheet::SheetItem;
use hccr_report::{number, reading};

/// The whole page, with these samples of the most confused pairs.
///
/// # Errors
/// Where a sample is not a 96 x 96 image, or a plot cannot be drawn.
pub(crate) fn page(report: &Report, sheet: &[SheetItem]) -> Result<String> {
    let percent = |share| format!("{} %", number::percent(share));
    let measured = &report.figures;
    let mut body = cards([
        (
            "Top-1 accuracy",
            percent(measured.top1),
            format!("of {} characters", number::thousands(measured.samples as f64)),
        ),
        ("Top-5", percent(measured.top5), format!("top-10: {}", percent(measured.top10))),
        ("Calibration error", percent(measured.reliability.ece), "ECE, 15 bins".into()),
        (
            "One character, one thread",
            format!("{} ms", number::ms(report.time.median_ms)),
            format!("median; at the least {} ms", number::ms(report.time.min_ms)),
        ),
    ]);
    body += &section("Accuracy", &(figures_table(&report.accuracy()) + &paragraph(&report.choice())));
    body += &section("Models", &figures_table(&report.sizes()));
    body += &section("Plots", &figures(&plots(report)?));
    body += &section("Writers", &reading::writers(&measured.writers));
    body += &section("Most confused pairs", &(reading::confused_pairs(&report.confused_pairs) + &samples(sheet)?));
    body += &section("What was run", &run(report));
    body += &section("How to read this", &page::notes(NOTES));
    Ok(page::page("How well a model reads", &report.about(), &body))
}

const NOTES: [&str; 4] = [
    "ECE: the mean, over the samples, of how far the accuracy of a bin of answers is from their mean probability.",
    "Mean risk: the share of wrong answers among the surest ones, averaged over all shares of the answers that may be kept \
     (the area below the curve of risk against coverage).",
    "A time is of one character on one thread. An image is normalized already; with an ink, its normalization and its \
     drawing are in the time.",
    "An equal probability of another character counts against the true one.",
];

fn plots(report: &Report) -> Result<Vec<Plot>> {
    let reliability = &report.figures.reliability;
    let line = |label: Option<&str>, style, points| Series { label: label.map(String::from), style, points };
    let dots = Style { dot: Some(4), ..Style::default() };
    let ideal = Style { colour: 8, dashed: true, ..Style::default() };
    let charts = [
        Chart {
            title: "Reliability",
            caption: format!(
                "Each dot is a bin of answers: how often they are right against how sure they are. ECE {} %.",
                number::percent(reliability.ece)
            ),
            x: Axis::percent("mean probability, %"),
            y: Axis::percent("accuracy, %"),
            series: vec![
                line(Some("as good as they say"), ideal, vec![(0.0, 0.0), (1.0, 1.0)]),
                line(Some("measured"), dots, reliability.bins.iter().map(|b| (b.probability, b.accuracy)).collect()),
            ],
            boundaries: Vec::new(),
        },
        Chart {
            title: "Risk against coverage",
            caption: "The share of wrong answers among the surest ones, against the share of answers that is kept."
                .into(),
            x: Axis::percent("coverage, %"),
            y: Axis::percent("risk, %"),
            series: vec![line(
                None,
                Style::default(),
                report.figures.risk_coverage.points.iter().map(|&[coverage, risk]| (coverage, risk)).collect(),
            )],
            boundaries: Vec::new(),
        },
    ];
    let plots: Result<Vec<_>> = charts.iter().map(Chart::draw).collect();
    Ok(plots?.into_iter().flatten().collect())
}

fn run(report: &Report) -> String {
    let machine = &report.machine;
    facts(
        &report.command,
        [
            ("commit", report.commit.clone()),
            ("versions", format!("hccr {}, {}", report.versions.hccr, report.versions.rustc)),
            ("machine", format!("{}, {} logical cores, {}", machine.cpu, machine.logical_cores, machine.os)),
            ("instruction set", report.isa.clone()),
        ],
    )
}
