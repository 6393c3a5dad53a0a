//! Whatever the bytes are, the importer gives an error or a valid model, in little memory.

use crate::peak::peak_bytes;
use crate::writer::Release;
use hccr_interchange::scut::{MAX_BYTES, ScutError, import};
use hccr_random::Rng;
use hccr_runtime::{Plan, Session};
use std::sync::Arc;

/// Most bytes that an import may hold at a time.
const MEMORY: usize = 64 << 20;

/// One copy of `bytes` with something wrong in it: a few bits, a number of four bytes, bytes missing or too many.
pub(crate) fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    let at = rng.below(copy.len() - 4);
    match rng.below(6) {
        0 => copy[at] ^= 1 << rng.below(8),
        1 => (0..16).for_each(|_| copy[rng.below(bytes.len())] = rng.below(256) as u8),
        2 => {
            let extremes = [0, 1, -1, 255, 65_536, 1 << 30, i32::MAX, i32::MIN];
            copy[at..at + 4].copy_from_slice(&extremes[rng.below(8)].to_le_bytes());
        }
        3 => copy.truncate(at),
        4 => drop(copy.drain(at..at + 1 + rng.below(3))),
        _ => drop(copy.splice(at..at, [0, 255, 0, 0])),
    }
    copy
}

/// Imports `copies` mutated copies and returns how many were refused.
pub(crate) fn import_mutated(bytes: &[u8], copies: u64) -> usize {
    let mut refused = 0;
    for seed in 0..copies {
        let copy = mutate(bytes, &mut Rng::new(seed, 1));
        let (result, peak) = peak_bytes(|| import(&copy));
        assert!(peak <= MEMORY, "copy {seed} took {peak} bytes");
        match result {
            Ok(model) => {
                let plan = Plan::new(&model).expect("an imported model can be planned");
                let input = vec![0.0; plan.input_len()];
                Session::new(Arc::new(plan)).run(&input).expect("an input of the model's shape");
            }
            Err(e) => {
                assert!(!e.to_string().is_empty());
                refused += 1;
            }
        }
    }
    refused
}

#[test]
fn mutated_copies_are_refused_or_valid() {
    let refused = import_mutated(&Release::synthetic(1).bytes, 1000);
    assert!((500..1000).contains(&refused), "{refused} of 1000 refused");
}

#[test]
fn every_prefix_is_refused() {
    let bytes = Release::synthetic(2).bytes;
    for n in (0..bytes.len()).step_by(3).chain(bytes.len() - 20..bytes.len()) {
        assert!(import(&bytes[..n]).is_err(), "a prefix of {n} bytes");
    }
}

#[test]
fn large_files_are_refused() {
    assert_eq!(
        import(&vec![0; MAX_BYTES + 1]),
        Err(ScutError::TooLarge { bytes: MAX_BYTES + 1, max_bytes: MAX_BYTES })
    );
}

/// A file that fills the whole size with the shortest pairs: the most memory that a byte can ask for.
#[test]
fn worst_case_memory() {
    let release = Release::synthetic(3);
    let mut bytes = release.bytes[..release.section("fc1")].to_vec();
    let packed = MAX_BYTES - bytes.len() - 4 * 300_000;
    let outputs = 300_000i32;
    bytes.extend(3i32.to_le_bytes());
    bytes.extend(b"fc1\x0c\0\0\0InnerProduct");
    for size in [24, outputs, outputs, 0] {
        bytes.extend(i32::to_le_bytes(size));
    }
    bytes.extend([2, 0]);
    bytes.extend([0.0f32, 1.0].iter().flat_map(|c| c.to_le_bytes()));
    bytes.extend((24 * outputs).to_le_bytes());
    bytes.extend((packed as i32).to_le_bytes());
    bytes.push(1);
    bytes.extend((4 * packed as i32).to_le_bytes());
    bytes.resize(bytes.len() + packed, 0x55);
    let (result, peak) = peak_bytes(|| import(&bytes));
    assert!(result.is_err());
    assert!((32 << 20..=MEMORY).contains(&peak), "{peak} bytes");
}

/// Errors say which section and which byte.
#[test]
fn errors_name_the_place() {
    let release = Release::synthetic(4);
    // Section, bytes behind its name and type, what to put there, what the error says.
    let cases: [(&str, usize, &[u8], &str); 14] = [
        ("data", 0, &2f32.to_le_bytes(), "input scale 2"),
        ("data", 4, &0i32.to_le_bytes(), "a layer of shape [0, 10, 10]"),
        ("data", 16, &f32::NAN.to_le_bytes(), "element 0 is not finite"),
        ("conv1", 0, &3i32.to_le_bytes(), "input [3, 10, 10]"),
        ("conv1", 32, &0i32.to_le_bytes(), "does not take"),
        ("bn1", 0, b"conv2", "refers to 'conv2'"),
        ("PReLU1", 100, &9i32.to_le_bytes(), "9 channels"),
        ("pool1", 28, &1i32.to_le_bytes(), "padding 1"),
        ("conv2_1", 48, &[1, 0], "codebook of 1 centres"),
        ("conv2_1", 54, &1f32.to_le_bytes(), "centre of zero"),
        ("conv2_1", 62, &37i32.to_le_bytes(), "37 weights, the layer has 3x12"),
        ("conv2_1", 70, &[17], "gaps of 17 bits"),
        ("conv2_1", 71, &(-1i32).to_le_bytes(), "pair count is -1"),
        ("fc1", 0, &25i32.to_le_bytes(), "25 inputs"),
    ];
    for (section, at, patch, says) in cases {
        let kind = match section {
            "data" => "Data",
            s if s.starts_with("conv") => "Convolution",
            s if s.starts_with("bn") => "BatchNorm",
            s if s.starts_with("PReLU") => "PReLU",
            s if s.starts_with("pool") => "Pooling",
            _ => "InnerProduct",
        };
        let body = release.section(section) + 8 + section.len() + kind.len();
        let mut bytes = release.bytes.clone();
        bytes[body + at..body + at + patch.len()].copy_from_slice(patch);
        let error = import(&bytes).expect_err(says);
        assert!(error.to_string().contains(says), "{section}: '{error}' does not say '{says}'");
        match error {
            ScutError::Invalid { section: named, offset, .. } => {
                assert_eq!(named, section);
                assert!((body..body + at + 4).contains(&offset), "{section}: offset {offset} for {}", body + at);
            }
            other => panic!("{section}: {other:?}"),
        }
    }
    let trailing = [&release.bytes[..], &[0; 5]].concat();
    assert!(matches!(import(&trailing), Err(ScutError::Invalid { offset, .. }) if offset == release.bytes.len()));
    let cut = import(&release.bytes[..release.section("conv2_2") + 80]).unwrap_err();
    assert!(matches!(&cut, ScutError::Truncated { section, what: "codebook", .. } if section == "conv2_2"), "{cut}");
}
