//! Files that a crash or a full disk leaves as they were.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file of these parts, one after the other, in the place of what was at `path`. It is written beside (its name and
/// `.partial`), synced and renamed: whatever happens meanwhile, `path` is the old file or the new one, whole.
///
/// What is no regular file (a device, a pipe) stays where it is, and is written to.
///
/// # Errors
/// The system's reason; `path` is then as it was, or the new file, whole, if all that failed was to make its name last.
pub fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(path) if path.is_file() => path,
        Ok(other) => return write(&mut File::options().write(true).open(other)?, parts),
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let beside = beside(&path);
    let written = write_beside(&beside, parts).and_then(|()| rename(&beside, &path));
    if written.is_err() {
        // On a full disk it would only be in the way.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Gives the synced file `from` the name `to`, in place of what was there, and makes that last.
///
/// # Errors
/// The system's reason.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder(to)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".partial");
    name.into()
}

fn write_beside(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = File::create(path)?;
    write(&mut file, parts)?;
    file.sync_all()
}

fn write(file: &mut File, parts: &[&[u8]]) -> io::Result<()> {
    parts.iter().try_for_each(|part| file.write_all(part))
}

/// Makes the new name last: it is an entry of the folder. Only Unix has a way to say so.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_made_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        replace(&path, &[b"one", b" two"]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one two");
        replace(&path, &[]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn what_cannot_be_written_leaves_all_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        replace(&path, &[b"old"]).unwrap();
        // A folder is in the place of the file beside.
        fs::create_dir(beside(&path)).unwrap();
        replace(&path, &[b"new"]).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        replace(&folder.path().join("missing/a.json"), &[b"new"]).unwrap_err();
        replace(folder.path(), &[b"new"]).unwrap_err();
        assert_eq!(names(folder.path()), ["a.json", "a.json.partial"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, device] = ["file", "link", "device"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        replace(&link, &[b"new"]).unwrap();
        replace(&device, &[b"new"]).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!([&link, &device].iter().all(|path| path.is_symlink()));
        assert_eq!(fs::read(&device).unwrap(), b"");
    }
}
