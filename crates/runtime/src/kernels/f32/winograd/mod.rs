//! Dense convolution of stride 1 by Winograd's minimal filtering, over tiles of 4 or 2 outputs along each axis of 3 taps.
//!
//! A tile's inputs and a kernel are brought to as many points as the tile has inputs; the sum over the input channels is
//! then one product a point: 36 instead of 144 for 4x4 outputs of a 3x3 kernel, 6 instead of 12 for 4 outputs of a 3x1 or
//! 1x3 kernel. (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, have the matrices.)
//!
//! Inputs are transformed with a tile a lane; products and outputs have an output channel a lane, so that planes of any
//! size fill the vectors. A block of tile rows is processed at a time, and of its outputs a panel of two vectors of
//! channels, so that all but the weights stays in the second-level cache.
//!
//! The transform's constants enlarge rounding errors: outputs are within 2e-5 of the largest one for 4x4 tiles.

mod rows;
mod transforms;
mod weights;

use crate::isa::{Body, Isa, LEVEL_2_BYTES, Token};
use crate::kernels::kernel::{Facts, Io, Kernel};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::tensor::{Aligned, LINE, Layout};
use core::ops::Range;
use rows::{channels_to_rows, write_parts, write_rows};
use transforms::{Four, One, POINTS, Two, inputs_to_points, kernel_points, points_to_outputs};
use weights::transform_weights;

/// Vectors of output channels of a panel.
const PANEL: usize = 2;
/// Outputs that are brought from channels to rows together.
const PIXELS: usize = 16;
/// What a block's inputs and products may take of the second-level cache.
const BLOCK_ELEMENTS: usize = LEVEL_2_BYTES / 8 * 5 / size_of::<f32>();
/// How far ahead of their use weights are asked for, in elements: the caches' own prefetching reaches 20 to 40 % less.
const AHEAD: usize = 1024;
/// Outputs of a tile down and across; 1 along an axis of one tap.
type Tile = [usize; 2];

/// Transformed weights and geometry.
pub(crate) struct WinogradConv {
    /// Panels of output channels: `[out_channels / panel][points][in_channels][panel]`.
    weights: Aligned<f32>,
    epilogue: Epilogue,
    tile: Tile,
    /// Tiles down and across.
    tiles: [usize; 2],
    /// Tile rows of a block.
    block: usize,
    /// Tiles that the product has in registers.
    nr: usize,
    src: Layout,
    /// Position in an input plane of the first input of the first tile.
    origin: usize,
    dst: Layout,
    lanes: usize,
}

impl LayerKernel for WinogradConv {
    const NAME: &'static str = "f32_winograd";

    fn fits(layer: &Layer<'_>) -> bool {
        tile(layer).is_some()
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        let Some(tile) = tile(layer) else { return f64::INFINITY };
        let (src, dst, lanes, tuning) = (layer.src, layer.dst, layer.token.lanes(), layer.tuning());
        let points: usize = tile.map(|outputs| kernel_points(outputs).len()).iter().product();
        let [rows, across] = [dst.height / tile[0], dst.width / tile[1]];
        let (tiles, vectors) = (rows * across, dst.channels.div_ceil(lanes));
        let transforms = src.channels * rows * across.div_ceil(lanes) + vectors * tiles;
        let weights = src.channels * vectors;
        let lines = (weights * lanes).div_ceil(LINE);
        let products = tuning.winograd * (weights * tiles) as f64;
        points as f64 * (products + tuning.transform * transforms as f64 + tuning.line * lines as f64)
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let (params, tile) = layer.flat_conv().zip(tile(layer)).expect("a layer that it fits");
        let (src, dst, lanes) = (layer.src, layer.dst, layer.token.lanes());
        let tiles = [dst.height / tile[0], dst.width / tile[1]];
        let points = tile.map(kernel_points);
        let per_row = points[0].len() * points[1].len() * tiles[1] * (src.channels + PANEL * lanes);
        let block = (BLOCK_ELEMENTS / per_row).clamp(1, tiles[0]);
        let block = tiles[0].div_ceil(tiles[0].div_ceil(block)); // blocks of equal size
        let columns = block * tiles[1];
        let choices = layer.tuning().winograd_tiles.iter().copied();
        let nr = choices.min_by_key(|&nr| columns.next_multiple_of(nr)).unwrap_or(4);

        let outputs = dst.channels.next_multiple_of(lanes);
        let channels = [src.channels, dst.channels, outputs];
        Self {
            weights: transform_weights(&layer.matrix.to_dense(), points, channels, lanes),
            epilogue: layer.epilogue().padded(outputs),
            tile,
            tiles,
            block,
            nr,
            src: src.clone(),
            origin: layer.first_input(params),
            dst: dst.clone(),
            lanes,
        }
    }
}

