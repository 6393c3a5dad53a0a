//! Pieces of HTML.

use crate::number::NONE;
use crate::table::Table;

/// Text that is safe as content and as a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

/// The word with a capital letter.
pub fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A section with a heading; nothing where it has no content.
pub fn section(heading: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escape(heading))
}

/// A paragraph of text.
pub fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// A table whose first column names the rows; the class of a row may be empty.
pub fn table<'a>(head: &[&str], rows: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> String {
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
    };
    let head: Vec<String> = head.iter().map(|h| (*h).to_string()).collect();
    let mut html = format!("<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n", cells("th", &head));
    for (class, row) in rows {
        html += &format!("<tr class=\"{}\">{}</tr>\n", escape(class), cells("td", &row));
    }
    html + "</tbody>\n</table></div>\n"
}

/// The rows of `table_`, those of the thesis marked.
pub fn figures_table(table_: &Table) -> String {
    let head: Vec<&str> = std::iter::once("").chain(table_.head.iter().copied()).collect();
    let rows = table_.rows.iter().map(|(name, cells)| {
        let class = if name.starts_with("thesis") { "thesis" } else { "" };
        (class, [std::slice::from_ref(name), cells.as_slice()].concat())
    });
    table(&head, rows)
}

/// A figure as text, if there is one.
pub fn text(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.filter(|v| v.is_finite()).map_or(NONE.into(), text)
}
