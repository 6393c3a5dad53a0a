//! Checkpoints: any serializable state in a file that notices damage.
//!
//! A header of magic, version, length and CRC32 stands before the bincode bytes, so that a damaged file is refused
//! before it is decoded. A file is written beside its target and renamed, so that a crash leaves the old one whole.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"HCCRCKPT";
const VERSION: u32 = 6;
const HEADER_BYTES: usize = 24;
/// The largest checkpoint that is read or written: far above any network of this project.
const MAX_BYTES: usize = 1 << 31;

/// Why a checkpoint could not be written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file could not be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is no checkpoint, is damaged, or was written by another version.
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "checkpoint {}: {source}", path.display()),
            Self::Invalid { path, reason } => {
                write!(f, "checkpoint {} cannot be used: {reason}; delete it to start anew", path.display())
            }
        }
    }
}

impl std::error::Error for CheckpointError {}

/// `state` as bytes, without a header: a part of a larger state.
///
/// # Errors
/// The reason in words, where the state cannot be written.
pub fn encode<S: Serialize>(state: &S) -> Result<Vec<u8>, String> {
    bincode::serde::encode_to_vec(state, bincode::config::standard()).map_err(|e| e.to_string())
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// The reason in words, where the bytes are of another kind of state.
pub fn decode<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, String> {
    let config = bincode::config::standard().with_limit::<MAX_BYTES>();
    match bincode::serde::decode_from_slice(bytes, config) {
        Ok((state, read)) if read == bytes.len() => Ok(state),
        Ok(_) => Err("it holds another kind of state".into()),
        Err(e) => Err(format!("it holds another kind of state ({e})")),
    }
}

/// Writes `state` to `path`, replacing what was there only once all is written.
///
/// # Errors
/// Where the file cannot be written or the state is larger than the limit.
pub fn save<S: Serialize>(path: &Path, state: &S) -> Result<(), CheckpointError> {
    let invalid = |reason: String| CheckpointError::Invalid { path: path.into(), reason };
    let body = encode(state).map_err(invalid)?;
    if body.len() > MAX_BYTES {
        return Err(invalid(format!("{} bytes are more than a checkpoint may have", body.len())));
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend((body.len() as u64).to_le_bytes());
    header.extend(crc32fast::hash(&body).to_le_bytes());
    let beside = path.with_extension("partial");
    let write = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(&header)?;
        file.write_all(&body)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| CheckpointError::Io { path: path.into(), source })?;
    tracing::debug!(path = %path.display(), bytes = HEADER_BYTES + body.len(), "saved");
    Ok(())
}

/// Reads what [`save`] wrote.
///
/// # Errors
/// Where the file cannot be read, is damaged, or holds another kind of state.
pub fn load<S: DeserializeOwned>(path: &Path) -> Result<S, CheckpointError> {
    let invalid = |reason: &str| CheckpointError::Invalid { path: path.into(), reason: reason.into() };
    let io_error = |source| CheckpointError::Io { path: path.into(), source };
    if fs::metadata(path).map_err(io_error)?.len() > (MAX_BYTES + HEADER_BYTES) as u64 {
        return Err(invalid("it is larger than a checkpoint may be"));
    }
    let bytes = fs::read(path).map_err(io_error)?;
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(|| invalid("it is too short"))?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if header[..8] != MAGIC {
        return Err(invalid("it is not a checkpoint"));
    }
    if word(8) != VERSION {
        return Err(invalid("it was written by another version"));
    }
    if u64::from(word(12)) | u64::from(word(16)) << 32 != body.len() as u64 {
        return Err(invalid("it is cut short or has bytes too many"));
    }
    if word(20) != crc32fast::hash(body) {
        return Err(invalid("its checksum does not match"));
    }
    let state = decode(body).map_err(|reason| invalid(&reason))?;
    tracing::info!(path = %path.display(), "loaded");
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ckpt");
        let state = (vec![1.5f32; 100], "name".to_string());
        save(&path, &state).unwrap();
        assert_eq!(load::<(Vec<f32>, String)>(&path).unwrap(), state);
        assert!(load::<Vec<String>>(&path).is_err(), "another kind of state");
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(load::<(Vec<f32>, String)>(&path).is_err(), "byte {at}");
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(load::<(Vec<f32>, String)>(&path).is_err(), "cut at {at}");
        }
    }
}