/// The largest tile that divides the output. `None` for other kernels than its own, and for output channels so few that filling
/// their vectors up would multiply the weights.
fn tile(layer: &Layer<'_>) -> Option<Tile> {
    let (params, dst) = (layer.flat_conv()?, layer.dst);
    if 2 * params.out_channels < layer.token.lanes() {
        return None;
    }
    let along = |taps: usize, size: usize| match taps {
        1 => Some(1),
        3 => [4, 2].into_iter().find(|&outputs| size.is_multiple_of(outputs)),
        _ => None,
    };
    let [kh, kw] = params.kernel_size;
    match [along(kh, dst.height)?, along(kw, dst.width)?] {
        [1, 1] => None,
        [1, across] => Some([1, across]),
        [down, 1] => Some([down, 1]),
        [down, across] => Some([down.min(across); 2]),
    }
}

impl Kernel for WinogradConv {
    fn facts(&self, _: Token) -> Facts {
        Facts {
            kind: Self::NAME.into(),
            tile: Some(self.tile),
            by_isa: true,
            weight_bytes: size_of_val(&*self.weights),
            scratch_len: self.scratch_len(),
            takes_groups: false,
        }
    }

    fn run(&self, token: Token, Io { src, dst, scratch, .. }: Io<'_>) {
        token.enter(Pass { conv: self, src, dst, scratch });
    }
}

impl WinogradConv {
    fn points(&self) -> usize {
        self.tile.map(|outputs| kernel_points(outputs).len()).iter().product()
    }

    /// Columns of a block's products, those that fill registers included.
    fn columns(&self) -> usize {
        (self.block * self.tiles[1]).next_multiple_of(self.nr)
    }

    /// Elements from one point's transformed inputs to the next's, and from one tile's products to the next's: the cache
    /// line between them keeps them out of the same set of the first-level cache.
    fn point_stride(&self) -> usize {
        self.src.channels * self.columns() + LINE
    }

    fn tile_stride(&self) -> usize {
        self.points() * PANEL * self.lanes + LINE
    }

    /// Elements of a block's transformed inputs.
    fn inputs_len(&self) -> usize {
        self.points() * self.point_stride()
    }

    /// Elements of working memory.
    fn scratch_len(&self) -> usize {
        self.inputs_len() + self.columns() * self.tile_stride()
    }

    /// Checks all that the unchecked accesses rest on.
    fn check(&self, lanes: usize, src: &[f32], dst: &[f32], scratch: &[f32]) {
        assert_eq!(lanes, self.lanes, "packed for another instruction set");
        let across = self.tile[1] * lanes;
        let last = self.src.plane_stride * (self.src.channels - 1)
            + self.origin
            + (self.tiles[0] * self.tile[0] + kernel_points(self.tile[0]).len() - self.tile[0] - 1)
                * self.src.row_stride
            + (self.tiles[1].div_ceil(lanes) - 1) * across;
        assert!(last + across + POINTS <= src.len(), "input planes shorter than planned");
        assert!(self.dst.elements().is_some_and(|n| n <= dst.len()), "output planes too short");
        let covered = [0, 1].map(|d| self.tiles[d] * self.tile[d]);
        assert!(covered == [self.dst.height, self.dst.width], "tiles of another output");
        assert!(self.scratch_len() <= scratch.len(), "working memory too short");
        let outputs = self.dst.channels.next_multiple_of(lanes);
        assert!(self.weights.len() == self.points() * self.src.channels * outputs, "other weights than planned");
        let Epilogue { bias, slope } = &self.epilogue;
        assert!(bias.len() == outputs && slope.len() == outputs, "another epilogue than planned");
    }
}

struct Pass<'a> {
    conv: &'a WinogradConv,
    src: &'a [f32],
    dst: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Body for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { conv, src, dst, scratch } = self;
        conv.check(I::LANES, src, dst, scratch);
        let (inputs, products) = scratch.split_at_mut(conv.inputs_len());
        let (inputs, products) = (inputs.as_mut_ptr(), products.as_mut_ptr());
        let outputs = conv.epilogue.bias.len();
        for first in (0..conv.tiles[0]).step_by(conv.block) {
            let rows = first..(first + conv.block).min(conv.tiles[0]);
            // SAFETY: `check` passed, and the tile rows and output channels are the convolution's.
            unsafe {
                transform_inputs(isa, conv, src, rows.clone(), inputs);
                for channel in (0..outputs).step_by(PANEL * I::LANES) {
                    if outputs - channel >= PANEL * I::LANES {
                        multiply_panel::<I, PANEL>(isa, conv, channel, inputs, products);
                    } else {
                        multiply_panel::<I, 1>(isa, conv, channel, inputs, products);
                    }
                    transform_outputs(isa, conv, channel, rows.clone(), products, dst);
                }
            }
        }
    }
}

