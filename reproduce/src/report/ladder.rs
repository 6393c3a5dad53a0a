//! The ladder, which shows how much time each idea saves, as a table and as bars.

use super::types::{Ladder, Ladders, Rung};
use anyhow::Result;
use hccr_report::chart::{Key, Plot};
use hccr_report::number;
use hccr_report::table::Table;
use std::path::Path;

const WIDTH: f64 = 620.0;
/// Where the bars start, behind the names, and where their scale ends.
const BARS: [f64; 2] = [275.0, 565.0];
/// Height of a rung, and of a ladder's title.
const ROW: f64 = 22.0;
const TITLE: f64 = 34.0;
/// Height of the numbers below.
const SCALE: f64 = 40.0;
/// Text and grid, which the page's style sheet replaces.
const INK: &str = "#4A515C";
const GRID: &str = "#DDE1E6";
/// Loops and BLAS, and the runtime.
const FILLS: [&str; 2] = ["#9AA3AF", "#2F7DE1"];

/// One row per rung.
pub(crate) fn table(ladder: &Ladder) -> Table {
    let rungs = &ladder.rungs;
    let row = |(i, rung): (usize, &Rung)| {
        let faster =
            |than: Option<&Rung>| than.map_or(number::NONE.into(), |than| number::times(than.min_ms / rung.min_ms));
        let counts = [rung.nonzeros, rung.bytes].map(|n| number::thousands(n as f64));
        let [nonzeros, bytes] = counts;
        let [least, median] = [rung.min_ms, rung.median_ms].map(number::ms);
        let [before, first] =
            [i.checked_sub(1), (i > 0).then_some(0)].map(|than| faster(than.map(|than| &rungs[than])));
        (
            rung.name.clone(),
            vec![least, median, before, first, nonzeros, number::millions(rung.nonzero_macs as f64), bytes],
        )
    };
    let head =
        ["min ms", "median ms", "faster than before", "faster than first", "non-zeros", "non-zero MMACs", "bytes"];
    Table { head: head.into(), rows: rungs.iter().enumerate().map(row).collect() }
}

/// What the table and the bars need beside them.
pub(crate) fn note(ladder: &Ladder) -> String {
    let input = ladder.steps.map_or("an image".into(), |steps| format!("a sequence of {steps} steps"));
    format!(
        "Networks of the thesis's size with its {} classes and with random weights: bytes, MACs and times are real, and they \
         recognize nothing. Times are those of {input}, MACs too. The logits of every rung were held to \
         those of the naive loops on the same weights.",
        ladder.classes
    )
}

/// The ladders as bars, one below the other; a name may be empty.
pub(crate) fn plot(ladders: &[(&str, &Ladder)]) -> Plot {
    let key = |label: &str, fill: &str| Key { label: label.into(), colour: fill.into(), mark: "dot" };
    let (svg, height) = bars(ladders);
    Plot {
        title: "What each idea buys".into(),
        caption: "Shortest time of each rung.".into(),
        svg,
        size: [WIDTH, height],
        legend: vec![key("loops and BLAS", FILLS[0]), key("the runtime", FILLS[1])],
    }
}

/// Writes `ladder.json` and `ladder.svg` into the directory `out`, which is made where it is missing.
///
/// # Errors
/// Where a file cannot be written.
pub(crate) fn write(out: &Path, ladders: &Ladders) -> Result<()> {
    let json = serde_json::to_string_pretty(ladders)? + "\n";
    hccr_report::write_files(out, [("ladder.json".into(), json), ("ladder.svg".into(), picture(ladders))])
}

/// Both ladders as Markdown.
pub(crate) fn markdown(ladders: &Ladders) -> String {
    format!("{}\n{}", table(&ladders.offline).markdown("offline"), table(&ladders.online).markdown("online"))
}

/// The picture of both ladders, as a file of its own.
fn picture(ladders: &Ladders) -> String {
    plot(&[("offline", &ladders.offline), ("online", &ladders.online)]).standalone()
}

