//! The model file: a graph and its weights, entropy-coded. `docs/formats/model.md` describes every byte.

mod bytes;
mod lines;
mod predict;
mod rans;
mod stream;
mod weights;

use super::graph::{Model, Node, ValueId};
use super::op::Op;
use crate::limits::{Limits, MAX_ITEMS};
use crate::model::{FormatError, Fusion};
use crate::tensor::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams};
use crate::weights::{Weight, WeightId};
use alloc::vec::Vec;
use bytes::{Reader, crc32, write_text, write_varint};
use rans::Decoder;
use stream::{Sink, Source};

const MAGIC: [u8; 4] = *b"HCCR";
const VERSION: u32 = 1;
/// Magic, version, length of the file, checksum of all that follows.
const HEADER_BYTES: usize = 20;
/// Stand before a temperature, a fusion and a tilt, in this order, behind the weights.
const TEMPERATURE: u8 = 1;
const FUSION: u8 = 2;
const TILT: u8 = 3;

impl Model {
    /// The model as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut sink = Sink::default();
        self.write(&mut sink);
        let Sink { mut plain, coded, claims } = sink;
        let coded = coded.finish();
        let length = HEADER_BYTES + plain.len() + coded.len();
        plain.resize(plain.len() + claims.length_needed().saturating_sub(length), 0);

        let mut payload = Vec::with_capacity(plain.len() + coded.len() + 5);
        write_varint(&mut payload, plain.len());
        payload.extend(plain);
        payload.extend(coded);
        let (length, checksum) = ((HEADER_BYTES + payload.len()) as u64, crc32(&payload));
        let (length, checksum) = (length.to_le_bytes(), checksum.to_le_bytes());
        [&MAGIC[..], &VERSION.to_le_bytes(), &length, &checksum, &payload].concat()
    }

    /// The model that a file holds, validated, within the default [`Limits`].
    ///
    /// # Errors
    /// As [`Model::from_bytes_with_limits`].
    pub fn from_bytes(file: &[u8]) -> Result<Self, FormatError> {
        Self::from_bytes_with_limits(file, Limits::default())
    }

    /// The model that a file holds, validated.
    ///
    /// It takes time in proportion to the length of `file`, and memory of at most 4 times this length and 1 MiB, and beyond it
    /// what the weights take once decoded: of these a file may claim 65,536 values and 16 more per byte of its length, of 16
    /// bytes each, as long as they stay within `limits`.
    ///
    /// ```
    /// use hccr_runtime::{FormatError, Limits, Model, ModelBuilder, Op};
    ///
    /// let mut network = ModelBuilder::new(&[1000]);
    /// let mean = network.dense("mean", &[1000], vec![0.5; 1000]);
    /// network.push("mean", Op::SubtractMean { mean });
    /// let file = network.finish()?.to_bytes();
    /// let small = Limits { memory_bytes: 4000, ..Limits::default() };
    /// assert_eq!(Model::from_bytes_with_limits(&file, small), Err(FormatError::TooLarge { limit: 4000 }));
    /// # Ok::<_, hccr_runtime::ModelError>(())
    /// ```
    ///
    /// # Errors
    /// [`FormatError`] says where and why for bytes that are no model file, of another version, cut or altered, that hold
    /// a graph that cannot run, or weights beyond `limits`.
    pub fn from_bytes_with_limits(file: &[u8], limits: Limits) -> Result<Self, FormatError> {
        let mut reader = Reader::new(file, 0);
        if reader.array("the magic bytes").map_err(|_| FormatError::NotAModel)? != MAGIC {
            return Err(FormatError::NotAModel);
        }
        let version = u32::from_le_bytes(reader.array("the version")?);
        if version != VERSION {
            return Err(FormatError::UnsupportedVersion { found: version });
        }
        let length = u64::from_le_bytes(reader.array("the length")?);
        let checksum = u32::from_le_bytes(reader.array("the checksum")?);
        match (file.len() as u64).cmp(&length) {
            core::cmp::Ordering::Less => return Err(FormatError::Truncated { offset: file.len(), what: "the file" }),
            core::cmp::Ordering::Greater => return Err(reader.corrupt("bytes after the end of the file")),
            core::cmp::Ordering::Equal => {}
        }
        if crc32(reader.rest()) != checksum {
            return Err(reader.corrupt("the checksum does not match"));
        }
        let plain_length = reader.varint("the length of the plain part")?;
        let plain_offset = reader.offset();
        let plain = Reader::new(reader.take(plain_length, "the plain part")?, plain_offset);
        let coded = Decoder::new(reader.rest(), reader.offset())?;
        let mut source = Source::new(plain, coded, file.len(), limits.memory_bytes);
        let model = Self::read(&mut source)?;
        if source.plain.rest().iter().any(|&padding| padding != 0) {
            return Err(source.plain.corrupt("bytes after the end of the model"));
        }
        source.coded.finish()?;
        // Reading builds no pattern that does not fit.
        model.weights.iter().try_for_each(Weight::validate_values)?;
        debug_assert_eq!(model.weights.iter().try_for_each(Weight::validate), Ok(()));
        Ok(model.checked()?)
    }

    fn write(&self, sink: &mut Sink) {
        write_varint(&mut sink.plain, self.inputs.len());
        for shape in &self.inputs {
            sink.numbers(shape.iter().copied());
        }
        sink.numbers(self.outputs.iter().map(|v| v.0 as usize));
        write_varint(&mut sink.plain, self.nodes.len());
        for node in &self.nodes {
            write_text(&mut sink.plain, &node.name);
            write_varint(&mut sink.plain, node.input.0 as usize);
            write_op(&mut sink.plain, &node.op);
        }
        write_varint(&mut sink.plain, self.labels.len());
        sink.claims.add(self.labels.len(), 0);
        sink.planes(self.labels.iter().map(|&c| (c as u32).to_le_bytes()));
        write_varint(&mut sink.plain, self.weights.len());
        for weight in &self.weights {
            weights::write(sink, weight);
        }
        let mut section = |tag: u8, numbers: &[f32]| {
            sink.plain.push(tag);
            sink.plain.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        };
        if let Some(temperature) = self.temperature {
            section(TEMPERATURE, &[temperature]);
        }
        if let Some(fusion) = self.fusion {
            section(FUSION, &[fusion.weight(), fusion.temperature()]);
        }
        if let Some(tilt) = self.tilt {
            section(TILT, &[tilt]);
        }
    }

    fn read(source: &mut Source<'_>) -> Result<Self, FormatError> {
        let number = |r: &mut Reader<'_>| r.varint("a shape or a value");
        let inputs = source.count("inputs", MAX_ITEMS)?;
        let inputs = (0..inputs).map(|_| source.shape("a shape")).collect::<Result<_, _>>()?;
        let outputs = source.list("outputs", MAX_ITEMS, |r| Ok(ValueId(number(r)? as u32)))?;
        let nodes = source.list("nodes", MAX_ITEMS, |r| {
            let name = r.text("a layer's name")?;
            let input = ValueId(number(r)? as u32);
            Ok(Node { name, op: read_op(r)?, input })
        })?;
        let labels = source.plain.varint("labels")?;
        source.claim(labels, 0)?;
        let labels = source.planes(labels)?.into_iter().map(|c| char::from_u32(u32::from_le_bytes(c)));
        let labels =
            labels.collect::<Option<_>>().ok_or_else(|| source.plain.corrupt("a label that is no character"))?;
        let weight_count = source.count("weights", MAX_ITEMS)?;
        let mut weights = Vec::with_capacity(weight_count);
        for _ in 0..weight_count {
            weights.push(weights::read(source)?);
        }
        let temperature =
            read_section(&mut source.plain, TEMPERATURE, "the temperature")?.map(|[temperature]| temperature);
        let fusion = match read_section(&mut source.plain, FUSION, "the fusion")? {
            None => None,
            Some([weight, temperature]) => {
                let fusion = Fusion::new(weight, temperature);
                Some(fusion.ok_or_else(|| source.plain.corrupt("a fusion whose numbers are out of range"))?)
            }
        };
        let tilt = read_section(&mut source.plain, TILT, "the tilt")?.map(|[tilt]| tilt);
        // Behind the sections, zeros follow, or nothing.
        if source.plain.rest().first().is_some_and(|&section| section != 0) {
            return Err(source.plain.corrupt("unknown section"));
        }
        Ok(Self { nodes, inputs, outputs, weights, labels, temperature, fusion, tilt, shapes: Vec::new() })
    }
}

