use super::*;
use crate::{
    CasiaError, CasiaFilter, CasiaLimits, CasiaReason, InkSet, OtherTags,
    casia::tests::{self, mutations, with_file, zip},
    gb2312::tag_of_char,
    pot_archive,
};
use proptest::prelude::*;
use std::{fs, path::Path};

/// A record of `c` with these points and marks.
fn record(c: char, strokes: u16, pairs: &[[i16; 2]]) -> Vec<u8> {
    let [row, cell] = tag_of_char(c).unwrap_or([0, c as u8]);
    let mut bytes = (8 + 4 * pairs.len() as u16).to_le_bytes().to_vec();
    bytes.extend([cell, row, 0, 0]);
    bytes.extend(strokes.to_le_bytes());
    bytes.extend(pairs.iter().flatten().flat_map(|v| v.to_le_bytes()));
    bytes
}

const STROKES: [[i16; 2]; 7] = [[0, 0], [-1, 7], [300, -2], [-1, 0], [5, 5], [-1, 0], [-1, -1]];

/// Two strokes for each character: 36 bytes.
fn file(chars: &str) -> Vec<u8> {
    chars.chars().flat_map(|c| record(c, 2, &STROKES)).collect()
}

fn load(path: &Path, filter: &CasiaFilter) -> Result<InkSet, CasiaError> {
    load_pot(&[path.to_path_buf()], filter)
}

fn load_bytes(bytes: &[u8], filter: &CasiaFilter) -> Result<InkSet, CasiaError> {
    with_file(bytes, |path| load(path, filter))
}

/// Why `bytes` is refused, and at which offset.
fn refusal(bytes: &[u8], filter: &CasiaFilter) -> (u64, CasiaReason) {
    tests::refusal(load_bytes(bytes, filter))
}

#[test]
fn files_folders_and_archives_nest() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let inner = zip(&[("no-extension", &file("丁")), ("__MACOSX/x", b"junk")]);
    fs::write(dir.path().join("a.dat"), file("一丁")).expect("write");
    fs::write(dir.path().join("b.pot"), zip(&[("0/inner", &inner), ("1", &file("一七"))])).expect("write");
    fs::write(dir.path().join(".hidden"), b"junk").expect("write");
    let set = load(dir.path(), &CasiaFilter::default()).expect("loads");
    assert_eq!(set.classes, ['丁', '七', '一'], "in code order");
    assert_eq!(set.labels, [2, 0, 0, 2, 1]);
    assert_eq!(set.writers, [0, 0, 1, 2, 2]);
    let strokes: Vec<_> = set.strokes(3).collect();
    assert_eq!(strokes, [&[[0, 0], [-1, 7], [300, -2]][..], &[[5, 5]]], "marks are no points, and -1 is a coordinate");
}

#[test]
fn classes_are_a_subset_in_the_order_given() {
    let bytes = [file("一丁"), record('A', 1, &[[1, 1], [-1, 0], [-1, -1]]), file("七")].concat();
    let filter = CasiaFilter { classes: Some(vec!['七', '万', '一']), ..CasiaFilter::default() };
    let set = load_bytes(&bytes, &filter).expect("loads");
    assert_eq!((set.classes, set.labels), (vec!['七', '万', '一'], vec![2, 0]));
    assert_eq!(load_bytes(&bytes, &CasiaFilter::default()).expect("loads").len(), 3, "symbols are passed over");
    let refuse = CasiaFilter { others: OtherTags::Refuse, ..filter };
    assert_eq!(refusal(&bytes, &refuse), (36, CasiaReason::Unwanted(tag_of_char('丁').expect("in GB2312"))));
}

