//! What the elements of a value are: numbers, or four bytes each.

/// How bytes stand for numbers: as `scale * (byte - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantization {
    pub(crate) scale: f32,
    pub(crate) zero_point: u8,
}

impl Quantization {
    /// A quad whose four bytes stand for zero.
    pub(crate) fn zeros(self) -> f32 {
        f32::from_le_bytes([self.zero_point; 4])
    }
}

/// What the elements of a value are.
///
/// A *quad* is four bytes in one element, the first in the lowest bits. It is as wide as an `f32`, so that layouts, borders
/// and flat pixels are the same for both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Elements {
    /// Numbers.
    F32,
    /// Quads of the bytes of four consecutive channels, at one pixel.
    Channels(Quantization),
    /// Quads of the bytes of four neighbours in a row, of an image of one channel: what a convolution reads of it at once.
    Pixels(Quantization),
}

impl Elements {
    /// How bytes stand for numbers. `None` for numbers.
    pub(crate) fn quantization(self) -> Option<Quantization> {
        match self {
            Self::F32 => None,
            Self::Channels(quantization) | Self::Pixels(quantization) => Some(quantization),
        }
    }
}