/// The numbers of an optional section, if it is the next one.
fn read_section<const N: usize>(
    plain: &mut Reader<'_>,
    section: u8,
    what: &'static str,
) -> Result<Option<[f32; N]>, FormatError> {
    if plain.rest().first() != Some(&section) {
        return Ok(None);
    }
    plain.byte("a section")?;
    let mut numbers = [0.0; N];
    for number in &mut numbers {
        *number = f32::from_le_bytes(plain.array(what)?);
    }
    Ok(Some(numbers))
}

/// Tags of the operations.
mod tag {
    pub(super) const SUBTRACT_MEAN: u8 = 0;
    pub(super) const CONV2D: u8 = 1;
    pub(super) const LINEAR: u8 = 2;
    pub(super) const BATCH_NORM: u8 = 3;
    pub(super) const PRELU: u8 = 4;
    pub(super) const MAX_POOL2D: u8 = 5;
    pub(super) const FLATTEN: u8 = 6;
    pub(super) const DROPOUT: u8 = 7;
    pub(super) const IDENTITY: u8 = 8;
    pub(super) const SOFTMAX: u8 = 9;
    pub(super) const LSTM: u8 = 10;
    pub(super) const MEAN_OVER_TIME: u8 = 11;
    pub(super) const FAKE_QUANTIZE: u8 = 12;
}

