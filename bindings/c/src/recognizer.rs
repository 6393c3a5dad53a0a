//! Recognizers of all three kinds, behind one handle.

use crate::arguments::{Candidate, Image, Stroke, WritingBox, characters, fill, given, ink, slice};
use crate::border::{Failure, Status, border};
use hccr::{FusedRecognizer, InkRecognizer};
use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Reads images (offline), pen strokes (online), or pen strokes by both networks (fused).
#[derive(Clone, Debug)]
pub struct Recognizer(pub(crate) Kind);

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a recognizer is in a box of its own")]
pub(crate) enum Kind {
    Offline(hccr::Recognizer),
    Online(InkRecognizer),
    Fused(FusedRecognizer),
}

/// Makes a recognizer, and hands it to the caller.
fn make(recognizer: Option<&mut MaybeUninit<*mut Recognizer>>, kind: impl FnOnce() -> Result<Kind, Failure>) -> Status {
    border(|| hand_over(given(recognizer, "recognizer")?, || Ok(Recognizer(kind()?))))
}

/// Puts what `make` makes into a box of the caller's, and null there where it fails.
pub(crate) fn hand_over<T>(
    place: &mut MaybeUninit<*mut T>,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    place.write(null_mut());
    place.write(Box::into_raw(Box::new(make()?)));
    Ok(())
}

/// A recognizer of images, with the model in the box.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_offline(recognizer: Option<&mut MaybeUninit<*mut Recognizer>>) -> Status {
    make(recognizer, || Ok(Kind::Offline(hccr::offline())))
}

/// A recognizer of pen strokes, with the model in the box.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_online(recognizer: Option<&mut MaybeUninit<*mut Recognizer>>) -> Status {
    make(recognizer, || Ok(Kind::Online(hccr::online())))
}

/// A recognizer of pen strokes that also looks at their image, so that their order hardly matters, with the models in the box.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_fused(recognizer: Option<&mut MaybeUninit<*mut Recognizer>>) -> Status {
    make(recognizer, || Ok(Kind::Fused(hccr::fused())))
}

/// A recognizer of images, for the bytes of a model file. They are not needed afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_offline_from_bytes(
    model: *const u8,
    size: usize,
    recognizer: Option<&mut MaybeUninit<*mut Recognizer>>,
) -> Status {
    make(recognizer, || {
        // SAFETY: the caller of this function promises it.
        let model = unsafe { slice(model, size, "model") }?;
        Ok(Kind::Offline(hccr::Recognizer::from_bytes(model)?))
    })
}

/// A recognizer of pen strokes, for the bytes of a model file. They are not needed afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_online_from_bytes(
    model: *const u8,
    size: usize,
    recognizer: Option<&mut MaybeUninit<*mut Recognizer>>,
) -> Status {
    make(recognizer, || {
        // SAFETY: the caller of this function promises it.
        let model = unsafe { slice(model, size, "model") }?;
        Ok(Kind::Online(InkRecognizer::from_bytes(model)?))
    })
}

/// A recognizer of pen strokes and their image, for two model files of the same characters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_fused_from_bytes(
    online: *const u8,
    online_size: usize,
    offline: *const u8,
    offline_size: usize,
    recognizer: Option<&mut MaybeUninit<*mut Recognizer>>,
) -> Status {
    make(recognizer, || {
        // SAFETY: the caller of this function promises it.
        let online = unsafe { slice(online, online_size, "online") }?;
        // SAFETY: the caller of this function promises it.
        let offline = unsafe { slice(offline, offline_size, "offline") }?;
        Ok(Kind::Fused(FusedRecognizer::from_bytes(online, offline)?))
    })
}

/// The same recognizer for another thread: it shares the weights, and has working memory of its own.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_clone(
    recognizer: Option<&Recognizer>,
    clone: Option<&mut MaybeUninit<*mut Recognizer>>,
) -> Status {
    border(|| hand_over(given(clone, "clone")?, || Ok(given(recognizer, "recognizer")?.clone())))
}

