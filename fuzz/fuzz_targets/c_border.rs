//! Calls of the C interface in any order, with arrays that are exactly as long as is said, and with all that it can notice: null
//! pointers, lengths of no array, impossible sizes and formats, texts that are no UTF-8, handles of another kind.
#![no_main]
#![expect(dead_code, reason = "C makes some of what the interface takes")]

#[path = "../../bindings/c/src/arguments.rs"]
mod arguments;
#[path = "../../bindings/c/src/border.rs"]
mod border;
#[path = "../../bindings/c/src/ink_session.rs"]
mod ink_session;
#[path = "../../bindings/c/src/line_session.rs"]
mod line_session;
#[path = "../../bindings/c/src/recognizer.rs"]
mod recognizer;
mod tiny;

use arguments::{Candidate, Image, Point, Stroke, WritingBox};
use border::{Status, hccr_message};
use ink_session::*;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use line_session::*;
use recognizer::*;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::LazyLock;

const MAX_CALLS: usize = 64;

static MODELS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| [tiny::offline(), tiny::online()].map(|m| m.to_bytes()));

/// Where a handle is kept. A call on one that is not there passes NULL.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Slot(u8);

#[derive(Arbitrary, Debug)]
enum Bytes<'a> {
    Offline,
    Online,
    Given(&'a [u8]),
    Null(usize),
}

/// An array to read points from.
#[derive(Arbitrary, Debug)]
enum Points<'a> {
    Given { exponent: u8, coordinates: &'a [u8] },
    Null(usize),
}

#[derive(Arbitrary, Debug)]
struct Box4([u8; 4]);

/// An array to write to, and a count.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Room {
    capacity: u8,
    is_null: bool,
    has_count: bool,
}

#[derive(Arbitrary, Debug)]
struct Picture<'a> {
    width: u8,
    height: u8,
    gap: u8,
    format: u8,
    pixels: &'a [u8],
    flaw: Option<(u8, usize)>,
}

