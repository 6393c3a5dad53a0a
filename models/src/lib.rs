#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[doc(inline)]
pub use hccr_runtime::*;

/// The file of the model that reads images, as [`Recognizer::from_bytes`] and the bindings to other languages take it.
#[cfg(feature = "offline")]
pub const OFFLINE_MODEL: &[u8] = include_bytes!("../offline-3755.hccr");

/// The file of the model that reads pen strokes, as [`InkRecognizer::from_bytes`] and the bindings to other languages take it.
#[cfg(feature = "online")]
pub const ONLINE_MODEL: &[u8] = include_bytes!("../online-3755.hccr");

/// The file of the model that [`offline_wide`] opens.
#[cfg(feature = "offline")]
pub const OFFLINE_WIDE_MODEL: &[u8] = include_bytes!("../offline-wide.hccr");

/// The file of the model that [`online_wide`] opens.
#[cfg(feature = "online")]
pub const ONLINE_WIDE_MODEL: &[u8] = include_bytes!("../online-wide.hccr");

#[cfg(any(feature = "offline", feature = "online"))]
const SOUND: &str = "the models in the box are tested";

/// A recognizer of images of single characters. It decodes and plans the model, which takes milliseconds: make it once, and
/// clone it for further threads.
///
/// ```
/// use hccr::image::{Image, PixelFormat};
///
/// // A cross: two dark bars on white paper.
/// let pixels: Vec<u8> = (0..80 * 80).map(|i| if i % 80 / 8 == 5 || i / 80 / 8 == 4 { 0 } else { 255 }).collect();
/// let best = hccr::offline().recognize(&Image::new(&pixels, 80, 80, PixelFormat::Gray)?, 1)?[0];
/// assert_eq!(best.character, '十');
/// # Ok::<(), hccr::image::ImageError>(())
/// ```
#[cfg(feature = "offline")]
pub fn offline() -> Recognizer {
    Recognizer::from_bytes(OFFLINE_MODEL).expect(SOUND)
}

/// A recognizer of the pen strokes of single characters, all at once or, in an [`InkSession`], while they are written. Make it
/// once, and clone it for further threads.
///
/// ```
/// use hccr::ink::{Ink, Point};
///
/// let bar = [Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 149.0 }];
/// let stem = [Point { x: 151.0, y: 20.0 }, Point { x: 149.0, y: 290.0 }];
/// assert_eq!(hccr::online().recognize(&Ink::new(&[bar, stem])?, 1)[0].character, '十');
/// # Ok::<(), hccr::ink::InkError>(())
/// ```
#[cfg(feature = "online")]
pub fn online() -> InkRecognizer {
    InkRecognizer::from_bytes(ONLINE_MODEL).expect(SOUND)
}

/// A recognizer of pen strokes that also looks at the image they leave, so that it reads them in any order, and joined ones. Of
/// the three it reads the most. Make it once, and clone it for further threads.
///
/// ```
/// use hccr::ink::{Ink, Point};
///
/// let bar = [Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 149.0 }];
/// let stem = [Point { x: 151.0, y: 20.0 }, Point { x: 149.0, y: 290.0 }];
/// assert_eq!(hccr::fused().recognize(&Ink::new(&[stem, bar])?, 1)?[0].character, '十'); // the stem first
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(all(feature = "offline", feature = "online"))]
pub fn fused() -> FusedRecognizer {
    FusedRecognizer::from_bytes(ONLINE_MODEL, OFFLINE_MODEL).expect(SOUND)
}

/// As [`offline`], of 9,574 Chinese characters: the 6,763 of GB2312, and 2,811 others, most of them traditional. A program that does not call
/// this has the model out of its binary.
///
/// ```
/// let mut recognizer = hccr::offline_wide();
/// assert!(recognizer.labels().len() == 9574 && recognizer.labels().contains(&'龍'));
/// ```
#[cfg(feature = "offline")]
pub fn offline_wide() -> Recognizer {
    Recognizer::from_bytes(OFFLINE_WIDE_MODEL).expect(SOUND)
}

/// As [`online`], of the characters of [`offline_wide`]. Of the 3755 of level 1 it reads less than the model of these alone. A program that
/// does not call this has the model out of its binary.
///
/// ```
/// use hccr::ink::{Ink, Point};
///
/// let bar = [Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 149.0 }];
/// let stem = [Point { x: 151.0, y: 20.0 }, Point { x: 149.0, y: 290.0 }];
/// assert_eq!(hccr::online_wide().recognize(&Ink::new(&[bar, stem])?, 1)[0].character, '十');
/// # Ok::<(), hccr::ink::InkError>(())
/// ```
#[cfg(feature = "online")]
pub fn online_wide() -> InkRecognizer {
    InkRecognizer::from_bytes(ONLINE_WIDE_MODEL).expect(SOUND)
}

/// As [`fused`], of the characters of [`offline_wide`]; strokes in another order than the usual one cost it more.
///
/// ```
/// use hccr::ink::{Ink, Point};
///
/// let bar = [Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 149.0 }];
/// let stem = [Point { x: 151.0, y: 20.0 }, Point { x: 149.0, y: 290.0 }];
/// assert_eq!(hccr::fused_wide().recognize(&Ink::new(&[stem, bar])?, 1)?[0].character, '十');
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(all(feature = "offline", feature = "online"))]
pub fn fused_wide() -> FusedRecognizer {
    FusedRecognizer::from_bytes(ONLINE_WIDE_MODEL, OFFLINE_WIDE_MODEL).expect(SOUND)
}
