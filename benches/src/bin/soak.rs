//! Reads without a pause, for minutes: images, inks and lines of ink while they are written, with strokes taken back and written
//! again, and with recognizers and sessions made and dropped. Run it with `cargo xtask soak`.
//!
//! The same few calls come round and round. Memory must be flat: from the end of the first tenth on it may grow by less than 1 MiB. Times
//! are printed alone, since other work on the machine makes them longer.

use anyhow::{Context, Result, ensure};
use hccr::image::{Image, PixelFormat};
use hccr::ink::Point;
use hccr::{InkRecognizer, InkSession, LineSession, Recognizer};
use hccr_data::{IMAGE_SIZE, Simulator, SimulatorConfig};
use hccr_random::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// It ends after so many characters, or when the time is up.
const RECOGNITIONS: usize = 10_000_000;

/// By how many KiB the memory may grow after the first tenth.
const GROWTH: usize = 1024;

const IMAGES: usize = 200;
const INKS: usize = 10;
const LINES: usize = 1;

/// Characters of a line.
const LENGTH: usize = 3;

/// Recognizers are made anew after so many rounds.
const ROUNDS: usize = 20;

fn main() -> Result<()> {
    let minutes: u64 = std::env::args().nth(1).context("minutes")?.parse()?;
    let length = Duration::from_secs(60 * minutes);
    let writing = Writing::new()?;
    let bar = ProgressBar::new(length.as_secs());
    bar.set_style(ProgressStyle::with_template("[{bar:40}] {pos}/{len} s  {msg}")?.progress_chars("=> "));
    let (start, mut watch, mut memory) = (Instant::now(), Watch::new(), Memory::default());
    let (mut offline, mut online) = (hccr::offline(), hccr::online());
    for round in 1.. {
        watch.next = 0;
        writing.read(&mut offline, &online, &mut watch)?;
        if round % ROUNDS == 0 {
            (offline, online) = (hccr::offline(), hccr::online());
        }
        let (time, read) = (start.elapsed(), watch.recognitions);
        let done = (time.as_secs_f64() / length.as_secs_f64()).max(read as f64 / RECOGNITIONS as f64);
        if done >= 0.1 {
            memory.sample();
        }
        bar.set_position(time.as_secs().min(length.as_secs()));
        bar.set_message(format!("{read} characters, {} KiB more than after a tenth", memory.growth()));
        if done >= 1.0 {
            break;
        }
    }
    bar.finish_and_clear();
    let Watch { recognitions, points, .. } = watch;
    println!("{recognitions} characters and {points} points in {:.0} s", start.elapsed().as_secs_f64());
    watch.print();
    ensure!(memory.settled > 0, "this system does not say how much memory a process has");
    println!("memory: {} KiB after a tenth, then {} KiB more at most", memory.settled, memory.growth());
    ensure!(memory.growth() < GROWTH, "the memory grew by {} KiB, and not by less than {GROWTH}", memory.growth());
    Ok(())
}

/// What is read in every round.
struct Writing {
    /// Grey, on white paper.
    images: Vec<Vec<u8>>,
    inks: Vec<Vec<Vec<Point>>>,
    lines: Vec<Vec<Vec<Point>>>,
}

impl Writing {
    fn new() -> Result<Self> {
        let simulator = Simulator::new(&SimulatorConfig { variation: 0.5, ..SimulatorConfig::new(3755, 1) })?;
        let mut rng = Rng::new(1, 0);
        let images = (0..IMAGES).map(|_| {
            let mut image = vec![0; IMAGE_SIZE * IMAGE_SIZE];
            simulator.image(rng.below(3755) as u16, &mut rng, &mut image);
            image.iter().map(|ink| 255 - ink).collect()
        });
        let images = images.collect();
        // A character 100 high, or wide, at this place of a line.
        let mut ink = |place: usize| {
            let ink = simulator.ink(rng.below(3755) as u16, &mut rng);
            let [left, top] = [0, 1].map(|axis| ink.iter().flatten().map(|p| p[axis]).min().unwrap_or(0));
            let [right, bottom] = [0, 1].map(|axis| ink.iter().flatten().map(|p| p[axis]).max().unwrap_or(0));
            let scale = 100.0 / f32::from((right - left).max(bottom - top).max(1));
            let at = |&[x, y]: &[i16; 2]| Point {
                x: 130.0 * place as f32 + scale * f32::from(x - left),
                y: scale * f32::from(y - top),
            };
            ink.iter().map(|stroke| stroke.iter().map(at).collect()).collect::<Vec<Vec<Point>>>()
        };
        let inks = (0..INKS).map(|_| ink(0)).collect();
        let lines = (0..LINES).map(|_| (0..LENGTH).flat_map(&mut ink).collect()).collect();
        Ok(Self { images, inks, lines })
    }

