//! The thesis's released network: imported, measured on real characters, repacked into the project's own format,
//! quantized.

mod repack;
mod simulated;

use crate::measure::{layers, stage, time};
use crate::progress::{bar, finish};
use crate::report;
use crate::report::thesis::Thesis;
use crate::report::types::{Config, Curves, Released, Report, Stage, Threads, WallTime};
use anyhow::{Context, Result, ensure};
use clap::Args;
use hccr_data::{CasiaFilter, ImageSet, load_gnt};
use hccr_evaluate::{Mistakes, WriterAccuracy, macs};
use hccr_interchange::{onnx, safetensors, scut};
use hccr_models::pipeline::quantized_for;
use hccr_models::{Answer, answers};
use hccr_nn_train::Evaluation;
use hccr_report::machine::{Machine, Versions, commit};
use hccr_report::sheet::SheetItem;
use hccr_runtime::{Model, Plan};
use repack::Repacked;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Characters and writers of the ICDAR-2013 offline competition set.
const COMPETITION: [usize; 2] = [224_419, 60];

/// Flags of the released network's measurement.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReleasedArgs {
    /// The released network: the file params_compress.bin (2,455,133 bytes) of the thesis's published forward code
    #[arg(long, value_name = "FILE")]
    released_model: PathBuf,
    /// Characters to recognize: GNT files, folders of them or zip archives of them, such as those of the ICDAR-2013
    /// offline competition; characters outside GB2312 level 1 are skipped, and each file counts as one writer
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    gnt: Vec<PathBuf>,
    /// Also write the released network as model.onnx and model.safetensors, for viewers (33 MB each)
    #[arg(long)]
    export: bool,
    /// Directory for report.json, report.html, repacked.hccr and int8.hccr
    #[arg(long, value_name = "DIR", default_value = "target/reproduce/released")]
    out: PathBuf,
}

impl ReleasedArgs {
    /// The command that repeats the run. It has the names of the files without their folders, which differ from machine to machine.
    fn command(&self) -> String {
        let model = names(std::slice::from_ref(&self.released_model), " ");
        format!("cargo xtask reproduce released --released-model {model} --gnt {}", names(&self.gnt, " "))
    }
}

/// The paths' last parts.
fn names(paths: &[PathBuf], between: &str) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.file_name().unwrap_or_default().to_string_lossy()).collect();
    names.join(between)
}

/// Measures the network and writes the report.
pub(crate) fn run(args: &ReleasedArgs) -> Result<()> {
    let _lock = hccr_files::lock(&args.out)?;
    let (file, model) = import(&args.released_model)?;
    let started = Instant::now();
    let set = characters(&args.gnt, model.labels())?;
    let loading = WallTime { stage: "data".into(), seconds: started.elapsed().as_secs_f64() };

    let mut results = measure(args, file.len(), &model, &set)?;
    results.report.times.insert(0, loading);
    report::write(&args.out, &results.report, &results.sheet(&set))?;
    write(&args.out, "repacked.hccr", &results.repacked)?;
    write(&args.out, "int8.hccr", &results.int8)?;
    if args.export {
        write(&args.out, "model.onnx", &onnx::to_bytes(&model)?)?;
        write(&args.out, "model.safetensors", &safetensors::to_bytes(&model)?)?;
    }
    println!("{}", report::stages::terminal(&results.report));
    println!("report: {}", args.out.join("report.html").display());
    Ok(())
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = out.join(name);
    hccr_files::replace(&path, &[bytes]).with_context(|| format!("cannot write {}", path.display()))
}

/// The release file and what it holds.
fn import(path: &Path) -> Result<(Vec<u8>, Model)> {
    let file = hccr_files::read(path).with_context(|| format!("cannot read the released model {}", path.display()))?;
    let model = scut::import(&file).with_context(|| {
        format!(
            "{} is not the thesis's released network: give the file params_compress.bin of its published forward code to \
             --released-model",
            path.display()
        )
    })?;
    Ok((file, model))
}

fn characters(paths: &[PathBuf], classes: &[char]) -> Result<ImageSet> {
    let bar = bar("characters", 0);
    let filter = CasiaFilter { classes: Some(classes.to_vec()), ..CasiaFilter::default() };
    let set = load_gnt(paths, &filter, &|done| bar.set_position(done as u64))
        .context("cannot use the files given to --gnt")?;
    ensure!(
        !set.is_empty(),
        "{} hold no character of GB2312 level 1: give GNT files of Chinese characters to --gnt",
        names(paths, ", ")
    );
    finish(&bar, "characters", &format!("{} of the network's {} classes", set.len(), set.classes.len()));
    Ok(set)
}

