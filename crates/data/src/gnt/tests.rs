use super::*;
use crate::{
    CasiaError, CasiaFilter, CasiaLimits, CasiaReason, IMAGE_SIZE, ImageSet, OtherTags,
    casia::MAX_SIDE,
    casia::tests::{self, mutations, with_file, zip},
    gb2312::tag_of_char,
    gnt_archive,
};
use hccr_runtime::image::{Image, PixelFormat, normalize};
use proptest::prelude::*;
use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// A record of a `width x height` image of `c`, black except for a white first pixel.
fn record(c: char, width: u16, height: u16) -> Vec<u8> {
    let tag = tag_of_char(c).unwrap_or([c as u8, 0]);
    let mut bytes = (u32::from(width) * u32::from(height) + 10).to_le_bytes().to_vec();
    bytes.extend(tag);
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.push(255);
    bytes.resize(10 + usize::from(width) * usize::from(height), 0);
    bytes
}

fn file(chars: &str) -> Vec<u8> {
    chars.chars().zip(3..).flat_map(|(c, width)| record(c, width, 5)).collect()
}

fn load(path: &Path, filter: &CasiaFilter) -> Result<ImageSet, CasiaError> {
    load_gnt(&[path.to_path_buf()], filter, &|_| {})
}

/// Loads `bytes` as a file of its own.
fn load_bytes(bytes: &[u8], filter: &CasiaFilter) -> Result<ImageSet, CasiaError> {
    with_file(bytes, |path| load(path, filter))
}

/// Why `bytes` is refused, and at which offset.
fn refusal(bytes: &[u8], filter: &CasiaFilter) -> (u64, CasiaReason) {
    tests::refusal(load_bytes(bytes, filter))
}

fn wanting(classes: &str) -> CasiaFilter {
    CasiaFilter { classes: Some(classes.chars().collect()), ..CasiaFilter::default() }
}

#[test]
fn files_folders_and_archives_nest() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let at = |name: &str| -> PathBuf { dir.path().join(name) };
    fs::create_dir(at("b")).expect("folder");
    let inner = zip(&[("no-extension", &file("丁")), ("__MACOSX/x", b"junk")]);
    fs::write(at("a.dat"), file("一丁")).expect("write");
    fs::write(at("b/1.gnt"), zip(&[("0/inner", &inner), ("1", &file("一七"))])).expect("write");
    fs::write(at("b/.hidden"), b"junk").expect("write");
    let set = load(dir.path(), &CasiaFilter::default()).expect("loads");
    assert_eq!(set.classes, ['丁', '七', '一'], "in code order");
    assert_eq!(set.labels, [2, 0, 0, 2, 1]);
    assert_eq!(set.writers, [0, 0, 1, 2, 2]);

    let image = record('丁', 4, 5).split_off(10);
    let mut expected = vec![0; IMAGE_SIZE * IMAGE_SIZE];
    let image = Image::new(&image, 4, 5, PixelFormat::Gray).expect("image");
    normalize(&image, IMAGE_SIZE, &mut expected).expect("ink");
    assert_eq!(set.image(1), expected);
}

#[test]
fn classes_are_a_subset_in_the_order_given() {
    let bytes = [file("一丁七"), record('A', 3, 3)].concat();
    let set = load_bytes(&bytes, &wanting("七万一")).expect("loads");
    assert_eq!((set.classes, set.labels), (vec!['七', '万', '一'], vec![2, 0]));
    assert_eq!(load_bytes(&bytes, &CasiaFilter::default()).expect("loads").len(), 3, "symbols are passed over");

    let refuse = CasiaFilter { others: OtherTags::Refuse, ..wanting("一") };
    assert_eq!(refusal(&bytes, &refuse), (25, CasiaReason::Unwanted(tag_of_char('丁').expect("in GB2312"))));
    for wrong in ["一一", "一x", "𠀀"] {
        assert!(matches!(load_bytes(&bytes, &wanting(wrong)), Err(CasiaError::Class(_))), "{wrong}");
    }
}

#[test]
fn malformed_records_are_named() {
    let good = file("一丁");
    let second = 25;
    let altered = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        bytes[second + at..second + at + value.len()].copy_from_slice(value);
        refusal(&bytes, &CasiaFilter::default())
    };
    let at_second = |reason| (second as u64, reason);
    assert_eq!(altered(0, &[31]), at_second(CasiaReason::Size { found: 31, expected: 30 }));
    assert_eq!(altered(3, &[255]), at_second(CasiaReason::Size { found: 0xFF00_001E, expected: 30 }));
    assert_eq!(altered(6, &[0]), at_second(CasiaReason::Sides { width: 0, height: 5 }));
    assert_eq!(altered(9, &[255]), at_second(CasiaReason::Sides { width: 4, height: 0xFF05 }));
    assert_eq!(altered(4, &[0x81, 0x7F]), at_second(CasiaReason::Tag(vec![0x81, 0x7F])));
    // White, and a trace of grey.
    for blank in [[255; 20], std::array::from_fn(|i| if i == 7 { 254 } else { 255 })] {
        assert_eq!(altered(10, &blank), at_second(CasiaReason::Blank));
    }

    let cut = |end: usize| refusal(&good[..end], &CasiaFilter::default());
    assert_eq!(cut(second + 9), at_second(CasiaReason::TruncatedHeader { expected: 10, found: 9 }));
    assert_eq!(cut(second + 10), at_second(CasiaReason::TruncatedBody { expected: 20, found: 0 }));
    assert_eq!(cut(second + 29), at_second(CasiaReason::TruncatedBody { expected: 20, found: 19 }));
    assert_eq!(cut(0), (0, CasiaReason::NoRecords));
}

