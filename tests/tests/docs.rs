//! The quotes in the documentation are in the sources, and its links lead to files.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").into()
}

/// The blocks of code that name their file behind their language: the file, and the code.
fn quotes(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.split_once('\n'))
        .filter_map(|(head, code)| Some((head.split_once(' ')?.1, code)))
        .collect()
}

/// The files that a page links to.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn quotes_are_in_the_sources() {
    let page = read_to_string(root().join("docs/swapping.md")).unwrap();
    let quotes = quotes(&page);
    assert!(quotes.len() >= 6, "no quotes found");
    for (file, code) in quotes {
        assert!(read_to_string(root().join(file)).unwrap().contains(code), "not in {file}:\n{code}");
    }
}

#[test]
fn links_lead_to_files() {
    let mut wrong = Vec::new();
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/ablations.md",
        "docs/cli.md",
        "docs/cluster.md",
        "docs/integrating.md",
        "docs/methods.md",
        "docs/performance.md",
        "docs/security.md",
        "docs/swapping.md",
    ] {
        let path = root().join(page);
        let text = read_to_string(&path).unwrap();
        let missing = links(&text).filter(|link| !path.parent().unwrap().join(link).exists());
        wrong.extend(missing.map(|link| format!("{page}: {link}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn quotes_and_links_are_found() {
    let page = "[a](b.md#c), [d](https://e)\n```rust f.rs\nlet x;\n```\n[g](#h)\n```sh\nls\n```\n";
    assert_eq!(quotes(page), [("f.rs", "let x;")]);
    assert_eq!(links(page).collect::<Vec<_>>(), ["b.md"]);
}