/// The result of a run.
struct Results {
    report: Report,
    /// The repacked file.
    repacked: Vec<u8>,
    /// The file of the repacked network in integers.
    int8: Vec<u8>,
    mistakes: Mistakes,
    answers: Vec<Answer>,
}

impl Results {
    /// The misread samples of the most confused pairs.
    fn sheet(&self, set: &ImageSet) -> Vec<SheetItem> {
        let item = |&i: &usize| SheetItem {
            image: set.image(i).to_vec(),
            truth: set.classes[usize::from(set.labels[i])],
            guess: set.classes[self.answers[i].guess],
            probability: self.answers[i].probability,
        };
        self.mistakes.samples.iter().map(item).collect()
    }
}

/// Measures `model`, whose file has so many bytes, as it is, repacked, and in integers.
fn measure(args: &ReleasedArgs, file_bytes: usize, model: &Model, set: &ImageSet) -> Result<Results> {
    let mut times = Vec::new();
    let (released, _, _) = measured("released", model, file_bytes, set, &mut times)?;
    let repacked = Repacked::new(model)?;
    let (stage, answers, plan) = measured("repacked", &repacked.model, repacked.file.len(), set, &mut times)?;
    let quantized = quantized_for(&repacked.model, &simulated::simulated(repacked.model.labels())?, 0)
        .map_err(anyhow::Error::from_boxed)?;
    let int8_file = quantized.to_bytes();
    let (integers, _, _) = measured("int8", &quantized, int8_file.len(), set, &mut times)?;

    let thesis = Thesis::offline();
    let uncompressed = thesis.stages.iter().find_map(|s| s.bytes).map_or(f64::NAN, |figure| figure.value);
    let writers = writers(&answers, set);
    let character = |class: usize| set.classes[class];
    let read = answers.iter().zip(&set.labels).map(|(answer, &label)| [label.into(), answer.guess].map(character));
    let mistakes = Mistakes::new(read.enumerate());
    let report = Report {
        pipeline: "released".into(),
        data: format!(
            "the thesis's released network on real handwriting: {}, {} characters by {} writers (files){}",
            names(&args.gnt, ", "),
            set.len(),
            writers.len(),
            if is_subset(set.len(), writers.len()) { "; a subset, not comparable with published figures" } else { "" }
        ),
        machine: Machine::detect(),
        isa: plan.isa().name().into(),
        threads: Threads { training: rayon::current_num_threads(), timing: 1 },
        seed: 0,
        commit: commit().into(),
        versions: Versions::detect(),
        config: Config {
            tier: "full".into(),
            classes: set.classes.len(),
            width: Some(1.0),
            hidden_sizes: None,
            train_samples: 0,
            dev_samples: 0,
            command: args.command(),
        },
        stages: vec![released, stage, integers],
        longer_baseline: None,
        layers: layers(&int8_file, set)?,
        thesis,
        released_scheme_bytes: None,
        curves: Curves::default(),
        ladder: None,
        fused: None,
        samples: None,
        released: Some(Released {
            load_ms: repack::load_ms(&repacked.file)?,
            bytes_ratio: uncompressed / repacked.file.len() as f64,
            identical_weights: repacked.identical_weights,
            confused_pairs: mistakes.pairs.clone(),
            writers: writers.clone(),
        }),
        times,
        notes: notes(set.len(), writers.len()),
    };
    Ok(Results { report, repacked: repacked.file, int8: int8_file, mistakes, answers })
}

/// The row of one model, what it recognized, and its plan.
fn measured(
    name: &str,
    model: &Model,
    file_bytes: usize,
    set: &ImageSet,
    times: &mut Vec<WallTime>,
) -> Result<(Stage, Vec<Answer>, Arc<Plan>)> {
    let started = Instant::now();
    let plan = Arc::new(Plan::new(model).with_context(|| format!("the {name} network cannot run"))?);
    let bar = bar(name, set.len());
    let answers = answers(&plan, set, || bar.inc(1))?;
    let accuracy = answers.iter().map(|answer| answer.count).sum();
    let stage = stage(name, model, file_bytes, macs(model, 1.0), accuracy, time(&plan, set, |_| ())?)?;
    let seconds = started.elapsed().as_secs_f64();
    finish(&bar, name, &format!("{:.2} % recognized, {seconds:.0} s", 100.0 * stage.top1));
    times.push(WallTime { stage: name.into(), seconds });
    Ok((stage, answers, plan))
}

/// Accuracy per writer, in the order of the writers.
fn writers(answers: &[Answer], set: &ImageSet) -> Vec<WriterAccuracy> {
    let mut counts: BTreeMap<u32, Evaluation> = BTreeMap::new();
    for (answer, &writer) in answers.iter().zip(&set.writers) {
        let count = counts.entry(writer).or_default();
        *count = [*count, answer.count].into_iter().sum();
    }
    let row = |(writer, count): (u32, Evaluation)| WriterAccuracy {
        writer: writer + 1,
        test_samples: count.samples as u64,
        top1: count.top1 as f64 / count.samples as f64,
        top5: count.top5 as f64 / count.samples as f64,
    };
    counts.into_iter().map(row).collect()
}

