//! `hccr export`: a model in the formats of other tools.

use anyhow::{Context, Result, ensure};
use clap::{ArgGroup, Args};
use hccr_gauge::ModelSource;
use hccr_interchange::{onnx, safetensors};
use std::path::{Path, PathBuf};

/// Write a model as ONNX or as safetensors, for other engines and for viewers
///
/// All weights are written dense, so the files are larger than the model's. A file that is there is replaced.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("formats").required(true).multiple(true).args(["onnx", "safetensors"])))]
#[command(after_help = "Example:\n  hccr export offline --onnx offline.onnx")]
pub struct ExportArgs {
    /// The model
    model: ModelSource,
    /// Write ONNX to this file
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Write safetensors to this file
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,
}

impl ExportArgs {
    pub(crate) fn run(&self) -> Result<()> {
        let model = self.model.read()?;
        let [onnx, safetensors] = [&self.onnx, &self.safetensors].map(|path| path.as_deref().map(file));
        ensure!(onnx.is_none() || onnx != safetensors, "both formats would go to one file: name two");
        if let ModelSource::File(path) = &self.model {
            let source = Some(file(path));
            ensure!(
                source != onnx && source != safetensors,
                "{} would take the place of the model itself",
                path.display()
            );
        }
        if let Some(path) = &self.onnx {
            let bytes = onnx::to_bytes(&model).with_context(|| format!("{} cannot be written as ONNX", self.model))?;
            write(path, &bytes)?;
        }
        if let Some(path) = &self.safetensors {
            let bytes = safetensors::to_bytes(&model);
            write(path, &bytes.with_context(|| format!("{} cannot be written as safetensors", self.model))?)?;
        }
        Ok(())
    }
}

/// The file that a path leads to, in one spelling.
fn file(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let in_folder = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    hccr_files::replace(path, &[bytes]).with_context(|| format!("cannot write {}", path.display()))?;
    anstream::println!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}
