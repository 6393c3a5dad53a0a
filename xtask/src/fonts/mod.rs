//! `cargo xtask data fonts`: turns the glyphs of handwriting fonts into stroke skeletons, `datasets/skeletons/`.
//!
//! A glyph's outline is drawn ([`raster`]), the ink is thinned to lines ([`thin`]), the lines become a graph without the thinning's
//! traces ([`graph`]), and the graph strokes that go straight through crossings ([`trace`]). The skeleton of the same character in
//! `datasets/strokes` says in which order they are written, and whether the glyph is sound ([`compare`]).

mod compare;
mod graph;
mod package;
mod raster;
mod readme;
mod sources;
mod thin;
mod trace;

use crate::{
    npm,
    skeletons::{self, Skeleton},
};
use anyhow::{Context, Result, ensure};
use graph::{Graph, Point};
use hccr_data::strokes::Skeletons;
use package::{Font, Glyph};
use rayon::prelude::*;
use sources::SOURCES;
use std::{collections::BTreeMap, fs, path::Path};
use ttf_parser::Face;

/// The larger side of a middling Chinese character, in pixels.
const PIXELS: f32 = 256.0;
/// The same in the units of stroke files, and the middle of their grid.
const EXTENT: f32 = 860.0;
const MIDDLE: [f32; 2] = [512.0, 388.0];
/// A middling Latin letter or digit is so much smaller.
const LATIN: f32 = 0.55;

/// Writes one stroke file per font, beside it the font's licence, and a list of all.
pub(crate) fn run(root: &Path) -> Result<()> {
    let templates = Skeletons::embedded()?;
    let target = root.join("datasets/skeletons");
    fs::create_dir_all(&target)?;
    let mut rows = Vec::new();
    for source in SOURCES {
        let package = npm::fetch(source.package, source.integrity, &root.join("target/fonts").join(source.name))?;
        let font = Font::read(&package.join("files"), source.files)?;
        let faces = font.faces()?;
        let (license, copyright) = package::license(&package.join(source.license), &faces)?;
        let skeletons = convert(&faces, &templates, source.likeness);
        let skeletons = skeletons.with_context(|| format!("cannot convert {}", source.name))?;
        skeletons::write(&target.join(format!("{}.bin", source.name)), &skeletons)?;
        hccr_files::replace(&target.join(format!("{}.LICENSE", source.name)), &[license.as_bytes()])?;
        rows.push(readme::Row {
            source,
            copyright,
            chinese: skeletons.keys().filter(|&&c| templates.get(c).is_some()).count(),
            all: skeletons.len(),
        });
    }
    hccr_files::replace(&target.join("README.md"), &[readme::text(&rows).as_bytes()])?;
    Ok(())
}

/// The characters that are no Chinese ones: ASCII, punctuation, hiragana and katakana.
fn other_characters() -> impl Iterator<Item = char> {
    let punctuation = "，。、；：？！“”‘’（）《》〈〉【】「」『』…—·～￥々〇";
    ('!'..='~').chain('ぁ'..='ゖ').chain('ァ'..='ー').chain(punctuation.chars())
}

fn convert(faces: &[Face<'_>], templates: &Skeletons, limit: f32) -> Result<BTreeMap<char, Skeleton>> {
    let chinese = package::glyphs(faces, templates.chars());
    let other = package::glyphs(faces, other_characters());
    let (middle, extent) = if chinese.is_empty() {
        let (middle, extent) =
            measure(faces, other.iter().filter(|(c, _)| c.is_ascii_alphanumeric()).map(|(_, glyph)| glyph));
        (middle, extent / LATIN)
    } else {
        measure(faces, chinese.values())
    };
    ensure!(extent > 0.0, "no glyph has an outline");
    let (scale, unit) = (PIXELS / extent, EXTENT / PIXELS);
    let skeleton = |(&c, &(face, glyph)): (&char, &Glyph)| {
        let (mut strokes, origin) = glyph_strokes(&faces[face], glyph, scale)?;
        let template = templates.get(c).map(template);
        let alike =
            template.as_ref().is_none_or(|template| compare::likeness(&compare::unit(&strokes), template) >= limit);
        compare::order(&mut strokes, template.as_deref());
        let point = |[x, y]: Point| {
            let from_middle = [x - origin[0] - middle[0] * scale, origin[1] - y - middle[1] * scale];
            [0, 1].map(|axis| (MIDDLE[axis] + from_middle[axis] * unit).round() as i32)
        };
        alike.then(|| (c, strokes.iter().map(|stroke| stroke.iter().copied().map(point).collect()).collect()))
    };
    let glyphs: Vec<_> = chinese.iter().chain(&other).collect();
    Ok(glyphs.into_par_iter().filter_map(skeleton).collect())
}

fn template(strokes: &[hccr_data::strokes::Stroke]) -> Vec<Vec<Point>> {
    let strokes: Vec<Vec<Point>> = strokes.iter().map(|stroke| stroke.iter().map(|p| [p.x, p.y]).collect()).collect();
    compare::unit(&strokes)
}

/// The middle of the glyphs and their usual larger side, in font units; zeros where none has an outline.
fn measure<'a>(faces: &[Face<'_>], glyphs: impl Iterator<Item = &'a Glyph>) -> ([f32; 2], f32) {
    let boxes: Vec<_> = glyphs.filter_map(|&(face, glyph)| faces[face].glyph_bounding_box(glyph)).collect();
    let median = |value: &dyn Fn(&ttf_parser::Rect) -> f32| {
        let mut values: Vec<f32> = boxes.iter().map(value).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let x = median(&|b| f32::midpoint(b.x_min.into(), b.x_max.into()));
    let y = median(&|b| f32::midpoint(b.y_min.into(), b.y_max.into()));
    ([x, y], median(&|b| f32::from(b.x_max.saturating_sub(b.x_min).max(b.y_max.saturating_sub(b.y_min)))))
}

/// The strokes of a glyph in pixels, in no order, and where the font's origin lies.
fn glyph_strokes(face: &Face<'_>, glyph: ttf_parser::GlyphId, scale: f32) -> Option<(Vec<Vec<Point>>, [f32; 2])> {
    let (bitmap, origin) = raster::draw(face, glyph, scale)?;
    let strokes = trace::strokes(&Graph::of(&bitmap));
    (!strokes.is_empty()).then_some((strokes, origin))
}

#[cfg(test)]
mod tests;
