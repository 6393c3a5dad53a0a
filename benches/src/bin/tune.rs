//! Measures the costs by which the runtime chooses kernels, on each instruction set of this machine, and prints them beside those
//! that it was compiled with, as the constants `TUNING` of `crates/runtime/src/isa`. Run it with `cargo xtask tune`.
//!
//! Each kernel is forced on layers of its kind, and timed alone (warm) or behind a pass over more memory than the caches hold
//! (cold). The least time of many runs counts. The units are those of `Tuning`. If a cost is far off, this machine is unlike those
//! that were measured, or the compiler has made a kernel slow, for example by not inlining a function.

use anyhow::{Context, Result};
use hccr_benches::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams};
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Pattern, Plan, Session, Weight, WeightData};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const RUNS: usize = 40;

fn main() -> Result<()> {
    for isa in IsaKind::available() {
        let claimed = format!("{:?}", isa.tuning().context("an instruction set of this machine")?);
        let claims = |name: &str| claim(&claimed, name);
        println!("\n// {isa}\nconst TUNING: Tuning = Tuning {{");
        let print = |indent: &str, name: &str, key: String, value: f64| {
            let claimed = claims(&key);
            let far = claimed.is_finite() && !(claimed / 4.0..=claimed * 4.0).contains(&value);
            println!("{indent}{name}: {value:.2}, // was {claimed:.2}{}", if far { ": FAR OFF" } else { "" });
        };
        for (name, value) in convolutions(isa)? {
            print("    ", name, name.into(), value);
        }
        for (regime, costs) in [("streamed", products(isa, true)?), ("cached", products(isa, false)?)] {
            println!("    {regime}: ProductTuning {{");
            for (name, value) in costs {
                print("        ", name, format!("{regime}.{name}"), value);
            }
            println!("        ..");
            println!("    }},");
        }
        println!("    ..\n}};");
    }
    Ok(())
}

