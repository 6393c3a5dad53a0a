//! The built command, run as a user runs it.

mod ink;
mod models;
mod read;
mod serve;

use image::{GrayImage, Luma};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a run left.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `hccr` with these arguments in `folder`.
fn hccr(folder: &Path, arguments: &[&str]) -> Run {
    with_input(folder, arguments, &[])
}

/// Runs `hccr` with `input` on its standard input.
fn with_input(folder: &Path, arguments: &[&str], input: &[u8]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hccr"));
    command.args(arguments).current_dir(folder);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // A run that takes no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Draws a cross, 十, or its bar alone, 一, into `image` at `left` and `top`, 80 pixels wide.
fn draw(image: &mut GrayImage, [left, top]: [u32; 2], has_stem: bool) {
    for (x, y) in (0..80).flat_map(|x| (0..80).map(move |y| (x, y))) {
        if (36..42).contains(&y) || (has_stem && (37..43).contains(&x)) {
            image.put_pixel(left + x, top + y, Luma([20]));
        }
    }
}

/// A picture of one such character.
fn picture(has_stem: bool) -> GrayImage {
    let mut image = GrayImage::from_pixel(120, 120, Luma([250]));
    draw(&mut image, [20, 20], has_stem);
    image
}
