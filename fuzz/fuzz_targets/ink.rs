//! A writing session: whatever is added and undone, it answers as the recognizer does for the same ink at once, bit for bit.
#![no_main]

mod tiny;

use hccr_runtime::ink::{Ink, Point, WritingBox};
use hccr_runtime::{InkRecognizer, InkSession};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static RECOGNIZER: LazyLock<InkRecognizer> =
    LazyLock::new(|| InkRecognizer::new(tiny::online()).expect("a model of ink"));

/// Points in an area that a byte chooses the size of, some of them no numbers.
fn points(bytes: &[u8], size: u8) -> Vec<Point> {
    let number = |byte: u8| match byte {
        255 => f32::NAN,
        254 => f32::MAX,
        byte => (f32::from(byte) - 100.0) * 10f32.powi(i32::from(size % 16) - 8),
    };
    bytes.chunks_exact(2).map(|pair| Point { x: number(pair[0]), y: number(pair[1]) }).collect()
}

fuzz_target!(|data: &[u8]| {
    let Some((&[has_box, size], mut rest)) = data.split_first_chunk() else { return };
    let side = 10f32.powi(i32::from(has_box % 16) - 8);
    let writing_box = if has_box < 128 { WritingBox::new(0.0, 0.0, side, side).ok() } else { None };
    let mut session = InkSession::new(&RECOGNIZER, writing_box);
    while let Some((&[call, length], behind)) = rest.split_first_chunk() {
        let (bytes, behind) = behind.split_at(usize::from(length).min(behind.len()));
        rest = behind;
        match call % 4 {
            0 => _ = session.add_stroke(&points(bytes, size)),
            1 => _ = session.add_points(&points(bytes, size)),
            2 => _ = session.undo_stroke(),
            _ => {}
        }
        if call < 128 {
            continue;
        }
        let ink = Ink::new(session.strokes()).map(|ink| match writing_box {
            Some(writing_box) => ink.in_box(writing_box),
            None => ink,
        });
        let bits = |probabilities: &[f32]| probabilities.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        let at_once = ink.map(|ink| bits(RECOGNIZER.clone().probabilities(&ink)));
        assert_eq!(session.probabilities().map(bits), at_once);
    }
});
