//! Shape arithmetic: the one place that computes output sizes and padding.
//!
//! Shapes leave the batch out. Images are `[channels, height, width]` (Chw), vectors `[features]`, sequences of vectors
//! `[STEPS, features]`: how many steps a sequence has, a model leaves open.

use alloc::vec::Vec;

/// The largest number of elements that one value or weight of a model may have (4 GiB of `f32`).
pub const MAX_ELEMENTS: usize = 1 << 30;

/// The first dimension of a sequence: the number of steps, which only a run knows.
pub const STEPS: usize = 0;

/// True for the shape of a sequence, `[STEPS, features]`.
pub const fn is_sequence(shape: &[usize]) -> bool {
    matches!(shape, [STEPS, _])
}

/// Parameters of a two-dimensional convolution (no dilation, no groups).
///
/// The weight has the layout Oihw: `[out_channels, in_channels, kernel_h, kernel_w]`.
///
/// ```
/// use hccr_runtime::shape::Conv2dParams;
///
/// let params = Conv2dParams::same(16, 32, [3, 3]);
/// assert_eq!(params.output_size([24, 24]), Some([24, 24]));
/// assert_eq!(params.weight_shape(), [32, 16, 3, 3]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dParams {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Kernel height and width.
    pub kernel_size: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zeros added above and below, and left and right.
    pub padding: [usize; 2],
}

impl Conv2dParams {
    /// A stride-1 convolution that keeps height and width (odd kernels, padding of half the kernel).
    pub const fn same(in_channels: usize, out_channels: usize, kernel_size: [usize; 2]) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel_size,
            stride: [1, 1],
            padding: [kernel_size[0] / 2, kernel_size[1] / 2],
        }
    }

    /// Output height and width for an input of `size`, or `None` where the kernel does not fit.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let mut out = [0; 2];
        for d in 0..2 {
            let padded = self.padding[d].checked_mul(2)?.checked_add(size[d])?;
            let span = padded.checked_sub(self.kernel_size[d])?;
            out[d] = span.checked_div(self.stride[d])?.checked_add(1)?;
        }
        Some(out)
    }

    /// Shape of the weight, Oihw.
    pub const fn weight_shape(&self) -> [usize; 4] {
        [self.out_channels, self.in_channels, self.kernel_size[0], self.kernel_size[1]]
    }
}

/// Parameters of a fully connected layer; the weight is `[out_features, in_features]`.
///
/// ```
/// let params = hccr_runtime::shape::LinearParams { in_features: 256, out_features: 10 };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinearParams {
    /// Length of the input vector.
    pub in_features: usize,
    /// Length of the output vector.
    pub out_features: usize,
}

/// Parameters of a long short-term memory, the recurrent part only: the products with the input are a layer of their own.
///
/// Rows of gates stand in the order i, f, g, o (input, forget, candidate, output), `hidden_size` rows each.
///
/// ```
/// let params = hccr_runtime::shape::LstmParams { hidden_size: 64, rank: Some(16) };
/// assert_eq!(params.gates(), Some(256));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LstmParams {
    /// Length of the state h, and of the cell c.
    pub hidden_size: usize,
    /// Inner dimension where the recurrent matrix is a product of two; at most `hidden_size`.
    pub rank: Option<usize>,
}

impl LstmParams {
    /// Rows of the four gates, or `None` on overflow.
    pub const fn gates(&self) -> Option<usize> {
        self.hidden_size.checked_mul(4)
    }
}

/// Parameters of a two-dimensional max pooling without padding on the left and the top.
///
/// ```
/// use hccr_runtime::shape::Pool2dParams;
///
/// assert_eq!(Pool2dParams::THESIS.output_size([96, 96]), Some([48, 48]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2dParams {
    /// Window height and width.
    pub kernel_size: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Caffe's ceil mode: a last window may hang over the right and the bottom edge.
    pub ceil_mode: bool,
}

impl Pool2dParams {
    /// The thesis's pooling: 3x3 windows, stride 2, ceil mode (96 -> 48 -> 24 -> 12 -> 6 -> 3).
    pub const THESIS: Self = Self { kernel_size: [3, 3], stride: [2, 2], ceil_mode: true };

    /// Output height and width for an input of `size`, or `None` where no window fits.
    ///
    /// In ceil mode every window starts inside the input.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let mut out = [0; 2];
        for d in 0..2 {
            let (k, s) = (self.kernel_size[d], self.stride[d]);
            if k == 0 || s == 0 || size[d] == 0 {
                return None;
            }
            out[d] = if self.ceil_mode {
                let n = size[d].saturating_sub(k).div_ceil(s) + 1;
                // A window that would start past the end is dropped.
                if (n - 1) * s >= size[d] { n - 1 } else { n }
            } else {
                size[d].checked_sub(k)? / s + 1
            };
        }
        Some(out)
    }
}

/// Number of elements of `shape`, or `None` where it exceeds [`MAX_ELEMENTS`].
pub fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= MAX_ELEMENTS)
}

/// A shape as text, such as `1x96x96`; `Tx6` for a sequence.
pub(crate) fn display(shape: &[usize]) -> alloc::string::String {
    if let [STEPS, features] = shape {
        return alloc::format!("Tx{features}");
    }
    let parts: Vec<_> = shape.iter().map(|d| alloc::format!("{d}")).collect();
    parts.join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thesis_pooling_chain() {
        let mut size = [96, 96];
        for want in [48, 24, 12, 6, 3] {
            size = Pool2dParams::THESIS.output_size(size).unwrap();
            assert_eq!(size, [want, want]);
        }
    }

    #[test]
    fn ceil_mode_drops_windows_that_start_outside() {
        let p = Pool2dParams { kernel_size: [1, 1], stride: [2, 2], ceil_mode: true };
        assert_eq!(p.output_size([4, 5]), Some([2, 3]));
        let p = Pool2dParams { kernel_size: [3, 3], stride: [2, 2], ceil_mode: false };
        assert_eq!(p.output_size([96, 2]), None);
    }

    #[test]
    fn convolution_sizes() {
        let p = Conv2dParams::same(1, 1, [3, 1]);
        assert_eq!((p.padding, p.output_size([7, 9])), ([1, 0], Some([7, 9])));
        let p = Conv2dParams { stride: [2, 0], ..p };
        assert_eq!(p.output_size([7, 9]), None);
        assert_eq!(elements(&[usize::MAX, 2]), None);
    }
}