/// Whether these cannot be the whole competition set.
fn is_subset(samples: usize, writers: usize) -> bool {
    [samples, writers] != COMPETITION
}

fn notes(samples: usize, writers: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if is_subset(samples, writers) {
        let [all_samples, all_writers] = COMPETITION;
        let (of, are) = if writers == 1 { ("writer", "is") } else { ("writers", "are") };
        notes.push(format!(
            "{writers} {of} {are} not {all_writers}: these are {samples} characters, not the {all_samples} of the ICDAR-2013 \
             competition set, and writers differ by more than networks do. The accuracies show that the network is read \
             and run as it should be; they cannot be compared with the thesis's or any other published figure."
        ));
    }
    notes.extend(
        [
            "Stage released: the network as its file holds it, batch normalization apart. Stage repacked: the same codebooks, \
             labels and positions in hccr-runtime's format, everything included: mean image, biases, slopes and class \
             labels. Batch normalization is folded: into a factor an output channel where weights are shared, which leaves \
             the codebooks as they are, and into conv1, whose weights are plain.",
            "Stage int8: stage repacked with integers of 8 bits times integers of 7; their ranges are measured on simulated \
             characters, since the release comes without its training set.",
            "MACs on padding count, as in the thesis; a time is of one character on one thread, image already normalized.",
            "A file counts as one writer.",
        ]
        .map(String::from),
    );
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_competition_set_goes_without_a_caveat() {
        assert!(notes(7501, 2)[0].starts_with("2 writers are not 60: these are 7501 characters"));
        assert!(notes(1000, 1)[0].starts_with("1 writer is not 60"));
        assert!(notes(COMPETITION[0], 60).iter().all(|note| !note.contains("not 60")));
    }

    #[test]
    fn wrong_files_are_named_with_what_to_do() {
        let path = std::env::temp_dir().join(format!("hccr-not-a-release-{}", std::process::id()));
        let missing = import(&path).unwrap_err().to_string();
        std::fs::write(&path, b"something else").unwrap();
        let wrong = format!("{:#}", import(&path).unwrap_err());
        let empty = format!("{:#}", characters(std::slice::from_ref(&path), &['一']).unwrap_err());
        std::fs::remove_file(&path).unwrap();
        for (text, wants) in [(missing, "cannot read"), (wrong, "params_compress.bin"), (empty, "--gnt")] {
            assert!(text.contains(wants) && text.contains("hccr-not-a-release"), "{text}");
        }
    }

    /// On the release itself and real characters, where HCCR_RELEASED_MODEL and HCCR_GNT name them.
    #[test]
    fn the_release_is_measured_and_repacked() {
        let [Some(released_model), Some(gnt)] = ["HCCR_RELEASED_MODEL", "HCCR_GNT"].map(std::env::var_os) else {
            println!("skipped: HCCR_RELEASED_MODEL or HCCR_GNT is not set");
            return;
        };
        let args = ReleasedArgs {
            released_model: released_model.into(),
            gnt: vec![gnt.into()],
            export: false,
            out: PathBuf::new(),
        };
        let (file, model) = import(&args.released_model).unwrap();
        let set = characters(&args.gnt, model.labels()).unwrap();
        let set = set.subset(&(0..set.len().min(60)).collect::<Vec<_>>());
        let results = measure(&args, file.len(), &model, &set).unwrap();
        let [released, repacked, integers] = &results.report.stages[..] else { panic!("three stages") };
        assert_eq!([released.bytes, released.weights, released.nonzeros], [2_455_133, 8_157_920, 2_138_992]);
        assert_eq!([repacked.weights, repacked.nonzeros], [8_157_920, 2_138_992]);
        assert!(repacked.bytes <= 2_060_000, "{} bytes", repacked.bytes);
        assert!(released.top1 > 0.9 && released.top1 == repacked.top1);
        // A character in sixty is 1.7 points.
        assert!(integers.top1 > repacked.top1 - 0.02 && integers.nonzeros > 2_100_000);
        assert!(integers.bytes < repacked.bytes + 1000, "{} bytes", integers.bytes);
        let details = results.report.released.as_ref().unwrap();
        assert_eq!(details.identical_weights, 8_157_920 - 864);
        assert!(details.bytes_ratio > 21.0);
        assert_eq!(results.report.layers.len(), 15);
        assert_eq!(Model::from_bytes(&results.repacked).unwrap().weight_nonzeros(), 2_138_992);
    }
}
