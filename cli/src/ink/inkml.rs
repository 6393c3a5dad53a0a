//! Ink as InkML, the W3C's markup: each `trace` is a stroke, and all traces of a file are one character.

use anyhow::{Context, Result, bail, ensure};
use hccr::ink::Point;
use roxmltree::{Document, Node, ParsingOptions};

/// The elements that a file may have, with their texts and attributes.
const MAX_NODES: u32 = 1 << 20;

/// The strokes of the ink in `text`.
pub(super) fn read(text: &str) -> Result<Vec<Vec<Point>>> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).context("is no InkML")?;
    ensure!(document.root_element().tag_name().name() == "ink", "is no InkML: its outermost element is not `ink`");
    let channels = channels(&document)?;
    let traces = named(&document, "trace").enumerate();
    traces.map(|(number, node)| stroke(node, channels).with_context(|| format!("trace {}", number + 1))).collect()
}

fn named<'a>(document: &'a Document<'a>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(move |node| node.tag_name().name() == name)
}

/// The places of X and Y among the numbers of a point.
fn channels(document: &Document<'_>) -> Result<[usize; 2]> {
    let Some(format) = named(document, "traceFormat").next() else { return Ok([0, 1]) };
    let names: Vec<&str> = format
        .children()
        .filter(|child| child.tag_name().name() == "channel")
        .filter_map(|channel| channel.attribute("name"))
        .collect();
    let place = |name| names.iter().position(|&n| n == name);
    match (place("X"), place("Y")) {
        (Some(x), Some(y)) => Ok([x, y]),
        _ => bail!("its traceFormat has no channels X and Y"),
    }
}

/// A channel of a trace: how its numbers are meant, and where it is.
#[derive(Clone, Copy, Default)]
struct Channel {
    meaning: Meaning,
    value: f64,
    velocity: f64,
}

#[derive(Clone, Copy, Default)]
enum Meaning {
    #[default]
    Value,
    Difference,
    SecondDifference,
}

impl Channel {
    fn take(&mut self, number: f64) {
        let before = self.value;
        self.value = match self.meaning {
            Meaning::Value => number,
            Meaning::Difference => before + number,
            Meaning::SecondDifference => before + self.velocity + number,
        };
        self.velocity = self.value - before;
    }
}

/// The points of a trace: separated by commas, the numbers of a point by blanks, or by the signs before them.
fn stroke(trace: Node<'_, '_>, [x, y]: [usize; 2]) -> Result<Vec<Point>> {
    let text: String = trace.children().filter_map(|child| child.text()).collect();
    let mut channels = [Channel::default(); 2];
    let mut points = Vec::new();
    for point in text.split(',').map(str::trim).filter(|point| !point.is_empty()) {
        let mut found = [false; 2];
        for (place, number) in numbers(point).enumerate() {
            let Some(wanted) = [x, y].iter().position(|&wanted| wanted == place) else { continue };
            let number = number.trim_start_matches(|prefix| {
                let meaning = match prefix {
                    '!' => Meaning::Value,
                    '\'' => Meaning::Difference,
                    '"' => Meaning::SecondDifference,
                    _ => return false,
                };
                channels[wanted].meaning = meaning;
                true
            });
            channels[wanted].take(number.trim().parse().with_context(|| format!("{number:?} is no number"))?);
            found[wanted] = true;
        }
        ensure!(found == [true; 2], "the point {point:?} has no X and Y");
        let [x, y] = channels.map(|channel| channel.value as f32);
        points.push(Point { x, y });
    }
    Ok(points)
}

/// The numbers of a point, each with the marks before it.
fn numbers(point: &str) -> impl Iterator<Item = &str> {
    let mut rest = point;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let marks = rest.find(|c: char| !"!'\" ".contains(c)).unwrap_or(rest.len());
        let is_end = |(at, c): &(usize, char)| {
            let begins_another = "!'\"".contains(*c) || ("+-".contains(*c) && *at > 0);
            c.is_whitespace() || begins_another
        };
        let end = rest[marks..].char_indices().find(is_end).map_or(rest.len(), |(at, _)| marks + at);
        let (number, others) = rest.split_at(end);
        rest = others;
        (!number.is_empty()).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(trace: &str) -> Vec<[f32; 2]> {
        let text = format!("<ink xmlns=\"http://www.w3.org/2003/InkML\"><trace>{trace}</trace></ink>");
        read(&text).unwrap()[0].iter().map(|point| [point.x, point.y]).collect()
    }

    #[test]
    fn traces_are_strokes() {
        assert_eq!(points(" 10 0, 9.5 14,\n8 -28 "), [[10.0, 0.0], [9.5, 14.0], [8.0, -28.0]]);
    }

    /// Values, differences, and differences of differences.
    #[test]
    fn differences_add_up() {
        let trace = "1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6,2 4,!1300 1";
        let expected = [
            [1125.0, 18432.0],
            [1148.0, 18475.0],
            [1178.0, 18510.0],
            [1211.0, 18540.0],
            [1251.0, 18567.0],
            [1297.0, 18596.0],
            [1349.0, 18633.0],
            [1404.0, 18676.0],
            [1461.0, 18723.0],
        ];
        assert_eq!(points(trace)[..9], expected);
        assert_eq!(points(trace)[9][0], 1300.0);
    }

    #[test]
    fn channels_have_places() {
        let format = "<traceFormat><channel name=\"T\"/><channel name=\"Y\"/><channel name=\"X\"/></traceFormat>";
        let text = format!("<ink>{format}<trace>1 2 3, T 5 6</trace></ink>");
        assert_eq!(read(&text).unwrap(), [[Point { x: 3.0, y: 2.0 }, Point { x: 6.0, y: 5.0 }]]);
        assert!(read("<ink><traceFormat><channel name=\"X\"/></traceFormat></ink>").is_err());
    }

    #[test]
    fn damaged_files_are_refused() {
        for text in ["<ink><trace>1 2</ink>", "<svg/>", "<ink><trace>1</trace></ink>", "<ink><trace>1 x</trace></ink>"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
