//! Sample images with what was recognized.

use anyhow::{Context, Result};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

/// Height and width of a sample, in pixels.
const SIDE: usize = 96;

/// One test sample and the network's answer.
#[derive(Clone, Debug)]
pub struct SheetItem {
    /// 96 x 96 grey values, row-major, ink bright on 0.
    pub image: Vec<u8>,
    /// The character.
    pub truth: char,
    /// What was recognized.
    pub guess: char,
    /// Probability of the guess, 0 to 1.
    pub probability: f32,
}

impl SheetItem {
    /// The image as dark ink on white: a PNG in a `data:` address.
    ///
    /// # Errors
    /// Where the image has another size.
    pub fn data_uri(&self) -> Result<String> {
        let paper: Vec<u8> = self.image.iter().map(|ink| 255 - ink).collect();
        anyhow::ensure!(paper.len() == SIDE * SIDE, "a sample of {} bytes is not {SIDE} x {SIDE}", paper.len());
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&paper, SIDE as u32, SIDE as u32, ExtendedColorType::L8)
            .context("encoding a sample as PNG")?;
        Ok(format!("data:image/png;base64,{}", base64(&png)))
    }
}

/// Base64 of RFC 4648, padded.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0u32, |group, i| group << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let sextet = (group >> (18 - 6 * i)) as usize & 63;
            text.push(if i <= chunk.len() { ALPHABET[sextet] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (text, want) in cases {
            assert_eq!(base64(text.as_bytes()), want);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
    }

    #[test]
    fn only_whole_images_are_encoded() {
        let image = vec![0; SIDE * SIDE];
        let item = |image| SheetItem { image, truth: '一', guess: '二', probability: 0.5 };
        assert!(item(image.clone()).data_uri().unwrap().starts_with("data:image/png;base64,iVBORw0KGgo"));
        assert!(item(image[1..].to_vec()).data_uri().unwrap_err().to_string().contains("9215"));
    }
}
