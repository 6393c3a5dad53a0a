//! A writer: habits drawn once, and samples that vary around them.

use super::{
    component::jitter_components,
    device::Device,
    elastic::Elastic,
    forms::Forms,
    merges::Merges,
    motor::Motor,
    path::{self, STEP},
    pen::Pen,
    shape::{self, Affine, Warp},
    shortcuts::Shortcuts,
    ticks::Ticks,
};
use crate::{
    render::Style,
    strokes::{Point, Stroke},
    trajectory::{PenPoint, Trajectory},
};
use hccr_random::Rng;

/// The share of samples whose strokes come in any order, more than people's: a network that reads them does not rely on the order.
const ANY_ORDER: f32 = 0.25;

/// A writer with habits of their own.
#[derive(Clone, Debug)]
pub struct Writer {
    seed: u64,
    id: u32,
    /// How much rows rise and columns lean to the right, as slopes.
    slope: f32,
    slant: f32,
    /// The logarithm of width over height.
    aspect: f32,
    /// Where the writer's components sit and how large they are.
    warp: Warp,
    /// The strength of all that varies from sample to sample; 1 is usual.
    sloppiness: f32,
    /// The share of samples whose strokes come in any order.
    any_order: f32,
    /// How often components have other forms than the copybook's, for each time that people's have.
    forms: f32,
    /// How much strokes grow alike in length: the power of the length that is taken off.
    evenness: f32,
    /// The log-odds of joining two strokes a short way apart.
    joining: f32,
    /// How fast these fall with the way between the strokes, per 100 grid units.
    reluctance: f32,
    /// What the writer does otherwise than the copybook.
    shortcuts: Shortcuts,
    /// What it writes where the pen lands and lifts.
    ticks: Ticks,
    /// How the hand moves.
    motor: Motor,
    /// In grid units.
    tremor: f32,
    /// The shares of pressure lost where the pen lands and lifts.
    landing: f32,
    lifting: f32,
    /// How much the pressure varies along a stroke.
    unsteadiness: f32,
    /// What draws its lines.
    pen: Pen,
    /// What records the pen's points.
    device: Device,
}

impl Writer {
    /// Writer number `id` of `seed`.
    pub fn new(seed: u64, id: u32) -> Self {
        let mut rng = Rng::new(seed, u64::from(id));
        let speed = rng.normal();
        Self {
            seed,
            id,
            slope: 0.08 + 0.07 * rng.normal(),
            slant: 0.02 + 0.12 * rng.normal(),
            aspect: -0.18 + 0.12 * rng.normal(),
            warp: Warp::new(20.0, &mut rng),
            sloppiness: libm::expf(0.15 * speed + 0.25 * rng.normal()),
            any_order: ANY_ORDER,
            forms: 1.0,
            // Against short strokes, people's long ones are about 30 % shorter than the copybook's (means of the unjoined inks of
            // `olhwdb50`); this is somewhat more, as of all that varies.
            evenness: 0.4 + 0.15 * rng.normal(),
            joining: 0.3 + 1.5 * speed,
            reluctance: 0.4 + 0.4 * rng.uniform(),
            shortcuts: Shortcuts::new(&mut rng),
            ticks: Ticks::new(&mut rng),
            motor: Motor {
                haste: (0.25 + 0.15 * (0.6 * speed + 0.8 * rng.normal())).clamp(0.0, 0.6),
                flick: rng.range(0.0, 0.3),
                bow: 0.04,
                link_bow: 0.12,
                link_pressure: rng.range(0.45, 0.95),
            },
            tremor: 2.5 * libm::expf(0.4 * rng.normal()),
            landing: rng.range(-0.2, 0.35),
            lifting: rng.range(0.0, 0.6),
            unsteadiness: rng.range(0.04, 0.14),
            pen: Pen::new(&mut rng),
            device: Device::new(&mut rng),
        }
    }

    /// The same writer, who strays so many times as far from the copybook (see
    /// [`SimulatorConfig::variation`](super::SimulatorConfig::variation)); strokes are joined, and pens chosen, as before.
    #[must_use]
    pub fn with_variation(mut self, variation: f32) -> Self {
        self.sloppiness *= variation;
        self.any_order *= variation;
        self.forms *= variation;
        self.evenness *= variation;
        self.warp.scale(variation);
        self.shortcuts.scale(variation);
        self.ticks.scale(variation);
        self
    }