/// The number behind a field's name in the text of the constants in force; of a field of a field, their names with a dot.
fn claim(claimed: &str, name: &str) -> f64 {
    let (outer, name) = name.split_once('.').unwrap_or(("", name));
    let fields = &claimed[claimed.find(outer).unwrap_or(0)..];
    let value = fields.split_once(&format!("{name}: ")).map_or("", |(_, value)| value);
    value.split([',', ' ']).next().and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

/// A kernel that was timed.
struct Timed {
    /// Least time of a run, in seconds.
    seconds: f64,
    weight_bytes: f64,
}

/// Times `kernel` on the only layer of `model`, which it fits.
fn time(model: &Model, isa: IsaKind, kernel: &str, cold: bool) -> Result<Timed> {
    let plan = Arc::new(Plan::with_kernel(model, isa, kernel)?);
    let number = plan.layers().iter().position(|layer| layer.kernel.starts_with(kernel));
    let number = number.with_context(|| format!("{kernel} does not fit its problem:\n{plan}"))?;
    let input: Vec<f32> = (0..plan.input_len()).map(|i| (i % 7) as f32).collect();
    let mut session = Session::new(Arc::clone(&plan));
    let mut memory = vec![1.0f32; if cold { 16 << 20 } else { 0 }];
    let mut seconds = f64::INFINITY;
    for _ in 0..RUNS {
        memory.iter_mut().for_each(|x| *x += 1.0);
        black_box(&mut memory);
        let mut before = Instant::now();
        let mut at = 0;
        session.run_observed(&input, |_| {
            if at == number {
                seconds = seconds.min(before.elapsed().as_secs_f64());
            }
            at += 1;
            before = Instant::now();
        })?;
    }
    Ok(Timed { seconds, weight_bytes: plan.layers()[number].weight_bytes as f64 })
}

/// A convolution with these numbers of channels, on an image of this size.
fn convolution(channels: [usize; 2], size: usize, density: f64, blocks: bool) -> Result<Model> {
    let params = Conv2dParams::same(channels[0], channels[1], [3, 3]);
    let mut weight = Rng(3).weight("weight", &params.weight_shape(), density, 1.0);
    if blocks {
        let columns = weight.columns();
        let dense = weight.to_dense();
        // Four output channels have a weight where the first of them has one.
        let first = |i: usize| dense[i / columns / 4 * 4 * columns + i % columns];
        let values: Vec<f32> = (0..dense.len()).map(first).collect();
        weight = Weight::sparse("weight", &params.weight_shape(), &values);
    }
    let mut network = ModelBuilder::new(&[channels[0], size, size]);
    let weight = network.weight(weight);
    network.push("conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
    Ok(network.finish()?)
}

/// Costs in multiply-adds of a vector in the dense kernel.
fn convolutions(isa: IsaKind) -> Result<Vec<(&'static str, f64)>> {
    // Sizes of the thesis's layers; six output channels go together, and four.
    let (channels, size) = ([96, 96], 24);
    let dense = convolution(channels, size, 1.0, false)?;
    let elements = (channels[0] * channels[1] * 9) as f64;
    let warm = time(&dense, isa, "f32_conv", false)?.seconds;
    let sparse_model = convolution(channels, size, 0.3, false)?;
    let sparse = time(&sparse_model, isa, "f32_spmm", false)?.seconds / sparse_model.weight_nonzeros() as f64;
    let blocks = time(&convolution(channels, size, 0.3, true)?, isa, "f32_bspmm", false)?;
    // A block is an offset and four weights.
    let block = blocks.seconds / (blocks.weight_bytes / 20.0 * 4.0);

    let lanes = lanes(isa);
    let unit = warm / (elements * vectors(size, lanes));
    // Two sizes of Winograd's algorithm, and two unknowns: products, and transforms of inputs and outputs.
    let [many, few] = [[96, 256], [96, 16]].map(|channels| -> Result<[f64; 3]> {
        let seconds = time(&convolution(channels, size, 1.0, false)?, isa, "f32_winograd", false)?.seconds;
        let (points, tiles, across) = (36.0, (size / 4 * size / 4) as f64, (size / 4) as f64);
        let out = (channels[1] as f64 / lanes).ceil();
        let products = points * channels[0] as f64 * out * tiles;
        let transforms = points * (channels[0] as f64 * across * (across / lanes).ceil() + out * tiles);
        Ok([products, transforms, seconds / unit])
    });
    let ([p1, t1, s1], [p2, t2, s2]) = (many?, few?);
    let transform = (s2 * p1 - s1 * p2) / (t2 * p1 - t1 * p2);
    let winograd = (s1 - transform * t1) / p1;

    // Weights from memory: few pixels, many channels.
    let wide = convolution([256, 258], 6, 1.0, false)?;
    let [cold, warm_wide] = [true, false].map(|cold| time(&wide, isa, "f32_conv", cold));
    let lines = 256.0 * 258.0 * 9.0 / 16.0;
    let line = (cold?.seconds - warm_wide?.seconds) / lines / unit;
    let per = warm / elements;
    Ok(vec![
        ("sparse", sparse / per),
        ("block", block / per),
        ("winograd", winograd),
        ("transform", transform),
        ("line", line),
    ])
}

/// Vectors of flat pixels of an image with a border of one pixel.
fn vectors(size: usize, lanes: f64) -> f64 {
    (((size - 1) * (size + 1) + size) as f64 / lanes).ceil()
}

fn lanes(isa: IsaKind) -> f64 {
    match isa {
        IsaKind::Avx512 => 16.0,
        IsaKind::Avx2 => 8.0,
        _ => 4.0,
    }
}

/// A fully connected layer with weights of this many different values, which read bytes where they are `integers`.
fn linear([outputs, inputs]: [usize; 2], density: f64, integers: bool) -> Result<Model> {
    let params = LinearParams { in_features: inputs, out_features: outputs };
    let sparse = Rng(5).weight("weight", &[outputs, inputs], density.min(0.999), 1.0);
    let WeightData::Sparse { pattern, values } = &sparse.data else { unreachable!("density below 1") };
    let labels: Vec<u8> = (0..values.len()).map(|i| (i % 29) as u8).collect();
    let centres = (0..29).map(|i| (i as f32 - 29.5).floor() + if integers { 0.0 } else { 0.25 }).collect();
    let pattern = Pattern { indptr: pattern.indptr.clone(), indices: pattern.indices.clone() };
    let data = WeightData::Codebook { pattern, centres, labels };
    let mut network = ModelBuilder::new(&[inputs]);
    if integers {
        network.push("bytes", Op::FakeQuantize { scale: 1.0, zero_point: 3 });
    }
    let weight = network.weight(Weight::new("weight", &[outputs, inputs], data));
    network.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    Ok(network.finish()?)
}

/// Costs of products with a vector: in elements of dense labels where they come from memory, of a dense matrix in a cache.
fn products(isa: IsaKind, cold: bool) -> Result<Vec<(&'static str, f64)>> {
    // 256 KiB and 16 MiB of numbers.
    let size @ [outputs, inputs] = if cold { [2048, 2048] } else { [512, 128] };
    let elements = (outputs * inputs) as f64;
    let each = |kernel: &str, model: &Model, count: f64| -> Result<f64> {
        Ok(time(model, isa, kernel, cold)?.seconds / count)
    };
    let full = linear(size, 1.0, false)?;
    let dense = each("f32_gemv", &full, elements)?;
    let labels = each("f32_gemv_u8", &full, elements)?;
    // Two densities of sparse rows: what an element costs, and what the end of a row does.
    let [thin, thick] = [0.05, 0.3].map(|density| -> Result<[f64; 2]> {
        let model = linear(size, density, false)?;
        Ok([model.weight_nonzeros() as f64, time(&model, isa, "f32_spmv", cold)?.seconds])
    });
    let ([n1, s1], [n2, s2]) = (thin?, thick?);
    let sparse = (s2 - s1) / (n2 - n1);
    let row = ((s1 - sparse * n1) / outputs as f64).max(0.0);
    let slices = time(&linear([512, 512], 0.1, false)?, isa, "f32_sell", cold)?;
    // An entry is a label and a weight.
    let sliced = slices.seconds / (slices.weight_bytes / 5.0);
    let unit = if cold { labels } else { dense };
    let mut costs = vec![
        ("dense", dense / unit),
        ("labels", labels / unit),
        ("sparse", sparse / unit),
        ("row", row / unit),
        ("sliced", sliced / unit),
    ];
    if cold && isa == IsaKind::Avx512 {
        let model = linear(size, 0.4, true)?;
        let bytes = each("u8_gemv", &model, elements)?;
        let nonzero = each("u8_spmv", &model, model.weight_nonzeros() as f64)?;
        costs.push(("nonzero_byte", nonzero / bytes * dense / unit));
    }
    if !cold {
        let large = linear([2048, 1024], 1.0, false)?;
        let beyond = time(&large, isa, "f32_gemv", false)?.seconds / (2048.0 * 1024.0);
        costs.push(("beyond_cache", beyond / dense));
    }
    Ok(costs)
}
