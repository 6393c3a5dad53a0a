//! The border between JavaScript and the runtime's recognizers. What an application calls is `js/hccr.js`.
//!
//! Nothing is kept between two calls but the networks: an image or an ink crosses the border as a whole.
//!
//! Without `std` a panic says nothing, and what it would have said is not downloaded. None can be reached.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::error::Error;
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::ink::{Ink, Point};
use hccr_runtime::{Candidate, FusedRecognizer, InkRecognizer, Model, Recognizer};
use wasm_bindgen::prelude::*;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn end(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// The networks that were loaded.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Networks {
    offline: Option<Recognizer>,
    online: Option<InkRecognizer>,
    fused: Option<FusedRecognizer>,
}

#[wasm_bindgen]
impl Networks {
    /// Of two model files, either of which may be missing.
    ///
    /// # Errors
    /// As the runtime's `from_bytes`.
    #[wasm_bindgen(constructor)]
    pub fn new(offline: Option<Vec<u8>>, online: Option<Vec<u8>>) -> Result<Networks, JsError> {
        let offline = offline.map(|bytes| Recognizer::from_bytes(&bytes)).transpose().map_err(failure)?;
        let model = online.map(|bytes| Model::from_bytes(&bytes)).transpose().map_err(failure)?;
        let fusion = model.as_ref().and_then(Model::fusion).unwrap_or_default();
        let online = model.map(InkRecognizer::new).transpose().map_err(failure)?;
        let both = online.clone().zip(offline.clone());
        let fused = both.map(|(online, offline)| FusedRecognizer::new(online, offline, fusion)).transpose();
        Ok(Self { offline, online, fused: fused.map_err(failure)? })
    }

    /// The same networks, which answer with these characters alone.
    ///
    /// # Errors
    /// As the runtime's `restricted`.
    pub fn restricted(&self, characters: &str) -> Result<Networks, JsError> {
        let characters: Vec<char> = characters.chars().collect();
        let offline = self.offline.as_ref().map(|offline| offline.restricted(&characters));
        let online = self.online.as_ref().map(|online| online.restricted(&characters));
        let fused = self.fused.as_ref().map(|fused| fused.restricted(&characters));
        Ok(Self {
            offline: offline.transpose().map_err(failure)?,
            online: online.transpose().map_err(failure)?,
            fused: fused.transpose().map_err(failure)?,
        })
    }

    /// The characters that can be answered, in the models' order.
    pub fn labels(&self) -> String {
        let offline = self.offline.as_ref().map(Recognizer::labels);
        offline.or(self.online.as_ref().map(InkRecognizer::labels)).unwrap_or_default().iter().collect()
    }

    /// The `top` likeliest characters for an image of four bytes per pixel: red, green, blue, alpha.
    ///
    /// # Errors
    /// Where no offline network was loaded, and as the runtime's `Image::new` and `recognize`.
    pub fn read_image(&mut self, rgba: &[u8], width: usize, height: usize, top: usize) -> Result<Candidates, JsError> {
        let offline = self.offline.as_mut().ok_or(JsError::new("to read an image, load the offline model"))?;
        let image = Image::new(rgba, width, height, PixelFormat::Rgba).map_err(failure)?;
        offline.recognize(&image, top).map(Candidates::new).map_err(failure)
    }

    /// The `top` likeliest characters for an ink: x and y of all points, and the number of points of each stroke. Both
    /// networks read it where both were loaded.
    ///
    /// # Errors
    /// Where no online network was loaded, and as the runtime's `Ink::new` and `recognize`.
    pub fn read_ink(&mut self, coordinates: &[f32], lengths: &[u32], top: usize) -> Result<Candidates, JsError> {
        let mut points = coordinates.chunks_exact(2).map(|point| Point { x: point[0], y: point[1] });
        let strokes = lengths.iter().map(|&length| points.by_ref().take(length as usize).collect::<Vec<_>>());
        let ink = Ink::new(&strokes.collect::<Vec<_>>()).map_err(failure)?;
        let candidates = match (&mut self.fused, &mut self.online) {
            (Some(fused), _) => fused.recognize(&ink, top).map_err(failure)?,
            (None, Some(online)) => online.recognize(&ink, top),
            (None, None) => return Err(JsError::new("to read an ink, load the online model")),
        };
        Ok(Candidates::new(candidates))
    }
}

/// Characters and their probabilities, the likeliest first.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Candidates {
    characters: String,
    probabilities: Vec<f32>,
}

#[wasm_bindgen]
impl Candidates {
    /// The characters, side by side.
    #[wasm_bindgen(getter)]
    pub fn characters(&self) -> String {
        self.characters.clone()
    }

    /// The probability of each.
    #[wasm_bindgen(getter)]
    pub fn probabilities(&self) -> Vec<f32> {
        self.probabilities.clone()
    }
}

impl Candidates {
    fn new(candidates: Vec<Candidate>) -> Self {
        let (characters, probabilities) = candidates.iter().map(|c| (c.character, c.probability)).unzip();
        Self { characters, probabilities }
    }
}

/// The error as an exception, whose message has the reasons too.
fn failure(error: impl Error) -> JsError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        message.push_str(": ");
        message.push_str(&reason.to_string());
        source = reason.source();
    }
    JsError::new(&message)
}
