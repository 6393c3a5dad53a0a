//! Models made to exhaust a machine: what is granted is an error beyond, and memory is measured.

#[path = "common/memory.rs"]
mod memory;

use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{FormatError, IsaKind, Limits, Model, ModelBuilder, Op, Pattern, Plan, PlanError, Session};
use hccr_runtime::{ValueId, Weight, WeightData};
use memory::measured;
use std::sync::Arc;

const MIB: usize = 1 << 20;

/// Reads a file, which may take 4 times its length, 1 MiB, and 16 bytes for each of so many values.
fn load(file: &[u8], values: usize) -> Result<Model, FormatError> {
    let (model, bytes) = measured(|| Model::from_bytes(file));
    let most = 4 * file.len() + MIB + 16 * values;
    assert!(bytes <= most, "{bytes} bytes for a file of {} and {values} values: {:?}", file.len(), model.err());
    model
}

/// Plans a model, which may take the default limit.
fn plan(model: &Model) -> Result<Plan, PlanError> {
    let (plan, bytes) = measured(|| Plan::new(model));
    assert!(bytes <= Limits::default().memory_bytes, "{bytes} bytes");
    plan
}

fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A file with this plain part, and nothing coded.
fn file(plain: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    varint(&mut payload, plain.len());
    payload.extend_from_slice(plain);
    payload.extend([0, 0, 1, 0].repeat(8));
    let mut crc = !0u32;
    for &byte in &payload {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let length = (20 + payload.len()) as u64;
    [b"HCCR\x01\0\0\0", &length.to_le_bytes()[..], &(!crc).to_le_bytes(), &payload].concat()
}

/// A graph of one input with `dimensions` and `nodes` that do nothing, as a file.
fn identities(dimensions: usize, nodes: usize, outputs: usize) -> Vec<u8> {
    let mut plain = vec![1];
    varint(&mut plain, dimensions);
    plain.extend(vec![1; dimensions]);
    varint(&mut plain, outputs);
    plain.extend(vec![0; outputs]);
    varint(&mut plain, nodes);
    // No name, the input, the operation.
    plain.extend([0, 0, 8].repeat(nodes));
    // No labels, in four planes, and no weights.
    plain.extend([0; 6]);
    file(&plain)
}

#[test]
fn sizes_of_a_graph_are_limited() {
    let model = load(&identities(4, 1024, 1024), 0).unwrap();
    assert_eq!((model.nodes().len(), model.shape(ValueId(1000))), (1024, &[1; 4][..]));
    plan(&model).unwrap();
    assert_eq!(load(&model.to_bytes(), 0), Ok(model));
    for (dimensions, nodes, outputs) in [(5, 1, 1), (12_000, 4000, 1), (1, 1025, 1), (1, 1_000_000, 1), (1, 1, 40_000)]
    {
        let error = load(&identities(dimensions, nodes, outputs), 0).unwrap_err();
        assert!(matches!(&error, FormatError::Corrupt { reason, .. } if reason.contains("more than")), "{error}");
    }
    // What a file cannot hold is no model.
    let mut deep = ModelBuilder::new(&[1; 5]);
    deep.push("identity", Op::Identity);
    assert!(deep.finish().unwrap_err().to_string().contains("dimensions"));
    let mut long = ModelBuilder::new(&[1]);
    (0..1025).for_each(|_| _ = long.push("identity", Op::Identity));
    assert!(long.finish().unwrap_err().to_string().contains("1025 nodes"));
}

#[test]
fn every_model_that_is_valid_can_be_read_back() {
    let model = |stride: usize| {
        let mut b = ModelBuilder::new(&[1, 4, 4]);
        let params = Pool2dParams { kernel_size: [stride, 2], stride: [1, stride], ceil_mode: true };
        b.push("pool", Op::MaxPool2d { params });
        let params = Conv2dParams { stride: [stride, 1], ..Conv2dParams::same(1, 1, [1, 1]) };
        let weight = b.dense("w", &[1, 1, 1, 1], vec![1.0]);
        b.push("conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
        b.finish()
    };
    let largest = model((1 << 31) - 1).unwrap();
    assert_eq!(Model::from_bytes(&largest.to_bytes()), Ok(largest));
    assert!(model(1 << 31).unwrap_err().to_string().contains("above 2^31"));
}

/// A fully connected layer whose weight has the shape `[rows, columns]`.
fn linear(b: &mut ModelBuilder, data: WeightData, [rows, columns]: [usize; 2], times: usize) {
    let weight = b.weight(Weight::new("w", &[rows, columns], data));
    for _ in 0..times {
        let params = LinearParams { in_features: columns, out_features: rows };
        b.push_from(ValueId(0), "fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    }
}

fn constant(elements: usize, columns: usize) -> WeightData {
    let pattern = Pattern::from_mask((0..elements).map(|_| true), columns);
    WeightData::Codebook { pattern, centres: vec![0.5], labels: vec![0; elements] }
}

/// Constant weights cost no bits, and empty ones hardly a byte.
#[test]
fn small_files_that_decode_into_giants_stay_within_their_limit() {
    let (side, length) = (512, 512 * 512);
    let forms = [
        constant(length, side),
        WeightData::Dense(vec![0.5; length]),
        WeightData::Sparse {
            pattern: Pattern::from_mask((0..length).map(|i| i % 3 == 0), side),
            values: vec![0.5; length.div_ceil(3)],
        },
        // By columns, in blocks of rows.
        WeightData::Sparse {
            pattern: Pattern::from_mask((0..length).map(|i| (i % side).is_multiple_of(2 + i / side / 256)), side),
            values: vec![0.5; 256 * 256 + 256 * 171],
        },
        WeightData::Sparse { pattern: Pattern::from_mask((0..length).map(|_| false), side), values: vec![] },
    ];
    for data in forms {
        let mut b = ModelBuilder::new(&[side]);
        linear(&mut b, data, [side, side], 1);
        let model = b.finish().unwrap();
        let file = model.to_bytes();
        assert_eq!(load(&file, length + 2 * side).as_ref(), Ok(&model));
        plan(&model).unwrap();
        let small = Limits { memory_bytes: 4 * side, ..Limits::default() };
        let (refused, bytes) = measured(|| Model::from_bytes_with_limits(&file, small));
        assert_eq!(refused, Err(FormatError::TooLarge { limit: 4 * side }));
        assert!(bytes <= 4 * file.len() + MIB, "{bytes} bytes");
    }
}

#[test]
fn layers_that_share_a_weight_are_packed_within_the_limit() {
    let mut b = ModelBuilder::new(&[512]);
    linear(&mut b, WeightData::Dense((0..1 << 18).map(|i| i as f32).collect()), [512, 512], 300);
    let model = b.finish().unwrap();
    let (result, bytes) = measured(|| Plan::new(&model));
    assert!(matches!(result, Err(PlanError::TooLarge { .. })), "{bytes} bytes");
    assert!(bytes <= Limits::default().memory_bytes, "{bytes} bytes");
}

/// Without an entry, they cost a few bytes of the file; as dense bytes or numbers they cost all their elements.
#[test]
fn empty_layers_are_packed_within_the_limit() {
    for quantized in [false, true] {
        let side = 1 << 15;
        let mut b = ModelBuilder::new(&[side]);
        if quantized {
            b.push("bytes", Op::FakeQuantize { scale: 1.0, zero_point: 0 });
        }
        let weight = Pattern { indptr: vec![0; side + 1], indices: vec![] };
        let weight = b.weight(Weight::new("w", &[side, side], WeightData::Sparse { pattern: weight, values: vec![] }));
        let params = LinearParams { in_features: side, out_features: side };
        b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
        assert!(matches!(plan(&b.finish().unwrap()), Err(PlanError::TooLarge { .. })));
    }
}

#[test]
fn a_run_that_would_take_days_is_refused() {
    let pool = |side: usize, kernel: usize| {
        let mut b = ModelBuilder::new(&[1, side, side]);
        let params = Pool2dParams { kernel_size: [kernel; 2], stride: [1, 1], ceil_mode: false };
        b.push("pool", Op::MaxPool2d { params });
        b.finish().unwrap()
    };
    assert!(matches!(Plan::new(&pool(4096, 2048)), Err(PlanError::TooSlow { .. })));
    let limits = Limits { macs: 9 * 62 * 62, ..Limits::default() };
    assert!(Plan::with_limits(&pool(64, 3), limits).is_ok());
    let refused = Plan::with_limits(&pool(65, 3), limits).unwrap_err();
    assert_eq!(refused, PlanError::TooSlow { layer: "pool".into(), macs: 9 * 63 * 63 });
}

/// What a plan and its session take is what its limit says.
#[test]
fn a_plan_that_fits_takes_what_it_may() {
    let mut b = ModelBuilder::new(&[1, 96, 96]);
    let weight = b.dense("w", &[16, 1, 3, 3], vec![0.5; 144]);
    b.push(
        "conv",
        Op::Conv2d { params: Conv2dParams::same(1, 16, [3, 3]), weight, scale: None, bias: None, prelu: None },
    );
    let model = b.finish().unwrap();
    let mut memory_bytes = 1 << 12;
    let plan = loop {
        match Plan::with_limits(&model, Limits { memory_bytes, ..Limits::default() }) {
            Ok(plan) => break plan,
            Err(error) => assert!(matches!(error, PlanError::TooLarge { .. }), "{error}"),
        }
        memory_bytes += memory_bytes / 8;
    };
    assert!(plan.arena_bytes() <= memory_bytes && memory_bytes < 2 * plan.arena_bytes());
    let (_, bytes) = measured(|| Session::new(Arc::new(plan)));
    assert!(bytes <= memory_bytes + 1024, "{bytes} of {memory_bytes}");
}

/// Many nodes in a row that could be run together, or that all live until the end.
#[test]
fn planning_takes_time_in_proportion_to_the_nodes() {
    let mut b = ModelBuilder::new(&[4]);
    (0..1000).for_each(|_| _ = b.push("round", Op::FakeQuantize { scale: 1.0, zero_point: 0 }));
    b.set_outputs((0..1000).map(ValueId).collect());
    let model = b.finish().unwrap();
    for isa in IsaKind::available() {
        let (_, bytes) = measured(|| Plan::with_isa(&model, isa).unwrap());
        assert!(bytes < 2 * MIB, "{bytes} bytes");
    }
}
