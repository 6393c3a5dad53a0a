use super::*;
use crate::casia::{CasiaError, CasiaFilter, CasiaLimits};
use crate::{ImageSet, InkSet, gnt, gnt_archive, load_gnt, load_pot, pot, pot_archive};
use std::fs;
use std::path::{Path, PathBuf};

const SIZE: usize = 8;

/// Bars of different places and lengths by three writers.
fn images() -> ImageSet {
    let mut set = ImageSet::new(SIZE, vec!['一', '丁', '七']);
    for i in 0..7 {
        set.pixels
            .extend((0..SIZE * SIZE).map(|at| if at / SIZE == i && at % SIZE > i / 2 { 250 - i as u8 } else { 0 }));
        set.labels.push((i % 3) as u16);
        set.writers.push(i as u32 / 3);
    }
    set
}

/// A GNT record of one dark or white pixel.
fn record(tag: [u8; 2], grey: u8) -> Vec<u8> {
    gnt::Record::read(&mut &[&[11, 0, 0, 0], &tag[..], &[1, 0, 1, 0, grey]].concat()[..]).unwrap().unwrap().to_bytes()
}

fn pack_images(paths: &[PathBuf], out: &Path) -> Result<Packed, CasiaError> {
    pack_gnt(paths, &CasiaLimits::default(), out, &|_| ())
}

#[test]
fn a_packed_set_is_what_the_files_are() {
    let folder = tempfile::tempdir().unwrap();
    let [zip, out] = ["set.gnt.zip", "set.pack"].map(|name| folder.path().join(name));
    fs::write(&zip, gnt_archive(&images()).unwrap()).unwrap();
    let packed = pack_images(std::slice::from_ref(&zip), &out).unwrap();
    assert_eq!((packed.files, packed.resumed_files, packed.records, packed.unusable.len()), (3, 0, 7, 0));
    for classes in [None, Some(vec!['七', '一'])] {
        let filter = CasiaFilter { classes, ..CasiaFilter::default() };
        let loaded = load_gnt(std::slice::from_ref(&zip), &filter, &|_| ()).unwrap();
        let set = PackedImages::open(&out, &filter).unwrap();
        assert!(set.to_memory().unwrap() == loaded, "{:?}", filter.classes);
        let mut image = vec![0; loaded.size * loaded.size];
        for i in (0..set.records.len()).rev() {
            set.image(i, &mut image).unwrap();
            assert!(image == loaded.image(i), "image {i}");
        }
        assert!(set.subset(&[1, 0]).to_memory().unwrap() == loaded.subset(&[1, 0]), "{:?}", filter.classes);
    }
    assert!(matches!(pack_images(&[zip], &out), Err(CasiaError::Write { .. })), "overwrites a set");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "parts are left");
}

#[test]
fn records_of_no_use_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let [file, out] = ["a.gnt", "set.pack"].map(|name| folder.path().join(name));
    let (yi, unknown) = ([0xD2, 0xBB], [0xFF, 0xFF]);
    fs::write(&file, [record(yi, 0), record(unknown, 0), record(yi, 255), record(yi, 9)].concat()).unwrap();
    let packed = pack_images(std::slice::from_ref(&file), &out).unwrap();
    let named = packed.unusable.iter().map(|u| (u.record, u.reason.clone())).collect::<Vec<_>>();
    assert_eq!(named, [(1, CasiaReason::Tag(unknown.to_vec())), (2, CasiaReason::Blank)]);
    assert!(packed.unusable.iter().all(|u| u.file.ends_with("a.gnt")));
    assert_eq!(PackedImages::open(&out, &CasiaFilter::default()).unwrap().records.len(), 2);
}

#[test]
fn a_stopped_run_goes_on_after_the_last_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let [files, out, fresh] = ["files", "set.pack", "fresh.pack"].map(|name| folder.path().join(name));
    let yi = [0xD2, 0xBB];
    fs::create_dir(&files).unwrap();
    let whole = |n: u8| (0..n).flat_map(|i| record(yi, 10 * i)).collect::<Vec<u8>>();
    for (name, n) in [("a.gnt", 2), ("b.gnt", 3), ("c.gnt", 4), ("d.gnt", 1)] {
        fs::write(files.join(name), whole(n)).unwrap();
    }
    fs::write(files.join("c.gnt"), &whole(4)[..30]).unwrap();
    let paths = [files.clone()];
    assert!(matches!(pack_images(&paths, &out), Err(CasiaError::Malformed { .. })));
    assert!(!out.exists());

    fs::write(files.join("c.gnt"), whole(4)).unwrap();
    let other = pack_images(&[files.join("a.gnt")], &out).unwrap_err().to_string();
    assert!(other.contains("other files") && other.contains("part-index"), "{other}");
    // What a power cut leaves: a part of a record, and of a block of the index.
    for ending in ["part", "part-index"] {
        let part = folder.path().join(format!("set.pack.{ending}"));
        fs::write(&part, [fs::read(&part).unwrap(), vec![7; 5]].concat()).unwrap();
    }
    let packed = pack_images(&paths, &out).unwrap();
    assert_eq!((packed.files, packed.resumed_files, packed.records), (4, 2, 10));
    pack_images(&paths, &fresh).unwrap();
    assert_eq!(fs::read(out).unwrap(), fs::read(fresh).unwrap());
}

