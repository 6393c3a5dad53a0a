//! The model file: what is written is read back bit for bit, and no altered file does harm.

use hccr_runtime::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams, STEPS};
use hccr_runtime::{FormatError, Fusion, Model, ModelBuilder, Op, Pattern, Weight, WeightData};
#[cfg(not(target_family = "wasm"))]
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Remembers the largest single allocation.
struct LargestAllocation;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for LargestAllocation {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: LargestAllocation = LargestAllocation;

/// No test here makes a weight that needs more; a hostile file of a few kilobytes could ask for gigabytes.
const LARGEST_ALLOWED: usize = 4 << 20;

/// Every operation between them, and every kind of weight and pattern.
fn models() -> [Model; 2] {
    [image_model(), sequence_model()]
}

/// Their files, one of them with all the optional sections.
fn files() -> [Vec<u8>; 2] {
    let [images, sequences] = models();
    let mut calibrated = images.edit();
    calibrated.set_temperature(Some(0.75));
    calibrated.set_fusion(Fusion::new(0.25, 0.75));
    calibrated.set_tilt(Some(0.5));
    [calibrated.finish().unwrap(), sequences].map(|model| model.to_bytes())
}

/// The operations on sequences, with and without a rank.
fn sequence_model() -> Model {
    let mut b = ModelBuilder::new(&[STEPS, 6]);
    let in_blocks: Vec<f32> = (0..72).map(|i| if (i / 24 + i) % 6 < 2 { 0.5 } else { 0.0 }).collect();
    let weight = b.weight(Weight::sparse("x.weight", &[12, 6], &in_blocks));
    let params = LinearParams { in_features: 6, out_features: 12 };
    b.push("x", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    let recurrent = b.dense("lstm1.weight", &[12, 3], ramp(36));
    b.push("lstm1", Op::Lstm { params: LstmParams { hidden_size: 3, rank: None }, project: None, recurrent });
    let weight = b.dense("x2.weight", &[8, 3], ramp(24));
    let params = LinearParams { in_features: 3, out_features: 8 };
    b.push("x2", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    let project = Some(b.dense("lstm2.v", &[1, 2], ramp(2)));
    let pattern = Pattern::from_mask((0..8).map(|i| i % 3 < 2), 1);
    let labels = vec![0; pattern.nnz()];
    let recurrent = b.weight(codebook("lstm2.u", &[8, 1], pattern, vec![0.5], labels));
    b.push("lstm2", Op::Lstm { params: LstmParams { hidden_size: 2, rank: Some(1) }, project, recurrent });
    b.push("mean", Op::MeanOverTime);
    b.set_labels(vec!['一', 'a']);
    b.finish().unwrap()
}

/// Every operation on images once.
fn image_model() -> Model {
    let mut b = ModelBuilder::new(&[1, 8, 8]);
    let labels = (0..64).map(|i| (i / 3) as u8).collect();
    let centres = (0..22).map(|i| i as f32).collect();
    let pattern = Pattern::from_mask([true; 64], 64);
    let mean = b.weight(codebook("mean", &[1, 8, 8], pattern, centres, labels));
    b.push("mean", Op::SubtractMean { mean });
    let weight = b.weight(Weight::sparse("conv.weight", &[4, 1, 3, 3], &ramp(36)));
    let [scale, bias, slope] = ["scale", "bias", "slope"].map(|name| b.dense(name, &[4], ramp(4)));
    let params = Conv2dParams::same(1, 4, [3, 3]);
    b.push("conv", Op::Conv2d { params, weight, scale: Some(scale), bias: Some(bias), prelu: None });
    b.push("norm", Op::BatchNorm { mean: bias, scale, shift: Some(slope) });
    b.push("norm without affine", Op::BatchNorm { mean: bias, scale, shift: None });
    b.push("prelu", Op::PRelu { slope });
    b.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
    b.push("identity", Op::Identity);
    b.push("8 bits", Op::FakeQuantize { scale: 0.25, zero_point: 100 });
    b.push("flatten", Op::Flatten);
    let pattern = Pattern::from_mask((0..192).map(|i| i % 5 < 2), 64);
    let labels = (0..pattern.nnz()).map(|i| (i * i % 7) as u8).collect();
    let weight = b.weight(codebook("fc.weight", &[3, 64], pattern, ramp(7), labels));
    let slope = b.dense("fc.slope", &[3], vec![0.25; 3]);
    let params = LinearParams { in_features: 64, out_features: 3 };
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: Some(slope) });
    b.push("dropout", Op::Dropout { probability: 0.5 });
    b.push("softmax", Op::Softmax);
    b.set_labels(vec!['一', 'a', '𠀀']);
    b.finish().unwrap()
}

fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 5) as f32 * 0.5 - 1.0).collect()
}

