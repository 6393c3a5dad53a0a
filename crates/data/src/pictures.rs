//! Picture files as an [`ImageSet`].

use crate::{IMAGE_SIZE, ImageSet};
use hccr_picture::{ENDINGS, Picture};
use hccr_runtime::image::{ImageError, normalize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// The pictures that are kept; one takes 9216 bytes of memory.
const MAX_PICTURES: usize = 1_000_000;
/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 8;

/// Why pictures were refused, and where.
#[derive(Debug)]
#[non_exhaustive]
pub enum PictureError {
    /// A file or folder cannot be read.
    Io {
        /// Its path.
        file: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A file is no picture, damaged, or too large; the error names it.
    Picture(hccr_picture::PictureError),
    /// A picture cannot be normalized: it has no ink.
    Image {
        /// Its path.
        file: PathBuf,
        /// What is wrong.
        error: ImageError,
    },
    /// Folders in folders, deeper than sensible data has them.
    TooDeep {
        /// The path of the innermost.
        file: PathBuf,
    },
    /// There is no picture below a path.
    NoPictures {
        /// The path.
        file: PathBuf,
    },
    /// There are more than a million pictures, or more than 65,536 characters.
    TooMany,
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, error } => write!(f, "cannot read {}: {error}", file.display()),
            Self::Picture(error) => error.fmt(f),
            Self::Image { file, error } => write!(f, "{}: {error}", file.display()),
            Self::TooDeep { file } => write!(f, "{}: folders nested too deeply", file.display()),
            Self::NoPictures { file } => write!(f, "{}: no PNG, JPEG, BMP or WebP files", file.display()),
            Self::TooMany => write!(f, "more than {MAX_PICTURES} pictures, or more than 65536 characters"),
        }
    }
}

impl std::error::Error for PictureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Picture(error) => error.source(),
            Self::Image { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Loads the PNG, JPEG, BMP and WebP files in `paths` (files and folders), normalized; the classes are the characters found, in the order
/// of their code points.
///
/// The character of a picture is the name of its folder, where that is a single character or a code point such as `U+4E00`;
/// otherwise the first character of the file's name, or the code point that it begins with: `一_03.png`, `U+4E00-3.jpg`. The
/// folder that holds the folders of characters, or the files, counts as a writer; writers are numbered from 0 in the order of
/// `paths` and of names. Hidden files, and files with other endings, are passed over.
///
/// `progress` hears how many pictures have been loaded.
///
/// # Errors
/// [`PictureError`] for the first file that cannot be read or has no ink.
pub fn load_pictures(paths: &[PathBuf], progress: &dyn Fn(usize)) -> Result<ImageSet, PictureError> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        find(path, true, 0, &mut found)?;
        if found.len() == before {
            return Err(PictureError::NoPictures { file: path.clone() });
        }
    }
    let characters: BTreeSet<char> = found.iter().map(|picture| picture.character).collect();
    if found.len() > MAX_PICTURES || characters.len() > 1 << 16 {
        return Err(PictureError::TooMany);
    }
    let classes: BTreeMap<char, u16> = characters.iter().copied().zip(0..=u16::MAX).collect();
    let mut writers: BTreeMap<&Path, u32> = BTreeMap::new();
    let mut set = ImageSet::new(IMAGE_SIZE, characters.into_iter().collect());
    for picture in &found {
        let number = writers.len() as u32;
        set.writers.push(*writers.entry(&picture.writer).or_insert(number));
        set.labels.push(classes[&picture.character]);
        set.pixels.extend(normalized(&picture.file)?);
        progress(set.len());
    }
    Ok(set)
}

/// A picture file that was found.
struct Found {
    file: PathBuf,
    character: char,
    /// The folder that stands for the writer.
    writer: PathBuf,
}

/// Finds the pictures at and below `path`; `given` by the caller, it is read whatever its ending.
fn find(path: &Path, given: bool, depth: usize, found: &mut Vec<Found>) -> Result<(), PictureError> {
    let io = |error| PictureError::Io { file: path.into(), error };
    if depth > MAX_DEPTH {
        return Err(PictureError::TooDeep { file: path.into() });
    }
    if fs::metadata(path).map_err(io)?.is_dir() {
        let entries = fs::read_dir(path).and_then(|dir| dir.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>());
        let mut entries = entries.map_err(io)?;
        entries.sort();
        entries.retain(|entry| !name(entry).starts_with('.'));
        return entries.iter().try_for_each(|entry| find(entry, false, depth + 1, found));
    }
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    if !given && !ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let (file_name, folder_name) = (name(path), name(folder));
    let (character, writer) = match leading_character(&folder_name) {
        Some((character, "")) => (character, folder.parent().unwrap_or(folder)),
        // A file has a name.
        _ => (leading_character(&file_name).map_or(char::REPLACEMENT_CHARACTER, |(c, _)| c), folder),
    };
    found.push(Found { file: path.into(), character, writer: writer.into() });
    Ok(())
}

