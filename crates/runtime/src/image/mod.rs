//! From the image of a character to what the network sees; training and recognition call the same function.

mod background;
mod dilate;
mod error;
mod gray;
mod ink;
mod light;
mod normalize;
mod pieces;
mod printed;
mod resize;
mod view;

pub use error::ImageError;
pub use normalize::normalize;
pub use view::{Image, PixelFormat};
