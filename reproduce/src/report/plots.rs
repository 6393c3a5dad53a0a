//! The report's plots.

use super::types::{Report, TrainingPoint};
use anyhow::Result;
use hccr_report::chart::{Axis, Chart, Plot, Series, Style};
use hccr_report::number;
use std::collections::BTreeMap;

/// A line with more points than this has them averaged in groups: a plot has no more pixels.
const MAX_POINTS: usize = 400;

/// All plots for which the report has data, in the order in which to read them.
///
/// # Errors
/// Where the drawing library fails.
pub(crate) fn all(report: &Report) -> Result<Vec<Plot>> {
    let charts = [
        accuracy_against_size(report),
        training_loss(&report.curves.training),
        training_accuracy(&report.curves.training),
        redundancy(report),
        sparsity(report),
        sparse_accuracy(report),
    ];
    let plots: Result<Vec<_>> = charts.iter().map(Chart::draw).collect();
    Ok(plots?.into_iter().flatten().collect())
}

fn accuracy_against_size(report: &Report) -> Chart {
    // Later dots are smaller: stages of one size and accuracy stay visible.
    let dots = |label: &str, colour, points| Series {
        label: Some(label.into()),
        style: Style { colour, dot: Some((9 - colour as i32).max(4)), ..Style::default() },
        points,
    };
    let path = report.stages.iter().map(|stage| (stage.bytes as f64, stage.top1)).collect();
    let mut series = vec![Series { label: None, style: Style { colour: 8, ..Style::default() }, points: path }];
    for (i, stage) in report.stages.iter().enumerate() {
        series.push(dots(&stage.name, i, vec![(stage.bytes as f64, stage.top1)]));
    }
    let thesis = report.thesis.stages.iter();
    let thesis = thesis.filter_map(|stage| Some((stage.bytes?.value, stage.top1?.value))).collect();
    let mut thesis = dots("thesis, 3755 classes", 8, thesis);
    thesis.style.dashed = true;
    series.push(thesis);
    Chart {
        title: "Accuracy against size",
        caption: "Each dot is the network after one stage: test accuracy and bytes of its file.".into(),
        x: Axis { label: "file size", log: true, text: number::decimal_bytes },
        y: Axis::percent("top-1 accuracy, %"),
        series,
        boundaries: Vec::new(),
    }
}

fn training_loss(points: &[TrainingPoint]) -> Chart {
    let loss = points.iter().map(|p| (p.step as f64, p.loss)).collect();
    Chart {
        title: "Training loss",
        caption: "Softmax cross-entropy on the training samples, over all stages.".into(),
        x: Axis::STEPS,
        y: Axis { label: "loss (log scale)", log: true, text: |loss| format!("{}", (loss * 1e4).round() / 1e4) },
        series: vec![line("loss", 0, loss)],
        boundaries: stage_starts(points),
    }
}

fn training_accuracy(points: &[TrainingPoint]) -> Chart {
    let train = points.iter().map(|p| (p.step as f64, p.train_accuracy)).collect();
    let dev = points.iter().filter_map(|p| Some((p.step as f64, p.dev_accuracy?))).collect();
    Chart {
        title: "Training accuracy",
        caption: "On the training samples as they pass, and on the development writers.".into(),
        x: Axis::STEPS,
        y: Axis::percent("accuracy, %"),
        series: vec![line("training", 0, train), line("development", 1, dev)],
        boundaries: stage_starts(points),
    }
}

