//! A table as text: aligned on the terminal, or in Markdown.

use crate::number::NONE;

/// A table as text: a name and cells in each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Heads of the columns, without that of the names.
    pub head: Vec<&'static str>,
    /// A name, and a cell per column.
    pub rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// Removes the columns for which no row has a figure.
    pub fn drop_empty_columns(&mut self) {
        let keep: Vec<bool> =
            (0..self.head.len()).map(|c| self.rows.iter().any(|(_, cells)| cells[c] != NONE)).collect();
        let retain = |c: &mut usize| {
            *c += 1;
            keep[*c - 1]
        };
        let mut c = 0;
        self.head.retain(|_| retain(&mut c));
        for (_, cells) in &mut self.rows {
            let mut c = 0;
            cells.retain(|_| retain(&mut c));
        }
    }

    /// Aligned columns, the heads over two lines: word and unit.
    pub fn terminal(&self) -> String {
        let heads: Vec<_> = self.head.iter().map(|head| head.split_once(' ').unwrap_or(("", head))).collect();
        let line = |name: &str, cells: Vec<String>| [vec![name.to_string()], cells].concat();
        let mut lines = vec![
            line("", heads.iter().map(|head| head.0.into()).collect()),
            line("", heads.iter().map(|head| head.1.into()).collect()),
        ];
        lines.extend(self.rows.iter().map(|(name, cells)| line(name, cells.clone())));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..=self.head.len()).map(width).collect();
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            if number == 2 {
                text += &"─".repeat(widths.iter().sum::<usize>() + 2 * self.head.len());
                text.push('\n');
            }
            text += &format!("{:<w$}", line[0], w = widths[0]);
            for (cell, w) in line.iter().zip(&widths).skip(1) {
                text += &format!("  {cell:>w$}");
            }
            text.push('\n');
        }
        text
    }

    /// With `corner` above the names.
    pub fn markdown(&self, corner: &str) -> String {
        let space = if corner.is_empty() { "" } else { " " };
        let head = self.head.join(" | ");
        let mut text = format!("|{space}{corner} | {head} |\n|---{}|\n", "|---:".repeat(self.head.len()));
        for (name, cells) in &self.rows {
            text += &format!("| {} | {} |\n", name.replace('|', "\\|"), cells.join(" | "));
        }
        text
    }
}

/// The mean, and in brackets the lowest and the highest value where they read differently.
pub fn mean_and_range(values: &[f64], text: fn(f64) -> String) -> String {
    if values.is_empty() {
        return NONE.into();
    }
    let mean = text(values.iter().sum::<f64>() / values.len() as f64);
    let low = text(values.iter().copied().fold(f64::INFINITY, f64::min));
    let high = text(values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    if low == high { mean } else { format!("{mean} ({low} to {high})") }
}