#[derive(Arbitrary, Debug)]
enum Call<'a> {
    NoPlace(u8),
    Offline(Slot, Bytes<'a>),
    Online(Slot, Bytes<'a>),
    Fused(Slot, Bytes<'a>, Bytes<'a>),
    Clone { from: Slot, to: Option<Slot> },
    Restrict { from: Slot, to: Option<Slot>, text: Option<&'a [u8]> },
    Free(Slot),
    Labels(Slot, Room),
    ReadImage(Slot, Option<Picture<'a>>, Room),
    ReadInk(Slot, Vec<Points<'a>>, Option<Box4>, Room),
    ReadNoInk(Slot, usize, Room),
    InkNew { from: Slot, to: Option<Slot>, writing_box: Option<Box4> },
    InkFree(Slot),
    InkStroke(Slot, Points<'a>),
    InkPoints(Slot, Points<'a>),
    InkUndo(Slot),
    InkClear(Slot),
    InkRead(Slot, Room),
    LineNew { from: Slot, to: Option<Slot> },
    LineFree(Slot),
    LineStroke(Slot, Points<'a>),
    LinePoints(Slot, Points<'a>),
    LineUndo(Slot),
    LineClear(Slot),
    LineRead(Slot, Room),
}

/// The handles of one kind.
struct Handles<T>([Option<Box<T>>; 4]);

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self([const { None }; 4])
    }
}

impl<T> Handles<T> {
    fn at(&mut self, Slot(slot): Slot) -> &mut Option<Box<T>> {
        &mut self.0[usize::from(slot) % 4]
    }

    fn get(&self, Slot(slot): Slot) -> Option<&T> {
        self.0[usize::from(slot) % 4].as_deref()
    }

    fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.at(slot).as_deref_mut()
    }
}

/// The handle that a function of the library makes.
fn made<T>(has_place: bool, make: impl FnOnce(Option<&mut MaybeUninit<*mut T>>) -> Status) -> (Status, Option<Box<T>>) {
    let mut handle = MaybeUninit::uninit();
    if !has_place {
        return (make(None), None);
    }
    let status = make(Some(&mut handle));
    // SAFETY: the library has written a handle, or null.
    let handle = unsafe { handle.assume_init() };
    assert_eq!(handle.is_null(), status != Status::Ok);
    // SAFETY: a handle is a box that the caller owns.
    (status, (!handle.is_null()).then(|| unsafe { Box::from_raw(handle) }))
}

/// What a function of the library writes into an array: as much as it says, and never more than there is room for.
fn written<T>(
    room: Room,
    fills: bool,
    read: impl FnOnce(*mut T, usize, Option<&mut MaybeUninit<usize>>) -> Status,
) -> (Status, Vec<T>) {
    let capacity = usize::from(room.capacity % 16);
    let mut items = Vec::with_capacity(capacity);
    let place = if room.is_null { null_mut() } else { items.as_mut_ptr() };
    let mut count = MaybeUninit::uninit();
    let status = read(place, capacity, room.has_count.then_some(&mut count));
    if !room.has_count {
        assert_ne!(status, Status::Ok);
        return (status, Vec::new());
    }
    // SAFETY: the library has written a count.
    let count = unsafe { count.assume_init() };
    assert!(status == Status::Ok || count == 0);
    assert!(fills || count <= capacity);
    if status == Status::Ok && !room.is_null {
        // SAFETY: the library has written so many.
        unsafe { items.set_len(count.min(capacity)) };
    }
    (status, items)
}

fn check(candidates: &[Candidate]) {
    for candidate in candidates {
        let character = char::from_u32(candidate.codepoint).expect("a character");
        assert!(['一', '丁', '七'].contains(&character));
        assert!((0.0..=1.001).contains(&candidate.probability), "{candidate:?}");
    }
    assert!(candidates.is_sorted_by(|a, b| a.probability >= b.probability), "{candidates:?}");
}

impl Bytes<'_> {
    fn parts(&self) -> (*const u8, usize) {
        let bytes = match self {
            Self::Offline => &MODELS[0][..],
            Self::Online => &MODELS[1],
            Self::Given(bytes) => bytes,
            &Self::Null(size) => return (null(), size),
        };
        (bytes.as_ptr(), bytes.len())
    }
}

/// Numbers of every size, some of them no numbers.
fn number(byte: u8, exponent: u8) -> f32 {
    match byte {
        255 => f32::NAN,
        254 => f32::MAX,
        byte => (f32::from(byte) - 100.0) * 10f32.powi(i32::from(exponent % 16) - 8),
    }
}

impl Points<'_> {
    /// The array, or the length of none.
    fn array(&self) -> Result<Vec<Point>, usize> {
        match self {
            Self::Null(count) => Err(*count),
            Self::Given { exponent, coordinates } => {
                let point = |pair: &[u8]| Point { x: number(pair[0], *exponent), y: number(pair[1], *exponent) };
                Ok(coordinates.chunks_exact(2).map(point).collect())
            }
        }
    }

    fn give(&self, call: impl FnOnce(*const Point, usize) -> Status) -> Status {
        match self.array() {
            Ok(points) => call(points.as_ptr(), points.len()),
            Err(count) => call(null(), count),
        }
    }
}

impl Box4 {
    fn convert(&self) -> WritingBox {
        let [left, top, width, height] = self.0.map(|byte| number(byte, 8));
        WritingBox { left, top, width, height }
    }
}

impl Picture<'_> {
    /// The image, and its pixels: exactly as many as it needs.
    fn convert(&self) -> (Image, Vec<u8>) {
        let (width, height, format) = (usize::from(self.width), usize::from(self.height), self.format % 4 + 1);
        let row = width * usize::from(format);
        let stride = row + usize::from(self.gap);
        let len = height.saturating_sub(1) * stride + row;
        let mut pixels: Vec<u8> = self.pixels.iter().copied().cycle().take(len).collect();
        pixels.resize(len, 255);
        let mut image = Image { pixels: pixels.as_ptr(), width, height, stride, format: format.into() };
        // Either there are fewer pixels to be read than before, or the size is impossible.
        match self.flaw.map(|(kind, size)| (kind % 6, size)) {
            Some((0, _)) => image.pixels = null(),
            Some((1, size)) => image.width = usize::MAX - size % 4096,
            Some((2, size)) if width * height > 0 => image.height = usize::MAX - size % 4096,
            Some((3, less)) => image.stride = less % (stride + 1),
            Some((4, size)) => image.stride = usize::MAX - size % 4096,
            Some((5, format)) if !(1..=4).contains(&(format as i32)) => image.format = format as i32,
            _ => {}
        }
        (image, pixels)
    }
}

#[derive(Default)]
struct State {
    recognizers: Handles<Recognizer>,
    inks: Handles<InkSession>,
    lines: Handles<LineSession>,
}

impl State {
    fn keep(&mut self, slot: Slot, made: (Status, Option<Box<Recognizer>>)) -> Status {
        hccr_free(std::mem::replace(self.recognizers.at(slot), made.1));
        made.0
    }

    fn call(&mut self, call: &Call<'_>) -> Status {
        match call {
            Call::NoPlace(function) => match function % 3 {
                0 => hccr_offline(None),
                1 => hccr_online(None),
                _ => hccr_fused(None),
            },
            Call::Offline(slot, bytes) => {
                let (data, size) = bytes.parts();
                // SAFETY: the array is as long as is said, or NULL.
                let made = made(true, |place| unsafe { hccr_offline_from_bytes(data, size, place) });
                self.keep(*slot, made)
            }
            Call::Online(slot, bytes) => {
                let (data, size) = bytes.parts();
                // SAFETY: the array is as long as is said, or NULL.
                let made = made(true, |place| unsafe { hccr_online_from_bytes(data, size, place) });
                self.keep(*slot, made)
            }
            Call::Fused(slot, online, offline) => {
                let ((online, online_size), (offline, offline_size)) = (online.parts(), offline.parts());
                // SAFETY: the arrays are as long as is said, or NULL.
                let made = made(true, |place| unsafe {
                    hccr_fused_from_bytes(online, online_size, offline, offline_size, place)
                });
                self.keep(*slot, made)
            }
            &Call::Clone { from, to } => {
                let made = made(to.is_some(), |place| hccr_clone(self.recognizers.get(from), place));
                self.keep(to.unwrap_or(from), made)
            }
            &Call::Restrict { from, to, text } => {
                let text = text.map(|text| [text, &[0]].concat());
                let text = text.as_ref().map_or(null(), |text| text.as_ptr().cast());
                let from_handle = self.recognizers.get(from);
                // SAFETY: a text that ends with NUL, or NULL.
                let made = made(to.is_some(), |place| unsafe { hccr_restrict(from_handle, text, place) });
                self.keep(to.unwrap_or(from), made)
            }
            &Call::Free(slot) => {
                hccr_free(self.recognizers.at(slot).take());
                Status::Ok
            }
            &Call::Labels(slot, room) => {
                // SAFETY: the array is as long as is said, or NULL.
                let read = |place, len, count: Option<&mut _>| unsafe {
                    hccr_labels(self.recognizers.get(slot), place, len, count)
                };
                let (status, labels) = written::<u32>(room, true, read);
                assert!(labels.into_iter().all(|label| char::from_u32(label).is_some()));
                status
            }
            Call::ReadImage(slot, picture, room) => {
                let picture = picture.as_ref().map(Picture::convert);
                let image = picture.as_ref().map(|(image, _)| image);
                let recognizer = self.recognizers.get_mut(*slot);
                // SAFETY: the arrays are as long as is said, or NULL.
                let (status, found) = written(*room, false, |place, len, count| unsafe {
                    hccr_read_image(recognizer, image, place, len, count)
                });
                check(&found);
                status
            }
            Call::ReadInk(slot, strokes, writing_box, room) => {
                let arrays: Vec<_> = strokes.iter().map(Points::array).collect();
                let stroke = |array: &Result<Vec<Point>, usize>| match array {
                    Ok(points) => Stroke { points: points.as_ptr(), count: points.len() },
                    Err(count) => Stroke { points: null(), count: *count },
                };
                let strokes: Vec<Stroke> = arrays.iter().map(stroke).collect();
                let writing_box = writing_box.as_ref().map(Box4::convert);
                let recognizer = self.recognizers.get_mut(*slot);
                // SAFETY: the arrays are as long as is said, or NULL.
                let (status, found) = written(*room, false, |place, len, count| unsafe {
                    hccr_read_ink(recognizer, strokes.as_ptr(), strokes.len(), writing_box.as_ref(), place, len, count)
                });
                check(&found);
                status
            }
            &Call::ReadNoInk(slot, strokes, room) => {
                let recognizer = self.recognizers.get_mut(slot);
                // SAFETY: there are no strokes.
                let (status, found) = written(room, false, |place, len, count| unsafe {
                    hccr_read_ink(recognizer, null(), strokes, None, place, len, count)
                });
                assert!(found.is_empty() && status != Status::Ok);
                status
            }
            Call::InkNew { from, to, writing_box } => {
                let writing_box = writing_box.as_ref().map(Box4::convert);
                let (status, session) = made(to.is_some(), |place| {
                    hccr_ink_session_new(self.recognizers.get(*from), writing_box.as_ref(), place)
                });
                hccr_ink_session_free(std::mem::replace(self.inks.at(to.unwrap_or(*from)), session));
                status
            }
            &Call::InkFree(slot) => {
                hccr_ink_session_free(self.inks.at(slot).take());
                Status::Ok
            }
            Call::InkStroke(slot, points) => {
                let session = self.inks.get_mut(*slot);
                // SAFETY: the array is as long as is said, or NULL.
                points.give(|data, count| unsafe { hccr_ink_session_add_stroke(session, data, count) })
            }
            Call::InkPoints(slot, points) => {
                let session = self.inks.get_mut(*slot);
                // SAFETY: the array is as long as is said, or NULL.
                points.give(|data, count| unsafe { hccr_ink_session_add_points(session, data, count) })
            }
            &Call::InkUndo(slot) => hccr_ink_session_undo_stroke(self.inks.get_mut(slot)),
            &Call::InkClear(slot) => hccr_ink_session_clear(self.inks.get_mut(slot)),
            &Call::InkRead(slot, room) => {
                let session = self.inks.get_mut(slot);
                // SAFETY: the array is as long as is said, or NULL.
                let (status, found) = written(room, false, |place, len, count| unsafe {
                    hccr_ink_session_candidates(session, place, len, count)
                });
                check(&found);
                status
            }
            &Call::LineNew { from, to } => {
                let new = |place: Option<&mut _>| hccr_line_session_new(self.recognizers.get(from), place);
                let (status, session) = made(to.is_some(), new);
                hccr_line_session_free(std::mem::replace(self.lines.at(to.unwrap_or(from)), session));
                status
            }
            &Call::LineFree(slot) => {
                hccr_line_session_free(self.lines.at(slot).take());
                Status::Ok
            }
            Call::LineStroke(slot, points) => {
                let session = self.lines.get_mut(*slot);
                // SAFETY: the array is as long as is said, or NULL.
                points.give(|data, count| unsafe { hccr_line_session_add_stroke(session, data, count) })
            }
            Call::LinePoints(slot, points) => {
                let session = self.lines.get_mut(*slot);
                // SAFETY: the array is as long as is said, or NULL.
                points.give(|data, count| unsafe { hccr_line_session_add_points(session, data, count) })
            }
            &Call::LineUndo(slot) => hccr_line_session_undo_stroke(self.lines.get_mut(slot)),
            &Call::LineClear(slot) => hccr_line_session_clear(self.lines.get_mut(slot)),
            &Call::LineRead(slot, room) => {
                let session = self.lines.get_mut(slot);
                // SAFETY: the array is as long as is said, or NULL.
                let (status, found) = written::<Segment>(room, true, |place, len, count| unsafe {
                    hccr_line_session_segments(session, place, len, count)
                });
                found.iter().for_each(|segment| check(&segment.candidates[..segment.candidate_count]));
                status
            }
        }
    }
}

fuzz_target!(|calls: Vec<Call<'_>>| {
    let mut state = State::default();
    for call in calls.iter().take(MAX_CALLS) {
        let status = state.call(call);
        assert_ne!(status, Status::Internal, "{call:?}");
        // SAFETY: a text that ends with NUL.
        let message = unsafe { CStr::from_ptr(hccr_message()) };
        assert!(status == Status::Ok || !message.is_empty(), "{call:?}");
    }
});
