//! The Python process, and messages to and from it.

use crate::error::TorchError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A longer JSON object is none of Python's.
const MAX_JSON: usize = 1 << 24;

/// A running `engine.py`.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// `None` once it is closed, which ends Python.
    requests: Option<ChildStdin>,
    replies: ChildStdout,
}

impl Process {
    pub(crate) fn start(python: &OsStr) -> Result<Self, TorchError> {
        let failed = |source| TorchError::Start { python: python.to_string_lossy().into(), source };
        let mut child = Command::new(python)
            .args(["-c", include_str!("engine.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (requests, replies) = (child.stdin.take(), child.stdout.take().expect("a pipe was asked for"));
        Ok(Self { child, requests, replies })
    }

    /// Sends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), TorchError> {
        let written = self.requests.as_mut().map(|requests| requests.write_all(bytes));
        if let Some(Ok(())) = written { Ok(()) } else { Err(self.last_words()) }
    }

    /// Sends a JSON object.
    pub(crate) fn write_json(&mut self, value: &Value) -> Result<(), TorchError> {
        let text = value.to_string();
        self.write(&(text.len() as u32).to_le_bytes())?;
        self.write(text.as_bytes())
    }

    /// Receives bytes.
    pub(crate) fn read(&mut self, len: usize) -> Result<Vec<u8>, TorchError> {
        let mut bytes = vec![0; len];
        match self.replies.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(self.ended()),
        }
    }

    /// Receives a JSON object: an answer, or an exception.
    pub(crate) fn read_json<T: DeserializeOwned>(&mut self) -> Result<T, TorchError> {
        let len = self.read(4)?;
        let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
        if len > MAX_JSON {
            return Err(TorchError::Reply(format!("{len} bytes of JSON")));
        }
        let text = self.read(len)?;
        let wrong = |e: serde_json::Error| TorchError::Reply(e.to_string());
        let mut value: Value = serde_json::from_slice(&text).map_err(wrong)?;
        match value.get_mut("error").map(Value::take) {
            Some(Value::String(traceback)) => Err(TorchError::Exception { traceback }),
            _ => serde_json::from_value(value).map_err(wrong),
        }
    }

    /// What Python said before it stopped reading.
    fn last_words(&mut self) -> TorchError {
        match self.read_json::<Value>() {
            Ok(_) => TorchError::Reply("it came too early".into()),
            Err(error) => error,
        }
    }

    fn ended(&mut self) -> TorchError {
        self.requests = None;
        TorchError::Ended(self.child.wait().ok())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.requests = None;
        // Where it cannot be waited for, there is nothing left to do.
        let _ = self.child.wait();
    }
}
