//! The page of a report: one file of HTML that needs no other, no network and no script.

use crate::chart::{Key, Plot};
use crate::markup::{escape, paragraph};
use crate::sheet::SheetItem;
use anyhow::Result;

const STYLE: &str = include_str!("style.css");

/// The page of this title, below which `about` says in a sentence what was measured; `body` is its HTML.
pub fn page(title: &str, about: &str, body: &str) -> String {
    let [title, about] = [title, about].map(escape);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p>{about}</p>\n</header>\n{body}</body>\n</html>\n"
    )
}

/// Large figures, each with its label above and a detail below; nothing where there are none.
pub fn cards<'a>(cards: impl IntoIterator<Item = (&'a str, String, String)>) -> String {
    let card = |(label, value, detail): (&str, String, String)| {
        let [label, value, detail] = [label, &value, &detail].map(escape);
        format!("<div><p>{label}</p><strong>{value}</strong><p>{detail}</p></div>\n")
    };
    let cards: String = cards.into_iter().map(card).collect();
    if cards.is_empty() { cards } else { format!("<div class=\"cards\">\n{cards}</div>\n") }
}

/// Plots with their legends and captions; nothing where there are none.
pub fn figures(plots: &[Plot]) -> String {
    if plots.is_empty() {
        return String::new();
    }
    format!("<div class=\"plots\">\n{}</div>\n", plots.iter().map(figure).collect::<String>())
}

fn figure(plot: &Plot) -> String {
    let keys = plot.legend.iter().map(|key| {
        let Key { label, colour, mark } = key;
        format!("<li><i class=\"{mark}\" style=\"color:{}\"></i>{}</li>", escape(colour), escape(label))
    });
    let keys = if plot.legend.len() > 1 { format!("<ul>{}</ul>\n", keys.collect::<String>()) } else { String::new() };
    format!(
        "<figure>\n<h3>{}</h3>\n<div class=\"wide\">{}</div>\n{keys}<figcaption>{}</figcaption>\n</figure>\n",
        escape(&plot.title),
        plot.svg.trim(),
        escape(&plot.caption)
    )
}

/// Samples with what was recognized in each; nothing where there are none.
///
/// # Errors
/// Where a sample is not a 96 x 96 image.
pub fn samples(sheet: &[SheetItem]) -> Result<String> {
    if sheet.is_empty() {
        return Ok(String::new());
    }
    let mut html = String::from("<div class=\"sheet\">\n");
    for item in sheet {
        let [truth, guess] = [item.truth, item.guess].map(|c| escape(&c.to_string()));
        let percent = format!("{:.0} %", 100.0 * item.probability);
        let (class, verdict) = if item.truth == item.guess {
            ("right", format!("<b lang=\"zh\">{truth}</b>"))
        } else {
            ("wrong", format!("<b lang=\"zh\">{truth}</b> read as <b lang=\"zh\">{guess}</b>"))
        };
        html += &format!(
            "<div class=\"{class}\"><img src=\"{}\" alt=\"{truth}\" width=\"96\" height=\"96\"><p>{verdict} <small>{}</small></p></div>\n",
            item.data_uri()?,
            escape(&percent)
        );
    }
    let wrong = sheet.iter().filter(|item| item.truth != item.guess).count();
    html += "</div>\n";
    html += &paragraph(&format!(
        "Test images, each with the true character and the probability of what was recognized. \
         {wrong} of these {} are wrong and marked.",
        sheet.len()
    ));
    Ok(html)
}

/// Pairs of samples of the same character side by side.
///
/// # Errors
/// Where a sample is not a 96 x 96 image.
pub fn pairs(pairs: &[[SheetItem; 2]]) -> Result<String> {
    let mut html = String::from("<div class=\"sheet\">\n");
    for pair in pairs {
        html += "<div>";
        for item in pair {
            html += &format!("<img src=\"{}\" alt=\"\" width=\"96\" height=\"96\">", item.data_uri()?);
        }
        html += &format!("<p><b lang=\"zh\">{}</b></p></div>\n", escape(&pair[0].truth.to_string()));
    }
    Ok(html + "</div>\n")
}

/// Facts by their names, below the command that repeats the measurement.
pub fn facts<'a>(command: &str, facts: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut html = format!("<pre>{}</pre>\n<dl>\n", escape(command));
    for (name, value) in facts {
        html += &format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(&value));
    }
    html + "</dl>\n"
}

/// A list of notes.
pub fn notes<'a>(notes: impl IntoIterator<Item = &'a str>) -> String {
    let items = notes.into_iter().map(|note| format!("<li>{}</li>\n", escape(note)));
    format!("<ul>\n{}</ul>\n", items.collect::<String>())
}