#[test]
fn malformed_records_are_named() {
    let good = file("一丁");
    let all = CasiaFilter::default();
    let at_second = |reason| (36, reason);
    let altered = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        bytes[36 + at..36 + at + value.len()].copy_from_slice(value);
        refusal(&bytes, &all)
    };
    for size in [0, 7, 8, 35, 37] {
        assert_eq!(altered(0, &[size, 0]), at_second(CasiaReason::PointBytes(size.into())));
    }
    assert_eq!(altered(0, &[32, 0]), at_second(CasiaReason::NoEnd), "a size that is too small");
    let tag = tag_of_char('丁').expect("in GB2312");
    for wrong in [[tag[1], tag[0], 0, 1], [0, 0, tag[1], tag[0]], [0x7F, 0x81, 0, 0], [0; 4]] {
        assert_eq!(altered(2, &wrong), at_second(CasiaReason::Tag(wrong.to_vec())));
    }
    assert_eq!(altered(6, &[3, 0]), at_second(CasiaReason::Strokes { found: 2, expected: 3 }));
    assert_eq!(altered(6, &[2, 1]), at_second(CasiaReason::Strokes { found: 2, expected: 258 }));
    assert_eq!(altered(32, &[1]), at_second(CasiaReason::NoEnd));

    let second = |strokes, pairs: &[[i16; 2]]| refusal(&[file("一"), record('丁', strokes, pairs)].concat(), &all);
    assert_eq!(second(1, &[[1, 1], [-1, 0], [-1, -1], [2, 2], [-1, 0], [-1, -1]]), at_second(CasiaReason::EarlyEnd));
    assert_eq!(second(1, &[[1, 1], [-1, 0], [2, 2], [-1, -1]]), at_second(CasiaReason::OpenStroke));
    assert_eq!(second(0, &[[-1, -1]]), at_second(CasiaReason::Blank));
    assert_eq!(second(1, &[[-1, 0], [-1, -1]]), at_second(CasiaReason::Blank));

    let cut = |end: usize| refusal(&good[..end], &all);
    assert_eq!(cut(36 + 7), at_second(CasiaReason::TruncatedHeader { expected: 8, found: 7 }));
    assert_eq!(cut(36 + 8), at_second(CasiaReason::TruncatedBody { expected: 28, found: 0 }));
    assert_eq!(cut(36 + 35), at_second(CasiaReason::TruncatedBody { expected: 28, found: 27 }));
    assert_eq!(cut(0), (0, CasiaReason::NoRecords));
}

#[test]
fn strokes_without_points_are_left_out() {
    let bytes = record('一', 3, &[[-1, 0], [1, 1], [-1, 0], [-1, 0], [-1, -1]]);
    let set = load_bytes(&bytes, &CasiaFilter::default()).expect("loads");
    assert_eq!(set.strokes(0).collect::<Vec<_>>(), [[[1, 1]]]);
}

/// As OLHWDB1.0 to 1.2 have them.
#[test]
fn characters_of_gbk_follow_those_of_gb2312() {
    let mut bytes = file("座一");
    bytes[2..6].copy_from_slice(&[0x74, 0xB2, 0, 0]);
    let set = load_bytes(&bytes, &CasiaFilter::default()).expect("loads");
    assert_eq!((set.classes, set.labels), (vec!['一', '瞭'], vec![1, 0]));
}

#[test]
fn limits_hold() {
    let limits = CasiaLimits { member_bytes: 10_000, total_bytes: 15_000, samples: 300 };
    let filter = CasiaFilter { limits, ..CasiaFilter::default() };
    let many = file(&"一".repeat(250));
    assert_eq!(refusal(&zip(&[("a", &file(&"一".repeat(300)))]), &filter), (0, CasiaReason::MemberBytes(10_000)));
    assert!(matches!(refusal(&zip(&[("a", &many), ("b", &many)]), &filter), (_, CasiaReason::TotalBytes(15_000))));
    assert_eq!(refusal(&file(&"一".repeat(301)), &filter), (10_800, CasiaReason::Samples(300)));
    let gnt = [&21u32.to_le_bytes()[..], &[0xD2, 0xBB, 11, 0, 1, 0], &[0; 11]].concat();
    assert_eq!(refusal(&gnt, &filter), (0, CasiaReason::PointBytes(21)), "a GNT file is none");
}

#[test]
fn what_is_written_is_read() {
    let mut set = InkSet::new(vec!['丁', '一']);
    set.push([&[[0, 0], [300, -2]][..], &[[5, 5]]], 1, 5);
    set.push([[[-1, 7]]], 0, 2);
    set.push([[[9, 9], [8, 8]]], 1, 2);
    let again = load_bytes(&pot_archive(&set).expect("writes"), &CasiaFilter::default()).expect("loads");
    // The writers' files, in their order.
    assert_eq!((&again.labels, &again.writers, &again.classes), (&vec![0, 1, 1], &vec![0, 0, 1], &set.classes));
    let strokes = |set: &InkSet, i| set.strokes(i).map(<[_]>::to_vec).collect::<Vec<_>>();
    assert!([(0, 1), (1, 2), (2, 0)].iter().all(|&(new, old)| strokes(&again, new) == strokes(&set, old)));

    set.push([[[1, 1], [-1, 0]]], 0, 1);
    assert!(matches!(pot_archive(&set), Err(CasiaError::Unwritable('丁'))), "a point that is a mark");
    let mut long = InkSet::new(vec!['一']);
    long.push([vec![[1, 1]; 20_000]], 0, 0);
    assert!(matches!(pot_archive(&long), Err(CasiaError::Unwritable('一'))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn mutations_never_panic(bytes in mutations(file("一丁七"), &file("万"))) {
        if let Ok(set) = load_bytes(&bytes, &CasiaFilter::default()) {
            prop_assert!((0..set.len()).all(|i| set.strokes(i).count() > 0));
        }
    }
}