fn codebook(name: &str, shape: &[usize], pattern: Pattern, centres: Vec<f32>, labels: Vec<u8>) -> Weight {
    Weight::new(name, shape, WeightData::Codebook { pattern, centres, labels })
}

/// A model that only carries `weight`.
fn carrier(weight: Weight) -> Model {
    let mut b = ModelBuilder::new(&[1]);
    b.weight(weight);
    b.push("identity", Op::Identity);
    b.finish().unwrap()
}

/// The file with its checksum set right, so that what follows the checksum is put to the test.
fn sealed(mut file: Vec<u8>) -> Vec<u8> {
    let mut crc = !0u32;
    for &byte in &file[20..] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    file[16..20].copy_from_slice(&(!crc).to_le_bytes());
    let length = file.len() as u64;
    file[8..16].copy_from_slice(&length.to_le_bytes());
    file
}

/// Reads a hostile file: an error or a valid model, and no large allocation.
fn read_hostile(file: &[u8]) -> Result<Model, FormatError> {
    let model = Model::from_bytes(file);
    let largest = LARGEST.load(Ordering::Relaxed);
    assert!(largest < LARGEST_ALLOWED, "{largest} bytes allocated for a file of {}", file.len());
    if let Ok(model) = &model {
        assert_eq!(model.clone().edit().finish().as_ref(), Ok(model), "a model that was read is valid");
    }
    model
}

#[test]
fn every_operation_round_trips() {
    for model in models() {
        let file = model.to_bytes();
        assert_eq!(Model::from_bytes(&file).unwrap(), model);
        assert_eq!(sealed(file.clone()), file, "the test's checksum is the file's");
    }
}

#[test]
fn a_temperature_is_an_optional_section_at_the_end() {
    for model in models() {
        let plain = model.to_bytes();
        let mut calibrated = model.clone().edit();
        calibrated.set_temperature(Some(1.5));
        let calibrated = calibrated.finish().unwrap();
        let file = calibrated.to_bytes();
        assert_eq!(Model::from_bytes(&file).unwrap(), calibrated);
        assert_eq!((model.temperature(), file.len()), (None, plain.len() + 5));
        let at = file.windows(5).rposition(|section| section == [1, 0, 0, 0xC0, 0x3F]).unwrap();
        let altered = |bytes: [u8; 5]| {
            let file = [&file[..at], &bytes, &file[at + 5..]].concat();
            read_hostile(&sealed(file))
        };
        for temperature in [0.0f32, -1.5, 1e-40, f32::NAN, f32::INFINITY] {
            let [a, b, c, d] = temperature.to_le_bytes();
            let error = altered([1, a, b, c, d]).unwrap_err();
            assert!(matches!(&error, FormatError::InvalidModel(e) if e.place == "temperature"), "{error:?}");
        }
        assert!(matches!(altered([4, 0, 0, 0xC0, 0x3F]), Err(FormatError::Corrupt { .. })), "another section");
        assert!(matches!(altered([0, 0, 0, 0xC0, 0x3F]), Err(FormatError::Corrupt { .. })), "no zeros");
    }
}