#[test]
fn errors_in_archives_name_the_member() {
    let error = load_bytes(&zip(&[("a.gnt", &file("一")), ("b.gnt", b"not GNT at all")]), &CasiaFilter::default());
    assert!(
        matches!(&error, Err(CasiaError::Malformed { file, offset: 0, .. }) if file.ends_with("x/b.gnt")),
        "{error:?}"
    );
    let mut torn = zip(&[("a.gnt", &file("一"))]);
    torn.truncate(torn.len() - 5);
    assert!(matches!(load_bytes(&torn, &CasiaFilter::default()), Err(CasiaError::Io { .. })));
    assert!(matches!(load(Path::new("no such file"), &CasiaFilter::default()), Err(CasiaError::Io { .. })));
}

#[test]
fn zip_bombs_are_stopped() {
    let limits = CasiaLimits { member_bytes: 100_000, total_bytes: 150_000, samples: 3 };
    let filter = CasiaFilter { limits, ..CasiaFilter::default() };
    // One white image of 16 MB, in 16 kB.
    let mut huge = record('一', MAX_SIDE, MAX_SIDE);
    huge[10..].fill(255);
    let bomb = zip(&[("bomb", &huge)]);
    assert!(bomb.len() < 20_000);
    assert_eq!(refusal(&bomb, &filter), (0, CasiaReason::MemberBytes(100_000)));
    // The same one archive deeper, and as many members that are each small enough.
    assert_eq!(refusal(&zip(&[("deep", &zip(&[("bomb", &huge)]))]), &filter), (0, CasiaReason::MemberBytes(100_000)));
    let large = record('一', 300, 300);
    assert_eq!(refusal(&zip(&[("0", &large), ("1", &large)]), &filter), (0, CasiaReason::TotalBytes(150_000)));
    // Images that are small on disk and large in memory.
    assert_eq!(refusal(&file("一丁七万"), &filter), (90, CasiaReason::Samples(3)));
    // Archives within archives.
    let nested = (0..20).fold(file("一"), |inner, _| zip(&[("deeper", &inner)]));
    assert!(matches!(load_bytes(&nested, &CasiaFilter::default()), Err(CasiaError::TooDeep { .. })));
}

#[test]
fn what_is_written_is_read() {
    let mut set = ImageSet::new(IMAGE_SIZE, vec!['丁', '一']);
    let mut expected = Vec::new();
    for (label, writer, rows) in [(1, 5, 30), (0, 2, 60), (1, 2, 10)] {
        let ink: Vec<u8> = (0..IMAGE_SIZE * IMAGE_SIZE).map(|i| if i / IMAGE_SIZE < rows { 255 } else { 0 }).collect();
        let dark: Vec<u8> = ink.iter().map(|&v| 255 - v).collect();
        let image = Image::new(&dark, IMAGE_SIZE, IMAGE_SIZE, PixelFormat::Gray).expect("sides and bytes agree");
        let mut normalized = vec![0; ink.len()];
        normalize(&image, IMAGE_SIZE, &mut normalized).expect("there is ink");
        expected.push(normalized);
        set.pixels.extend(ink);
        set.labels.push(label);
        set.writers.push(writer);
    }
    let again = load_bytes(&gnt_archive(&set).expect("writes"), &CasiaFilter::default()).expect("loads");
    // The writers' files, in their order.
    assert_eq!((&again.labels, &again.writers, &again.classes), (&vec![0, 1, 1], &vec![0, 0, 1], &set.classes));
    assert!([(0, 1), (1, 2), (2, 0)].iter().all(|&(new, old)| again.image(new) == expected[old]));
    set.classes[1] = '𠀀';
    assert!(matches!(gnt_archive(&set), Err(CasiaError::Class('𠀀'))));
}