#[test]
fn a_run_goes_on_with_the_same_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [all, out] = ["all", "set.pack"].map(|name| folder.path().join(name));
    let file = |name: &str| all.join("writers").join(name);
    fs::create_dir_all(file("")).unwrap();
    let one = record([0xD2, 0xBB], 0);
    let cut = [&one[..], &one[..9]].concat();
    for (name, bytes) in [("a.gnt", &one), ("b.gnt", &one), ("c.gnt", &cut)] {
        fs::write(file(name), bytes).unwrap();
    }
    let paths = [all.clone()];
    assert!(matches!(pack_images(&paths, &out), Err(CasiaError::Malformed { .. })));
    // The folder that is given says nothing of a change in a folder in it.
    fs::rename(file("a.gnt"), file("d.gnt")).unwrap();
    let other = pack_images(&paths, &out).unwrap_err().to_string();
    assert!(other.contains("b.gnt") && other.contains("has packed") && other.contains("a.gnt"), "{other}");
    fs::rename(file("d.gnt"), file("a.gnt")).unwrap();
    for name in ["b.gnt", "c.gnt"] {
        fs::rename(file(name), folder.path().join(name)).unwrap();
    }
    let missing = pack_images(&paths, &out).unwrap_err().to_string();
    assert!(missing.contains("b.gnt"), "{missing}");
    fs::rename(folder.path().join("b.gnt"), file("b.gnt")).unwrap();
    fs::write(file("c.gnt"), &one).unwrap();
    let packed = pack_images(&paths, &out).unwrap();
    assert_eq!((packed.files, packed.resumed_files, packed.records), (3, 2, 3));
}

#[test]
fn two_runs_do_not_pack_into_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let [file, out, part] = ["a.gnt", "set.pack", "set.pack.part"].map(|name| folder.path().join(name));
    fs::write(&file, record([0xD2, 0xBB], 0)).unwrap();
    let other = fs::File::create(part).unwrap();
    other.try_lock().unwrap();
    let refused = pack_images(std::slice::from_ref(&file), &out).unwrap_err().to_string();
    assert!(refused.contains("another run"), "{refused}");
    drop(other);
    assert_eq!(pack_images(&[file], &out).unwrap().records, 1);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let [file, out] = ["a.gnt", "set.pack"].map(|name| folder.path().join(name));
    fs::write(&file, [record([0xD2, 0xBB], 0), record([0xB6, 0xA1], 40)].concat()).unwrap();
    pack_images(&[file], &out).unwrap();
    let bytes = fs::read(&out).unwrap();
    let read = || PackedImages::open(&out, &CasiaFilter::default()).and_then(|set| set.to_memory());
    assert_eq!(read().unwrap().len(), 2);
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&out, damaged).unwrap();
        assert!(read().is_err(), "bit {bit}");
    }
    for len in 0..bytes.len() {
        fs::write(&out, &bytes[..len]).unwrap();
        assert!(read().is_err(), "cut after {len} bytes");
    }
}

#[test]
fn inks_are_packed_too_and_are_no_images() {
    let folder = tempfile::tempdir().unwrap();
    let [zip, out] = ["set.pot.zip", "set.pack"].map(|name| folder.path().join(name));
    let mut inks = InkSet::new(vec!['一', '丁']);
    inks.push([[[1, 2], [30, 4]]], 0, 0);
    inks.push([vec![[5, 6], [7, -80]], vec![[9, 9]]], 1, 4);
    fs::write(&zip, pot_archive(&inks).unwrap()).unwrap();
    let packed = pack_pot(std::slice::from_ref(&zip), &CasiaLimits::default(), &out, &|_| ()).unwrap();
    assert_eq!((packed.files, packed.records), (2, 2));
    for classes in [None, Some(vec!['丁'])] {
        let filter = CasiaFilter { classes, ..CasiaFilter::default() };
        let set = PackedInks::open(&out, &filter).unwrap();
        assert_eq!(set.to_memory().unwrap(), load_pot(std::slice::from_ref(&zip), &filter).unwrap());
    }
    let set = PackedInks::open(&out, &CasiaFilter::default()).unwrap().subset(&[1]);
    assert_eq!(set.strokes(0).unwrap(), [vec![[5, 6], [7, -80]], vec![[9, 9]]]);
    let opened = PackedImages::open(&out, &CasiaFilter::default());
    assert!(matches!(opened, Err(CasiaError::Malformed { reason: CasiaReason::PackKind, .. })));
    assert_eq!(fs::read(&out).unwrap()[..HEADER_BYTES], header(pot::Record::KIND));
}
