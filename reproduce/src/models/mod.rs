//! Makes the models that the project ships, from nothing or from a finished one: `cargo xtask models`.

mod args;
pub(crate) mod card;
mod offline;
mod online;
mod samples;

pub(crate) use args::ModelsArgs;

use crate::args::RunArgs;
use crate::pipeline::{self, Earlier, Results};
use crate::progress::{Interrupt, bar, counting, finish};
use crate::report::types::{Config, Report};
use anyhow::{Context, Result, ensure};
use args::{Kind, ModelsTier};
use hccr_data::{SimulatorConfig, SimulatorError, Split};
use hccr_files::lock;
use hccr_models::{SampleSet, Shipping, infer_new_classes};
use hccr_nn_train::Network;
use hccr_runtime::Model;
use std::path::{Path, PathBuf};

/// One model to be made.
struct Job<'a> {
    args: &'a ModelsArgs,
    kind: Kind,
    /// Its name, such as `offline-3755`.
    name: String,
    /// The flags of its run; its checkpoint is in a directory of its own.
    run: RunArgs,
    shipping: Shipping,
    /// The checksum of the model's file that is trained on.
    from: Option<u32>,
    /// Which classes that model does not read; none where nothing is trained on.
    is_new: Vec<bool>,
}

/// Makes the models asked for that are not there yet.
pub(crate) fn run(mut args: ModelsArgs, interrupt: &Interrupt) -> Result<()> {
    args.check()?;
    let from = args.from.as_deref().map(|path| opened(path, args.only)).transpose()?;
    args.run.is_one_of_several = true;
    let out = args.run.out.get_or_insert_with(|| args.tier.out().into()).clone();
    let mut kinds = args.kinds();
    if args.run.resume {
        for kind in args.kinds() {
            let name = args.model_name(kind);
            if !out.join(format!("{name}.hccr")).exists() {
                continue;
            }
            let made: Report = card::read(&out.join(format!("{name}.json")))?;
            ensure!(
                made.config.command == args.command(kind),
                "{} has {name} already, made by `{}`: give another --out, or leave --resume out to make it anew",
                out.display(),
                made.config.command
            );
            eprintln!("{name} is made already");
            kinds.retain(|&left| left != kind);
        }
    } else {
        let earlier = |name: String| {
            let models = ["hccr", "json", "md"].map(|extension| out.join(format!("{name}.{extension}")));
            Earlier { out: args.run.out(&name), models: models.into() }
        };
        let is_from = |model: &PathBuf| {
            let [model, from] = [Some(model), args.from.as_ref()].map(|path| path?.canonicalize().ok());
            model.is_some() && model == from
        };
        args.run.earlier = kinds.iter().map(|&kind| earlier(args.model_name(kind))).collect();
        let moved = args.run.earlier.iter().flat_map(|earlier| &earlier.models).any(is_from);
        ensure!(!moved, "this run would move the model that it is to train on: give another --out");
    }
    for kind in kinds {
        let name = args.model_name(kind);
        let mut run = args.run.clone();
        // Together, when the first model begins.
        args.run.earlier.clear();
        // A run that was stopped in the first model has not begun the second one.
        run.resume &= pipeline::checkpoint(&run.out(&name)).exists();
        let mut shipping = Shipping {
            smoke: args.tier == ModelsTier::Smoke,
            characters: args.character_set().characters()?,
            batch_size: args.batch_size(),
            effort: run.effort,
            seed: run.seed,
            from: None,
        };
        let is_new = from.as_ref().map_or_else(Vec::new, |(model, _)| shipping.is_new(model));
        shipping.from = from.as_ref().map(|(model, _)| shipping.begin(model)).transpose().context("--from")?;
        let from = from.as_ref().map(|(_, checksum)| *checksum);
        let job = Job { args: &args, kind, name, run, shipping, from, is_new };
        let _lock = lock(&job.out())?;
        match kind {
            Kind::Offline => offline::make(&job, interrupt)?,
            Kind::Online => online::make(&job, interrupt)?,
        }
    }
    Ok(())
}

/// The model that is trained on, and the checksum of its file.
fn opened(path: &Path, kind: Option<Kind>) -> Result<(Model, u32)> {
    let shown = path.display();
    let bytes = hccr_files::read(path).with_context(|| format!("cannot read {shown}"))?;
    let model = Model::from_bytes(&bytes).with_context(|| format!("{shown} is no model"))?;
    ensure!(
        model.is_sequence() == (kind == Some(Kind::Online)),
        "{shown} is not a model of the kind that --only names"
    );
    ensure!(model.weight_nonzeros() > 0, "{shown} has no weights to train on");
    Ok((model, crc32fast::hash(&bytes)))
}

