//! `cargo xtask evaluate realism`: simulated writing beside real writing.

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use hccr_data::strokes::Skeletons;
use hccr_data::{
    CasiaFilter, ImageSet, InkSet, SimulatorConfig, Split, SplitSize, load_gnt, load_pot, simulate, simulate_ink,
};
use hccr_evaluate::image_of_ink;
use hccr_evaluate::realism::{InkStatistics, ToldApart, tell_apart};
use hccr_report::chart::{Axis, Chart, Series, Style};
use hccr_report::markup::{paragraph, section};
use hccr_report::page::{figures, page, pairs};
use hccr_report::sheet::SheetItem;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The most samples per character that are compared.
const PER_CLASS: usize = 60;
/// Pairs of a real and a simulated sample that are shown.
const SHOWN: usize = 100;
/// The bars of a histogram.
const BARS: usize = 24;

/// Flags of the comparison.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("real").required(true).args(["gnt", "pot"])))]
pub(crate) struct RealismArgs {
    /// Real images: GNT files, folders or zip archives of them
    #[arg(long, num_args = 1.., value_name = "PATH")]
    gnt: Vec<PathBuf>,
    /// Real inks: POT files, folders or zip archives of them
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pot: Vec<PathBuf>,
    /// Seed of the simulated writers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Directory of realism.html, which has pictures of the real samples
    #[arg(long, value_name = "DIR", default_value = "target/evaluate")]
    out: PathBuf,
}

/// Compares, prints and writes the page.
pub(crate) fn run(args: &RealismArgs) -> Result<()> {
    let _lock = hccr_files::lock(&args.out)?;
    let skeletons = Skeletons::embedded()?;
    let known: Vec<char> = skeletons.chars().filter(|&c| hccr_data::gb2312::tag_of_char(c).is_some()).collect();
    let filter = CasiaFilter { classes: Some(known), ..CasiaFilter::default() };
    let body = if args.pot.is_empty() {
        images(&load_gnt(&args.gnt, &filter, &|_| ()).context("cannot use the files given to --gnt")?, args.seed)?
    } else {
        let real = load_pot(&args.pot, &filter).context("cannot use the files given to --pot")?;
        inks(&real, args.seed, |c| skeletons.get(c).map(<[_]>::len))?
    };
    let about = "Real writing beside simulated writing of the same characters.";
    let html = page("How real the simulated writing is", about, &body);
    hccr_report::write_files(&args.out, [("realism.html".into(), html)])?;
    println!("written: {}", args.out.join("realism.html").display());
    Ok(())
}

/// The samples chosen of each character, at most [`PER_CLASS`], spread over the set.
fn chosen(labels: &[u16], classes: &[char]) -> BTreeMap<char, Vec<usize>> {
    let mut all: BTreeMap<char, Vec<usize>> = BTreeMap::new();
    for (i, &label) in labels.iter().enumerate() {
        all.entry(classes[usize::from(label)]).or_default().push(i);
    }
    for samples in all.values_mut() {
        let count = samples.len();
        *samples = (0..count.min(PER_CLASS)).map(|i| samples[i * count / count.min(PER_CLASS)]).collect();
    }
    all
}

/// What is simulated beside the chosen samples.
fn simulator(real: &BTreeMap<char, Vec<usize>>, seed: u64) -> Result<SimulatorConfig> {
    let Some(most) = real.values().map(Vec::len).max() else { bail!("the files hold no character that is simulated") };
    let size = SplitSize { writers: most.max(2) as u32, samples_per_class: most.max(2) as u32 };
    Ok(SimulatorConfig {
        classes: real.keys().copied().collect(),
        train: size,
        dev: size,
        test: size,
        seed,
        variation: 1.0,
        fonts: true,
    })
}

/// As many of each character's samples as there are in the other set.
fn as_many(labels: &[u16], classes: &[char], other: &BTreeMap<char, Vec<usize>>) -> Vec<usize> {
    let own = chosen(labels, classes);
    own.iter().flat_map(|(c, samples)| samples.iter().copied().take(other.get(c).map_or(0, Vec::len))).collect()
}

fn images(all: &ImageSet, seed: u64) -> Result<String> {
    let of_class = chosen(&all.labels, &all.classes);
    let config = simulator(&of_class, seed)?;
    let simulated = simulate(&config, Split::Test, &|_, _| ())?;
    let simulated = simulated.subset(&as_many(&simulated.labels, &simulated.classes, &of_class));
    let real = all.subset(&of_class.into_values().flatten().collect::<Vec<_>>());
    let Some(ToldApart { train_samples, test_samples, accuracy }) = tell_apart(&real, &simulated) else {
        bail!("the files hold fewer than two writers");
    };
    let text = format!(
        "A logistic regression tells {:.1} % of real and simulated images apart (50 % is guessing): trained on {train_samples} \
         images, tested on {test_samples} of other writers.",
        100.0 * accuracy
    );
    println!("{text}");
    let pictures = (real.labels.as_slice(), simulated.labels.as_slice());
    let shown = beside(pictures, [&real.classes, &simulated.classes], |[a, b]| {
        Ok([real.image(a).to_vec(), simulated.image(b).to_vec()])
    })?;
    Ok(section("Told apart", &paragraph(&text)) + &section("Real and simulated", &shown))
}

