//! Reads an embedded image of a character with an embedded model.

use hccr_runtime::Recognizer;
use hccr_runtime::image::{Image, PixelFormat};

const MODEL: &[u8] = include_bytes!("data/tiny.hccr");
/// 96 x 96 grey pixels, dark ink on white.
const IMAGE: &[u8] = include_bytes!("data/character.gray");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut recognizer = Recognizer::from_bytes(MODEL)?;
    println!("{} bytes, {} characters", MODEL.len(), recognizer.labels().len());
    for row in IMAGE.chunks_exact(96).step_by(4) {
        let shades = row.iter().step_by(2).map(|&grey| [b'#', b'+', b'.', b' '][usize::from(grey / 64)] as char);
        println!("{}", shades.collect::<String>().trim_end());
    }
    for candidate in recognizer.recognize(&Image::new(IMAGE, 96, 96, PixelFormat::Gray)?, 5)? {
        println!("{}  {:5.1} %", candidate.character, candidate.probability * 100.0);
    }
    Ok(())
}
