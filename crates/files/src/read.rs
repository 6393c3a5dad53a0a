//! Files that a user names.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The bytes of a regular file.
///
/// # Errors
/// The system's reason, and [`ErrorKind::InvalidInput`] for what is no regular file: a pipe would be waited for, and a device may have no
/// end.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::NotFound);
        fs::write(&path, "text").unwrap();
        assert_eq!(read(&path).unwrap(), b"text");
        assert_eq!(read(folder.path()).unwrap_err().kind(), ErrorKind::InvalidInput);
        #[cfg(unix)]
        assert_eq!(read(Path::new("/dev/zero")).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