fn inks(all: &InkSet, seed: u64, strokes: impl Fn(char) -> Option<usize>) -> Result<String> {
    let of_class = chosen(&all.labels, &all.classes);
    let config = simulator(&of_class, seed)?;
    let simulated = simulate_ink(&config, Split::Test, &|_, _| ())?;
    let simulated = simulated.subset(&as_many(&simulated.labels, &simulated.classes, &of_class));
    let real = all.subset(&of_class.into_values().flatten().collect::<Vec<_>>());
    let [of_real, of_simulated] = [&real, &simulated].map(|set| InkStatistics::new(set, &strokes));
    let charts = [
        histogram("Points per stroke", "points", &of_real.points, &of_simulated.points),
        histogram("Pen-downs over strokes", "pen-downs over strokes", &of_real.pen_downs, &of_simulated.pen_downs),
        histogram("Path over box", "path length over the box's side", &of_real.path_length, &of_simulated.path_length),
        histogram("Straightness", "ends' distance over path", &of_real.straightness, &of_simulated.straightness),
    ];
    let plots: Result<Vec<_>> = charts.iter().map(Chart::draw).collect();
    let plots: Vec<_> = plots?.into_iter().flatten().collect();
    for (name, real, simulated) in [
        ("points per stroke", &of_real.points, &of_simulated.points),
        ("pen-downs over strokes", &of_real.pen_downs, &of_simulated.pen_downs),
        ("path over box", &of_real.path_length, &of_simulated.path_length),
        ("straightness", &of_real.straightness, &of_simulated.straightness),
    ] {
        println!("{name:<24} real {}   simulated {}", quantiles(real), quantiles(simulated));
    }
    println!("(5, 25, 50, 75 and 95 % of the values lie below these)");
    let shown = beside((&real.labels, &simulated.labels), [&real.classes, &simulated.classes], |[a, b]| {
        Ok([image_of_ink(&real, a)?, image_of_ink(&simulated, b)?])
    })?;
    Ok(section("Statistics", &figures(&plots)) + &section("Real and simulated", &shown))
}

fn quantiles(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted.get(share * sorted.len() / 100).copied().unwrap_or(f64::NAN);
    [5, 25, 50, 75, 95].map(|share| format!("{:>6.2}", at(share))).join("")
}

fn histogram(title: &'static str, label: &'static str, real: &[f64], simulated: &[f64]) -> Chart {
    let mut all = [real, simulated].concat();
    all.sort_by(f64::total_cmp);
    // A few outliers would squeeze the rest.
    let high = all.get(all.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(1.0).max(1e-9);
    let series = |name: &str, colour, values: &[f64]| {
        let mut bars = [0usize; BARS];
        for value in values {
            bars[((value / high * BARS as f64) as usize).min(BARS - 1)] += 1;
        }
        let point = |(bar, &count): (usize, &usize)| {
            ((bar as f64 + 0.5) * high / BARS as f64, count as f64 / values.len().max(1) as f64)
        };
        let points = bars.iter().enumerate().map(point).collect();
        Series { label: Some(name.into()), style: Style { colour, ..Style::default() }, points }
    };
    Chart {
        title,
        caption: "Share of the samples in each of the histogram's bars.".into(),
        x: Axis { label, log: false, text: |value| format!("{}", (100.0 * value).round() / 100.0) },
        y: Axis::percent("share, %"),
        series: vec![series("real", 0, real), series("simulated", 1, simulated)],
        boundaries: Vec::new(),
    }
}

/// Pairs of a real and a simulated sample of the same character, spread over the real ones.
fn beside(
    (real, simulated): (&[u16], &[u16]),
    [real_classes, simulated_classes]: [&[char]; 2],
    pictures: impl Fn([usize; 2]) -> Result<[Vec<u8>; 2]>,
) -> Result<String> {
    let mut of_class = chosen(simulated, simulated_classes);
    let mut shown = Vec::new();
    let count = real.len().min(SHOWN);
    for i in (0..count).map(|i| i * real.len() / count) {
        let truth = real_classes[usize::from(real[i])];
        let Some(other) = of_class.get_mut(&truth).and_then(Vec::pop) else { continue };
        let item = |image| SheetItem { image, truth, guess: truth, probability: 1.0 };
        shown.push(pictures([i, other])?.map(item));
    }
    pairs(&shown)
}
