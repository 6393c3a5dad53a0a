//! Every file of data that the repository holds has its licence and its origin in a README beside it.

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").into()
}

/// The names in a folder with this ending, without it.
fn stems(folder: &Path, ending: &str) -> Vec<String> {
    let names = read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

#[test]
fn every_font_has_its_licence_and_its_package() {
    let folder = root().join("datasets/skeletons");
    let page = read_to_string(folder.join("README.md")).unwrap();
    let fonts = stems(&folder, ".bin");
    assert!(fonts.len() >= 19, "no fonts found");
    for font in fonts {
        let row = page.lines().find(|line| line.starts_with(&format!("| {font} |")));
        let cells: Vec<_> =
            row.unwrap_or_else(|| panic!("{font} is not in the README")).split('|').map(str::trim).collect();
        let package = cells[2];
        assert!(page.contains(&format!("- {package}: `sha512-")), "{font}: no checksum of {package}");
        assert!(cells[5].starts_with("Copyright"), "{font}: no copyright");
        let licence = read_to_string(folder.join(format!("{font}.LICENSE"))).unwrap();
        assert!(licence.contains("SIL OPEN FONT LICENSE Version 1.1"), "{font}: another licence");
    }
}

#[test]
fn every_folder_of_data_is_listed() {
    let folder = root().join("datasets");
    let page = read_to_string(folder.join("README.md")).unwrap();
    for name in stems(&folder, "").iter().filter(|name| *name != "README.md") {
        assert!(page.contains(&format!("| [`{name}`]({name}/README.md) |")), "{name} is not in datasets/README.md");
    }
    let strokes = read_to_string(folder.join("strokes/LICENSE")).unwrap();
    assert!(strokes.to_uppercase().contains("ARPHIC PUBLIC LICENSE"));
}

#[test]
fn every_model_has_its_card_and_report() {
    let folder = root().join("models");
    let models = stems(&folder, ".hccr");
    assert!(!models.is_empty(), "no models found");
    for model in models {
        for ending in ["md", "json"] {
            assert!(folder.join(format!("{model}.{ending}")).exists(), "{model}: no .{ending}");
        }
    }
    let page = read_to_string(folder.join("README.md")).unwrap();
    assert!(page.contains("under the project's licence"));
}
