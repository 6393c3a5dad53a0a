//! Importer of the thesis's released network, the file `params_compress.bin` of its published forward code.
//!
//! `docs/formats/scut-release.md` describes the layout. [`import`] keeps what the file holds: names, the pairs of
//! low-rank convolutions, codebooks as codebooks, batch normalization apart from the convolutions. `hccr-graph-opt`
//! folds what can be folded.

mod blob;
mod error;
mod reader;

pub use error::ScutError;

use hccr_runtime::WeightId;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams, elements};
use hccr_runtime::{Model, ModelBuilder, Op, Weight};
use reader::Reader;
use std::collections::BTreeSet;

/// Largest file that is read; the release has 2,455,133 bytes. Decoding takes at most 20 bytes per byte of the file.
pub const MAX_BYTES: usize = 3 << 20;
/// Most weights that all layers may have together, zeros included; the release has 8,157,920.
const MAX_WEIGHTS: usize = 12 << 20;
/// Most elements that one layer may put out; the release's first has 884,736.
const MAX_ACTIVATION: usize = 1 << 20;

/// Reads the released network: input `[1, 96, 96]`, ink bright on zero, to the logits of the GB2312 level-1 characters.
///
/// # Errors
/// [`ScutError`] names offset, section and reason where the bytes are not a whole network of this format whose
/// layers fit each other and end in one output a character. Whatever the bytes claim, at most 64 MB are allocated.
pub fn import(bytes: &[u8]) -> Result<Model, ScutError> {
    if bytes.len() > MAX_BYTES {
        return Err(ScutError::TooLarge { bytes: bytes.len(), max_bytes: MAX_BYTES });
    }
    let mut importer = Importer::begin(Reader::new(bytes))?;
    while importer.reader.remaining() > 0 {
        importer.section()?;
    }
    importer.finish()
}

struct Importer<'a> {
    reader: Reader<'a>,
    builder: ModelBuilder,
    /// Shape of the last layer's output.
    shape: Vec<usize>,
    /// The last convolution or fully connected layer, to which batch normalization and PRelu refer by name.
    layer: String,
    names: BTreeSet<String>,
    weights: usize,
}

impl<'a> Importer<'a> {
    /// Reads the data section, which comes first.
    fn begin(mut reader: Reader<'a>) -> Result<Self, ScutError> {
        let kind = reader.begin_section()?;
        if kind != "Data" {
            return Err(reader.invalid(format!("the first section is a '{kind}', expected 'Data'")));
        }
        let at = reader.offset();
        let scale = reader.f32s(1, "input scale")?[0];
        if scale != 1.0 {
            return Err(reader.invalid_at(at, format!("input scale {scale}, expected 1")));
        }
        let at = reader.offset();
        let shape = reader.sizes::<3>("input size")?.to_vec();
        let mut importer = Self {
            builder: ModelBuilder::new(&shape),
            names: BTreeSet::from([reader.section().to_owned()]),
            reader,
            shape: Vec::new(),
            layer: String::new(),
            weights: 0,
        };
        importer.set_shape(at, &shape)?;
        let mean = importer.vector("mean", &shape)?;
        importer.push(Op::SubtractMean { mean });
        Ok(importer)
    }

    fn section(&mut self) -> Result<(), ScutError> {
        let at = self.reader.offset();
        let kind = self.reader.begin_section()?;
        let name = self.reader.section();
        if !self.names.insert(name.to_owned()) {
            return Err(self.reader.invalid_at(at, format!("a second layer named '{name}'")));
        }
        match kind {
            "Convolution" => self.convolution()?,
            "InnerProduct" => self.inner_product()?,
            "BatchNorm" => {
                let channels = self.channels()?;
                let mean = self.vector("mean", &[channels])?;
                let scale = self.vector("scale", &[channels])?;
                self.push(Op::BatchNorm { mean, scale, shift: None });
            }
            "PReLU" => {
                let channels = self.channels()?;
                let slope = self.vector("slope", &[channels])?;
                self.push(Op::PRelu { slope });
            }
            "Pooling" => self.pooling()?,
            _ => return Err(self.reader.invalid_at(at, format!("unknown layer type '{kind}'"))),
        }
        Ok(())
    }

    fn convolution(&mut self) -> Result<(), ScutError> {
        let at = self.reader.offset();
        let input = self.reader.sizes::<3>("input size")?;
        let output = self.reader.sizes::<3>("output size")?;
        let params = Conv2dParams {
            in_channels: input[0],
            out_channels: output[0],
            kernel_size: self.reader.sizes("kernel size")?,
            stride: self.reader.sizes("stride")?,
            padding: self.reader.sizes("padding")?,
        };
        if input[..] != self.shape {
            return Err(self
                .reader
                .invalid_at(at, format!("input {input:?}, the layer before gives {:?}", self.shape)));
        }
        let fits = params.kernel_size.iter().zip(params.padding).all(|(&k, p)| p < k);
        if !fits || params.output_size([input[1], input[2]]) != Some([output[1], output[2]]) {
            return Err(self.reader.invalid_at(at, format!("{params:?} does not take {input:?} to {output:?}")));
        }
        self.set_shape(at, &output)?;
        let (weight, bias) = self.weight_and_bias(&params.weight_shape())?;
        self.push(Op::Conv2d { params, weight, scale: None, bias: Some(bias), prelu: None });
        Ok(())
    }