fn redundancy(report: &Report) -> Chart {
    let curves = &report.curves.cra;
    let styles = layer_styles(curves.iter().map(|curve| curve.layer.as_str()));
    let mut series = Vec::new();
    for (curve, style) in curves.iter().zip(styles) {
        let mut points = curve.points.clone();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let chosen = interpolate(&points, curve.chosen).map(|accuracy| (curve.chosen, accuracy));
        series.push(Series { label: Some(curve.layer.clone()), style, points });
        let style = Style { dot: Some(5), ..style };
        series.push(Series { label: None, style, points: chosen.into_iter().collect() });
    }
    Chart {
        title: "Connection redundancy",
        caption: "Accuracy with a single layer pruned, the others whole. Dots mark the chosen ratios.".into(),
        x: Axis::percent("dropped weights of the layer, %"),
        y: Axis::percent("development accuracy, %"),
        series,
        boundaries: Vec::new(),
    }
}

fn sparsity(report: &Report) -> Chart {
    let adw = &report.curves.adw;
    let mut series: Vec<Series> = layer_styles(adw.layers.iter().map(String::as_str))
        .into_iter()
        .zip(&adw.layers)
        .enumerate()
        .map(|(i, (style, layer))| {
            let points = adw.points.iter().filter_map(|p| Some((p.step as f64, *p.layer_sparsity.get(i)?)));
            Series { label: Some(layer.clone()), style, points: thin(points.collect()) }
        })
        .collect();
    let overall = adw.points.iter().map(|p| (p.step as f64, p.sparsity)).collect();
    let mut overall = line("all weights", 8, overall);
    overall.style.bold = true;
    series.push(overall);
    Chart {
        title: "Adaptive drop-weight: sparsity",
        caption: "The thresholds rise until each layer has its target share of zeros.".into(),
        x: Axis::STEPS,
        y: Axis::percent("zeros, %"),
        series,
        boundaries: Vec::new(),
    }
}

fn sparse_accuracy(report: &Report) -> Chart {
    let points = report.curves.adw.points.iter();
    let accuracy = points.filter_map(|p| Some((p.step as f64, p.accuracy?))).collect();
    Chart {
        title: "Adaptive drop-weight: accuracy",
        caption: "On the development writers while the thresholds rise.".into(),
        x: Axis::STEPS,
        y: Axis::percent("development accuracy, %"),
        series: vec![line("accuracy", 0, accuracy)],
        boundaries: Vec::new(),
    }
}

fn line(label: &str, colour: usize, points: Vec<(f64, f64)>) -> Series {
    Series { label: Some(label.into()), style: Style { colour, ..Style::default() }, points: thin(points) }
}

/// Where each stage begins; the steps of a point are those before it.
fn stage_starts(points: &[TrainingPoint]) -> Vec<(f64, String)> {
    let mut starts: Vec<(f64, String)> = Vec::new();
    let mut step = 0;
    for point in points {
        if starts.last().is_none_or(|(_, stage)| *stage != point.stage) {
            starts.push((step as f64, point.stage.clone()));
        }
        step = point.step;
    }
    starts
}

/// One colour for the two halves of a low-rank pair (`_v`, `_h`), the second dashed.
fn layer_styles<'a>(layers: impl Iterator<Item = &'a str>) -> Vec<Style> {
    let mut colours = BTreeMap::new();
    layers
        .map(|layer| {
            let stem = layer.strip_suffix("_v").or(layer.strip_suffix("_h")).unwrap_or(layer);
            let next = colours.len();
            let colour = *colours.entry(stem).or_insert(next);
            Style { colour, dashed: layer.ends_with("_h"), ..Style::default() }
        })
        .collect()
}

