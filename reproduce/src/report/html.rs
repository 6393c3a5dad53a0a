//! The report as one HTML page that needs no other file, no network and no script.

use super::plots;
use super::stages::{self, Figures};
use super::thesis::Figure;
use super::types::{Fused, Ladder, Layer, Report};
use super::{fused, ladder, released};
use anyhow::Result;
use hccr_report::markup::{capital, escape, figures_table, paragraph, section, table, text};
use hccr_report::number::{self, NONE};
use hccr_report::page::{self, figures, samples};
use hccr_report::reading;
use hccr_report::sheet::SheetItem;

/// The whole page.
///
/// # Errors
/// Where a sample is not a 96 x 96 image, or a plot cannot be drawn.
pub(crate) fn page(report: &Report, sheet: &[SheetItem]) -> Result<String> {
    let title = format!("{} pipeline, {} classes", capital(&report.pipeline), report.config.classes);
    let mut body = cards(report);
    body += &section("Stages", &stages(report));
    body += &section("Against the thesis", &against_thesis(report));
    if report.released.is_none() {
        body += &section("Plots", &figures(&plots::all(report)?));
    }
    body += &section("One ink, two recognizers", &report.fused.as_ref().map_or(String::new(), one_ink));
    body += &section("Layers", &layers(&report.layers));
    body += &section(
        "Writers",
        &report.released.as_ref().map_or(String::new(), |released| reading::writers(&released.writers)),
    );
    body += &match &report.released {
        Some(released) => {
            section("Most confused pairs", &(reading::confused_pairs(&released.confused_pairs) + &samples(sheet)?))
        }
        None => section("Samples", &samples(sheet)?),
    };
    body += &section("From naive loops to integers", &report.ladder.as_ref().map_or(String::new(), rungs));
    body += &section("What was run", &run(report));
    body += &section("How to read this", &caveats(report));
    Ok(page::page(&title, &report.data, &body))
}

/// Figures of the baseline and of the last stage.
fn ends(report: &Report) -> Option<(Figures, Figures)> {
    Some((stages::baseline(report)?, report.stages.last()?.into()))
}

fn cards(report: &Report) -> String {
    let Some((first, last)) = ends(report) else { return String::new() };
    let bytes = |figures: &Figures| text(figures.bytes, number::binary_bytes);
    let macs = |macs| format!("{} M", text(macs, number::millions));
    let ms = |ms| format!("{} ms", text(ms, number::ms));
    let accuracy = match last.drop_points(&first) {
        Some(drop) => format!("a drop of {} points from {} %", number::points(drop), text(first.top1, number::percent)),
        None => format!("top-5: {} %", text(last.top5, number::percent)),
    };
    let time = match last.time_ratio(&first) {
        Some(ratio) => format!("median; {} faster than {}", number::times(ratio), ms(first.median_ms)),
        None => format!("median; at the least {}", ms(last.min_ms)),
    };
    let cards = [
        ("Top-1 accuracy", format!("{} %", text(last.top1, number::percent)), accuracy),
        (
            "Model file",
            format!("{} smaller", text(last.bytes_ratio(&first), number::times)),
            format!("{} to {}", bytes(&first), bytes(&last)),
        ),
        (
            "MACs on non-zeros",
            format!("{} fewer", text(last.macs_ratio(&first), number::times)),
            format!("{} to {}", macs(first.nonzero_macs), macs(last.nonzero_macs)),
        ),
        ("One character, one thread", ms(last.median_ms), time),
    ];
    page::cards(cards)
}

fn stages(report: &Report) -> String {
    let Some(last) = report.stages.last() else { return String::new() };
    let mut html = figures_table(&stages::stages(report));
    let against = match (&report.released, &report.longer_baseline) {
        (Some(_), _) => "fewer and smaller are against the thesis's uncompressed network",
        (None, Some(_)) => {
            "fewer and smaller are against the baseline, drop is against the baseline trained on for as many steps as the compressed network"
        }
        (None, None) => {
            "fewer, smaller and drop are against the baseline, which trained for fewer steps than the compressed network: see the last column"
        }
    };
    html += &paragraph(&format!("{} test samples; {against}.", number::thousands(last.test_samples as f64)));
    if let Some(released) = &report.released {
        html += &paragraph(&released::repacked(released));
    }
    let codebook = report.stages.iter().find(|stage| stage.name == "codebook");
    if let (Some(theirs), Some(ours)) = (report.released_scheme_bytes, codebook) {
        html += &paragraph(&format!(
            "The released model's storage scheme would need {} bytes for the weights of the codebook stage; the file has {}.",
            number::thousands(theirs as f64),
            number::thousands(ours.bytes as f64)
        ));
    }
    html
}

