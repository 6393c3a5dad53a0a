//! Plots as files of their own, for documents other than the report's page.

use crate::chart::{Key, Plot};
use crate::markup::escape;

/// Height of a line of the legend, and what a letter takes of its width.
const LINE: f64 = 22.0;
const LETTER: f64 = 7.5;
/// Left and right of all.
const MARGIN: f64 = 16.0;
/// Width of a key's mark, with the gap behind it.
const MARK: f64 = 26.0;

impl Plot {
    /// The name of its file, without an ending.
    pub fn file_name(&self) -> String {
        let words = self.title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
    }

    /// The plot on white, with its legend below, in SVG.
    pub fn standalone(&self) -> String {
        let [width, height] = self.size;
        let mut keys = String::new();
        let (mut x, mut y) = (MARGIN, height + 0.7 * LINE);
        for key in self.legend.iter().filter(|_| self.legend.len() > 1) {
            let needed = MARK + LETTER * key.label.chars().count() as f64 + MARGIN;
            if x > MARGIN && x + needed > width {
                (x, y) = (MARGIN, y + LINE);
            }
            keys += &mark(key, [x, y]);
            x += needed;
        }
        let bottom = if keys.is_empty() { height } else { y + 0.6 * LINE };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{bottom:.0}\" viewBox=\"0 0 {width} {bottom:.0}\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n{}\n\
             <g font-family=\"sans-serif\" font-size=\"14\" fill=\"#4A515C\">\n{keys}</g>\n</svg>\n",
            self.svg.trim()
        )
    }
}

fn mark(Key { label, colour, mark }: &Key, [x, y]: [f64; 2]) -> String {
    let (middle, end, colour) = (x + 10.0, x + 20.0, escape(colour));
    let sign = match *mark {
        "dot" => format!("<circle cx=\"{middle:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/>"),
        _ => {
            let dashes = if *mark == "dashed" { " stroke-dasharray=\"6 4\"" } else { "" };
            format!("<path d=\"M{x:.1} {y:.1}H{end:.1}\" stroke=\"{colour}\" stroke-width=\"3\"{dashes}/>")
        }
    };
    format!("{sign}<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n", x + MARK, y + 5.0, escape(label))
}