#[test]
fn a_fusion_is_the_section_behind_the_temperature() {
    for (model, temperature) in models().into_iter().flat_map(|model| [(model.clone(), None), (model, Some(1.5))]) {
        let mut fused = model.edit();
        fused.set_temperature(temperature);
        fused.set_fusion(Fusion::new(0.25, 0.75));
        let fused = fused.finish().unwrap();
        let file = fused.to_bytes();
        let read = Model::from_bytes(&file).unwrap();
        assert_eq!((read.temperature(), read.fusion()), (temperature, Fusion::new(0.25, 0.75)));
        assert_eq!(read, fused);
        let at = file.windows(9).rposition(|section| section == [2, 0, 0, 0x80, 0x3E, 0, 0, 0x40, 0x3F]).unwrap();
        let altered = |bytes: &[u8]| read_hostile(&sealed([&file[..at], bytes, &file[at + 9..]].concat()));
        let corrupt = |weight: f32, temperature: f32| {
            altered(&[&[2], &weight.to_le_bytes()[..], &temperature.to_le_bytes()[..]].concat())
        };
        for (weight, temperature) in
            [(-0.1, 1.0), (1.5, 1.0), (f32::NAN, 1.0), (0.5, 0.0), (0.5, -1.0), (0.5, f32::NAN), (0.5, f32::INFINITY)]
        {
            assert!(matches!(corrupt(weight, temperature), Err(FormatError::Corrupt { .. })), "{weight} {temperature}");
            assert_eq!(Fusion::new(weight, temperature), None);
        }
        // A temperature comes before it, and once.
        let second = altered(&[1, 0, 0, 0x80, 0x3E, 0, 0, 0, 0]);
        assert_eq!(matches!(second, Err(FormatError::Corrupt { .. })), temperature.is_some(), "{second:?}");
    }
}

#[test]
fn a_tilt_is_the_last_section() {
    for (temperature, fusion) in [(None, None), (Some(1.5), None), (Some(1.5), Fusion::new(0.25, 0.75))] {
        let mut tilted = image_model().edit();
        tilted.set_temperature(temperature);
        tilted.set_fusion(fusion);
        tilted.set_tilt(Some(0.125));
        let tilted = tilted.finish().unwrap();
        let file = tilted.to_bytes();
        let read = Model::from_bytes(&file).unwrap();
        assert_eq!((read.tilt(), &read), (Some(0.125), &tilted));
        let at = file.windows(5).rposition(|section| section == [3, 0, 0, 0, 0x3E]).unwrap();
        for sign_and_exponent in [0xBE, 0x40, 0x7F, 0] {
            let altered = [&file[..at + 4], &[sign_and_exponent], &file[at + 5..]].concat();
            let error = read_hostile(&sealed(altered)).unwrap_err();
            assert!(matches!(&error, FormatError::InvalidModel(e) if e.place == "tilt"), "{error:?}");
        }
    }
}

#[test]
fn every_cut_is_an_error() {
    for file in files() {
        for length in 0..file.len() {
            assert!(Model::from_bytes(&file[..length]).is_err(), "cut to {length}");
            if length >= 20 {
                assert!(read_hostile(&sealed(file[..length].to_vec())).is_err(), "cut to {length}, sealed");
            }
        }
        let longer = [&file[..], &[0]].concat();
        assert!(Model::from_bytes(&longer).is_err());
        assert!(read_hostile(&sealed(longer)).is_err());
    }
}

#[test]
fn every_altered_byte_is_an_error() {
    for file in files() {
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut altered = file.clone();
                altered[at] ^= 1 << bit;
                assert!(Model::from_bytes(&altered).is_err(), "bit {bit} of byte {at}");
                let _ = read_hostile(&sealed(altered));
            }
        }
    }
}