    fn read(&self, offline: &mut Recognizer, online: &InkRecognizer, watch: &mut Watch) -> Result<()> {
        for pixels in &self.images {
            let image = Image::new(pixels, IMAGE_SIZE, IMAGE_SIZE, PixelFormat::Gray)?;
            watch.time(Kind::Image, || offline.recognize(&image, 10))?;
            watch.recognitions += 1;
        }
        for strokes in &self.inks {
            let mut session = InkSession::new(online, None);
            for change in changes(strokes) {
                match change {
                    Some(stroke) => session.add_stroke(stroke)?,
                    None => drop(session.undo_stroke()),
                }
                watch.points += change.map_or(0, <[Point]>::len);
                watch.time(Kind::Ink, || session.candidates(10))?;
                watch.recognitions += 1;
            }
        }
        for strokes in &self.lines {
            let mut session = LineSession::new(online);
            for change in changes(strokes) {
                match change {
                    Some(stroke) => session.add_stroke(stroke)?,
                    None => drop(session.undo_stroke()),
                }
                watch.points += change.map_or(0, <[Point]>::len);
                watch.time(Kind::Line, || session.segments())?;
            }
            watch.recognitions += session.recognitions();
        }
        Ok(())
    }
}

/// The strokes in order; every third is taken back (`None`) and written again.
fn changes(strokes: &[Vec<Point>]) -> impl Iterator<Item = Option<&[Point]>> {
    strokes.iter().enumerate().flat_map(|(i, stroke)| {
        let stroke = Some(&stroke[..]);
        [stroke, None, stroke].into_iter().take(if i % 3 == 2 { 3 } else { 1 })
    })
}

/// What is timed.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// An image.
    Image,
    /// The candidates of an ink, after a stroke more or less.
    Ink,
    /// The segments of a line, likewise.
    Line,
}

/// Counts and times. It takes all of its memory in the first round.
struct Watch {
    recognitions: usize,
    points: usize,
    /// The calls of a round, in order.
    calls: Vec<Call>,
    /// The call that comes next.
    next: usize,
}

/// A call that every round repeats.
struct Call {
    kind: Kind,
    /// How many took so long: [`bucket`]s.
    counts: [u32; BUCKETS],
}

/// Times up to so many buckets; each is a 32nd longer than the one before.
const BUCKETS: usize = 512;

/// The bucket of a time.
fn bucket(time: Duration) -> usize {
    ((time.as_secs_f64() / SHORTEST).max(1.0).ln() * 32.0).min((BUCKETS - 1) as f64) as usize
}

/// Seconds of the first bucket.
const SHORTEST: f64 = 5e-6;

/// The milliseconds of a bucket.
fn milliseconds(bucket: usize) -> f64 {
    1e3 * SHORTEST * ((bucket as f64 + 0.5) / 32.0).exp()
}

impl Watch {
    fn new() -> Self {
        Self { recognitions: 0, points: 0, calls: Vec::new(), next: 0 }
    }

    fn time<T>(&mut self, kind: Kind, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        let bucket = bucket(start.elapsed());
        if self.next == self.calls.len() {
            self.calls.push(Call { kind, counts: [0; BUCKETS] });
        }
        self.calls[self.next].counts[bucket] += 1;
        self.next += 1;
        result
    }

    /// Prints a row for each kind of call. Calls of a kind have different work, so the last column divides each time by the median of
    /// the same call.
    fn print(&self) {
        println!("{:<8}{:>12}{:>12}{:>12}{:>24}", "", "calls", "median ms", "99.9 % ms", "99.9 % / own median");
        for (name, kind) in [("image", Kind::Image), ("ink", Kind::Ink), ("line", Kind::Line)] {
            let (mut counts, mut ratios) = (vec![0; BUCKETS], vec![0; 2 * BUCKETS]);
            for call in self.calls.iter().filter(|call| call.kind == kind) {
                let median = quantile(&call.counts, 0.5);
                for (bucket, &count) in call.counts.iter().enumerate() {
                    counts[bucket] += count;
                    ratios[BUCKETS + bucket - median] += count;
                }
            }
            let ratio = ((quantile(&ratios, 0.999) as f64 - BUCKETS as f64) / 32.0).exp();
            let [median, high] = [0.5, 0.999].map(|share| milliseconds(quantile(&counts, share)));
            println!("{name:<8}{:>12}{median:>12.3}{high:>12.3}{ratio:>24.2}", counts.iter().sum::<u32>());
        }
    }
}

/// The bucket below or in which this share of all counts lies.
fn quantile(counts: &[u32], share: f64) -> usize {
    let all: u32 = counts.iter().sum();
    let wanted = (share * f64::from(all)).ceil() as u32;
    let mut so_far = 0;
    counts
        .iter()
        .take_while(|&&count| {
            so_far += count;
            so_far < wanted
        })
        .count()
}

/// The memory of this process, in KiB.
#[derive(Default)]
struct Memory {
    /// At the first sample.
    settled: usize,
    most: usize,
}

impl Memory {
    fn sample(&mut self) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let now = line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0);
        if self.settled == 0 {
            self.settled = now;
        }
        self.most = self.most.max(now);
    }

    fn growth(&self) -> usize {
        self.most.saturating_sub(self.settled)
    }
}