/// As HWDB1.0 to 1.2 have them: letters of full width, symbols, and characters beyond GB2312.
#[test]
fn characters_of_gbk_follow_those_of_gb2312_and_symbols_are_passed_over() {
    let with_tag = |tag: [u8; 2]| {
        let mut bytes = record('一', 3, 3);
        bytes[4..6].copy_from_slice(&tag);
        bytes
    };
    let (jin, fullwidth_a, liao) = ([0xA9, 0x4A], [0xA3, 0xC1], [0xB2, 0x74]);
    let bytes = [with_tag(jin), with_tag(liao), with_tag(fullwidth_a), file("一座")].concat();
    let set = load_bytes(&bytes, &CasiaFilter::default()).expect("loads");
    assert_eq!((set.classes, set.labels, set.passed_over), (vec!['一', '座', '瞭'], vec![2, 0, 1], 2));
    let set = load_bytes(&bytes, &wanting("Ａ瞭")).expect("loads");
    assert_eq!((set.classes, set.labels), (vec!['Ａ', '瞭'], vec![1, 0]));
    assert_eq!(refusal(&with_tag([0xFF, 0x40]), &CasiaFilter::default()), (0, CasiaReason::Tag(vec![0xFF, 0x40])));
}

#[test]
fn files_of_other_kinds_are_named() {
    let kinds: [(&[u8], &str); 8] = [
        (b"Rar!\x1A\x07\x01\0some bytes", "a RAR archive"),
        (b"7z\xBC\xAF\x27\x1C\0\x04some bytes", "a 7z archive"),
        (b"ALZ\x01\x0A\0\0\0BLZ\x01bytes", "an ALZ archive"),
        (b"\x1F\x8B\x08\0some bytes", "a gzip archive"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1some bytes", "a file of Windows or Office"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\xEF\xBB\xBF<html><body>", "a web page"),
        (b"%PDF-1.4 and bytes", "a PDF file"),
    ];
    for (bytes, kind) in kinds {
        assert_eq!(refusal(bytes, &CasiaFilter::default()), (0, CasiaReason::Foreign(kind)));
        let packed = zip(&[("inside", bytes)]);
        assert_eq!(refusal(&packed, &CasiaFilter::default()), (0, CasiaReason::Foreign(kind)));
    }
}

#[test]
fn what_holds_no_files_is_refused() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let nothing = |loaded: Result<ImageSet, CasiaError>| match loaded {
        Err(CasiaError::Malformed { reason: CasiaReason::NoFiles, .. }) => {}
        other => panic!("{other:?}"),
    };
    nothing(load(dir.path(), &CasiaFilter::default()));
    fs::write(dir.path().join("Thumbs.db"), b"junk").expect("write");
    nothing(load(dir.path(), &CasiaFilter::default()));
    nothing(load_bytes(&zip(&[]), &CasiaFilter::default()));
    nothing(load_bytes(&zip(&[(".hidden", b"junk"), ("__MACOSX/a", b"junk")]), &CasiaFilter::default()));
    fs::write(dir.path().join("1.gnt"), file("一")).expect("write");
    assert_eq!(load(dir.path(), &CasiaFilter::default()).expect("passes over Thumbs.db").len(), 1);
}

/// Archives within archives are held in memory.
#[test]
fn nested_archives_are_limited_by_the_size_of_the_outer_one() {
    let filler = vec![0; 20 << 20];
    // Not packed, so that the outer archive packs it.
    let mut inner = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    inner.start_file("filler", stored).expect("start member");
    inner.write_all(&filler).expect("write member");
    let inner = inner.finish().expect("finish archive").into_inner();
    let outer = zip(&[("inner.zip", &inner)]);
    assert!(outer.len() < 40_000, "{}", outer.len());
    let limit = (16 << 20) + 16 * outer.len() as u64;
    assert_eq!(refusal(&outer, &CasiaFilter::default()), (0, CasiaReason::NestedBytes(limit)));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let error = load(&pipe, &CasiaFilter::default()).expect_err("no file");
    assert!(error.to_string().contains("neither a file nor a folder"), "{error}");
}

/// As Windows packs large archives: the bytes of a small one.
#[test]
fn deflate64_is_read() {
    let mut archive = zip(&[("1.gnt", &file("一"))]);
    // Up to 32 kB back, Deflate is Deflate64: only the method's number differs.
    for (signature, method) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let at = archive.windows(4).position(|bytes| bytes == signature).expect("a header");
        assert_eq!(archive[at + method], 8, "Deflate");
        archive[at + method] = 9;
    }
    assert_eq!(load_bytes(&archive, &CasiaFilter::default()).expect("loads").classes, ['一']);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn mutations_never_panic(bytes in mutations(file("一丁七"), &file("万"))) {
        let limits = CasiaLimits { member_bytes: 10_000, total_bytes: 20_000, samples: 100 };
        if let Ok(set) = load_bytes(&bytes, &CasiaFilter { limits, ..CasiaFilter::default() }) {
            prop_assert_eq!(set.pixels.len(), set.len() * IMAGE_SIZE * IMAGE_SIZE);
        }
    }
}
