//! Where a model comes from: a file, or the models in the box.

use anyhow::{Context, Result};
use hccr::Model;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A model as a command line names it: `offline` and `online` are those in the box, anything else is the path of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The model in the box that reads images.
    Offline,
    /// The model in the box that reads pen strokes.
    Online,
    /// A model file.
    File(PathBuf),
}

impl ModelSource {
    /// The model file's bytes.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn bytes(&self) -> Result<Cow<'static, [u8]>> {
        Ok(match self {
            Self::Offline => Cow::Borrowed(hccr::OFFLINE_MODEL),
            Self::Online => Cow::Borrowed(hccr::ONLINE_MODEL),
            Self::File(path) => {
                Cow::Owned(hccr_files::read(path).with_context(|| format!("cannot read the model {self}"))?)
            }
        })
    }

    /// The model.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no model file.
    pub fn read(&self) -> Result<Model> {
        Model::from_bytes(&self.bytes()?).with_context(|| format!("{self} is no model file"))
    }

    /// What reports call it: the folders of a file differ from machine to machine.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            source => source.to_string(),
        }
    }
}

impl FromStr for ModelSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "offline" => Self::Offline,
            "online" => Self::Online,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline => f.write_str("offline"),
            Self::Online => f.write_str("online"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