/// The last part of a path.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The character that a name begins with, itself or as a code point, and what follows.
fn leading_character(name: &str) -> Option<(char, &str)> {
    if let Some(digits) = name.strip_prefix("U+") {
        let length = digits.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        let character = u32::from_str_radix(&digits[..length], 16).ok().and_then(char::from_u32);
        if let Some(character) = character.filter(|_| length >= 4) {
            return Some((character, &digits[length..]));
        }
    }
    let character = name.chars().next()?;
    Some((character, &name[character.len_utf8()..]))
}

/// The picture in `file`, normalized.
fn normalized(file: &Path) -> Result<Vec<u8>, PictureError> {
    let picture = Picture::open(file).map_err(PictureError::Picture)?;
    let mut pixels = vec![0; IMAGE_SIZE * IMAGE_SIZE];
    normalize(&picture.image(), IMAGE_SIZE, &mut pixels)
        .map_err(|error| PictureError::Image { file: file.into(), error })?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, ink: bool) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let dark = |x: u32, y: u32| ink && (12..28).contains(&x) && (18..22).contains(&y);
        let grey = image::GrayImage::from_fn(40, 40, |x, y| image::Luma([if dark(x, y) { 20 } else { 250 }]));
        grey.save(path).unwrap();
    }

    #[test]
    fn names_and_folders_tell_characters_and_writers() {
        let root = tempfile::tempdir().unwrap();
        for path in ["ann/一/1.png", "ann/U+4E8C/x.jpg", "ben/一 2.bmp", "ben/U+4E09_7.png", "ben/.a.png"] {
            write(&root.path().join(path), true);
        }
        fs::write(root.path().join("ben/notes.txt"), "no picture").unwrap();
        let set = load_pictures(&[root.path().into()], &|_| ()).unwrap();
        assert_eq!(set.classes, ['一', '三', '二']);
        let characters: Vec<char> = set.labels.iter().map(|&label| set.classes[usize::from(label)]).collect();
        assert_eq!((characters, &set.writers[..]), (vec!['二', '一', '三', '一'], &[0, 0, 1, 1][..]));
        assert!(set.image(0).iter().any(|&ink| ink > 128));

        // A folder of a character, and a file, given themselves.
        let set = load_pictures(&[root.path().join("ann/一"), root.path().join("ben/一 2.bmp")], &|_| ()).unwrap();
        assert_eq!((set.classes, set.writers), (vec!['一'], vec![0, 1]));
    }

    #[test]
    fn bad_pictures_are_named() {
        let root = tempfile::tempdir().unwrap();
        let load = |name: &str| load_pictures(&[root.path().join(name)], &|_| ());
        assert!(matches!(load("missing.png"), Err(PictureError::Io { .. })));
        fs::write(root.path().join("一.png"), b"\x89PNG\r\n\x1a\nxxxxxxxxxxxx").unwrap();
        assert!(matches!(load("一.png"), Err(PictureError::Picture(_))));
        write(&root.path().join("二.png"), false);
        let blank = load("二.png").unwrap_err();
        assert!(matches!(blank, PictureError::Image { error: ImageError::Empty, .. }), "{blank}");
        assert!(blank.to_string().contains("二.png"));
        fs::create_dir(root.path().join("empty")).unwrap();
        assert!(matches!(load("empty"), Err(PictureError::NoPictures { .. })));
        image::GrayImage::new(20_000, 1).save(root.path().join("三.png")).unwrap();
        assert!(matches!(load("三.png"), Err(PictureError::Picture(_))));
    }

    #[test]
    fn a_name_begins_with_a_character_or_its_code_point() {
        let cases =
            [("一_1.png", '一'), ("U+4E00", '一'), ("U+20000x", '𠀀'), ("U_1.png", 'U'), ("U+12", 'U'), ("a", 'a')];
        for (name, character) in cases {
            assert_eq!(leading_character(name).map(|(c, _)| c), Some(character), "{name}");
        }
        assert_eq!(leading_character("U+4E00_x"), Some(('一', "_x")));
        assert_eq!(leading_character("U+D800"), Some(('U', "+D800")));
        assert_eq!(leading_character(""), None);
    }
}
