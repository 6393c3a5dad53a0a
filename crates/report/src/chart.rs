//! Line charts as SVG text, for embedding in the HTML page.
//!
//! Colours that must follow the page's light or dark mode are the fixed values [`INK`] and [`GRID`]: the page's style
//! sheet replaces them. The background is transparent. Legends belong to the page, where they wrap on a narrow screen.

use crate::number;
use anyhow::Result;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use std::ops::Range;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x4a, 0x51, 0x5c);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xdd, 0xe1, 0xe6);

/// Series colours, legible on white and on black alike.
const PALETTE: [RGBColor; 10] = [
    RGBColor(0x2f, 0x7d, 0xe1),
    RGBColor(0xe8, 0x6c, 0x1a),
    RGBColor(0x23, 0x9d, 0x5b),
    RGBColor(0xd0, 0x3f, 0x8f),
    RGBColor(0x8a, 0x63, 0xd2),
    RGBColor(0x0f, 0xa3, 0xb1),
    RGBColor(0xbd, 0x8b, 0x0b),
    RGBColor(0xdb, 0x3f, 0x3f),
    RGBColor(0x7b, 0x86, 0x94),
    RGBColor(0x9c, 0x65, 0x3d),
];

const SIZE: (u32, u32) = (600, 360);
const MARGIN: u32 = 8;
const MARGIN_RIGHT: u32 = 48;
/// Width of the labels left of the plot.
const LABELS: u32 = 72;
/// Height of a line of text.
const LINE: i32 = 19;
const FONT: (&str, i32) = ("sans-serif", 16);

/// A finished chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Stands above the plot.
    pub title: String,
    /// Stands below the plot.
    pub caption: String,
    /// The picture alone.
    pub svg: String,
    /// Width and height.
    pub size: [f64; 2],
    /// Its series.
    pub legend: Vec<Key>,
}

/// An entry of a legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The name of the series.
    pub label: String,
    /// As `#rrggbb`.
    pub colour: String,
    /// `line`, `dashed` or `dot`.
    pub mark: &'static str,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Index into the palette, which repeats.
    pub colour: usize,
    /// Draws the line in dashes.
    pub dashed: bool,
    /// Draws the line twice as wide.
    pub bold: bool,
    /// Draws a dot of this radius, in pixels, at each point.
    pub dot: Option<i32>,
}

/// Points joined by a line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in the legend; without one the series is not listed.
    pub label: Option<String>,
    /// How it is drawn.
    pub style: Style,
    /// Those that have no place on an axis are left out.
    pub points: Vec<(f64, f64)>,
}

/// A label with its unit, a scale, and how its numbers read.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Stands beside the axis.
    pub label: &'static str,
    /// Whether the scale is logarithmic.
    pub log: bool,
    /// A number as text.
    pub text: fn(f64) -> String,
}

impl Axis {
    /// An axis of training steps.
    pub const STEPS: Self = Self { label: "step (mini-batches)", log: false, text: number::thousands };

    /// An axis of shares, shown in percent.
    pub const fn percent(label: &'static str) -> Self {
        Self { label, log: false, text: |share| format!("{}", (1e5 * share).round() / 1e3) }
    }

    /// The value's place on the axis; `None` where it has none.
    fn place(&self, value: f64) -> Option<f64> {
        let place = if self.log { value.log10() } else { value };
        place.is_finite().then_some(place)
    }

    /// The value at `place`.
    fn value(&self, place: f64) -> f64 {
        if self.log { 10f64.powf(place) } else { place }
    }

    /// Places of the labelled grid lines between `low` and `high`.
    fn ticks(&self, low: f64, high: f64) -> Vec<f64> {
        if !self.log {
            return linear_ticks(low, high);
        }
        let factors: &[f64] = if high - low > 3.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let decades = low.floor() as i32..=high.ceil() as i32;
        let ticks: Vec<f64> = decades
            .flat_map(|decade| factors.iter().map(move |factor| f64::from(decade) + factor.log10()))
            .filter(|tick| (low..=high).contains(tick))
            .collect();
        if ticks.len() >= 2 {
            return ticks;
        }
        linear_ticks(self.value(low), self.value(high)).into_iter().filter_map(|value| self.place(value)).collect()
    }
}