/// One set of bars below the other, over one logarithmic scale, in SVG, and its height. An empty name takes no room.
fn bars(ladders: &[(&str, &Ladder)]) -> (String, f64) {
    let times = || ladders.iter().flat_map(|(_, ladder)| &ladder.rungs).map(|rung| rung.min_ms.log10());
    let (low, high) = (times().fold(f64::MAX, f64::min).floor(), times().fold(f64::MIN, f64::max));
    let x = |exponent: f64| BARS[0] + (exponent - low) / (high - low) * (BARS[1] - BARS[0]);
    let title = |name: &str| if name.is_empty() { 0.0 } else { TITLE };
    let top = ladders.first().map_or(0.0, |(name, _)| title(name));
    let bottom = ladders.iter().map(|(name, ladder)| title(name) + ROW * ladder.rungs.len() as f64).sum::<f64>();
    let height = bottom + SCALE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
         <g font-family=\"sans-serif\" font-size=\"13\" fill=\"{INK}\">\n"
    );
    for exponent in low as i32..=high.floor() as i32 {
        let (x, label) = (x(f64::from(exponent)), 10f64.powi(exponent));
        svg += &format!("<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"{GRID}\"/>\n");
        svg += &text([x, bottom + 16.0], "middle", "", &format!("{label}"));
    }
    let middle = (BARS[0] + BARS[1]) / 2.0;
    svg += &text([middle, bottom + 33.0], "middle", "", "milliseconds a character, one thread");
    let mut y = 0.0;
    for (name, ladder) in ladders {
        svg += &text([8.0, y + 22.0], "start", " font-weight=\"bold\"", name);
        y += title(name);
        for rung in &ladder.rungs {
            let (end, fill) = (x(rung.min_ms.log10()), FILLS[usize::from(rung.in_runtime)]);
            let (top, width, height, baseline) = (y + 3.0, end - BARS[0], ROW - 6.0, y + 15.5);
            svg += &text([BARS[0] - 8.0, baseline], "end", "", &rung.name);
            let left = BARS[0];
            svg +=
                &format!("<rect x=\"{left}\" y=\"{top}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{fill}\"/>\n");
            svg += &text([end + 5.0, baseline], "start", "", &number::ms(rung.min_ms));
            y += ROW;
        }
    }
    (svg + "</g>\n</svg>\n", height)
}

fn text([x, y]: [f64; 2], anchor: &str, style: &str, text: &str) -> String {
    let text = hccr_report::markup::escape(text);
    format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\"{style}>{text}</text>\n")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn each_rung_is_compared_with_the_one_before_and_the_first() {
        let ladder = sample::ladder();
        let rows = table(&ladder).rows;
        assert_eq!(rows[0].1[..4], ["1000.0", "1050.0", "–", "–"]);
        assert_eq!(rows[2].1[..4], ["2.00", "2.10", "5.0×", "500.0×"]);
    }

    #[test]
    fn bars_grow_with_time_and_stay_on_the_picture() {
        let ladder = sample::ladder();
        let (svg, height) = bars(&[("offline", &ladder), ("online", &ladder)]);
        let attribute = |name: &str, line: &str| -> Option<f64> {
            line.split_once(&format!("{name}=\""))?.1.split_once('"')?.0.parse().ok()
        };
        let bars: Vec<&str> = svg.lines().filter(|line| line.starts_with("<rect")).collect();
        assert_eq!(bars.len(), 2 * ladder.rungs.len());
        let widths: Vec<f64> = bars.iter().map(|line| attribute("width", line).unwrap()).collect();
        assert!(widths[0] > widths[1] && widths[1] > widths[2] && widths[2] > 0.0, "{widths:?}");
        assert!(widths.iter().all(|width| BARS[0] + width <= BARS[1] + 0.1));
        assert!(bars.iter().all(|line| attribute("y", line).unwrap() < height));
    }

    #[test]
    fn performance_md_shows_the_committed_ladder() {
        let ladders: Ladders = serde_json::from_str(&sample::committed("docs/results/ladder.json")).unwrap();
        let text = sample::committed("docs/performance.md");
        for table in markdown(&ladders).split("\n\n") {
            assert!(text.contains(table.trim_end()), "fill in what `cargo xtask reproduce ladder` prints:\n{table}");
        }
        assert_eq!(sample::committed("docs/images/ladder.svg"), picture(&ladders));
    }
}
