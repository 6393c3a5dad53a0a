//! Finds the files to read.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Something to read, or a path at which there is nothing.
#[derive(Debug)]
pub(super) enum File {
    /// The standard input.
    Stdin,
    /// A file, not yet opened.
    At(PathBuf),
    /// A path that cannot be read, and why.
    Bad(PathBuf, String),
}

/// The files at and below `paths`, folders in the order of names. A file that is given itself is read whatever its name; in
/// folders only those with one of these `endings` are, and no hidden ones. `kind` is what the endings are called.
pub(super) fn find(paths: &[PathBuf], endings: &[&str], kind: &str) -> Vec<File> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(File::Stdin);
            continue;
        }
        match fs::metadata(path) {
            Err(error) => found.push(File::Bad(path.clone(), error.to_string())),
            Ok(metadata) if metadata.is_dir() => {
                let before = found.len();
                found.extend(below(path, endings));
                if found.len() == before {
                    found.push(File::Bad(path.clone(), format!("no {kind} files in this folder")));
                }
            }
            Ok(_) => found.push(File::At(path.clone())),
        }
    }
    found
}

fn below(folder: &Path, endings: &[&str]) -> impl Iterator<Item = File> {
    let is_shown = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_shown);
    entries.filter_map(|entry| match entry {
        Ok(entry) => {
            (!entry.file_type().is_dir() && has_ending(entry.path(), endings)).then(|| File::At(entry.into_path()))
        }
        Err(error) => {
            let path = error.path().unwrap_or(folder).to_owned();
            let reason =
                error.io_error().map_or_else(|| "a link leads back to a folder around it".into(), ToString::to_string);
            Some(File::Bad(path, reason))
        }
    })
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&&*ending))
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("-"),
            Self::At(path) | Self::Bad(path, _) => path.display().fmt(f),
        }
    }
}
