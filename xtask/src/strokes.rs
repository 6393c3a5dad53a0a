//! `cargo xtask data strokes`: rebuilds `datasets/strokes/` from the npm package it comes from.

use crate::{
    npm,
    skeletons::{self, Skeleton},
};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path};

const PACKAGE: &str = "hanzi-writer-data@2.0.1";
const INTEGRITY: &str =
    "sha512-nbQwM+MaryGoq7pBMIZLCd3lFq03nXuJuwku1+6UbjL58uU+9OULVcMkoNvNuJSoIV7f1bbPRfD4D/LQa5S7qg==";

/// Writes `strokes.bin` and `LICENSE` under `root/datasets/strokes`.
pub(crate) fn run(root: &Path) -> Result<()> {
    let package = npm::fetch(PACKAGE, INTEGRITY, &root.join("target/strokes"))?;
    let target = root.join("datasets/strokes");
    fs::create_dir_all(&target)?;
    skeletons::write(&target.join("strokes.bin"), &read(&package)?)?;
    fs::copy(package.join("ARPHICPL.TXT"), target.join("LICENSE"))?;
    Ok(())
}

/// The characters of the package: each has a file with its name.
fn read(package: &Path) -> Result<BTreeMap<char, Skeleton>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(package)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
        let mut chars = name.unwrap_or_default().chars();
        let (Some(c), None) = (chars.next(), chars.next()) else { continue };
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        all.insert(c, medians(&text).with_context(|| format!("{} is not stroke data", path.display()))?);
    }
    Ok(all)
}

fn medians(json: &str) -> Result<Skeleton> {
    let json: serde_json::Value = serde_json::from_str(json)?;
    let strokes = json["medians"].as_array().context("no medians")?;
    // A handful of the package's coordinates are not whole.
    let coordinate = |value: &serde_json::Value| Some(value.as_f64()?.round() as i32);
    let point = |point: &serde_json::Value| Some([coordinate(&point[0])?, coordinate(&point[1])?]);
    let stroke = |stroke: &serde_json::Value| stroke.as_array()?.iter().map(point).collect();
    strokes.iter().map(stroke).collect::<Option<_>>().context("a stroke is not a list of points")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_rounded() -> Result<()> {
        let skeleton = medians(r#"{"medians": [[[1, -1], [201, 0]], [[200.4, 3]]]}"#)?;
        assert_eq!(skeleton, [vec![[1, -1], [201, 0]], vec![[200, 3]]]);
        assert!(medians(r#"{"medians": [[1]]}"#).is_err());
        Ok(())
    }
}