fn against_thesis(report: &Report) -> String {
    let Some((first, last)) = ends(report) else { return String::new() };
    let (thesis, stages) = (&report.thesis, &report.thesis.stages);
    let [start, .., end] = stages.as_slice() else { return String::new() };
    let row = |name: &str, ours: Option<f64>, theirs: Option<Figure>, format: fn(f64) -> String| {
        let standing = theirs.map_or(NONE, |figure| figure.standing.text());
        let theirs = text(theirs.map(|figure| figure.value), format);
        ("", vec![name.into(), text(ours, format), theirs, standing.into()])
    };
    let mut rows = Vec::new();
    if report.released.is_none() {
        rows.extend([
            row("top-1 %, baseline", first.top1, start.top1, number::percent),
            row("bytes, baseline", first.bytes, start.bytes, number::thousands),
            row("million MACs, baseline", first.dense_macs, start.dense_macs, number::millions),
            row("drop, points", last.drop_points(&first), Some(thesis.drop_points), number::points),
        ]);
    }
    rows.extend([
        row("top-1 %, compressed", last.top1, end.top1, number::percent),
        row("bytes, compressed", last.bytes, end.bytes, number::thousands),
        row("smaller", last.bytes_ratio(&first), Some(thesis.bytes_ratio), number::times),
        row("million MACs on non-zeros, compressed", last.nonzero_macs, end.nonzero_macs, number::millions),
        row("fewer MACs on non-zeros", last.macs_ratio(&first), Some(thesis.macs_ratio), number::times),
        row("ms a character, compressed", last.median_ms, end.ms, number::ms),
    ]);
    table(&["", "this run", "thesis", "thesis figure from"], rows) + &paragraph(&thesis.source)
}

fn one_ink(fused: &Fused) -> String {
    figures_table(&fused::table(&[fused])) + &paragraph(&fused::note(fused))
}

fn layers(layers: &[Layer]) -> String {
    if layers.is_empty() {
        return String::new();
    }
    let count = |n: u64| number::thousands(n as f64);
    let millions = |n: u64| number::millions(n as f64);
    let row = |layer: &Layer| {
        let shape: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
        let rank = layer.rank.map_or(NONE.into(), |rank| rank.to_string());
        vec![
            layer.name.clone(),
            shape.join("×"),
            rank,
            count(layer.weights),
            count(layer.nonzeros),
            text(Some(layer.density), number::percent),
            millions(layer.dense_macs),
            millions(layer.nonzero_macs),
            count(layer.bytes),
            text(layer.ms, number::ms),
        ]
    };
    let sum = |value: fn(&Layer) -> u64| layers.iter().map(value).sum::<u64>();
    let (weights, nonzeros) = (sum(|l| l.weights), sum(|l| l.nonzeros));
    let total = Layer {
        name: "total".into(),
        shape: Vec::new(),
        rank: None,
        weights,
        nonzeros,
        density: nonzeros as f64 / weights as f64,
        dense_macs: sum(|l| l.dense_macs),
        nonzero_macs: sum(|l| l.nonzero_macs),
        bytes: sum(|l| l.bytes),
        ms: layers.iter().map(|l| l.ms).sum(),
    };
    let head =
        ["", "weight", "rank", "weights", "non-zeros", "density %", "dense MMACs", "non-zero MMACs", "bytes", "ms"];
    let rows = layers.iter().map(|layer| ("", row(layer))).chain([("total", row(&total))]);
    table(&head, rows) + &paragraph("The layers of the last stage; the file holds more than their bytes.")
}

fn rungs(climbed: &Ladder) -> String {
    format!("<p class=\"mark\">{}</p>\n", escape(&capital(&climbed.note)))
        + &figures_table(&ladder::table(climbed))
        + &figures(&[ladder::plot(&[("", climbed)])])
        + &paragraph(&ladder::note(climbed))
}