impl Job<'_> {
    /// The directory of all models.
    fn models(&self) -> &Path {
        self.args.run.out.as_deref().unwrap_or(Path::new("."))
    }

    fn command(&self) -> String {
        self.args.command(self.kind)
    }

    /// What tells its state from that of other runs: two files may have one name.
    fn identity(&self) -> String {
        self.command() + &self.from.map_or(String::new(), |checksum| format!(" ({checksum:08x})"))
    }

    /// The directory of this run.
    fn out(&self) -> PathBuf {
        self.run.out(&self.name)
    }

    /// The network of the model that is trained on, if any, which must be of the kind of `initial`; `set` shows it the characters that it
    /// does not read yet.
    fn begun(&self, initial: &Network<f32>, set: &dyn SampleSet) -> Result<Option<Network<f32>>> {
        let Some(network) = &self.shipping.from else { return Ok(None) };
        let reads = |network: &Network<f32>| (network.input, network.reads_sequence(0));
        ensure!(reads(network) == reads(initial), "--from reads no {} data of this size", args::value_name(self.kind));
        let mut network = network.clone();
        let new = self.is_new.iter().filter(|&&is_new| is_new).count();
        if new > 0 {
            let bar = bar("new classes", self.is_new.len());
            infer_new_classes(&mut network, &self.is_new, set, self.run.seed, |done| bar.set_position(done as u64))?;
            finish(&bar, "new classes", &format!("{new}, which begin with the weights that suit their features"));
        }
        Ok(Some(network))
    }

    /// Where the samples are that the model is checked on.
    fn samples(&self, extension: &str) -> PathBuf {
        self.models().join(format!("samples-{}.{extension}.zip", self.args.character_set().name()))
    }

    /// One part of the simulated data, as `write` makes it.
    fn simulated<S>(
        &self,
        name: &str,
        write: impl FnOnce(&(dyn Fn(usize, usize) + Sync)) -> Result<S, SimulatorError>,
    ) -> Result<S> {
        let bar = bar(name, 0);
        let set = write(&counting(&bar)).context("simulating handwriting")?;
        finish(&bar, name, "simulated");
        Ok(set)
    }

    /// What the model is trained and tested on, in words.
    fn description(&self, kind: &str, simulator: &SimulatorConfig) -> String {
        let size = |split| simulator.size(split);
        let (dev, test) = (size(Split::Dev), size(Split::Test));
        let classes = simulator.classes.len();
        format!(
            "simulated {kind} of {classes} characters: written anew for each mini-batch, by ever new writers, to train; {} per character \
             by {} writers for development, {} by {} others to test",
            dev.samples_per_class, dev.writers, test.samples_per_class, test.writers
        )
    }

    fn config(&self, classes: usize, train_samples: u64, dev_samples: usize) -> Config {
        Config {
            tier: self.args.tier_name(),
            classes,
            width: None,
            hidden_sizes: None,
            train_samples: train_samples as usize,
            dev_samples,
            command: self.command(),
        }
    }

    /// Writes the finished model with its figures; `samples` has how many of the samples it reads, and of how many.
    fn finish(
        &self,
        mut results: Results,
        samples: [usize; 2],
        write: impl FnOnce(&Results, &Path) -> Result<()>,
    ) -> Result<()> {
        results.report.samples = Some(samples);
        let notes = &mut results.report.notes;
        notes.push("The writing is simulated: the accuracies cannot be compared with published ones.".into());
        if self.shipping.from.is_some() {
            notes.push("The baseline is a finished model, trained on with all its weights free.".into());
        }
        write(&results, &self.out())?;
        let copy = |name: &str, extension: &str| {
            let to = self.models().join(format!("{}.{extension}", self.name));
            let from = self.out().join(name);
            let bytes = std::fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
            hccr_files::replace(&to, &[&bytes]).with_context(|| format!("cannot write {}", to.display()))
        };
        copy("report.json", "json")?;
        let card = self.models().join(format!("{}.md", self.name));
        hccr_files::replace(&card, &[card::card(&self.name, &results.report, &[])?.as_bytes()])
            .with_context(|| format!("cannot write {}", card.display()))?;
        // Last: its file says that the model is made.
        copy(&format!("{}.hccr", results.last_stage()), "hccr")?;
        println!("{} reads {} of the {} samples", self.name, samples[0], samples[1]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_runtime::shape::LinearParams;
    use hccr_runtime::{ModelBuilder, Op};

    #[test]
    fn what_cannot_be_trained_on_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |weights: Option<[f32; 6]>, kind| {
            let path = folder.path().join("model.hccr");
            let bytes = weights.map_or(b"something else".to_vec(), |weights| {
                let mut b = ModelBuilder::new(&[3]);
                let weight = b.dense("weight", &[2, 3], weights.to_vec());
                let params = LinearParams { in_features: 3, out_features: 2 };
                b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
                b.finish().expect("a layer").to_bytes()
            });
            std::fs::write(&path, bytes).expect("written");
            opened(&path, Some(kind)).err().map(|error| error.to_string())
        };
        assert_eq!(refused(Some([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), Kind::Offline), None);
        let ends = |message: Option<String>, end: &str| {
            assert!(message.as_ref().is_some_and(|m| m.ends_with(end)), "{message:?}")
        };
        ends(refused(Some([1.0; 6]), Kind::Online), "is not a model of the kind that --only names");
        ends(refused(Some([0.0; 6]), Kind::Offline), "has no weights to train on");
        ends(refused(None, Kind::Offline), "is no model");
        ends(opened(&folder.path().join("none"), None).err().map(|error| error.to_string()), "none");
    }
}
