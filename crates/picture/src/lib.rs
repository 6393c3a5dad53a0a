//! Picture files, and the characters on them.
//!
//! A [`Picture`] is a decoded PNG, JPEG, BMP or WebP file, turned upright as its EXIF orientation says. [`characters`] finds
//! the separate characters of a page, in reading order; a [`Region`] of a picture is an [`Image`](hccr_runtime::image::Image)
//! to recognize.
//!
//! ```
//! use hccr_picture::{Picture, characters};
//! use hccr_runtime::image::PixelFormat;
//!
//! // One dark bar on a white page.
//! let pixels = (0..60 * 60).map(|i| if i / 60 / 4 == 7 && (10..50).contains(&(i % 60)) { 0 } else { 255 }).collect();
//! let picture = Picture::new(pixels, 60, 60, PixelFormat::Gray)?;
//! let found = characters(&picture);
//! assert_eq!(found.len(), 1);
//! let image = picture.crop(&found[0])?;
//! assert!(image.width() >= 40 && image.height() >= 4);
//! # Ok::<_, hccr_runtime::image::ImageError>(())
//! ```
#![forbid(unsafe_code)]

mod error;
mod page;
mod picture;

pub use error::{PictureError, PictureReason};
pub use page::{Region, characters};
pub use picture::{ENDINGS, Picture};
