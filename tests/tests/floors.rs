//! The modules of the runtime and the crates of the workspace stand on floors, and import downwards only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// The modules of the runtime, from the ground up. Modules of one row do not import each other.
const RUNTIME: [&[&str]; 8] = [
    &["limits", "messages", "tensor"],
    &["isa"],
    &["weights"],
    &["kernels", "model"],
    &["compile"],
    &["exec"],
    &["image", "ink"],
    &["recognizer"],
];

/// What a module may import from its own floor.
const BESIDE: [[&str; 2]; 1] = [["ink", "image"]];

/// The crates of the workspace, from the ground up.
const WORKSPACE: [&[&str]; 7] = [
    &["hccr-runtime", "hccr-random", "hccr-files"],
    &["hccr", "hccr-tensor", "hccr-graph-opt", "hccr-picture", "hccr-constraint"],
    &["hccr-data"],
    &["hccr-nn-train", "hccr-compress", "hccr-interchange", "hccr-evaluate", "xtask"],
    &["hccr-models", "hccr-report"],
    &["hccr-torch", "hccr-burn-engine", "hccr-gauge"],
    &[
        "hccr-reproduce",
        "hccr-cli",
        "hccr-benches",
        "hccr-c",
        "hccr-web",
        "hccr-python",
        "hccr-tests",
        "another-engine",
        "another-pruning",
        "another-trainer",
    ],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").into()
}

fn floor(floors: &[&[&str]], name: &str) -> Option<usize> {
    floors.iter().position(|floor| floor.contains(&name))
}

/// The Rust files below `folder`.
fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The source without comments and without the modules of tests at its end.
fn code(source: &str) -> String {
    let code: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

/// The paths of `use` statements, groups resolved: `use a::{b, c::D};` gives `a::b` and `a::c::D`; and those written out in the
/// code, which begin with `crate::` or `super::`.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find("use ") {
        let alone = rest[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        rest = &rest[start + 4..];
        let Some(end) = rest.find(';').filter(|_| alone) else { continue };
        group(&rest[..end].replace(char::is_whitespace, ""), "", &mut found);
        rest = &rest[end..];
    }
    for prefix in ["crate::", "super::"] {
        for (start, _) in code.match_indices(prefix).filter(|&(start, _)| !code[..start].ends_with(':')) {
            let path = |c: char| !c.is_alphanumeric() && c != '_' && c != ':';
            found.push(code[start..].split(path).next().unwrap_or_default().trim_end_matches(':').to_owned());
        }
    }
    found
}

fn group(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let Some((before, inner)) = tree.split_once('{') else {
        found.push(format!("{prefix}{tree}"));
        return;
    };
    let inner = inner.strip_suffix('}').expect("a group ends with its statement");
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if start < at {
                    group(&inner[start..at], &format!("{prefix}{before}"), found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// A module's path from the root of the crate, such as `kernels::f32`, of a file below `src`.
fn module(src: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "mod" && name != "lib").collect()
}

/// Each module of the runtime, with the modules that it imports from.
fn imports() -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let src = root().join("crates/runtime/src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let modules: BTreeSet<Vec<String>> = files.iter().map(|file| module(&src, file)).collect();
    let mut imports = BTreeMap::new();
    for file in &files {
        let own = module(&src, file);
        let mut from = BTreeSet::new();
        for path in paths(&code(&read_to_string(file).unwrap())) {
            let mut segments: Vec<String> = path.split("::").map(Into::into).collect();
            let mut absolute = own.clone();
            match &segments[0][..] {
                "crate" => absolute.clear(),
                "super" => {
                    absolute.pop();
                }
                "self" => {}
                name if modules.contains(&[&own[..], &[name.to_owned()]].concat()) => absolute.push(name.to_owned()),
                _ => continue, // another crate
            }
            segments.remove(0);
            while segments.first().is_some_and(|name| name == "super") {
                segments.remove(0);
                absolute.pop();
            }
            absolute.append(&mut segments);
            // The deepest module of the path; an item is none.
            while !modules.contains(&absolute) {
                absolute.pop();
            }
            if absolute != own {
                from.insert(absolute);
            }
        }
        imports.insert(own, from);
    }
    imports
}

#[test]
fn the_runtime_imports_downwards() {
    let mut wrong = Vec::new();
    for (module, imports) in imports().into_iter().filter(|(module, _)| !module.is_empty()) {
        let own = floor(&RUNTIME, &module[0]).unwrap_or_else(|| panic!("{module:?} stands on no floor"));
        for import in imports.into_iter().filter(|import| import.first() != Some(&module[0])) {
            if import.is_empty() {
                wrong.push(format!("{} imports what the crate's root exports", module.join("::")));
                continue;
            }
            let beside = BESIDE.iter().any(|[from, to]| (*from, *to) == (&*module[0], &*import[0]));
            if !beside && floor(&RUNTIME, &import[0]).is_none_or(|floor| floor >= own) {
                wrong.push(format!("{} imports {}", module.join("::"), import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_circle_of_files_goes_through_two_folders() {
    let imports = imports();
    let reached = |from: &Vec<String>| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = open.pop() {
            for next in imports.get(&module).into_iter().flatten() {
                if reached.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        reached
    };
    let from_each: BTreeMap<_, _> = imports.keys().map(|module| (module, reached(module))).collect();
    // The folder of a file: that of a folder's `mod.rs` is the folder itself.
    let is_folder = |module: &[String]| imports.keys().any(|m| m.len() > module.len() && m.starts_with(module));
    let folder = |module: &Vec<String>| {
        let depth = if is_folder(module) { module.len() } else { module.len() - 1 };
        module[..depth].to_vec()
    };
    let mut wrong = Vec::new();
    for (&module, reached) in &from_each {
        for other in
            reached.iter().filter(|&other| from_each[other].contains(module) && folder(module) != folder(other))
        {
            wrong.push(format!("{} and {}", module.join("::"), other.join("::")));
        }
    }
    assert!(wrong.is_empty(), "in circles:\n{}", wrong.join("\n"));
}

#[test]
fn the_crates_depend_downwards() {
    let mut wrong = Vec::new();
    let within = |folder| std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let others = ["models", "xtask", "reproduce", "gauge", "cli", "tests", "benches"].map(|folder| root().join(folder));
    let bindings = within("bindings").filter(|folder| folder.join("Cargo.toml").exists());
    for folder in within("crates").chain(within("examples")).chain(bindings).chain(others) {
        let manifest = read_to_string(folder.join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"');
        let own = floor(&WORKSPACE, name).unwrap_or_else(|| panic!("{name} stands on no floor"));
        if name != "another-engine" && manifest.contains("\nrten") {
            wrong.push(format!("{name} depends on another engine"));
        }
        let dependencies = manifest.split("\n[").filter(|section| section.starts_with("dependencies]"));
        for line in dependencies.flat_map(str::lines).filter(|line| line.starts_with("hccr")) {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if floor(&WORKSPACE, dependency).is_none_or(|floor| floor >= own) {
                wrong.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_found() {
    let source =
        "use a::{b, c::{D, E}}; // use no::Comment;\nlet x = crate::f::g(1);\n#[cfg(test)]\nmod tests { use t; }";
    assert_eq!(paths(&code(source)), ["a::b", "a::c::D", "a::c::E", "crate::f::g"]);
    assert!(imports()[&vec!["exec".to_owned(), "plan".to_owned()]].contains(&vec!["compile".to_owned()]));
}