/// The same recognizer for some of its characters, a text in UTF-8: it answers as if there were no others. It shares the
/// weights, and has working memory of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_restrict(
    recognizer: Option<&Recognizer>,
    characters: *const c_char,
    restricted: Option<&mut MaybeUninit<*mut Recognizer>>,
) -> Status {
    make(restricted, || {
        let recognizer = given(recognizer, "recognizer")?;
        // SAFETY: the caller of this function promises it.
        let characters = unsafe { self::characters(characters) }?;
        Ok(match &recognizer.0 {
            Kind::Offline(recognizer) => Kind::Offline(recognizer.restricted(&characters)?),
            Kind::Online(recognizer) => Kind::Online(recognizer.restricted(&characters)?),
            Kind::Fused(recognizer) => Kind::Fused(recognizer.restricted(&characters)?),
        })
    })
}

/// Frees a recognizer. NULL is fine. Sessions made of it live on.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_free(recognizer: Option<Box<Recognizer>>) {
    border(|| {
        drop(recognizer);
        Ok(())
    });
}

/// The characters that the recognizer knows, by their numbers in Unicode: writes the first `capacity` of them, and their number
/// in all into `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_labels(
    recognizer: Option<&Recognizer>,
    codepoints: *mut u32,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> Status {
    border(|| {
        let count = given(count, "count")?;
        count.write(0);
        let labels = match &given(recognizer, "recognizer")?.0 {
            Kind::Offline(recognizer) => recognizer.labels(),
            Kind::Online(recognizer) => recognizer.labels(),
            Kind::Fused(recognizer) => recognizer.labels(),
        };
        // SAFETY: the caller of this function promises it.
        unsafe { fill(labels.iter().copied().map(u32::from), codepoints, capacity, "codepoints") }?;
        count.write(labels.len());
        Ok(())
    })
}

/// The likeliest characters of an image, the likeliest first: at most `capacity`, and their number into `count`. For an offline
/// recognizer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_read_image(
    recognizer: Option<&mut Recognizer>,
    image: Option<&Image>,
    candidates: *mut Candidate,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> Status {
    let read = || {
        let Kind::Offline(recognizer) = &mut given(recognizer, "recognizer")?.0 else {
            return Err(Failure::argument("this recognizer reads pen strokes, not images"));
        };
        // SAFETY: the caller of this function promises it.
        let image = unsafe { given(image, "image")?.view() }?;
        Ok(recognizer.recognize(&image, capacity)?)
    };
    // SAFETY: the caller of this function promises it.
    unsafe { answer(read, candidates, capacity, count) }
}

/// The likeliest characters of pen strokes, the likeliest first: at most `capacity`, and their number into `count`. For an
/// online or a fused recognizer. `writing_box` may be NULL: the bounding box of the strokes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_read_ink(
    recognizer: Option<&mut Recognizer>,
    strokes: *const Stroke,
    stroke_count: usize,
    writing_box: Option<&WritingBox>,
    candidates: *mut Candidate,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> Status {
    let read = || {
        let recognizer = given(recognizer, "recognizer")?;
        // SAFETY: the caller of this function promises it.
        let ink = unsafe { ink(strokes, stroke_count, writing_box) }?;
        match &mut recognizer.0 {
            Kind::Offline(_) => Err(reads_images()),
            Kind::Online(recognizer) => Ok(recognizer.recognize(&ink, capacity)),
            Kind::Fused(recognizer) => Ok(recognizer.recognize(&ink, capacity)?),
        }
    };
    // SAFETY: the caller of this function promises it.
    unsafe { answer(read, candidates, capacity, count) }
}

pub(crate) fn reads_images() -> Failure {
    Failure::argument("this recognizer reads images, not pen strokes")
}

/// Writes what `read` finds into an array of the caller's, and its length into `count`, which is 0 after an error.
///
/// # Safety
/// As [`fill`].
pub(crate) unsafe fn answer(
    read: impl FnOnce() -> Result<Vec<hccr::Candidate>, Failure>,
    candidates: *mut Candidate,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> Status {
    border(|| {
        let count = given(count, "count")?;
        count.write(0);
        let found = read()?;
        // SAFETY: the caller of this function promises it.
        unsafe { fill(found.iter().map(Candidate::from), candidates, capacity, "candidates") }?;
        count.write(found.len());
        Ok(())
    })
}
