//! Writes small networks in the format of the thesis's release, and knows what they hold.

use hccr_random::Rng;

/// A file in the release's format and the dense weights that its blobs stand for.
pub(crate) struct Release {
    pub(crate) bytes: Vec<u8>,
    /// Name and values, as `conv2_1.weight`.
    pub(crate) weights: Vec<(String, Vec<f32>)>,
}

impl Release {
    /// A network of all layer types: 1x10x10 -> two convolutions (one of them a low-rank pair) -> 3755 classes.
    pub(crate) fn synthetic(seed: u64) -> Self {
        let mut w = Writer { bytes: Vec::new(), weights: Vec::new(), rng: Rng::new(seed, 0) };
        w.section("data", "Data");
        w.bytes.extend(1f32.to_le_bytes());
        w.sizes(&[1, 10, 10]);
        w.floats(100);
        w.convolution("conv1", [1, 10, 10], 4, [3, 3], None);
        w.batch_norm("bn1", "conv1", 4);
        w.prelu("PReLU1", "conv1", 4);
        w.pooling("pool1", [4, 10, 10]);
        w.convolution("conv2_1", [4, 5, 5], 3, [3, 1], Some(Codebook { centres: 3, gap_bits: 2, density: 0.1 }));
        w.convolution("conv2_2", [3, 5, 5], 6, [1, 3], Some(Codebook { centres: 47, gap_bits: 3, density: 0.5 }));
        w.batch_norm("bn2_2", "conv2_2", 6);
        w.prelu("PReLU2_2", "conv2_2", 6);
        w.pooling("pool2", [6, 5, 5]);
        w.inner_product("fc1", [24, 10], Codebook { centres: 32, gap_bits: 4, density: 0.2 });
        w.batch_norm("bn3", "fc1", 10);
        w.prelu("PReLU3", "fc1", 10);
        w.inner_product("fc2", [10, 3755], Codebook { centres: 25, gap_bits: 3, density: 0.05 });
        Self { bytes: w.bytes, weights: w.weights }
    }

    /// Offset of the section `name`.
    pub(crate) fn section(&self, name: &str) -> usize {
        let mut head = (name.len() as i32).to_le_bytes().to_vec();
        head.extend(name.bytes());
        self.bytes.windows(head.len()).position(|w| w == head).expect("a section of the synthetic network")
    }
}

/// How a matrix is stored.
struct Codebook {
    centres: usize,
    gap_bits: u32,
    density: f32,
}

struct Writer {
    bytes: Vec<u8>,
    weights: Vec<(String, Vec<f32>)>,
    rng: Rng,
}

impl Writer {
    fn sizes(&mut self, sizes: &[usize]) {
        self.bytes.extend(sizes.iter().flat_map(|&s| (s as i32).to_le_bytes()));
    }

    /// `n` random numbers, stored and returned.
    fn floats(&mut self, n: usize) -> Vec<f32> {
        let values: Vec<f32> = (0..n).map(|_| self.rng.range(-1.0, 1.0)).collect();
        self.bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        values
    }

    fn section(&mut self, name: &str, kind: &str) {
        for text in [name, kind] {
            self.sizes(&[text.len()]);
            self.bytes.extend(text.bytes());
        }
    }

    /// The layer that a section follows, twice, in fields of 50 bytes with garbage behind the NUL.
    fn follows(&mut self, layer: &str, channels: usize) {
        for _ in 0..2 {
            self.bytes.extend(layer.bytes().chain([0]));
            for _ in layer.len() + 1..50 {
                self.bytes.push(self.rng.below(256) as u8);
            }
        }
        self.sizes(&[channels]);
    }

    fn batch_norm(&mut self, name: &str, layer: &str, channels: usize) {
        self.section(name, "BatchNorm");
        self.follows(layer, channels);
        self.floats(2 * channels);
    }

    fn prelu(&mut self, name: &str, layer: &str, channels: usize) {
        self.section(name, "PReLU");
        self.follows(layer, channels);
        self.floats(channels);
    }

    fn pooling(&mut self, name: &str, [c, h, w]: [usize; 3]) {
        self.section(name, "Pooling");
        self.sizes(&[c, h, w, h / 2, w / 2, 3, 2, 0, 0]);
    }

    fn convolution(&mut self, name: &str, [c, h, w]: [usize; 3], out: usize, k: [usize; 2], blob: Option<Codebook>) {
        self.section(name, "Convolution");
        self.sizes(&[c, h, w, out, h, w, k[0], k[1], 1, 1, k[0] / 2, k[1] / 2]);
        let n = out * c * k[0] * k[1];
        let weights = match blob {
            Some(codebook) => self.blob(n, &codebook),
            None => self.floats(n),
        };
        self.weights.push((format!("{name}.weight"), weights));
        self.floats(out);
    }

    fn inner_product(&mut self, name: &str, [inputs, outputs]: [usize; 2], codebook: Codebook) {
        self.section(name, "InnerProduct");
        self.sizes(&[inputs, outputs, outputs, 32621]);
        let weights = self.blob(inputs * outputs, &codebook);
        self.weights.push((format!("{name}.weight"), weights));
        self.floats(outputs);
    }

    /// Stores `n` random weights and returns them.
    fn blob(&mut self, n: usize, codebook: &Codebook) -> Vec<f32> {
        let zero = codebook.centres / 2;
        self.bytes.extend((codebook.centres as u16).to_le_bytes());
        let centres: Vec<f32> = (0..codebook.centres).map(|i| (i as f32 - zero as f32) / 16.0).collect();
        self.bytes.extend(centres.iter().flat_map(|c| c.to_le_bytes()));

        let mut dense = vec![0.0; n];
        let (mut pairs, mut next) = (Vec::new(), 0);
        let longest = (1 << codebook.gap_bits) - 1;
        for (at, weight) in dense.iter_mut().enumerate() {
            let label = self.rng.below(codebook.centres);
            if label == zero || !self.rng.chance(codebook.density) {
                continue;
            }
            while at - next > longest {
                pairs.push((longest, zero));
                next += longest + 1;
            }
            pairs.push((at - next, label));
            next = at + 1;
            *weight = centres[label];
        }

        let label_bits = codebook.centres.next_power_of_two().ilog2();
        let mut bits = Vec::new();
        for (gap, label) in &pairs {
            bits.extend((0..codebook.gap_bits).rev().map(|b| gap >> b & 1));
            bits.extend((0..label_bits).rev().map(|b| label >> b & 1));
        }
        bits.resize(bits.len() / 8 * 8 + 8, 0);
        self.sizes(&[n, bits.len() / 8]);
        self.bytes.push(codebook.gap_bits as u8);
        self.sizes(&[pairs.len()]);
        self.bytes.extend(bits.chunks(8).map(|byte| byte.iter().fold(0, |b, &bit| b << 1 | bit as u8)));
        dense
    }
}
