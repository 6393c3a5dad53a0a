//! Reads the samples, and measures.

use crate::Args;
use crate::report::{Data, ModelFile, Report, Time};
use crate::samples::{Samples, file_names, names};
use anyhow::{Context, Result, bail, ensure};
use hccr_data::{ImageSet, InkSet};
use hccr_evaluate::{
    Answer, Figures, FusedReader, ImageReader, InkReader, Mistakes, Reader, answers, image_of_ink, images_of_inks,
    macs, time,
};
use hccr_report::machine::{Machine, Versions, commit};
use hccr_report::sheet::SheetItem;
use hccr_runtime::ink::Ink;
use hccr_runtime::{FusedRecognizer, InkRecognizer, Model, Plan, Recognizer};
use std::path::{Path, PathBuf};

/// What was measured, and the answers.
pub(crate) struct Measured {
    pub(crate) report: Report,
    answers: Vec<Answer>,
    /// Misread samples of the most confused pairs.
    shown: Vec<usize>,
}

/// Measures the models of `args` on `samples`.
pub(crate) fn measure(args: &Args, samples: &Samples) -> Result<Measured> {
    let (model, bytes) = read(&args.model)?;
    match (samples, &args.ink_model) {
        (Samples::Images(set), _) => {
            ensure!(!model.is_sequence(), "{} reads pen strokes: give it inks by --pot", args.model.display());
            let files = vec![ModelFile::new(&args.model, &model, bytes, macs(&model, 1.0))];
            of_reader(args, ImageReader::new(model, set).with_context(|| unfit(&args.model))?, files, None)
        }
        (Samples::Inks(set), Some(path)) => {
            let (online, online_bytes) = read(path)?;
            let steps = mean_steps(set)?;
            let files = vec![
                ModelFile::new(&args.model, &model, bytes, macs(&model, 1.0)),
                ModelFile::new(path, &online, online_bytes, macs(&online, steps)),
            ];
            let weight = args.weight.or(online.fusion_weight()).unwrap_or(FusedRecognizer::DEFAULT_WEIGHT);
            let online = InkRecognizer::new(online).with_context(|| unfit(path))?;
            let offline = Recognizer::new(model).with_context(|| unfit(&args.model))?;
            let fused = FusedRecognizer::new(online, offline, weight).context("the models cannot be fused")?;
            of_reader(args, FusedReader::new(fused, set), files, Some(weight))
        }
        (Samples::Inks(set), None) if model.is_sequence() => {
            let files = vec![ModelFile::new(&args.model, &model, bytes, macs(&model, mean_steps(set)?))];
            let recognizer = InkRecognizer::new(model).with_context(|| unfit(&args.model))?;
            of_reader(args, InkReader::new(recognizer, set), files, None)
        }
        (Samples::Inks(set), None) => {
            let files = vec![ModelFile::new(&args.model, &model, bytes, macs(&model, 1.0))];
            let images: ImageSet = images_of_inks(set)?;
            of_reader(args, ImageReader::new(model, &images).with_context(|| unfit(&args.model))?, files, None)
        }
    }
}

fn read(path: &Path) -> Result<(Model, u64)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let model = Model::from_bytes(&bytes).with_context(|| format!("{} is no model file", path.display()))?;
    Ok((model, bytes.len() as u64))
}

fn unfit(path: &Path) -> String {
    format!("{} cannot read these samples", path.display())
}

fn mean_steps(set: &InkSet) -> Result<f64> {
    let mut steps = 0;
    for i in 0..set.len() {
        steps += Ink::new(&set.ink(i))?.steps().len();
    }
    Ok(steps as f64 / set.len() as f64)
}

fn of_reader(args: &Args, mut reader: impl Reader, models: Vec<ModelFile>, weight: Option<f32>) -> Result<Measured> {
    let classes: Vec<char> = reader.samples().classes.to_vec();
    let known: Vec<char> = classes.iter().copied().filter(|c| reader.labels().contains(c)).collect();
    if known.is_empty() {
        bail!("the model knows none of the characters of {}", file_names(args));
    }
    if args.restrict {
        reader = reader.restricted(&known)?;
    }
    eprintln!("reading {} samples ...", reader.samples().labels.len());
    let (answers, unknown) = answers(&reader, || ())?;
    let [min_ms, median_ms] = time(&reader)?;
    let Mistakes { pairs, samples: shown } = Mistakes::new(answers.iter().map(|a| (a.sample, [a.truth, a.guess])));
    let report = Report {
        models,
        weight,
        data: Data {
            files: file_names(args),
            characters: classes.len() as u64,
            strokes: match args {
                _ if args.pot.is_empty() => None,
                Args { shuffled: true, .. } => Some("shuffled".into()),
                Args { joined: true, .. } => Some("joined".into()),
                _ => Some("as written".into()),
            },
        },
        candidates: reader.labels().len() as u64,
        restricted: args.restrict,
        figures: Figures::new(&answers),
        unknown,
        confused_pairs: pairs,
        time: Time { min_ms, median_ms },
        command: command(args),
        machine: Machine::detect(),
        isa: isa()?,
        commit: commit(),
        versions: Versions::detect(),
    };
    Ok(Measured { report, answers, shown })
}

/// The instruction set that the runtime chooses.
fn isa() -> Result<String> {
    let mut network = hccr_runtime::ModelBuilder::new(&[1]);
    network.push("softmax", hccr_runtime::Op::Softmax);
    Ok(Plan::new(&network.finish()?)?.isa().name().into())
}

/// The command that repeats the measurement.
fn command(args: &Args) -> String {
    let mut command = String::from("cargo xtask evaluate");
    let mut flag = |name: &str, paths: &[&PathBuf]| {
        if !paths.is_empty() {
            command += &format!(" --{name} {}", names(paths));
        }
    };
    flag("model", &[&args.model]);
    flag("ink-model", &args.ink_model.iter().collect::<Vec<_>>());
    for (name, paths) in [("gnt", &args.gnt), ("pot", &args.pot), ("images", &args.images)] {
        flag(name, &paths.iter().collect::<Vec<_>>());
    }
    if let Some(weight) = args.weight {
        command += &format!(" --weight {weight}");
    }
    for (name, given) in [("restrict", args.restrict), ("shuffled", args.shuffled), ("joined", args.joined)] {
        if given {
            command += &format!(" --{name}");
        }
    }
    command
}

impl Measured {
    /// Misread samples of the most confused pairs.
    pub(crate) fn sheet(&self, samples: &Samples) -> Result<Vec<SheetItem>> {
        let item = |&sample: &usize| {
            let image = match samples {
                Samples::Images(set) => set.image(sample).to_vec(),
                Samples::Inks(set) => image_of_ink(set, sample)?,
            };
            let place = self.answers.partition_point(|answer| answer.sample < sample);
            let Answer { truth, guess, probability, .. } = self.answers[place];
            Ok(SheetItem { image, truth, guess, probability })
        };
        self.shown.iter().map(item).collect()
    }
}
