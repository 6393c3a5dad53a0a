//! Mini-batches as bytes, made on all cores while Python trains.
//!
//! A mini-batch begins with three `u32`: samples, columns and steps, the latter two 0 for images. For sequences follow the number of
//! sequences at each step (`i64`) and the columns' features (`f32`): the first step of all sequences, the longest first, then the second
//! ones, and so on. Then come the labels (`u16`), in the order of the sequences at the first step, and for images the pixels.

use crate::error::TorchError;
use hccr_models::{MiniBatch, Samples, Work};
use std::cmp::Reverse;
use std::sync::mpsc::sync_channel;
use std::thread::{available_parallelism, scope};

/// Passes all mini-batches of `work` to `write`, in their order. Each thread is at most two ahead.
pub(crate) fn send(work: &Work<'_>, mut write: impl FnMut(&[u8]) -> Result<(), TorchError>) -> Result<(), TorchError> {
    let threads = available_parallelism().map_or(1, Into::into).min(work.steps);
    scope(|scope| {
        let receivers: Vec<_> = (0..threads)
            .map(|thread| {
                let (sender, receiver) = sync_channel(1);
                scope.spawn(move || {
                    let mut steps = (thread..work.steps).step_by(threads);
                    // Nobody receives any more once writing has failed.
                    steps.try_for_each(|step| sender.send(work.batch(step).map(frame)).ok())
                });
                receiver
            })
            .collect();
        for step in 0..work.steps {
            let Ok(frame) = receivers[step % threads].recv() else { break }; // a panic, which the scope passes on
            write(&frame?)?;
        }
        Ok(())
    })
}

/// The bytes of a mini-batch.
fn frame(MiniBatch { samples, labels }: MiniBatch) -> Vec<u8> {
    match samples {
        Samples::Images { pixels, .. } => {
            let mut frame = Vec::with_capacity(12 + 2 * labels.len() + pixels.len());
            extend(&mut frame, [labels.len() as u32, 0, 0], u32::to_le_bytes);
            extend(&mut frame, labels, u16::to_le_bytes);
            frame.extend(pixels);
            frame
        }
        Samples::Sequences { features, sequences } => {
            let mut sorted: Vec<(Vec<f32>, u16)> = sequences.into_iter().zip(labels).collect();
            sorted.sort_by_key(|(sequence, _)| Reverse(sequence.len()));
            let longest = sorted.first().map_or(0, |(sequence, _)| sequence.len() / features);
            let row = |step: usize| step * features..(step + 1) * features;
            let at = |step: usize| sorted.iter().map_while(move |(sequence, _)| sequence.get(row(step)));
            let sizes: Vec<i64> = (0..longest).map(|step| at(step).count() as i64).collect();
            let columns = sizes.iter().sum::<i64>() as u32;
            let mut frame = Vec::with_capacity(12 + 8 * longest + 4 * features * columns as usize + 2 * sorted.len());
            extend(&mut frame, [sorted.len() as u32, columns, longest as u32], u32::to_le_bytes);
            extend(&mut frame, sizes, i64::to_le_bytes);
            for step in 0..longest {
                extend(&mut frame, at(step).flatten().copied(), f32::to_le_bytes);
            }
            extend(&mut frame, sorted.iter().map(|(_, label)| *label), u16::to_le_bytes);
            frame
        }
    }
}

/// Appends numbers to a frame.
pub(crate) fn extend<T, const N: usize>(
    frame: &mut Vec<u8>,
    values: impl IntoIterator<Item = T>,
    to_bytes: fn(T) -> [u8; N],
) {
    for value in values {
        frame.extend_from_slice(&to_bytes(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_lie_step_by_step() {
        let rows = |first: f32, steps: usize| (0..steps * 6).map(|i| first + (i / 6) as f32).collect::<Vec<f32>>();
        let samples = Samples::Sequences { features: 6, sequences: vec![rows(10.0, 1), rows(20.0, 3), rows(30.0, 2)] };
        let frame = frame(MiniBatch { samples, labels: vec![7, 8, 9] });
        let header: Vec<u8> = [3u32, 6, 3].into_iter().flat_map(u32::to_le_bytes).collect();
        let sizes: Vec<u8> = [3i64, 2, 1].into_iter().flat_map(i64::to_le_bytes).collect();
        let columns = [20.0f32, 30.0, 10.0, 21.0, 31.0, 22.0];
        let columns: Vec<u8> = columns.into_iter().flat_map(|v| [v; 6]).flat_map(f32::to_le_bytes).collect();
        assert_eq!(frame, [header, sizes, columns, vec![8, 0, 9, 0, 7, 0]].concat());
    }
}