/// Transforms the inputs of the tile rows `rows`, a tile a lane, to `[points][in_channels][columns]`.
///
/// What a vector writes beyond a row of tiles is written again by the next row or channel.
///
/// # Safety
/// [`WinogradConv::check`] passed; `inputs` has [`WinogradConv::inputs_len`] elements.
#[inline(always)]
unsafe fn transform_inputs<I: Isa>(isa: I, conv: &WinogradConv, src: &[f32], rows: Range<usize>, inputs: *mut f32) {
    // Locals: what is behind a reference is read again after each store.
    let (columns, point_stride, across) = (conv.columns(), conv.point_stride(), conv.tiles[1]);
    let Layout { channels, plane_stride, row_stride, .. } = conv.src;
    let (origin, [height, width]) = (conv.origin, conv.tile);
    for channel in 0..channels {
        for (i, tile_row) in rows.clone().enumerate() {
            let from = channel * plane_stride + origin + tile_row * height * row_stride;
            for tile in (0..across).step_by(I::LANES) {
                // SAFETY: `check` holds for the last vector of the last row; beyond the last channel's tiles there is a
                // vector's room.
                unsafe {
                    let p = src.as_ptr().add(from + tile * width);
                    let to = inputs.add(channel * columns + i * across + tile);
                    match [height, width] {
                        [4, 4] => inputs_to_points::<I, Four, Four>(isa, p, row_stride, to, point_stride),
                        [2, 2] => inputs_to_points::<I, Two, Two>(isa, p, row_stride, to, point_stride),
                        [4, _] => inputs_to_points::<I, Four, One>(isa, p, row_stride, to, point_stride),
                        [_, 4] => inputs_to_points::<I, One, Four>(isa, p, row_stride, to, point_stride),
                        [2, _] => inputs_to_points::<I, Two, One>(isa, p, row_stride, to, point_stride),
                        _ => inputs_to_points::<I, One, Two>(isa, p, row_stride, to, point_stride),
                    }
                }
            }
        }
    }
}

/// The products of a panel of `V` vectors of output channels from `channel` on, to `[tiles][points][panel]`.
///
/// # Safety
/// The panel lies within the output channels; `inputs` and `products` have their lengths.
#[inline(always)]
unsafe fn multiply_panel<I: Isa, const V: usize>(
    isa: I,
    conv: &WinogradConv,
    channel: usize,
    inputs: *const f32,
    products: *mut f32,
) {
    let (points, columns, channels, step) = (conv.points(), conv.columns(), conv.src.channels, conv.tile_stride());
    let weights = conv.weights[channel * points * channels..].as_ptr();
    for point in 0..points {
        for tile in (0..columns).step_by(conv.nr) {
            // SAFETY: each point has a panel of weights and a matrix of inputs, of which `nr` columns from `tile` on
            // are there, and as many rows of products.
            unsafe {
                let w = weights.add(point * channels * V * I::LANES);
                let x = inputs.add(point * conv.point_stride() + tile);
                let to = products.add(tile * step + point * V * I::LANES);
                match conv.nr {
                    12 if const { has_tile::<I>(12) } => multiply::<I, V, 12>(isa, channels, w, x, columns, to, step),
                    9 if const { has_tile::<I>(9) } => multiply::<I, V, 9>(isa, channels, w, x, columns, to, step),
                    6 if const { has_tile::<I>(6) } => multiply::<I, V, 6>(isa, channels, w, x, columns, to, step),
                    5 if const { has_tile::<I>(5) } => multiply::<I, V, 5>(isa, channels, w, x, columns, to, step),
                    _ => multiply::<I, V, 4>(isa, channels, w, x, columns, to, step),
                }
            }
        }
    }
}

/// Whether an instruction set ever has `tiles` tiles in registers.
const fn has_tile<I: Isa>(tiles: usize) -> bool {
    let mut rest = I::TUNING.winograd_tiles;
    while let [first, others @ ..] = rest {
        if *first == tiles {
            return true;
        }
        rest = others;
    }
    false
}

