//! Activations of a mini-batch.

use crate::layers::COLUMNS;
use crate::packing::Packing;
use crate::share::{Share, World};
use hccr_tensor::Scalar;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Images per chunk. Chunks, not threads, divide the work, so that results do not depend on the number of threads.
/// They are as many as the widest vector holds.
pub const CHUNK_IMAGES: usize = 16;

/// Values of a parameter that one thread works on at a time.
pub(crate) const PIECE: usize = 1 << 14;

/// Activations of a mini-batch in chunks of [`CHUNK_IMAGES`] images, the last one perhaps smaller.
///
/// # Shapes
/// Each chunk is `[channels, height, width, images]`: with channels outermost, a convolution over several images is one
/// matrix product, and a channel's statistics are sums over one piece of memory; with images innermost, what is done to an element of
/// one image is done to those of all by the same vector instructions, and a vector of features needs no order of its own:
/// `[features, 1, 1, images]`. Sequences are `[features, 1, 1, columns]` with one column per step of a sequence, in the order of the
/// chunk's [`Packing`], so that layers which treat each step alike need not know of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<T> {
    /// Channels, height and width of one image.
    pub shape: [usize; 3],
    /// The chunks.
    pub chunks: Vec<Chunk<T>>,
    /// For sequences, the order of the columns of each chunk; empty otherwise.
    pub packings: Arc<[Packing]>,
    /// Which part of the mini-batch this is.
    pub share: Share,
}

/// Some images of a [`Batch`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk<T> {
    /// Number of images, or of columns where the chunk holds sequences.
    pub images: usize,
    /// Values, `[channels, height, width, images]`.
    pub data: Vec<T>,
}

/// Buffers of an earlier step, for outputs of the same size: fresh memory costs page faults and clearing.
#[derive(Clone, Debug)]
pub(crate) struct Spare<B>(Vec<B>);

impl<B> Default for Spare<B> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Scalar> Spare<Vec<T>> {
    /// Keeps the buffers of a batch that is no longer needed.
    pub(crate) fn keep(&mut self, batch: Batch<T>) {
        self.keep_buffers(batch.chunks.into_iter().map(|c| c.data).collect());
    }
}

impl<B: Default> Spare<B> {
    /// Keeps buffers, one per chunk.
    pub(crate) fn keep_buffers(&mut self, buffers: Vec<B>) {
        self.0 = buffers;
    }

    /// One buffer for each of `chunks` chunks, of any length and content.
    pub(crate) fn take(&mut self, chunks: usize) -> Vec<B> {
        let mut buffers = std::mem::take(&mut self.0);
        buffers.resize_with(chunks, B::default);
        buffers
    }
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { shape: [0; 3], chunks: Vec::new(), packings: Arc::default(), share: Share::default() }
    }
}

impl<T: Scalar> Batch<T> {
    /// A batch of images or vectors, which is a whole mini-batch.
    pub fn new(shape: [usize; 3], chunks: Vec<Chunk<T>>) -> Self {
        Self { shape, chunks, ..Self::default() }
    }

    /// The batch as a part of a mini-batch.
    #[must_use]
    pub fn with_share(self, share: Share) -> Self {
        Self { share, ..self }
    }

    /// A batch of one-channel images given as bytes, minus the `mean` image.
    ///
    /// # Panics
    /// Where an image or the mean has another size than `size`.
    pub fn from_bytes(images: &[&[u8]], size: [usize; 2], mean: &[f32]) -> Self {
        let pixels = size[0] * size[1];
        let mean: Vec<T> = mean.iter().map(|&m| T::of(m.into())).collect();
        assert_eq!(mean.len(), pixels, "mean image of another size");
        let chunks = images
            .par_chunks(CHUNK_IMAGES)
            .map(|images| {
                assert!(images.iter().all(|image| image.len() == pixels), "image of another size");
                let mut data = Vec::with_capacity(images.len() * pixels);
                for (at, &m) in mean.iter().enumerate() {
                    data.extend(images.iter().map(|image| T::of(image[at].into()) - m));
                }
                Chunk { images: images.len(), data }
            })
            .collect();
        Self::new([1, size[0], size[1]], chunks)
    }

    /// The part of a mini-batch that falls to this process, and which of its samples these are. `None` where the mini-batch cannot be
    /// [shared](Share): each process then trains on all of it, which gives the same.
    pub fn part_of(&self, world: &Arc<dyn World>) -> Option<(Self, Range<usize>)> {
        let (size, count) = (world.size(), self.chunks.len() / world.size());
        let samples = |chunk: usize| self.packings.get(chunk).map_or(self.chunks[chunk].images, |p| p.order().len());
        let even = count.is_power_of_two() && count * size == self.chunks.len();
        if !even || (1..self.chunks.len()).any(|c| samples(c) != samples(0)) || count * samples(0) < COLUMNS {
            return None;
        }
        let chunks = world.rank() * count..(world.rank() + 1) * count;
        let part = Self {
            shape: self.shape,
            chunks: self.chunks[chunks.clone()].to_vec(),
            packings: self.packings.get(chunks.clone()).unwrap_or_default().into(),
            share: Share::of(world.clone()),
        };
        Some((part, chunks.start * samples(0)..chunks.end * samples(0)))
    }

    /// Number of images, or of columns.
    pub fn images(&self) -> usize {
        self.chunks.iter().map(|c| c.images).sum()
    }

    /// Elements of one channel of one image.
    pub fn plane(&self) -> usize {
        self.shape[1] * self.shape[2]
    }

    /// The vector of each image, for a batch of vectors.
    pub fn vectors(&self) -> Vec<Vec<T>> {
        let features = self.shape[0];
        let of = |c: &Chunk<T>, i: usize| (0..features).map(|f| c.data[f * c.images + i]).collect();
        self.chunks.iter().flat_map(|c| (0..c.images).map(move |i| of(c, i))).collect()
    }
}