#[test]
fn header_errors_are_told_apart() {
    let file = image_model().to_bytes();
    assert_eq!(Model::from_bytes(b"PK"), Err(FormatError::NotAModel));
    assert_eq!(Model::from_bytes(&[b"PK", &file[2..]].concat()), Err(FormatError::NotAModel));
    let mut newer = file.clone();
    newer[4] = 9;
    assert_eq!(Model::from_bytes(&newer), Err(FormatError::UnsupportedVersion { found: 9 }));
    assert!(matches!(Model::from_bytes(&file[..100]), Err(FormatError::Truncated { offset: 100, .. })));
}

#[test]
fn a_graph_that_is_not_valid_is_the_error_s_source() {
    let mut b = ModelBuilder::new(&[3]);
    b.push("layer", Op::Identity);
    let file = b.finish().unwrap().to_bytes();
    // The operation of the only node becomes one that takes no vector.
    let at = file.windows(5).position(|name| name == b"layer").unwrap() + 6;
    let mut altered = file;
    altered[at] = 11;
    let error = read_hostile(&sealed(altered)).unwrap_err();
    let FormatError::InvalidModel(source) = &error else { panic!("{error}") };
    assert_eq!((&source.place[..], &source.reason[..]), ("layer", "MeanOverTime: input shape 3 is not a sequence"));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), source.to_string());
}

#[test]
fn constant_weights_are_padded_so_that_the_length_bounds_the_memory() {
    let full = Pattern::from_mask((0..400_000).map(|_| true), 1000);
    let model = carrier(codebook("w", &[400, 1000], full, vec![1.5], vec![0; 400_000]));
    let file = model.to_bytes();
    assert!((20_000..25_000).contains(&file.len()), "{}", file.len());
    assert_eq!(Model::from_bytes(&file).unwrap(), model);
    // Without the padding the same claim is refused. The plain part's length stands after the header.
    let unpadded: Vec<u8> = [&file[..20], &[60], &file[23..83], &file[file.len() - 32..]].concat();
    let error = read_hostile(&sealed(unpadded)).unwrap_err();
    assert!(matches!(&error, FormatError::Corrupt { reason, .. } if reason.contains("claims")), "{error}");
}

#[test]
fn sparse_codebooks_cost_about_their_entropy() {
    // 20 % of the positions kept, 32 equally likely labels: 0.722 and 5 bits.
    let mut state = 1u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let pattern = Pattern::from_mask((0..200 * 500).map(|_| random() % 5 == 0), 500);
    let labels: Vec<u8> = (0..pattern.nnz()).map(|_| (random() % 32) as u8).collect();
    let bits = 100_000.0 * 0.722 + pattern.nnz() as f64 * 5.0;
    let file = carrier(codebook("w", &[200, 500], pattern, ramp(32), labels)).to_bytes();
    let ratio = file.len() as f64 * 8.0 / bits;
    assert!(ratio < 1.03, "{ratio} of the entropy");
}

#[test]
fn columns_of_different_density_are_told_apart() {
    let mask = |i: usize| if i % 500 < 250 { i.is_multiple_of(3) } else { i.is_multiple_of(61) };
    let by_columns = Pattern::from_mask((0..200 * 500).map(mask), 500);
    let shuffled = Pattern::from_mask((0..200 * 500).map(|i: usize| mask(i.wrapping_mul(7919) % 100_000)), 500);
    let length = |p: Pattern| {
        let labels = vec![0; p.nnz()];
        carrier(codebook("w", &[200, 500], p, vec![1.0], labels)).to_bytes().len()
    };
    assert!(length(by_columns) * 10 < length(shuffled) * 9);
}