    fn inner_product(&mut self) -> Result<(), ScutError> {
        let at = self.reader.offset();
        let [in_features, out_features] = self.reader.sizes("layer size")?;
        self.reader.take(8, "layer size")?; // the outputs once more, and a number without meaning
        if in_features != self.shape.iter().product::<usize>() {
            let reason = format!("{in_features} inputs, the layer before gives {:?}", self.shape);
            return Err(self.reader.invalid_at(at, reason));
        }
        if self.shape.len() > 1 {
            self.builder.push(format!("{}.flatten", self.reader.section()), Op::Flatten);
        }
        self.set_shape(at, &[out_features])?;
        let (weight, bias) = self.weight_and_bias(&[out_features, in_features])?;
        let params = LinearParams { in_features, out_features };
        self.push(Op::Linear { params, weight, scale: None, bias: Some(bias), prelu: None });
        Ok(())
    }

    fn pooling(&mut self) -> Result<(), ScutError> {
        let at = self.reader.offset();
        let [c, h, w, out_h, out_w, kernel, stride, padding, method] = self.reader.sizes("pooling parameters")?;
        let params = Pool2dParams { kernel_size: [kernel; 2], stride: [stride; 2], ceil_mode: true };
        let fits = self.shape == [c, h, w] && (1..=h.min(w)).contains(&kernel) && [padding, method] == [0, 0];
        if !fits || params.output_size([h, w]) != Some([out_h, out_w]) {
            let reason = format!(
                "a pooling of {kernel}, stride {stride}, padding {padding}, method {method} from {c}x{h}x{w} to \
                 {out_h}x{out_w} after a layer that gives {:?}",
                self.shape
            );
            return Err(self.reader.invalid_at(at, reason));
        }
        self.set_shape(at, &[c, out_h, out_w])?;
        self.push(Op::MaxPool2d { params });
        Ok(())
    }

    /// Head of a batch normalization or PRelu: the layer that it follows, twice, and its channels.
    fn channels(&mut self) -> Result<usize, ScutError> {
        let at = self.reader.offset();
        for _ in 0..2 {
            let name = self.reader.fixed_name("name of the layer before")?;
            if name != self.layer {
                let reason = format!("refers to '{name}', the layer before is '{}'", self.layer);
                return Err(self.reader.invalid_at(at, reason));
            }
        }
        let channels = self.reader.size("channels")?;
        if channels != self.shape[0] {
            let reason = format!("{channels} channels, the layer before gives {:?}", self.shape);
            return Err(self.reader.invalid_at(at, reason));
        }
        Ok(channels)
    }

    /// Weight of `shape` and one bias an output. The first layer's weight is stored as it is, the others' as blobs.
    fn weight_and_bias(&mut self, shape: &[usize]) -> Result<(WeightId, WeightId), ScutError> {
        let rows = shape[0];
        self.weights = self.weights.saturating_add(elements(shape).unwrap_or(usize::MAX));
        if self.weights > MAX_WEIGHTS {
            return Err(self.reader.invalid(format!("layers of more than {MAX_WEIGHTS} weights in all")));
        }
        let weight = if self.layer.is_empty() {
            self.vector("weight", shape)?
        } else {
            let data = blob::read(&mut self.reader, rows, shape[1..].iter().product())?;
            let name = format!("{}.weight", self.reader.section());
            self.builder.weight(Weight::new(name, shape, data))
        };
        self.layer = self.reader.section().to_owned();
        Ok((weight, self.vector("bias", &[rows])?))
    }

    /// As many numbers as `shape` has elements, as a weight named after the section.
    fn vector(&mut self, what: &'static str, shape: &[usize]) -> Result<WeightId, ScutError> {
        let values = self.reader.f32s(shape.iter().product(), what)?;
        Ok(self.builder.dense(format!("{}.{what}", self.reader.section()), shape, values))
    }

    fn set_shape(&mut self, at: usize, shape: &[usize]) -> Result<(), ScutError> {
        if !elements(shape).is_some_and(|n| (1..=MAX_ACTIVATION).contains(&n)) {
            return Err(self
                .reader
                .invalid_at(at, format!("a layer of shape {shape:?}, at most {MAX_ACTIVATION} elements")));
        }
        self.shape = shape.to_vec();
        Ok(())
    }

    /// Appends the operation of the present section.
    fn push(&mut self, op: Op) {
        self.builder.push(self.reader.section(), op);
    }

    fn finish(mut self) -> Result<Model, ScutError> {
        let labels = hccr_data::gb2312::gb2312_level1();
        if self.shape != [labels.len()] {
            let reason = format!("the last layer gives {:?}, expected {} classes", self.shape, labels.len());
            return Err(self.reader.invalid(reason));
        }
        self.builder.set_labels(labels);
        Ok(self.builder.finish()?)
    }
}
