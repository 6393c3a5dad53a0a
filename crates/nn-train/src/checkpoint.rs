//! Checkpoints: any serializable state in a file that notices damage.
//!
//! A header of magic, version, length and CRC32 stands before the bincode bytes, so that a damaged file is refused
//! before it is decoded.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"HCCRCKPT";
const VERSION: u32 = 9;
const HEADER_BYTES: usize = 24;
/// The largest checkpoint that is read or written. The largest network of this project, of four times the thesis's width, takes 2.5 GB while
/// there are two of it.
const MAX_BYTES: usize = 1 << 32;

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
    /// The state cannot be written.
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
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
            Self::Unwritable { path, reason } => {
                write!(f, "checkpoint {} cannot be written: {reason}", path.display())
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
    let unwritable = |reason: String| CheckpointError::Unwritable { path: path.into(), reason };
    let body = encode(state).map_err(unwritable)?;
    if body.len() > MAX_BYTES {
        return Err(unwritable(format!("{} bytes are more than the {MAX_BYTES} that it may have", body.len())));
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend((body.len() as u64).to_le_bytes());
    header.extend(crc32fast::hash(&body).to_le_bytes());
    hccr_files::replace(path, &[&header, &body]).map_err(|source| CheckpointError::Io { path: path.into(), source })?;
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
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                fs::write(&path, &damaged).unwrap();
                assert!(load::<(Vec<f32>, String)>(&path).is_err(), "bit {bit} of byte {at}");
            }
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(load::<(Vec<f32>, String)>(&path).is_err(), "cut at {at}");
        }
    }

    /// A length that claims too much is an error, before memory is taken for it; other bytes give another state at worst.
    #[test]
    fn damage_under_a_right_checksum_is_no_danger() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ckpt");
        let state = (vec![1.5f32; 100], vec!["name".to_string(); 3], vec![vec![7u8; 5]; 4]);
        type State = (Vec<f32>, Vec<String>, Vec<Vec<u8>>);
        save(&path, &state).unwrap();
        let bytes = fs::read(&path).unwrap();
        let mended = |mut bytes: Vec<u8>| {
            let (length, crc) = ((bytes.len() - HEADER_BYTES) as u64, crc32fast::hash(&bytes[HEADER_BYTES..]));
            bytes[12..20].copy_from_slice(&length.to_le_bytes());
            bytes[20..24].copy_from_slice(&crc.to_le_bytes());
            fs::write(&path, bytes).unwrap();
            load::<State>(&path)
        };
        assert_eq!(mended(bytes.clone()).unwrap(), state, "the test's checksum is the file's");
        for at in HEADER_BYTES..bytes.len() {
            for value in [0, 1, 127, 250, 251, 252, 253, 254, 255] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = mended(damaged);
            }
            assert!(mended(bytes[..at].to_vec()).is_err(), "cut at {at}");
        }
        // A list of 2^31 - 1 numbers.
        let claim = [&bytes[..HEADER_BYTES], &[252], &i32::MAX.to_le_bytes(), &bytes[HEADER_BYTES + 1..]].concat();
        assert!(mended(claim).is_err());
    }
}
