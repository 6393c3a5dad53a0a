//! What every public type can do, and that each item has one path.

use hccr_runtime::image::{Image, ImageError, PixelFormat};
use hccr_runtime::ink::{Ink, InkError, InkNormalizer, Point, Step, WritingBox};
use hccr_runtime::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams};
use hccr_runtime::{
    Batch, Candidate, FormatError, FusedRecognizer, Fusion, InkRecognizer, InkSession, IsaKind, Job, LayerCost, Limits,
    LineSession, Model, ModelBuilder, ModelError, Node, Op, Pattern, Plan, PlanError, PlannedLayer, Recognizer,
    RecognizerError, RunError, Segment, SequenceSession, SequenceState, Session, ValueId, Weight, WeightData, WeightId,
};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::path::Path;

fn shared<T: Debug + Send + Sync + Unpin>() {}
fn value<T: Debug + Send + Sync + Unpin + Clone + PartialEq>() {}
fn error<T: Error + Send + Sync + Clone + PartialEq + 'static>() {}

/// Every public type of the crate, each with what it promises.
#[test]
fn types_keep_their_promises() {
    // With working memory or a plan inside: to send and share, some to clone.
    shared::<Plan>();
    shared::<Session>();
    shared::<SequenceSession>();
    shared::<Batch>();
    shared::<Job<'_>>();
    shared::<InkSession>();
    shared::<LineSession>();
    shared::<ModelBuilder>();
    shared::<Image<'_>>();
    shared::<InkNormalizer>();
    fn cloned<T: Clone>() {}
    cloned::<Recognizer>();
    cloned::<InkRecognizer>();
    cloned::<FusedRecognizer>();
    cloned::<ModelBuilder>();
    cloned::<Image<'_>>();
    cloned::<InkNormalizer>();
    shared::<Recognizer>();
    shared::<InkRecognizer>();
    shared::<FusedRecognizer>();

    value::<Candidate>();
    value::<Fusion>();
    value::<Ink>();
    value::<IsaKind>();
    value::<LayerCost>();
    value::<Model>();
    value::<Node>();
    value::<Op>();
    value::<Pattern>();
    value::<PixelFormat>();
    value::<PlannedLayer>();
    value::<Point>();
    value::<Segment>();
    value::<SequenceState>();
    value::<Step>();
    value::<ValueId>();
    value::<Weight>();
    value::<WeightData>();
    value::<WeightId>();
    value::<WritingBox>();
    value::<Conv2dParams>();
    value::<Limits>();
    value::<LinearParams>();
    value::<LstmParams>();
    value::<Pool2dParams>();

    error::<FormatError>();
    error::<ImageError>();
    error::<InkError>();
    error::<ModelError>();
    error::<PlanError>();
    error::<RecognizerError>();
    error::<RunError>();
}

#[test]
fn an_error_leads_to_its_cause() {
    let mut network = ModelBuilder::new(&[1, 2, 2]);
    network.push("probabilities", Op::Softmax);
    let invalid = network.finish().unwrap_err();
    let error = RecognizerError::Format(FormatError::InvalidModel(invalid.clone()));
    let cause = error.source().and_then(Error::source).unwrap();
    assert_eq!(cause.downcast_ref(), Some(&invalid));
    assert!(cause.source().is_none());
}

/// The names that `pub use` and `pub mod` make public in a module.
fn public(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for keyword in ["\npub use ", "\npub mod "] {
        for statement in source.split(keyword).skip(1) {
            let tree = statement.split(';').next().unwrap_or_default();
            let leaves = tree.split_once('{').map_or(tree, |(_, leaves)| leaves.trim_end_matches('}'));
            let names = leaves.split(',').map(|path| path.rsplit([':', ' ', '\n']).next().unwrap_or_default());
            found.extend(names.filter(|name| !name.is_empty()).map(String::from));
        }
    }
    found
}

#[test]
fn every_item_has_one_path_and_every_type_is_here() {
    let modules = [
        ("", include_str!("../src/lib.rs")),
        ("image::", include_str!("../src/image/mod.rs")),
        ("ink::", include_str!("../src/ink/mod.rs")),
    ];
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, source) in modules {
        for name in public(source) {
            paths.entry(name.clone()).or_default().push(format!("{module}{name}"));
        }
    }
    for (name, paths) in &paths {
        assert_eq!(paths.len(), 1, "{name} has the paths {paths:?}");
        let is_type = name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
        let is_here =
            [format!("::<{name}>"), format!("::<{name}<'_>>")].iter().any(|t| include_str!("surface.rs").contains(t));
        assert!(!is_type || is_here, "{name} promises nothing");
    }
    // A module that becomes public has to be looked through too.
    let modules: Vec<_> = paths.keys().filter(|name| ["image", "ink", "shape"].contains(&name.as_str())).collect();
    let public_modules = include_str!("../src/lib.rs").matches("\npub mod ").count();
    assert_eq!((modules.len(), public_modules), (3, 2));
}

/// The Rust files below `folder`, as text.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(std::fs::read_to_string(path).unwrap()),
        }
    }
}

#[test]
fn every_public_type_has_an_example() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let mut types = 0;
    for source in all {
        let mut example = false;
        for line in source.lines() {
            match line.strip_prefix("pub ").filter(|rest| rest.starts_with("struct ") || rest.starts_with("enum ")) {
                _ if line.starts_with("///") => example |= line.starts_with("/// ```"),
                _ if line.starts_with("#[") => {}
                None => example = false,
                Some(declaration) => {
                    assert!(example, "no example: {declaration}");
                    types += 1;
                }
            }
        }
    }
    assert!(types > 35, "only {types} public types were found");
}