#[test]
fn zeros_in_blocks_of_rows_cost_one_row_s() {
    let random = |i: usize| (i as u64 ^ 0x9e37).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
    // The columns of the first half keep more entries than the others, with labels of their own.
    let is_dense = |i: usize| i % 500 < 250;
    let length = |block: usize, rows: usize, label: &dyn Fn(usize) -> u64| {
        let kept = |i: usize| random(i / 500 / block * 500 + i % 500) % 100 < if is_dense(i) { 50 } else { 10 };
        let pattern = Pattern::from_mask((0..rows * 500).map(kept), 500);
        let labels = pattern.positions(500).map(|i| label(i) as u8).collect();
        let model = carrier(codebook("w", &[rows, 500], pattern, ramp(16), labels));
        let file = model.to_bytes();
        assert_eq!(Model::from_bytes(&file).unwrap(), model, "blocks of {block}, {rows} rows");
        file.len()
    };
    let [single, four, eight] = [1, 4, 8].map(|block| length(block, 400, &|_| 0));
    assert!(four < single * 3 / 10 && eight < single / 6, "{single}, {four}, {eight} bytes");
    // A last block that is not full, and labels that are coded by the classes of columns or of rows.
    let label = |i| if is_dense(i) { random(i) % 4 } else { 4 + random(i) % 12 };
    for (block, rows) in [(8, 203), (64, 65), (3, 400)] {
        length(block, rows, &label);
    }
    length(4, 50, &|i| if i < 20 * 500 { random(i) % 4 } else { 4 + random(i) % 12 });
}

#[test]
fn labels_of_a_smooth_image_are_predicted() {
    let image = |i: usize| ((i % 96 + i / 96) / 4) as u8;
    let full = Pattern::from_mask((0..96 * 96).map(|_| true), 96 * 96);
    let labels: Vec<u8> = (0..96 * 96).map(image).collect();
    let model = carrier(codebook("mean", &[1, 96, 96], full, (0..64).map(|i| i as f32).collect(), labels));
    let file = model.to_bytes();
    assert!(file.len() < 96 * 96 / 4, "{}", file.len());
    assert_eq!(Model::from_bytes(&file).unwrap(), model);
}

#[cfg(not(target_family = "wasm"))]
fn any_weight() -> impl Strategy<Value = Weight> {
    let shape = prop::collection::vec(1usize..=12, 1..=4);
    let density = prop::sample::select(vec![0u32, 3, 50, 97, 100]);
    let centres = prop::sample::select(vec![1usize, 2, 31, 256]);
    (shape, density, centres, 0..3, 1usize..6, any::<u64>()).prop_map(|(shape, density, centres, kind, block, seed)| {
        let mut state = seed | 1;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u32
        };
        let elements: usize = shape.iter().product();
        let columns = elements / shape[0];
        let mask: Vec<bool> = (0..elements).map(|_| random() % 100 < density).collect();
        let pattern = Pattern::from_mask((0..elements).map(|i| mask[i - i / columns % block * columns]), columns);
        // Any finite bits, subnormals and both zeros included.
        let mut values = |n| (0..n).map(|_| f32::from_bits(random() & 0xBF7F_FFFF)).collect::<Vec<f32>>();
        let data = match kind {
            0 => WeightData::Dense(values(elements)),
            1 => WeightData::Sparse { values: values(pattern.nnz()), pattern },
            _ => {
                let centre_values = values(centres);
                let labels = (0..pattern.nnz()).map(|_| (random() as usize % centres) as u8).collect();
                WeightData::Codebook { pattern, centres: centre_values, labels }
            }
        };
        Weight::new("w", &shape, data)
    })
}

#[cfg(not(target_family = "wasm"))]
proptest! {
    #[test]
    fn any_weight_round_trips(weight in any_weight()) {
        let model = carrier(weight);
        let file = model.to_bytes();
        let read = Model::from_bytes(&file).unwrap();
        prop_assert_eq!(&read, &model);
        let bits = |m: &Model| m.weights()[0].to_dense().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read), bits(&model));
    }

    #[test]
    fn altered_files_do_no_harm(weight in any_weight(), edits in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        let mut file = carrier(weight).to_bytes();
        for (at, byte) in edits {
            let at = 20 + at % (file.len() - 20);
            file[at] = byte;
        }
        let _ = read_hostile(&sealed(file));
    }

    #[test]
    fn random_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 20..300)) {
        let file = [&b"HCCR\x01\0\0\0"[..], &bytes[8..]].concat();
        prop_assert!(read_hostile(&sealed(file)).is_err());
    }
}
