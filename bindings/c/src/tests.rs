//! Calls as C makes them: the answers are those of Rust, bit for bit, and what is wrong is told and does no harm.

use super::*;
use hccr::ink::Ink;
use hccr_data::{CasiaFilter, load_gnt, load_pot};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

const TOP: usize = 10;
const NOTHING: Candidate = Candidate { codepoint: 0, probability: 0.0, utf8: [0; 8] };

/// The handle that a function of the library makes.
fn made<T>(make: impl FnOnce(Option<&mut MaybeUninit<*mut T>>) -> Status) -> Result<Box<T>, Status> {
    let mut handle = MaybeUninit::uninit();
    let status = make(Some(&mut handle));
    // SAFETY: the library has written a handle, or null.
    let handle = unsafe { handle.assume_init() };
    assert_eq!(handle.is_null(), status != Status::Ok);
    // SAFETY: a handle is a box that the caller owns.
    if status == Status::Ok { Ok(unsafe { Box::from_raw(handle) }) } else { Err(status) }
}

/// The candidates that a function of the library writes.
fn found(
    read: impl FnOnce(*mut Candidate, usize, Option<&mut MaybeUninit<usize>>) -> Status,
) -> Result<Vec<Candidate>, Status> {
    let mut candidates = vec![NOTHING; TOP];
    let mut count = MaybeUninit::uninit();
    let status = read(candidates.as_mut_ptr(), TOP, Some(&mut count));
    // SAFETY: the library has written a count.
    candidates.truncate(unsafe { count.assume_init() });
    if status == Status::Ok { Ok(candidates) } else { Err(status) }
}

fn read_image(recognizer: Option<&mut Recognizer>, image: Option<&Image>) -> Result<Vec<Candidate>, Status> {
    // SAFETY: the arrays are as long as is said.
    found(|candidates, capacity, count| unsafe { hccr_read_image(recognizer, image, candidates, capacity, count) })
}

fn read_ink(
    recognizer: Option<&mut Recognizer>,
    strokes: &[Stroke],
    writing_box: Option<&WritingBox>,
) -> Result<Vec<Candidate>, Status> {
    found(|candidates, capacity, count| {
        let (strokes, len) = (strokes.as_ptr(), strokes.len());
        // SAFETY: the arrays are as long as is said.
        unsafe { hccr_read_ink(recognizer, strokes, len, writing_box, candidates, capacity, count) }
    })
}

fn read_session(session: Option<&mut InkSession>) -> Result<Vec<Candidate>, Status> {
    // SAFETY: the arrays are as long as is said.
    found(|candidates, capacity, count| unsafe { hccr_ink_session_candidates(session, candidates, capacity, count) })
}

fn converted(candidates: &[hccr::Candidate]) -> Vec<Candidate> {
    candidates.iter().map(Candidate::from).collect()
}

fn message() -> String {
    // SAFETY: a text that ends with NUL.
    unsafe { CStr::from_ptr(hccr_message()) }.to_str().unwrap().to_owned()
}

