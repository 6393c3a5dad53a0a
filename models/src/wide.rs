//! Models of 9,574 characters: GB2312 levels 1 and 2, traditional characters, kana, digits, Latin letters and punctuation.
//!
//! Of the 3755 characters of level 1 they read somewhat less than the [models of these alone](crate). Where an application knows which
//! characters may come, it restricts their answer.

#[cfg(all(feature = "offline", feature = "online"))]
use crate::FusedRecognizer;
#[cfg(feature = "online")]
use crate::InkRecognizer;
#[cfg(feature = "offline")]
use crate::Recognizer;
#[cfg(any(feature = "offline", feature = "online"))]
use crate::SOUND;

/// The file of the model that reads images, as [`Recognizer::from_bytes`] and the bindings to other languages take it.
#[cfg(feature = "offline")]
pub const OFFLINE_MODEL: &[u8] = include_bytes!("../offline-wide.hccr");

/// The file of the model that reads pen strokes, as [`InkRecognizer::from_bytes`] and the bindings to other languages take it.
#[cfg(feature = "online")]
pub const ONLINE_MODEL: &[u8] = include_bytes!("../online-wide.hccr");

/// As [`crate::offline`].
///
/// ```
/// assert!(hccr::wide::offline().labels().contains(&'繁'));
/// ```
#[cfg(feature = "offline")]
pub fn offline() -> Recognizer {
    Recognizer::from_bytes(OFFLINE_MODEL).expect(SOUND)
}

/// As [`crate::online`].
///
/// ```
/// use hccr::ink::{Ink, Point};
///
/// let bar = [Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 149.0 }];
/// let stem = [Point { x: 151.0, y: 20.0 }, Point { x: 149.0, y: 290.0 }];
/// assert_eq!(hccr::wide::online().recognize(&Ink::new(&[bar, stem])?, 1)[0].character, '十');
/// # Ok::<(), hccr::ink::InkError>(())
/// ```
#[cfg(feature = "online")]
pub fn online() -> InkRecognizer {
    InkRecognizer::from_bytes(ONLINE_MODEL).expect(SOUND)
}

/// As [`crate::fused`].
///
/// ```
/// assert_eq!(hccr::wide::fused().labels().len(), 9574);
/// ```
#[cfg(all(feature = "offline", feature = "online"))]
pub fn fused() -> FusedRecognizer {
    FusedRecognizer::from_bytes(ONLINE_MODEL, OFFLINE_MODEL).expect(SOUND)
}
