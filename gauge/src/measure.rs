//! Reads the samples, and measures.

use crate::report::{Data, ModelFile, Report, Time};
use crate::samples::{Samples, file_names, names};
use crate::{Args, ModelSource};
use anyhow::{Context, Result, bail, ensure};
use hccr::ink::Ink;
use hccr::{FusedRecognizer, Fusion, InkRecognizer, Plan, Recognizer};
use hccr_data::{ImageSet, InkSet};
use hccr_evaluate::{
    Answer, Figures, FusedReader, ImageReader, InkReader, Mistakes, Reader, answers, image_of_ink, images_of_inks,
    macs, time,
};
use hccr_report::machine::{Machine, Versions, commit};
use hccr_report::sheet::SheetItem;

/// What was measured, and the answers.
pub(crate) struct Measured {
    pub(crate) report: Report,
    answers: Vec<Answer>,
    /// Misread samples of the most confused pairs.
    shown: Vec<usize>,
}

/// Measures the models of `args` on `samples`; `program` is how the user calls it.
pub(crate) fn measure(args: &Args, samples: &Samples, program: &str) -> Result<Measured> {
    let (source, ink_source) = args.models();
    let model = source.read()?;
    let file = |steps| ModelFile::new(&source, &model, macs(&model, steps));
    let run = Run { args, program };
    match (samples, ink_source) {
        (Samples::Images(set), _) => {
            ensure!(!model.is_sequence(), "{source} reads pen strokes: give it inks by --pot");
            let files = vec![file(1.0)?];
            run.of_reader(ImageReader::new(model, set).with_context(|| unfit(&source))?, files, None)
        }
        (Samples::Inks(set), Some(ink_source)) => {
            let online = ink_source.read()?;
            let fitted = online.fusion().unwrap_or_default();
            let fusion = args.weight.map_or(Some(fitted), |weight| Fusion::new(weight, fitted.temperature()));
            let fusion = fusion.context("--weight must lie from 0 to 1")?;
            let recognizer = InkRecognizer::new(online.clone()).with_context(|| unfit(&ink_source))?;
            let steps = mean_time_steps(set, &recognizer)?;
            let files = vec![file(1.0)?, ModelFile::new(&ink_source, &online, macs(&online, steps))?];
            let offline = Recognizer::new(model).with_context(|| unfit(&source))?;
            let fused = FusedRecognizer::new(recognizer, offline, fusion).context("the models cannot be fused")?;
            run.of_reader(FusedReader::new(fused, set), files, Some(fusion.weight()))
        }
        (Samples::Inks(set), None) if model.is_sequence() => {
            let recognizer = InkRecognizer::new(model.clone()).with_context(|| unfit(&source))?;
            let files = vec![file(mean_time_steps(set, &recognizer)?)?];
            run.of_reader(InkReader::new(recognizer, set), files, None)
        }
        (Samples::Inks(set), None) => {
            let files = vec![file(1.0)?];
            let images: ImageSet = images_of_inks(set)?;
            run.of_reader(ImageReader::new(model, &images).with_context(|| unfit(&source))?, files, None)
        }
    }
}

fn unfit(source: &ModelSource) -> String {
    format!("{source} cannot read these samples")
}

fn mean_time_steps(set: &InkSet, recognizer: &InkRecognizer) -> Result<f64> {
    let mut steps = 0;
    for i in 0..set.len() {
        steps += Ink::new(&set.ink(i))?.steps().len().div_ceil(recognizer.steps_at_once());
    }
    Ok(steps as f64 / set.len() as f64)
}

/// The run of a measurement.
struct Run<'a> {
    args: &'a Args,
    /// How the user calls the measurement.
    program: &'a str,
}

impl Run<'_> {
    fn of_reader(&self, mut reader: impl Reader, models: Vec<ModelFile>, weight: Option<f32>) -> Result<Measured> {
        let args = self.args;
        let classes: Vec<char> = reader.samples().classes.to_vec();
        if let Some(source) = &args.among {
            let others = source.read()?.labels().to_vec();
            reader = reader.restricted(&others).with_context(|| format!("the characters of {source}"))?;
        }
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
            among: args.among.as_ref().map(ModelSource::name),
            figures: Figures::new(&answers),
            unknown,
            confused_pairs: pairs,
            time: Time { min_ms, median_ms },
            command: self.command(),
            machine: Machine::detect(),
            isa: isa()?,
            commit: commit().into(),
            versions: Versions::detect(),
        };
        Ok(Measured { report, answers, shown })
    }

    /// The command that repeats the measurement.
    fn command(&self) -> String {
        let args = self.args;
        let mut command = String::from(self.program);
        for (name, source) in [("model", &args.model), ("ink-model", &args.ink_model), ("among", &args.among)] {
            if let Some(source) = source {
                command += &format!(" --{name} {}", source.name());
            }
        }
        for (name, paths) in [("gnt", &args.gnt), ("pot", &args.pot), ("images", &args.images)] {
            if !paths.is_empty() {
                command += &format!(" --{name} {}", names(&paths.iter().collect::<Vec<_>>()));
            }
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
}

/// The instruction set that the runtime chooses.
fn isa() -> Result<String> {
    let mut network = hccr::ModelBuilder::new(&[1]);
    network.push("softmax", hccr::Op::Softmax);
    Ok(Plan::new(&network.finish()?)?.isa().name().into())
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