/// Multiples of 1, 2 or 5 times a power of ten: at most eight of them.
fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let raw = (high - low) / 7.0;
    let decade = 10f64.powf(raw.log10().floor());
    let step = decade * [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * decade >= raw).unwrap_or(10.0);
    let first = (low / step).ceil();
    (0..=8).map(|i| (first + f64::from(i)) * step).take_while(|&tick| tick <= high).collect()
}

/// A linear coordinate that is labelled at the given ticks.
struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        start + (share * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

/// A chart to draw.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Stands above the plot.
    pub title: &'static str,
    /// Stands below the plot.
    pub caption: String,
    /// The axis below.
    pub x: Axis,
    /// The axis at the left.
    pub y: Axis,
    /// Later ones are drawn over earlier ones.
    pub series: Vec<Series>,
    /// Named vertical lines.
    pub boundaries: Vec<(f64, String)>,
}

impl Chart {
    /// Draws the chart; points that are not finite are left out, and nothing is drawn where none remains.
    ///
    /// # Errors
    /// Where the drawing library fails.
    pub fn draw(&self) -> Result<Option<Plot>> {
        let places: Vec<Vec<(f64, f64)>> = self.series.iter().map(|series| self.places(&series.points)).collect();
        let all = || places.iter().flatten();
        if all().next().is_none() {
            return Ok(None);
        }
        let (x0, x1) = span(all().map(|p| p.0), 0.02);
        let (y0, y1) = span(all().map(|p| p.1), 0.05);

        let names = self.boundary_names(x0, x1);
        let top = MARGIN as i32 + LINE * names.iter().map(|name| name.row + 1).max().unwrap_or(0);

        let mut svg = String::new();
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(MARGIN)
            .margin_top(top)
            .margin_right(MARGIN_RIGHT)
            .x_label_area_size(50)
            .y_label_area_size(LABELS)
            .build_cartesian_2d(
                Scale { low: x0, high: x1, ticks: self.x.ticks(x0, x1) },
                Scale { low: y0, high: y1, ticks: self.y.ticks(y0, y1) },
            )?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .label_style(FONT.into_font().color(&INK))
            .axis_desc_style(FONT.into_font().color(&INK))
            .x_desc(self.x.label)
            .y_desc(self.y.label)
            .x_label_formatter(&|&place| (self.x.text)(self.x.value(place)))
            .y_label_formatter(&|&place| (self.y.text)(self.y.value(place)))
            .draw()?;
        for (at, _) in &self.boundaries {
            if let Some(x) = self.x.place(*at) {
                chart.draw_series(DashedLineSeries::new([(x, y0), (x, y1)], 4, 4, INK.stroke_width(1)))?;
            }
        }
        for (series, points) in self.series.iter().zip(&places) {
            let colour = PALETTE[series.style.colour % PALETTE.len()];
            let line = colour.stroke_width(if series.style.bold { 4 } else { 2 });
            if series.style.dashed {
                chart.draw_series(DashedLineSeries::new(points.iter().copied(), 6, 4, line))?;
            } else {
                chart.draw_series(LineSeries::new(points.iter().copied(), line))?;
            }
            if let Some(radius) = series.style.dot {
                chart.draw_series(points.iter().map(|&point| Circle::new(point, radius, colour.filled())))?;
            }
        }
        for name in names {
            let place = (name.left + 4, top - LINE * (name.row + 1) + 2);
            root.draw(&Text::new(name.text, place, FONT.into_font().color(&INK)))?;
        }
        root.present()?;
        drop(chart);
        drop(root);
        let size = [SIZE.0, SIZE.1].map(f64::from);
        Ok(Some(Plot { title: self.title.into(), caption: self.caption.clone(), svg, size, legend: self.legend() }))
    }

    fn places(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        points.iter().filter_map(|&(x, y)| Some((self.x.place(x)?, self.y.place(y)?))).collect()
    }