    /// Sample number `sample` of the character with these strokes. Another character wants another number: samples of
    /// the same number share their random stream.
    pub fn sample(&self, strokes: &[Stroke], sample: u64) -> Trajectory {
        let mut rng = self.rng(sample);
        let amount = self.amount(&mut rng);
        let merges = Merges::of(strokes);
        let mut strokes: Vec<Stroke> = strokes.iter().map(|stroke| path::resample(stroke, 50.0)).collect();
        shape::jitter_strokes(&mut strokes, amount, self.evenness, &mut rng);
        jitter_components(&mut strokes, amount, &mut rng);
        self.distort(&mut strokes, amount, &mut rng);
        let merged = self.shortcuts.take(&mut strokes, &merges, &mut rng);

        let mood = self.joining + 0.4 * rng.normal();
        let joins = |i: usize| i > 0 && self.joins(strokes[i - 1].last(), strokes[i].first(), mood, &mut rng);
        let joined: Vec<bool> =
            (0..strokes.len()).map(joins).zip(merged).map(|(joins, merged)| joins || merged).collect();
        self.ticks.add(&mut strokes, &joined, &mut rng);
        let lines = self.motor.write(&strokes, &joined, &mut rng);
        let mut trajectory = self.press(lines, 0.7 * amount, &mut rng);
        if rng.chance(self.any_order) {
            rng.shuffle(&mut trajectory.strokes);
        }
        trajectory
    }

    /// The character of these strokes in the forms that the writer gives its components in sample number `sample`.
    pub(super) fn formed(&self, strokes: &[Stroke], forms: &Forms, sample: u64) -> Vec<Stroke> {
        let mut strokes = strokes.to_vec();
        forms.give(&mut strokes, self.forms, &mut self.rng(sample | (1 << 60)));
        strokes
    }

    /// As [`Self::sample`], of a shape whose strokes stand where they meet already: none of them is moved on its own, or
    /// joined to the next.
    pub fn trace(&self, strokes: &[Stroke], sample: u64) -> Trajectory {
        let mut rng = self.rng(sample);
        let amount = self.amount(&mut rng);
        let mut strokes: Vec<Stroke> = strokes.iter().map(|stroke| path::resample(stroke, STEP)).collect();
        self.distort(&mut strokes, amount, &mut rng);
        let smooth = |stroke: &Stroke| {
            let mut line: Vec<PenPoint> = stroke.iter().map(|p| PenPoint { x: p.x, y: p.y, pressure: 1.0 }).collect();
            path::smooth(&mut line, 2);
            line
        };
        self.press(strokes.iter().map(smooth).collect(), amount, &mut rng)
    }

    /// What a trembling hand makes of the lines between landing and lifting; `elastic` is how strongly the whole is distorted.
    fn press(&self, mut lines: Vec<Vec<PenPoint>>, elastic: f32, rng: &mut Rng) -> Trajectory {
        for line in &mut lines {
            path::tremble(line, self.tremor, self.unsteadiness, rng);
            path::taper(line, self.landing, self.lifting);
        }
        let mut trajectory = Trajectory { strokes: lines };
        Elastic::new(elastic, rng).apply_to(&mut trajectory);
        trajectory
    }

    /// How much a sample varies.
    fn amount(&self, rng: &mut Rng) -> f32 {
        (self.sloppiness * libm::expf(0.2 * rng.normal())).min(1.8)
    }

    /// Gives the whole character the writer's proportions, and some of the sample's own.
    fn distort(&self, strokes: &mut [Stroke], amount: f32, rng: &mut Rng) {
        self.warp.apply_to(strokes);
        Warp::new(14.0 * amount, rng).apply_to(strokes);
        let slope = self.slope + 0.03 * amount * rng.normal();
        let slant = self.slant + 0.03 * amount * rng.normal();
        Affine::lean(slope, slant, libm::expf(self.aspect + 0.06 * amount * rng.normal())).apply_to(strokes);
    }

    /// Which of so many fonts sample number `sample` follows, if any: a share of all samples follows one.
    pub(super) fn font(&self, fonts: usize, share: f32, sample: u64) -> Option<usize> {
        let mut rng = self.rng(sample | (1 << 61));
        (fonts > 0 && rng.chance(share)).then(|| rng.below(fonts))
    }

    /// How sample number `sample` is drawn.
    pub fn style(&self, sample: u64) -> Style {
        self.pen.style(&mut self.rng(sample | (1 << 63)))
    }

    /// The points of each stroke that a device records of sample number `sample`, `y` downwards, in its own unit.
    pub fn ink(&self, strokes: &[Stroke], sample: u64) -> Vec<Vec<[i16; 2]>> {
        self.device.record(&self.sample(strokes, sample), &mut self.rng(sample | (1 << 62)))
    }

    /// The random stream of a sample.
    fn rng(&self, sample: u64) -> Rng {
        let mut of_writer = Rng::new(self.seed, u64::from(self.id) | (1 << 32));
        Rng::new(of_writer.next_u64(), sample)
    }

    fn joins(&self, end: Option<&Point>, start: Option<&Point>, mood: f32, rng: &mut Rng) -> bool {
        let (Some(&end), Some(&start)) = (end, start) else { return false };
        let odds = libm::expf(mood + self.reluctance * (2.4 - path::distance(end, start) / 100.0));
        rng.chance(odds / (1.0 + odds))
    }
}
