//! What each instruction set is good at: the numbers by which kernels are chosen and shaped.
//!
//! `cargo xtask tune` measures the costs on the machine at hand and prints them in the form of the constants `TUNING` of the
//! instruction sets.

/// Measured costs and shapes of one instruction set.
///
/// Costs of convolutions are in multiply-adds of a vector as the dense kernel (`f32_conv`) does them; costs of products with a
/// vector in elements of a dense matrix: one of labels that comes from memory (`streamed`), or one of numbers that comes from the
/// second-level cache (`cached`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// A multiply-add of a weight in the sparse convolution (`f32_spmm`).
    pub(crate) sparse: f64,
    /// A multiply-add in the convolution that is sparse in blocks (`f32_bspmm`).
    pub(crate) block: f64,
    /// A multiply-add in the product of Winograd's algorithm.
    pub(crate) winograd: f64,
    /// The transform of a vector of one point, in Winograd's algorithm.
    pub(crate) transform: f64,
    /// A cache line of weights that comes from the last-level cache or from memory.
    pub(crate) line: f64,
    /// Products with a vector whose matrix comes from memory.
    pub(crate) streamed: ProductTuning,
    /// Products with one vector after the other, whose matrix stays in a cache: those of recurrent layers.
    pub(crate) cached: ProductTuning,
    /// How many times as many vectors a convolution of bytes may take where it does the pooling too.
    pub(crate) pooled_vectors: f64,
    /// Most vectors of pixels of a register tile where a tile has four output channels: of blocks, and of quads.
    pub(crate) block_vectors: usize,
    /// Tiles that Winograd's product may have in registers, the most first: some of 12, 9, 6, 5 and 4.
    pub(crate) winograd_tiles: &'static [usize],
    /// Samples of a group whose sums are in registers together.
    pub(crate) group_samples: usize,
}

/// Costs of the forms of a matrix that multiplies a vector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProductTuning {
    /// An element of a dense matrix, of bytes too.
    pub(crate) dense: f64,
    /// An element of a dense matrix of labels.
    pub(crate) labels: f64,
    /// A non-zero element of sparse rows.
    pub(crate) sparse: f64,
    /// The end of a sparse row, which is not foreseen.
    pub(crate) row: f64,
    /// An element of slices (SELL).
    pub(crate) sliced: f64,
    /// A non-zero byte of a matrix of bytes without zeros.
    pub(crate) nonzero_byte: f64,
    /// A dense matrix that does not fit into the second-level cache costs so many times as much.
    pub(crate) beyond_cache: f64,
}

/// Bytes of a first-level cache that a tile's input may take.
pub(crate) const LEVEL_1_BYTES: usize = 24 << 10;

/// Bytes of a second-level cache.
pub(crate) const LEVEL_2_BYTES: usize = 1 << 20;
