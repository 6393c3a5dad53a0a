//! A writer: habits drawn once, and samples that vary around them.

use super::{
    device::Device,
    elastic::Elastic,
    path::{self, STEP},
    pen::Pen,
    shape::{self, Affine, Warp},
};
use crate::{
    render::Style,
    strokes::{Point, Stroke},
    trajectory::{PenPoint, Trajectory},
};
use hccr_random::Rng;

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
    /// The log-odds of joining two strokes a short way apart.
    joining: f32,
    /// How fast these fall with the way between the strokes, per 100 grid units.
    reluctance: f32,
    /// The passes of smoothing that round corners.
    rounding: f32,
    /// In grid units.
    tremor: f32,
    /// How often a stroke ends in a flick towards the next one.
    flick: f32,
    /// The pressure on the way between joined strokes.
    link_pressure: f32,
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
        let joining = 1.5 * speed;
        Self {
            seed,
            id,
            slope: 0.08 + 0.07 * rng.normal(),
            slant: 0.02 + 0.12 * rng.normal(),
            aspect: -0.21 + 0.12 * rng.normal(),
            warp: Warp::new(16.0, &mut rng),
            sloppiness: libm::expf(0.15 * speed + 0.25 * rng.normal()),
            joining,
            reluctance: 0.5 + 0.4 * rng.uniform(),
            rounding: 2.0 * libm::expf(0.5 * speed + 0.4 * rng.normal()),
            tremor: 2.5 * libm::expf(0.4 * rng.normal()),
            flick: rng.range(0.0, 0.4),
            link_pressure: rng.range(0.45, 0.95),
            landing: rng.range(-0.2, 0.35),
            lifting: rng.range(0.0, 0.6),
            unsteadiness: rng.range(0.04, 0.14),
            pen: Pen::new(&mut rng),
            device: Device::new(&mut rng),
        }
    }

    /// Sample number `sample` of the character with these strokes. Another character wants another number: samples of
    /// the same number share their random stream.
    pub fn sample(&self, strokes: &[Stroke], sample: u64) -> Trajectory {
        let mut rng = self.rng(sample);
        let care = self.sloppiness * libm::expf(0.2 * rng.normal());
        let mut strokes: Vec<Stroke> = strokes.iter().map(divide).collect();
        let starts = shape::components(&strokes);
        shape::jitter_strokes(&mut strokes, care, &mut rng);
        shape::jitter_components(&mut strokes, &starts, care, &mut rng);
        self.distort(&mut strokes, care, &mut rng);

        let mood = self.joining + 0.4 * rng.normal();
        let passes = (self.rounding * libm::expf(0.25 * rng.normal()) + 0.5).min(12.0) as usize;
        let mut lines: Vec<Vec<PenPoint>> = Vec::new();
        for (i, stroke) in strokes.iter().enumerate() {
            let joined = i > 0 && self.joins(strokes[i - 1].last(), stroke.first(), mood, &mut rng);
            match lines.last_mut() {
                Some(line) if joined => self.link(line, stroke),
                _ => lines.push(pressed(stroke).collect()),
            }
        }
        let next: Vec<Option<PenPoint>> =
            (1..=lines.len()).map(|i| lines.get(i).and_then(|line| line.first().copied())).collect();
        let finish = |(line, next): (Vec<PenPoint>, Option<PenPoint>)| self.finish(line, next, passes, &mut rng);
        let mut trajectory = Trajectory { strokes: lines.into_iter().zip(next).map(finish).collect() };
        Elastic::new(care, &mut rng).apply_to(&mut trajectory);
        trajectory
    }

    /// As [`Self::sample`], of a shape whose strokes stand where they meet already: none of them is moved on its own, or
    /// joined to the next.
    pub fn trace(&self, strokes: &[Stroke], sample: u64) -> Trajectory {
        let mut rng = self.rng(sample);
        let care = self.sloppiness * libm::expf(0.2 * rng.normal());
        let mut strokes: Vec<Stroke> = strokes.iter().map(divide).collect();
        self.distort(&mut strokes, care, &mut rng);
        let finish = |stroke: &Stroke| {
            let line: Vec<PenPoint> = pressed(stroke).collect();
            let mut line = path::resample(&line, STEP);
            path::smooth(&mut line, 2);
            path::tremble(&mut line, self.tremor, self.unsteadiness, &mut rng);
            path::taper(&mut line, self.landing, self.lifting);
            line
        };
        let mut trajectory = Trajectory { strokes: strokes.iter().map(finish).collect() };
        Elastic::new(care, &mut rng).apply_to(&mut trajectory);
        trajectory
    }

    /// Gives the whole character the writer's proportions, and some of the sample's own.
    fn distort(&self, strokes: &mut [Stroke], care: f32, rng: &mut Rng) {
        self.warp.apply_to(strokes);
        Warp::new(14.0 * care, rng).apply_to(strokes);
        let slope = self.slope + 0.03 * care * rng.normal();
        let slant = self.slant + 0.03 * care * rng.normal();
        Affine::lean(slope, slant, libm::expf(self.aspect + 0.06 * care * rng.normal())).apply_to(strokes);
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

    /// Goes on from `line` to the next stroke without lifting the pen.
    fn link(&self, line: &mut Vec<PenPoint>, stroke: &Stroke) {
        let (Some(&from), Some(to)) = (line.last(), stroke.first()) else { return };
        for t in [0.3, 0.7] {
            let (x, y) = (from.x + t * (to.x - from.x), from.y + t * (to.y - from.y));
            line.push(PenPoint { x, y, pressure: self.link_pressure });
        }
        line.extend(pressed(stroke));
    }

    /// What the hand makes of a line between landing and lifting; `next` is where it lands afterwards.
    fn finish(&self, mut line: Vec<PenPoint>, next: Option<PenPoint>, passes: usize, rng: &mut Rng) -> Vec<PenPoint> {
        if let (Some(&end), Some(next)) = (line.last(), next)
            && rng.chance(self.flick)
        {
            let (dx, dy) = (next.x - end.x, next.y - end.y);
            let length = rng.range(20.0, 70.0) / (dx * dx + dy * dy).sqrt().max(100.0);
            line.push(PenPoint { x: end.x + length * dx, y: end.y + length * dy, pressure: 0.5 });
        }
        let mut line = path::resample(&line, STEP);
        path::smooth(&mut line, passes);
        path::tremble(&mut line, self.tremor, self.unsteadiness, rng);
        path::taper(&mut line, self.landing, self.lifting);
        line
    }
}

/// The same stroke with points close enough for distortions to bend it.
fn divide(stroke: &Stroke) -> Stroke {
    let line: Vec<PenPoint> = pressed(stroke).collect();
    path::resample(&line, 50.0).into_iter().map(|p| Point { x: p.x, y: p.y }).collect()
}

fn pressed(stroke: &Stroke) -> impl Iterator<Item = PenPoint> {
    stroke.iter().map(|p| PenPoint { x: p.x, y: p.y, pressure: 1.0 })
}