    /// Where the names of the boundaries go above the plot: higher where the name before is in the way.
    fn boundary_names(&self, x0: f64, x1: f64) -> Vec<BoundaryName<'_>> {
        let start = f64::from(MARGIN + LABELS);
        let width = f64::from(SIZE.0 - MARGIN_RIGHT) - start;
        let mut free: Vec<i32> = Vec::new();
        let mut names = Vec::new();
        for (at, text) in &self.boundaries {
            let Some(x) = self.x.place(*at).filter(|x| (x0..=x1).contains(x)) else { continue };
            let left = (start + width * (x - x0) / (x1 - x0)) as i32;
            let row = free.iter().position(|&end| end < left).unwrap_or(free.len());
            free.truncate(row);
            free.push(left + 10 + 9 * text.chars().count() as i32);
            names.push(BoundaryName { text, left, row: row as i32 });
        }
        names
    }

    fn legend(&self) -> Vec<Key> {
        self.series
            .iter()
            .filter(|series| !self.places(&series.points).is_empty())
            .filter_map(|series| {
                let RGBColor(r, g, b) = PALETTE[series.style.colour % PALETTE.len()];
                let colour = format!("#{r:02x}{g:02x}{b:02x}");
                let mark = match series.style {
                    Style { dashed: true, .. } => "dashed",
                    Style { dot: Some(_), .. } => "dot",
                    _ => "line",
                };
                Some(Key { label: series.label.clone()?, colour, mark })
            })
            .collect()
    }
}

/// The name of a boundary: its left end in pixels, and its row, counted upwards.
struct BoundaryName<'a> {
    text: &'a str,
    left: i32,
    row: i32,
}

/// The lowest and the highest value with a margin (a share of the span) around them; never empty.
fn span(values: impl Iterator<Item = f64> + Clone, margin: f64) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let margin = if high - low > 1e-9 * high.abs() { margin * (high - low) } else { (0.05 * high.abs()).max(0.05) };
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(log: bool, points: &[(f64, f64)]) -> Chart {
        let axis = Axis { label: "v", log, text: number::thousands };
        let series =
            Series { label: Some("s".into()), style: Style { dashed: log, ..Style::default() }, points: points.into() };
        Chart {
            title: "t",
            caption: String::new(),
            x: axis,
            y: axis,
            series: vec![series],
            boundaries: vec![(f64::NAN, "n".into()), (1.0, "one".into())],
        }
    }

    #[test]
    fn nothing_to_draw_gives_no_plot() {
        assert_eq!(chart(false, &[]).draw().unwrap(), None);
        assert_eq!(chart(false, &[(f64::NAN, 1.0), (1.0, f64::INFINITY)]).draw().unwrap(), None);
        assert_eq!(chart(true, &[(0.0, 1.0), (-1.0, 1.0)]).draw().unwrap(), None);
    }

    #[test]
    fn a_single_point_and_huge_values_are_drawn() {
        for points in [&[(1.0, 0.0)][..], &[(5.0, 3.0), (f64::NAN, 2.0), (1e300, 1e-300)], &[(0.0, -1.0), (1.0, 1.0)]] {
            for log in [false, true] {
                if let Some(plot) = chart(log, points).draw().unwrap() {
                    assert!(plot.svg.starts_with("<svg") && plot.svg.trim_end().ends_with("</svg>"));
                    assert_eq!(plot.legend.len(), 1);
                }
            }
        }
    }

    #[test]
    fn ticks_are_round_numbers() {
        let linear = Axis { label: "", log: false, text: number::thousands };
        let text = |ticks: Vec<f64>| ticks.iter().map(|tick| format!("{tick:.2}")).collect::<Vec<_>>().join(" ");
        assert_eq!(text(linear.ticks(0.0, 1.0)), "0.00 0.20 0.40 0.60 0.80 1.00");
        let log = Axis { log: true, ..linear };
        assert_eq!(text(log.ticks(-0.1, 1.1).into_iter().map(|t| log.value(t)).collect()), "1.00 2.00 5.00 10.00");
        assert_eq!(log.ticks(0.0, 6.0).len(), 7);
    }
}