fn write_op(out: &mut Vec<u8>, op: &Op) {
    let mut put = |tag: u8, numbers: &[usize], ids: &[Option<WeightId>]| {
        out.push(tag);
        numbers.iter().for_each(|&n| write_varint(out, n));
        // Zero says "none".
        ids.iter().for_each(|id| write_varint(out, id.map_or(0, |id| id.0 as usize + 1)));
    };
    match *op {
        Op::SubtractMean { mean } => put(tag::SUBTRACT_MEAN, &[], &[Some(mean)]),
        Op::Conv2d { params: p, weight, scale, bias, prelu } => {
            let sizes = [[p.in_channels, p.out_channels], p.kernel_size, p.stride, p.padding];
            put(tag::CONV2D, sizes.as_flattened(), &[Some(weight), scale, bias, prelu]);
        }
        Op::Linear { params: p, weight, scale, bias, prelu } => {
            put(tag::LINEAR, &[p.in_features, p.out_features], &[Some(weight), scale, bias, prelu]);
        }
        Op::BatchNorm { mean, scale, shift } => put(tag::BATCH_NORM, &[], &[Some(mean), Some(scale), shift]),
        Op::PRelu { slope } => put(tag::PRELU, &[], &[Some(slope)]),
        Op::MaxPool2d { params: p } => {
            put(tag::MAX_POOL2D, &[&p.kernel_size[..], &p.stride, &[usize::from(p.ceil_mode)]].concat(), &[]);
        }
        Op::Flatten => put(tag::FLATTEN, &[], &[]),
        Op::Dropout { probability } => {
            put(tag::DROPOUT, &[], &[]);
            out.extend(probability.to_le_bytes());
        }
        Op::Identity => put(tag::IDENTITY, &[], &[]),
        Op::FakeQuantize { scale, zero_point } => {
            put(tag::FAKE_QUANTIZE, &[], &[]);
            out.extend(scale.to_le_bytes());
            out.push(zero_point);
        }
        Op::Softmax => put(tag::SOFTMAX, &[], &[]),
        Op::Lstm { params: p, project, recurrent } => {
            // A valid model has no rank of zero.
            put(tag::LSTM, &[p.hidden_size, p.rank.unwrap_or(0)], &[project, Some(recurrent)]);
        }
        Op::MeanOverTime => put(tag::MEAN_OVER_TIME, &[], &[]),
    }
}

fn read_op(r: &mut Reader<'_>) -> Result<Op, FormatError> {
    const WHAT: &str = "a layer's parameters";
    fn pair(r: &mut Reader<'_>) -> Result<[usize; 2], FormatError> {
        Ok([r.varint(WHAT)?, r.varint(WHAT)?])
    }
    fn optional(r: &mut Reader<'_>) -> Result<Option<WeightId>, FormatError> {
        Ok(r.varint(WHAT)?.checked_sub(1).map(|id| WeightId(id as u32)))
    }
    fn required(r: &mut Reader<'_>) -> Result<WeightId, FormatError> {
        optional(r)?.ok_or_else(|| r.corrupt("a layer without its weight"))
    }
    Ok(match r.byte("a layer's operation")? {
        tag::SUBTRACT_MEAN => Op::SubtractMean { mean: required(r)? },
        tag::CONV2D => {
            let [in_channels, out_channels] = pair(r)?;
            let params =
                Conv2dParams { in_channels, out_channels, kernel_size: pair(r)?, stride: pair(r)?, padding: pair(r)? };
            let weight = required(r)?;
            Op::Conv2d { params, weight, scale: optional(r)?, bias: optional(r)?, prelu: optional(r)? }
        }
        tag::LINEAR => {
            let [in_features, out_features] = pair(r)?;
            let params = LinearParams { in_features, out_features };
            let weight = required(r)?;
            Op::Linear { params, weight, scale: optional(r)?, bias: optional(r)?, prelu: optional(r)? }
        }
        tag::BATCH_NORM => Op::BatchNorm { mean: required(r)?, scale: required(r)?, shift: optional(r)? },
        tag::PRELU => Op::PRelu { slope: required(r)? },
        tag::MAX_POOL2D => {
            let params = Pool2dParams { kernel_size: pair(r)?, stride: pair(r)?, ceil_mode: r.varint(WHAT)? != 0 };
            Op::MaxPool2d { params }
        }
        tag::FLATTEN => Op::Flatten,
        tag::DROPOUT => Op::Dropout { probability: f32::from_le_bytes(r.array(WHAT)?) },
        tag::IDENTITY => Op::Identity,
        tag::FAKE_QUANTIZE => Op::FakeQuantize { scale: f32::from_le_bytes(r.array(WHAT)?), zero_point: r.byte(WHAT)? },
        tag::SOFTMAX => Op::Softmax,
        tag::LSTM => {
            let [hidden_size, rank] = pair(r)?;
            let params = LstmParams { hidden_size, rank: Some(rank).filter(|&rank| rank > 0) };
            Op::Lstm { params, project: optional(r)?, recurrent: required(r)? }
        }
        tag::MEAN_OVER_TIME => Op::MeanOverTime,
        found => return Err(r.corrupt(alloc::format!("unknown operation {found}"))),
    })
}