/// The sums over `channels` of `V` vectors of weights times `NR` inputs, each tile's `step` after the other's.
///
/// # Safety
/// There are `channels` rows of `V` vectors of weights and, `stride` apart, of `NR` inputs; `to` has room for the sums.
#[inline(always)]
unsafe fn multiply<I: Isa, const V: usize, const NR: usize>(
    isa: I,
    channels: usize,
    mut w: *const f32,
    mut x: *const f32,
    stride: usize,
    to: *mut f32,
    step: usize,
) {
    let mut acc = [[isa.splat(0.0); V]; NR];
    for _ in 0..channels {
        // SAFETY: the caller vouches for this row; the pointers wrap where they leave the last one.
        unsafe {
            let mut weights = [isa.splat(0.0); V];
            for v in 0..V {
                weights[v] = isa.load(w.add(v * I::LANES));
                isa.prefetch(w.wrapping_add(AHEAD + v * I::LANES));
            }
            for r in 0..NR {
                let input = isa.splat(*x.add(r));
                for v in 0..V {
                    acc[r][v] = isa.mul_add(input, weights[v], acc[r][v]);
                }
            }
        }
        w = w.wrapping_add(V * I::LANES);
        x = x.wrapping_add(stride);
    }
    for r in 0..NR {
        for v in 0..V {
            // SAFETY: the caller vouches for the room.
            unsafe { isa.store(to.add(r * step + v * I::LANES), acc[r][v]) };
        }
    }
}

/// Transforms the products of the tile rows `rows` and of the panel from `channel` on, and writes the outputs.
///
/// # Safety
/// [`WinogradConv::check`] passed; the products of the panel are there.
#[inline(always)]
unsafe fn transform_outputs<I: Isa>(
    isa: I,
    conv: &WinogradConv,
    channel: usize,
    rows: Range<usize>,
    products: *const f32,
    dst: &mut [f32],
) {
    let panel = (conv.epilogue.bias.len() - channel).min(PANEL * I::LANES);
    let ([height, width], across, tile_stride) = (conv.tile, conv.tiles[1], conv.tile_stride());
    let strides = [conv.dst.plane_stride, conv.dst.row_stride];
    // Tiles beside each other whose outputs fill vectors, and the columns of their outputs.
    let group = PIXELS / (height * width);
    let columns = group * width;
    let mut pixels = [isa.splat(0.0); PIXELS];
    for first in (0..panel).step_by(I::LANES) {
        let channels = I::LANES.min(conv.dst.channels - channel - first);
        // SAFETY: bias and slope are padded to whole vectors.
        let (bias, slope) = unsafe {
            let at = channel + first;
            (isa.load(conv.epilogue.bias.as_ptr().add(at)), isa.load(conv.epilogue.slope.as_ptr().add(at)))
        };
        for (i, tile_row) in rows.clone().enumerate() {
            for tile in (0..across).step_by(group) {
                let tiles = group.min(across - tile);
                for k in 0..tiles {
                    // SAFETY: the block has this tile, and `first` is a vector of the panel; `group` tiles have `PIXELS`
                    // outputs.
                    unsafe {
                        let from = products.add((i * across + tile + k) * tile_stride + first);
                        let to = pixels.as_mut_ptr().add(k * width);
                        match [height, width] {
                            [4, 4] => points_to_outputs::<I, Four, Four>(isa, from, panel, to, columns),
                            [2, 2] => points_to_outputs::<I, Two, Two>(isa, from, panel, to, columns),
                            [4, _] => points_to_outputs::<I, Four, One>(isa, from, panel, to, columns),
                            [_, 4] => points_to_outputs::<I, One, Four>(isa, from, panel, to, columns),
                            [2, _] => points_to_outputs::<I, Two, One>(isa, from, panel, to, columns),
                            _ => points_to_outputs::<I, One, Two>(isa, from, panel, to, columns),
                        }
                    }
                }
                let mut finished = [isa.splat(0.0); PIXELS];
                for i in 0..PIXELS {
                    finished[i] = isa.prelu(isa.add(pixels[i], bias), slope);
                }
                let rows = channels_to_rows(isa, finished);
                let to = conv.dst.row(channel + first, tile_row * height).start + tile * width;
                // SAFETY: `check` holds for the whole output, of which the tiles are a part.
                unsafe {
                    let to = dst.as_mut_ptr().add(to);
                    match columns {
                        _ if tiles < group => write_parts(&rows, channels, to, strides, height, tiles * width),
                        4 => write_rows::<4>(&rows, channels, to, strides),
                        8 => write_rows::<8>(&rows, channels, to, strides),
                        _ => write_rows::<16>(&rows, channels, to, strides),
                    }
                }
            }
        }
    }
}
