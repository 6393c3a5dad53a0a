//! Eight threads that share one plan: the answers of one thread alone, bit for bit.
//!
//! `cargo xtask sanitize` runs this under ThreadSanitizer. Threads are therefore joined one by one, which it sees, and not by
//! the end of a scope, which it does not.
#![cfg(not(target_family = "wasm"))] // it has no threads

#[allow(dead_code)] // only its models are used
#[path = "common/any_model.rs"]
mod any_model;
mod common;

use any_model::any_model;
use common::Rng;
use common::ink::{CLASSES, SIZE, ink, offline_model, online_model};
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::ink::{Ink, Point};
use hccr_runtime::{
    Batch, Candidate, FusedRecognizer, Fusion, InkRecognizer, InkSession, IsaKind, LineSession, Plan, Recognizer,
    SequenceSession, Session,
};
use std::sync::Arc;

const THREADS: usize = 8;

/// How many different inputs there are.
const INPUTS: usize = 7;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn candidate_bits(candidates: &[Candidate]) -> Vec<u32> {
    candidates.iter().flat_map(|c| [c.character as u32, c.probability.to_bits()]).collect()
}

/// Lets each thread `answer` the inputs `runs` times, in an order of its own, and renew what it answers with now and then.
fn stress<S>(runs: usize, new: impl Fn() -> S + Sync, answer: impl Fn(&mut S, usize) -> Vec<u32> + Sync) {
    let want: Vec<Vec<u32>> = (0..INPUTS).map(|input| answer(&mut new(), input)).collect();
    on_threads(|thread| {
        let mut state = new();
        for run in 0..runs {
            if run % 16 == 15 {
                state = new();
            }
            let input = (thread + run * (1 + thread % (INPUTS - 1))) % INPUTS;
            assert!(answer(&mut state, input) == want[input], "run {run} of thread {thread}");
        }
    });
}

fn on_threads(work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// The strokes of each input.
fn inks() -> Vec<Vec<Vec<Point>>> {
    (1..).take(INPUTS).map(|seed| ink(seed, 6)).collect()
}

fn online() -> InkRecognizer {
    InkRecognizer::new(online_model()).unwrap()
}

fn fused() -> FusedRecognizer {
    FusedRecognizer::new(online(), Recognizer::new(offline_model()).unwrap(), Fusion::default()).unwrap()
}

#[test]
fn sessions_of_any_model() {
    let mut rng = Rng(3);
    let mut sequences = 0;
    for _ in 0..100 {
        let choices: Vec<u8> = (0..4 + rng.next() % 146).map(|_| rng.next() as u8).collect();
        let (model, input) = any_model(&choices);
        let inputs: Vec<Vec<f32>> =
            (0..INPUTS).map(|i| input.iter().map(|x| x * (1.0 - i as f32 / 5.0)).collect()).collect();
        sequences += usize::from(model.is_sequence());
        for isa in IsaKind::available() {
            let plan = Arc::new(Plan::with_isa(&model, isa).unwrap());
            stress(40, || Session::new(plan.clone()), |session, i| bits(session.run(&inputs[i]).unwrap()));
        }
    }
    assert!((10..90).contains(&sequences), "{sequences}");
}

#[test]
fn sequences_in_pieces() {
    let plan = online().plan().clone();
    let rows: Vec<Vec<f32>> = (0..INPUTS).map(|i| Rng(i as u64).values(plan.input_len() * (10 + i))).collect();
    let new = || (SequenceSession::new(plan.clone()).unwrap(), Default::default());
    stress(200, new, |(session, state), input| {
        let (first, rest) = rows[input].split_at(plan.input_len() * 4);
        session.reset();
        session.push(first).unwrap();
        session.save(state);
        session.push(first).unwrap();
        session.restore(state).unwrap();
        session.push(rest).unwrap();
        bits(session.answer().unwrap())
    });
}

#[test]
fn batches() {
    let plan = Recognizer::new(offline_model()).unwrap().plan().clone();
    let samples = 8 * THREADS;
    let inputs = Rng(1).values(plan.input_len() * samples);
    let mut session = Session::new(plan.clone());
    let want: Vec<u32> = inputs.chunks(plan.input_len()).flat_map(|input| bits(session.run(input).unwrap())).collect();
    let mut batch = Batch::new(plan.clone(), THREADS).unwrap();
    for _ in 0..20 {
        let mut outputs = vec![f32::NAN; plan.output_len() * samples];
        std::thread::scope(|scope| {
            let jobs = batch.jobs(&inputs, &mut outputs).unwrap();
            let threads: Vec<_> = jobs.map(|job| scope.spawn(move || job.run())).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert!(bits(&outputs) == want);
    }
}

#[test]
fn recognizers_of_images() {
    let recognizer = Recognizer::new(offline_model()).unwrap();
    let pictures: Vec<Vec<u8>> = (0..INPUTS as u64)
        .map(|seed| {
            let mut rng = Rng(seed);
            (0..SIZE * SIZE).map(|_| if rng.next().is_multiple_of(5) { 0 } else { 255 }).collect()
        })
        .collect();
    stress(
        100,
        || recognizer.clone(),
        |recognizer, i| {
            let image = Image::new(&pictures[i], SIZE, SIZE, PixelFormat::Gray).unwrap();
            candidate_bits(&recognizer.recognize(&image, CLASSES).unwrap())
        },
    );
}

#[test]
fn recognizers_of_ink() {
    let inks: Vec<Ink> = inks().iter().map(|strokes| Ink::new(strokes).unwrap()).collect();
    let (online, fused) = (online(), fused());
    stress(100, || online.clone(), |recognizer, i| candidate_bits(&recognizer.recognize(&inks[i], CLASSES)));
    stress(60, || fused.clone(), |recognizer, i| candidate_bits(&recognizer.recognize(&inks[i], CLASSES).unwrap()));
}

#[test]
fn ink_that_is_being_written() {
    let (online, fused, inks) = (online(), fused(), inks());
    stress(
        20,
        || (),
        |(), i| {
            let mut session = InkSession::new(&online, None);
            let write = |stroke: &Vec<Point>| {
                session.add_stroke(stroke).unwrap();
                session.candidates(CLASSES).unwrap()
            };
            candidate_bits(&inks[i].iter().flat_map(write).collect::<Vec<_>>())
        },
    );
    stress(
        4,
        || (),
        |(), i| {
            let mut line = LineSession::fused(&fused);
            inks[i].iter().for_each(|stroke| line.add_stroke(stroke).unwrap());
            let segments = line.segments().unwrap();
            segments.iter().flat_map(|segment| candidate_bits(&segment.candidates)).collect()
        },
    );
}