fn samples(extension: &str) -> [PathBuf; 1] {
    [Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../models/samples-3755.{extension}.zip"))]
}

fn points(stroke: &[hccr::ink::Point]) -> Vec<Point> {
    stroke.iter().map(|p| Point { x: p.x, y: p.y }).collect()
}

#[test]
fn images_are_read_as_in_rust() {
    let set = load_gnt(&samples("gnt"), &CasiaFilter::default(), &|_| {}).unwrap();
    let (mut ours, mut theirs) = (made(|new| hccr_offline(new)).unwrap(), hccr::offline());
    for i in 0..set.len() {
        let pixels: Vec<u8> = set.image(i).iter().map(|&ink| 255 - ink).collect();
        let size = set.size;
        let image = Image { pixels: pixels.as_ptr(), width: size, height: size, stride: size, format: 1 };
        let view = hccr::image::Image::new(&pixels, size, size, hccr::image::PixelFormat::Gray).unwrap();
        let expected = theirs.recognize(&view, TOP).unwrap();
        assert_eq!(read_image(Some(&mut ours), Some(&image)).unwrap(), converted(&expected));
    }
}

#[test]
fn inks_are_read_as_in_rust_at_once_and_while_they_are_written() {
    let set = load_pot(&samples("pot"), &CasiaFilter::default()).unwrap();
    let (mut online, mut fused) = (made(|new| hccr_online(new)).unwrap(), made(|new| hccr_fused(new)).unwrap());
    let (mut their_online, mut their_fused) = (hccr::online(), hccr::fused());
    let writing_box = WritingBox { left: -10.0, top: 0.0, width: 300.0, height: 200.0 };
    let their_box = hccr::ink::WritingBox::new(-10.0, 0.0, 300.0, 200.0).unwrap();
    for i in 0..set.len().min(200) {
        let ink = set.ink(i);
        let paths: Vec<Vec<Point>> = ink.iter().map(|stroke| points(stroke)).collect();
        let strokes: Vec<Stroke> = paths.iter().map(|p| Stroke { points: p.as_ptr(), count: p.len() }).collect();
        let boxed = (i % 2 == 0).then_some(&writing_box);
        let theirs = Ink::new(&ink).unwrap();
        let theirs = if boxed.is_some() { theirs.in_box(their_box) } else { theirs };
        let expected = [
            converted(&their_online.recognize(&theirs, TOP)),
            converted(&their_fused.recognize(&theirs, TOP).unwrap()),
        ];
        for (recognizer, expected) in [&mut online, &mut fused].into_iter().zip(expected) {
            assert_eq!(read_ink(Some(&mut *recognizer), &strokes, boxed).unwrap(), expected);
            let mut session = made(|session| hccr_ink_session_new(Some(&*recognizer), boxed, session)).unwrap();
            for _ in 0..2 {
                for path in &paths {
                    let (half, len) = (path.len() / 2, path.len());
                    // SAFETY: both arrays are as long as is said.
                    let statuses = unsafe {
                        [
                            hccr_ink_session_add_stroke(Some(&mut session), path.as_ptr(), half),
                            hccr_ink_session_add_points(Some(&mut session), path.as_ptr().add(half), len - half),
                        ]
                    };
                    assert_eq!(statuses, [Status::Ok; 2]);
                }
                // SAFETY: the array is as long as is said.
                unsafe { hccr_ink_session_add_stroke(Some(&mut session), paths[0].as_ptr(), 1) };
                hccr_ink_session_undo_stroke(Some(&mut session));
                assert_eq!(read_session(Some(&mut session)).unwrap(), expected);
                hccr_ink_session_clear(Some(&mut session));
                assert_eq!(read_session(Some(&mut session)), Err(Status::Empty));
            }
        }
    }
}

#[test]
fn lines_are_read_as_in_rust() {
    let set = load_pot(&samples("pot"), &CasiaFilter::default()).unwrap();
    let (online, fused) = (made(|new| hccr_online(new)).unwrap(), made(|new| hccr_fused(new)).unwrap());
    let theirs = [hccr::LineSession::new(&hccr::online()), hccr::LineSession::fused(&hccr::fused())];
    for (recognizer, mut theirs) in [online, fused].iter().zip(theirs) {
        let mut ours = made(|session| hccr_line_session_new(Some(recognizer), session)).unwrap();
        for (i, stroke) in (0..3).flat_map(|i| set.ink(i).into_iter().map(move |stroke| (i, stroke))) {
            let right = |p: &hccr::ink::Point| hccr::ink::Point { x: p.x + 3000.0 * i as f32, y: p.y };
            let stroke: Vec<_> = stroke.iter().map(right).collect();
            let path = points(&stroke);
            // SAFETY: both arrays are as long as is said.
            unsafe {
                hccr_line_session_add_stroke(Some(&mut ours), path.as_ptr(), 1);
                hccr_line_session_add_points(Some(&mut ours), path.as_ptr().add(1), path.len() - 1);
                hccr_line_session_add_stroke(Some(&mut ours), path.as_ptr(), 1);
            }
            hccr_line_session_undo_stroke(Some(&mut ours));
            theirs.add_stroke(&stroke).unwrap();
        }
        let expected = theirs.segments().unwrap();
        let (mut segments, mut count) = (vec![Segment::from(&expected[0]); 100], MaybeUninit::uninit());
        let mut read = |capacity| {
            // SAFETY: the array is as long as is said.
            unsafe { hccr_line_session_segments(Some(&mut ours), segments.as_mut_ptr(), capacity, Some(&mut count)) }
        };
        assert_eq!((read(1), read(100)), (Status::Ok, Status::Ok));
        // SAFETY: the library has written a count.
        assert_eq!(unsafe { count.assume_init() }, expected.len());
        for (ours, theirs) in segments.iter().zip(&expected) {
            assert_eq!(ours.first_stroke..ours.first_stroke + ours.stroke_count, theirs.strokes);
            assert_eq!(ours.candidates[..ours.candidate_count], converted(&theirs.candidates));
            assert_eq!(ours.is_stable, theirs.is_stable);
            assert_eq!((ours.bounds.left, ours.bounds.height), (theirs.left, theirs.bottom - theirs.top));
        }
        hccr_line_session_clear(Some(&mut ours));
        // SAFETY: nothing is written where there is no room.
        let empty = unsafe { hccr_line_session_segments(Some(&mut ours), null_mut(), 0, Some(&mut count)) };
        assert_eq!(empty, Status::Empty);
    }
}

#[test]
fn a_restricted_recognizer_knows_no_others() {
    let recognizer = made(|new| hccr_fused(new)).unwrap();
    // SAFETY: a text that ends with NUL.
    let restrict = |text: &CStr| made(|new| unsafe { hccr_restrict(Some(&recognizer), text.as_ptr(), new) });
    let ten = restrict(c"十一").unwrap();
    let (mut labels, mut count) = ([0; 3], MaybeUninit::uninit());
    // SAFETY: the array is as long as is said.
    let status = unsafe { hccr_labels(Some(&ten), labels.as_mut_ptr(), 3, Some(&mut count)) };
    // SAFETY: the library has written a count.
    assert_eq!((status, unsafe { count.assume_init() }), (Status::Ok, 2));
    labels.sort_unstable();
    assert_eq!(labels, [0, '一' as u32, '十' as u32]);
    assert_eq!(restrict(c"").unwrap_err(), Status::Argument);
    assert_eq!(restrict(c"\xff").unwrap_err(), Status::Argument);
    assert_eq!(restrict(c"x").unwrap_err(), Status::Argument);
    assert_eq!(message(), "the recognizer does not know the character 'x'");
}

#[test]
fn what_is_wrong_is_told() {
    let (mut offline, mut online) = (made(|new| hccr_offline(new)).unwrap(), made(|new| hccr_online(new)).unwrap());
    let pixels = [255; 16];
    let white = Image { pixels: pixels.as_ptr(), width: 4, height: 4, stride: 4, format: 1 };
    assert_eq!(read_image(Some(&mut offline), Some(&white)), Err(Status::Empty));
    assert_eq!(message(), "the image has no ink");
    let wrong = [
        Image { pixels: null(), ..white },
        Image { width: 0, ..white },
        Image { height: 0, ..white },
        Image { stride: 3, ..white },
        Image { height: usize::MAX, ..white },
        Image { width: usize::MAX, stride: usize::MAX, ..white },
        Image { format: 0, ..white },
        Image { format: 5, ..white },
        Image { format: -1, ..white },
    ];
    for image in &wrong {
        assert_eq!(read_image(Some(&mut offline), Some(image)), Err(Status::Argument), "{image:?}");
    }
    assert_eq!(read_image(Some(&mut online), Some(&white)), Err(Status::Argument));
    assert_eq!(message(), "this recognizer reads pen strokes, not images");

    assert_eq!(read_ink(Some(&mut online), &[], None), Err(Status::Empty));
    let path = [Point { x: 0.0, y: 0.0 }, Point { x: 1.0, y: f32::NAN }];
    let wrong = [(path.as_ptr(), 2), (null(), 1), (path.as_ptr(), usize::MAX), (path.as_ptr(), usize::MAX / 8)];
    for (points, count) in wrong {
        assert_eq!(read_ink(Some(&mut online), &[Stroke { points, count }], None), Err(Status::Argument), "{count}");
    }
    let dot = [Stroke { points: path.as_ptr(), count: 1 }, Stroke { points: null(), count: 0 }];
    assert!(read_ink(Some(&mut online), &dot, None).is_ok());
    assert_eq!(read_ink(Some(&mut offline), &dot, None), Err(Status::Argument));
    let flat = WritingBox { left: 0.0, top: 0.0, width: 1.0, height: 0.0 };
    assert_eq!(read_ink(Some(&mut online), &dot, Some(&flat)), Err(Status::Argument));
    assert_eq!(made(|session| hccr_ink_session_new(Some(&offline), None, session)).unwrap_err(), Status::Argument);

    let no_model = |model: *const u8, size| {
        // SAFETY: the library looks at no more than it is given, and refuses what is impossible.
        let offline = made(|new| unsafe { hccr_offline_from_bytes(model, size, new) }).unwrap_err();
        // SAFETY: as above.
        let fused = made(|new| unsafe { hccr_fused_from_bytes(model, size, model, size, new) }).unwrap_err();
        (offline, fused)
    };
    assert_eq!(no_model(pixels.as_ptr(), 16), (Status::Model, Status::Model));
    assert_eq!(no_model(null(), 16), (Status::Argument, Status::Argument));
    let online_model = hccr::ONLINE_MODEL;
    assert_eq!(no_model(online_model.as_ptr(), online_model.len()).0, Status::Model);
    assert!(message().contains("needs"), "{}", message());
}

#[test]
fn null_is_told() {
    let mut online = made(|new| hccr_online(new)).unwrap();
    assert_eq!(hccr_offline(None), Status::Argument);
    assert_eq!(message(), "recognizer is NULL");
    assert_eq!(made(|clone| hccr_clone(None, clone)).unwrap_err(), Status::Argument);
    assert_eq!(read_image(None, None), Err(Status::Argument));
    assert_eq!(read_ink(None, &[], None), Err(Status::Argument));
    assert_eq!(read_session(None), Err(Status::Argument));
    assert_eq!(hccr_ink_session_undo_stroke(None), Status::Argument);
    assert_eq!(hccr_ink_session_clear(None), Status::Argument);
    // SAFETY: nothing is read where there is nothing.
    unsafe {
        assert_eq!(hccr_ink_session_add_stroke(None, null(), 0), Status::Argument);
        assert_eq!(hccr_ink_session_add_points(None, null(), 0), Status::Argument);
        assert_eq!(hccr_labels(Some(&online), null_mut(), 1, None), Status::Argument);
        assert_eq!(hccr_restrict(Some(&online), null(), Some(&mut MaybeUninit::uninit())), Status::Argument);
    }
    let path = [Point { x: 0.0, y: 0.0 }];
    let dot = [Stroke { points: path.as_ptr(), count: 1 }];
    let mut read = |capacity, count: Option<&mut MaybeUninit<usize>>| {
        // SAFETY: no candidates are written where there is no room.
        unsafe { hccr_read_ink(Some(&mut online), dot.as_ptr(), 1, None, null_mut(), capacity, count) }
    };
    assert_eq!(read(1, Some(&mut MaybeUninit::uninit())), Status::Argument);
    assert_eq!(read(0, None), Status::Argument);
    assert_eq!(read(0, Some(&mut MaybeUninit::uninit())), Status::Ok);
    hccr_free(None);
    hccr_ink_session_free(None);
    hccr_line_session_free(None);
    assert_eq!(hccr_line_session_undo_stroke(None), Status::Argument);
    assert_eq!(hccr_line_session_clear(None), Status::Argument);
    assert_eq!(made(|session| hccr_line_session_new(None, session)).unwrap_err(), Status::Argument);
}

#[test]
fn a_session_takes_no_wrong_points() {
    for recognizer in [made(|new| hccr_online(new)).unwrap(), made(|new| hccr_fused(new)).unwrap()] {
        let mut session = made(|session| hccr_ink_session_new(Some(&recognizer), None, session)).unwrap();
        let mut add = |points: &[Point]| {
            let (points, count) = (points.as_ptr(), points.len());
            // SAFETY: the array is as long as is said.
            unsafe { hccr_ink_session_add_points(Some(&mut session), points, count) }
        };
        let point = Point { x: 0.0, y: 0.0 };
        assert_eq!(add(&[point]), Status::Ok);
        assert_eq!(add(&[Point { x: f32::NAN, y: 0.0 }]), Status::Argument);
        assert!(message().contains("is NaN or infinite"), "{}", message());
        assert_eq!(add(&vec![point; Ink::MAX_POINTS]), Status::Argument);
        assert!(read_session(Some(&mut session)).is_ok());
    }
}

#[test]
fn a_panic_stays_inside() {
    assert_eq!(border::border(|| panic!("of a test")), Status::Internal);
    assert_eq!(message(), "an error of the library's own");
}

#[test]
fn each_thread_has_its_message() {
    assert_eq!(hccr_offline(None), Status::Argument);
    std::thread::spawn(|| assert_eq!(message(), "")).join().unwrap();
    assert_eq!(message(), "recognizer is NULL");
}

#[test]
fn handles_may_go_to_other_threads() {
    fn may_go<T: Send + Sync>() {}
    may_go::<Recognizer>();
    may_go::<InkSession>();
    may_go::<LineSession>();
}