fn run(report: &Report) -> String {
    let (config, machine) = (&report.config, &report.machine);
    let memory = text(machine.memory_bytes.map(|n| n as f64), number::binary_bytes);
    let tested = number::thousands(report.stages.last().map_or(0, |stage| stage.test_samples) as f64);
    let (samples, threads) = if report.released.is_some() {
        (format!("{tested} for testing"), format!("{} for accuracy", report.threads.training))
    } else {
        let [train, dev] = [config.train_samples, config.dev_samples].map(|n| number::thousands(n as f64));
        let samples = format!("{train} for training, {dev} for development, {tested} for testing");
        (samples, format!("{} for training", report.threads.training))
    };
    let facts = [
        ("data", report.data.clone()),
        ("samples", samples),
        ("configuration", format!("tier {}, {} classes, {}", config.tier, config.classes, config.network())),
        ("seed", if report.released.is_some() { "nothing is random".into() } else { report.seed.to_string() }),
        ("commit", report.commit.clone()),
        ("versions", format!("hccr {}, {}", report.versions.hccr, report.versions.rustc)),
        ("machine", format!("{}, {} logical cores, {memory}, {}", machine.cpu, machine.logical_cores, machine.os)),
        ("instruction set", report.isa.clone()),
        ("threads", format!("{threads}, {} for timing", report.threads.timing)),
    ];
    let mut html = page::facts(&config.command, facts);
    if !report.times.is_empty() {
        let total = report.times.iter().map(|time| time.seconds).sum();
        let rows = report.times.iter().map(|time| ("", vec![time.stage.clone(), number::duration(time.seconds)]));
        let total = ("total", vec!["total".into(), number::duration(total)]);
        html += &table(&["", "wall time"], rows.chain([total]));
    }
    html
}

fn caveats(report: &Report) -> String {
    let fixed = [
        "One MAC is one multiplication and one addition. Dense MACs count every weight, MACs on non-zeros only those \
         that pruning has left; how many are executed depends on the kernel chosen for each layer.",
        "Bytes are those of the whole model file. Times are for one character.",
        "The thesis's figures belong to its own data, classes, network and machine, named beside them: where a run \
         differs in these, compare ratios and drops, not absolute figures.",
    ];
    page::notes(fixed.into_iter().chain(report.notes.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn text_is_escaped_everywhere() {
        let mut report = sample::report();
        let evil = "<script>\"'&";
        for text in [
            &mut report.pipeline,
            &mut report.data,
            &mut report.commit,
            &mut report.config.command,
            &mut report.machine.cpu,
            &mut report.stages[1].name,
            &mut report.layers[0].name,
            &mut report.thesis.source,
            &mut report.curves.cra[0].layer,
            &mut report.curves.training[0].stage,
            &mut report.times[0].stage,
            &mut report.notes[0],
        ] {
            *text = evil.into();
        }
        let image = [0; 96 * 96];
        let html =
            page(&report, &[SheetItem { image: image.to_vec(), truth: '<', guess: '&', probability: 0.5 }]).unwrap();
        assert!(!html.contains("<script"));
        assert!(html.contains("&lt;script&gt;&quot;&#39;&amp;"));
        assert!(html.contains("<b lang=\"zh\">&lt;</b> read as <b lang=\"zh\">&amp;</b>"));
    }

    #[test]
    fn sections_without_data_are_left_out() {
        let mut report = sample::report();
        assert!(page(&report, &[]).unwrap().contains("Structure only, untrained"));
        report.stages.clear();
        report.layers.clear();
        report.ladder = None;
        report.curves = Default::default();
        let html = page(&report, &[]).unwrap();
        for absent in ["Layers", "Samples", "From naive loops", "Against the thesis", "NaN"] {
            assert!(!html.contains(absent), "{absent}");
        }
        assert!(html.contains("What was run"));
    }

    #[test]
    fn the_page_needs_no_other_file() {
        let html = page(&sample::report(), &[]).unwrap();
        for outside in ["src=\"http", "href=", "url(", "@import", "<script"] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("1 min 33 s") && html.contains("23.8× smaller"));
    }

    #[test]
    fn the_released_network_has_sections_of_its_own() {
        let image = [0; 96 * 96];
        let items = [SheetItem { image: image.to_vec(), truth: '已', guess: '己', probability: 0.5 }];
        let html = page(&sample::released(), &items).unwrap();
        for present in ["21.3× smaller", "Writers", "Most confused pairs", "已 己", "read as <b lang=\"zh\">己</b>"]
        {
            assert!(html.contains(present), "{present}");
        }
        for absent in ["a drop of", "bytes, baseline", "Plots", "Samples", "for training", "NaN"] {
            assert!(!html.contains(absent), "{absent}");
        }
    }
}
