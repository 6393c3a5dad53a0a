//! `hccr read` on pictures.

use crate::{draw, hccr, picture, with_input};
use image::{GrayImage, ImageFormat, Luma};
use serde_json::Value;
use std::fs;
use std::io::Cursor;
use std::path::Path;

#[test]
fn each_format_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.jpg", "c.bmp", "d.webp"] {
        picture(true).save(folder.path().join(name)).unwrap();
        let run = hccr(folder.path(), &["read", name]);
        assert!(run.stdout.starts_with(&format!("{name}  十")), "{run:?}");
        assert_eq!((run.code, run.stdout.matches('%').count(), &*run.stderr), (Some(0), 5, ""));
    }
}

#[test]
fn the_standard_input_is_read() {
    let mut bytes = Vec::new();
    picture(true).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    let run = with_input(Path::new("."), &["read", "--plain", "-"], &bytes);
    assert_eq!((run.code, &*run.stdout), (Some(0), "十\n"), "{run:?}");
    let run = with_input(Path::new("."), &["read", "-"], b"no picture");
    assert_eq!((run.code, &*run.stdout), (Some(1), ""), "{run:?}");
    assert!(run.stderr.starts_with("-: is no PNG"), "{run:?}");
}

#[test]
fn a_bad_file_is_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("deeper")).unwrap();
    for name in ["3.png", "1.png", "deeper/5.PNG", "4.jpg", ".hidden.png"] {
        picture(true).save(path(name)).unwrap();
    }
    fs::write(path("2.png"), b"\x89PNG\r\n\x1a\nxxxxxxxxxxxx").unwrap();
    fs::write(path("notes.txt"), "no picture").unwrap();
    GrayImage::from_pixel(60, 60, Luma([250])).save(path("blank.png")).unwrap();
    let run = hccr(folder.path(), &["read", "--threads", "3", "."]);
    let lines: Vec<_> = run.stdout.lines().map(|line| line.split("  ").next().unwrap().trim()).collect();
    assert_eq!(lines, ["./1.png", "./3.png", "./4.jpg", "./deeper/5.PNG"], "{run:?}");
    assert_eq!(run.code, Some(1));
    let errors: Vec<_> = run.stderr.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(errors, ["./2.png", "./blank.png"], "{run:?}");
}

#[test]
fn json_has_a_line_per_file() {
    let folder = tempfile::tempdir().unwrap();
    picture(true).save(folder.path().join("a.png")).unwrap();
    let run = hccr(folder.path(), &["read", "--json", "-k", "2", "--single", "a.png", "missing.png"]);
    let lines: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((run.code, lines.len()), (Some(1), 2), "{run:?}");
    let character = &lines[0]["characters"][0];
    assert_eq!((&lines[0]["file"], &character["box"]), (&"a.png".into(), &[0, 0, 120, 120][..].into()));
    assert_eq!(character["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(character["candidates"][0]["character"], "十");
    assert!(character["candidates"][0]["probability"].as_f64().unwrap() > 0.5);
    assert!(lines[1]["error"].is_string() && run.stderr.starts_with("missing.png: "), "{run:?}");
}

#[test]
fn a_page_is_read_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut page = GrayImage::from_pixel(420, 280, Luma([250]));
    for (number, has_stem) in [true, false, true, false, true, true].into_iter().enumerate() {
        let [row, column] = [number as u32 / 3, number as u32 % 3];
        draw(&mut page, [30 + 130 * column, 30 + 140 * row], has_stem);
    }
    page.save(folder.path().join("page.png")).unwrap();
    let run = hccr(folder.path(), &["read", "--plain", "page.png"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), "十一十\n一十十\n"), "{run:?}");
    let run = hccr(folder.path(), &["read", "page.png"]);
    assert!(run.stdout.lines().nth(3).unwrap().starts_with("page.png  2:1    一"), "{run:?}");
}

#[test]
fn answers_are_restricted() {
    let folder = tempfile::tempdir().unwrap();
    picture(true).save(folder.path().join("a.png")).unwrap();
    fs::write(folder.path().join("allowed.txt"), "大 小\n中\n").unwrap();
    for allowed in ["大小中", "allowed.txt"] {
        let run = hccr(folder.path(), &["read", "--restrict", allowed, "a.png"]);
        assert_eq!((run.code, run.stdout.matches('%').count()), (Some(0), 3), "{run:?}");
    }
    let run = hccr(folder.path(), &["read", "--restrict", "大Q", "a.png"]);
    assert!(run.code == Some(1) && run.stderr.contains('Q'), "{run:?}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let run = hccr(folder.path(), &["read", "empty"]);
    assert_eq!((run.code, &*run.stderr), (Some(1), "empty: no PNG, JPEG, BMP or WebP files in this folder\n"));
    GrayImage::new(20_000, 1).save(folder.path().join("wide.png")).unwrap();
    let run = hccr(folder.path(), &["read", "wide.png"]);
    assert!(run.code == Some(1) && run.stderr.contains("is larger than"), "{run:?}");
    for arguments in [&["read"][..], &["read", "--top", "0", "a.png"], &["read", "--plain", "--json", "a"], &["raed"]] {
        assert_eq!(hccr(folder.path(), arguments).code, Some(2), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_circles_do_not_hold_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("..", folder.path().join("circle")).unwrap();
    for arguments in [&["read", "pipe.png"][..], &["read", "--ink", "pipe.png"], &["describe", "pipe.png"]] {
        let run = hccr(folder.path(), arguments);
        assert!(run.code == Some(1) && run.stderr.contains("is no regular file"), "{run:?}");
    }
    let run = hccr(folder.path(), &["read", "."]);
    assert_eq!((run.code, run.stderr.lines().count()), (Some(1), 2), "{run:?}");
}
