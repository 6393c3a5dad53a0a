//! The ladders as bars, milliseconds on a logarithmic scale, in SVG.

use super::Rung;

const WIDTH: f64 = 720.0;
/// Where the bars start, behind the names, and where their scale ends.
const BARS: [f64; 2] = [290.0, 660.0];
/// Height of a rung, and of a ladder's title.
const ROW: f64 = 22.0;
const TITLE: f64 = 34.0;
/// Height of the numbers below.
const SCALE: f64 = 40.0;
const INK: &str = "#4A515C";
const GRID: &str = "#DDE1E6";
/// Plain loops and BLAS, and the runtime.
const FILLS: [&str; 2] = ["#9AA3AF", "#2F7DE1"];

/// One set of bars below the other, over one scale.
pub(crate) fn bars(ladders: &[(&str, Vec<Rung>)]) -> String {
    let times = || ladders.iter().flat_map(|(_, rungs)| rungs).map(|rung| rung.ms.log10());
    let (low, high) = (times().fold(f64::MAX, f64::min).floor(), times().fold(f64::MIN, f64::max).ceil());
    let x = |exponent: f64| BARS[0] + (exponent - low) / (high - low) * (BARS[1] - BARS[0]);
    let bottom = ladders.iter().map(|(_, rungs)| TITLE + ROW * rungs.len() as f64).sum::<f64>();
    let height = bottom + SCALE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"{INK}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n"
    );
    for exponent in low as i32..=high as i32 {
        let (x, label) = (x(f64::from(exponent)), 10f64.powi(exponent));
        svg += &format!("<path d=\"M{x:.1} {TITLE}V{bottom}\" stroke=\"{GRID}\"/>\n");
        svg += &text([x, bottom + 16.0], "middle", "", &format!("{label}"));
    }
    let middle = (BARS[0] + BARS[1]) / 2.0;
    svg += &text([middle, bottom + 33.0], "middle", "", "milliseconds a character, one thread");
    let mut y = 0.0;
    for (name, rungs) in ladders {
        svg += &text([8.0, y + 22.0], "start", " font-weight=\"bold\"", name);
        y += TITLE;
        for rung in rungs {
            let (end, fill) = (x(rung.ms.log10()), FILLS[usize::from(rung.in_runtime)]);
            let (top, width, height, baseline) = (y + 3.0, end - BARS[0], ROW - 6.0, y + 15.5);
            svg += &text([BARS[0] - 8.0, baseline], "end", "", rung.name);
            svg += &format!(
                "<rect x=\"{}\" y=\"{top}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{fill}\"/>\n",
                BARS[0]
            );
            svg += &text([end + 5.0, baseline], "start", "", &super::milliseconds(rung.ms));
            y += ROW;
        }
    }
    svg + "</svg>\n"
}

fn text([x, y]: [f64; 2], anchor: &str, style: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\"{style}>{text}</text>\n")
}