/// The height at `x` of the line through `points` (ascending), `None` outside them.
fn interpolate(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let next = points.iter().position(|point| point.0 >= x)?;
    let (x1, y1) = points[next];
    if x1 == x {
        return Some(y1);
    }
    let (x0, y0) = points[next.checked_sub(1)?];
    Some(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
}

/// Averages groups of neighbours so that at most [`MAX_POINTS`] remain.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let group = points.len().div_ceil(MAX_POINTS).max(1);
    let mean = |group: &[(f64, f64)]| {
        let sum = group.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (sum.0 / group.len() as f64, sum.1 / group.len() as f64)
    };
    points.chunks(group).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::super::types::Curves;
    use super::*;

    #[test]
    fn a_full_report_has_all_plots() {
        let titles: Vec<String> = all(&sample::report()).unwrap().into_iter().map(|plot| plot.title).collect();
        assert_eq!(titles.len(), 6, "{titles:?}");
    }

    #[test]
    fn reports_without_curves_or_with_nan_draw_what_they_have() {
        let mut report = sample::report();
        report.curves = Curves::default();
        assert_eq!(all(&report).unwrap().len(), 1);

        let mut report = sample::report();
        report.curves.training.iter_mut().for_each(|p| p.loss = f64::NAN);
        report.curves.adw.points.iter_mut().for_each(|p| p.layer_sparsity.clear());
        report.stages.iter_mut().for_each(|stage| stage.top1 = f64::NAN);
        assert_eq!(all(&report).unwrap().len(), 5);
    }

    #[test]
    fn stages_start_where_the_one_before_ended() {
        let point = |stage: &str, step| TrainingPoint {
            stage: stage.into(),
            step,
            loss: 1.0,
            train_accuracy: 0.5,
            dev_accuracy: None,
        };
        let starts = stage_starts(&[point("a", 10), point("a", 20), point("b", 30)]);
        assert_eq!(starts, [(0.0, "a".into()), (20.0, "b".into())]);
    }

    #[test]
    fn pairs_share_a_colour() {
        let styles = layer_styles(["conv1", "conv2_v", "conv2_h", "fc1"].into_iter());
        let look: Vec<_> = styles.iter().map(|style| (style.colour, style.dashed)).collect();
        assert_eq!(look, [(0, false), (1, false), (1, true), (2, false)]);
    }

    #[test]
    fn the_chosen_ratio_lies_on_the_curve() {
        let points = [(0.0, 1.0), (0.5, 0.9), (1.0, 0.5)];
        let heights = [-0.1, 0.0, 0.5, 0.75, 1.1, f64::NAN].map(|x| interpolate(&points, x));
        assert_eq!(heights, [None, Some(1.0), Some(0.9), Some(0.7), None, None]);
    }

    #[test]
    fn thinning_keeps_the_mean() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), 2.0)).collect();
        let thinned = thin(points);
        assert_eq!((thinned.len(), thinned[0]), (334, (1.0, 2.0)));
        assert!(thin(Vec::new()).is_empty());
    }

    #[test]
    fn a_legend_names_each_line_and_stays_on_the_picture() {
        for plot in all(&sample::report()).unwrap() {
            let svg = plot.standalone();
            let names = plot.legend.iter().filter(|key| svg.contains(&format!(">{}</text>", key.label))).count();
            assert_eq!(names, if plot.legend.len() > 1 { plot.legend.len() } else { 0 }, "{}", plot.title);
            let (keys, [width, _]) = (svg.rsplit_once("<g ").unwrap().1, plot.size);
            let places =
                keys.lines().filter_map(|line| line.split_once("<text x=\"")?.1.split_once('"')?.0.parse().ok());
            assert!(places.into_iter().all(|x: f64| x < width));
        }
    }

    #[test]
    fn readme_has_the_plots_of_the_committed_run() {
        let report = sample::committed("docs/results/offline-default-seed1.json");
        let report: Report = serde_json::from_str(&report).unwrap();
        let readme = sample::committed("README.md");
        let plots = all(&report).unwrap();
        let shown = |name: &str| readme.contains(&format!("(docs/images/{name}.svg)"));
        let shown: Vec<_> = plots.iter().filter(|plot| shown(&plot.file_name())).collect();
        assert_eq!(shown.len(), 1, "README shows plots of the run");
        for plot in shown {
            let name = plot.file_name();
            assert_eq!(
                sample::committed(&format!("docs/images/{name}.svg")),
                plot.standalone(),
                "copy {name}.svg from the run's plots"
            );
        }
    }
}
