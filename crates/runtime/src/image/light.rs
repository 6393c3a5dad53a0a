//! The light on the paper, where it changes at an edge: the shadow of a hand, or a desk beside the sheet.

use super::dilate::{dilate, spread};
use super::gray::{histogram, quantile};

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Dark areas no narrower than this share of the longest side are no strokes.
const WIDEST_STROKE: f32 = 0.3;

/// Less light than this share of the brightest is a shadow's, if it lies on one in so many pixels.
const SHADOW: f32 = 0.85;
const SHADED: usize = 50;
/// Less than this share is no paper's.
const DESK: f32 = 0.45;

/// The image in even light: without the edges of shadows, and with paper in the place of a desk beside the sheet; and whether there were
/// any.
pub(super) fn lit_evenly(pixels: &[u8], width: usize) -> (Cow<'_, [u8]>, bool) {
    let light = light(pixels, width);
    let brightest = f32::from(quantile(&histogram(light.iter().copied()), 0.9));
    let dimmer = |share: f32| light.iter().map(move |&light| f32::from(light) < share * brightest);
    if dimmer(SHADOW).filter(|&dim| dim).count() * SHADED < pixels.len() {
        return (Cow::Borrowed(pixels), false);
    }
    let is_desk = spread(dimmer(DESK), width, (width / 64).max(2));
    let even = |((&pixel, &light), desk): ((&u8, &u8), bool)| {
        let even = if desk { brightest } else { f32::from(pixel) * brightest / f32::from(light) };
        (even + 0.5).min(255.0) as u8
    };
    (pixels.iter().zip(&light).zip(is_desk).map(even).collect(), true)
}

/// The lightest paper in the surroundings of each pixel: a morphological closing, which takes away all that is darker and narrower
/// than a window, and keeps the edges of wider areas.
fn light(pixels: &[u8], width: usize) -> Vec<u8> {
    let height = pixels.len() / width;
    let reach = ((width.max(height) as f32 * WIDEST_STROKE * 0.5) as usize).max(1);
    let mut light = pixels.to_vec();
    for complement in [false, true] {
        if complement {
            light.iter_mut().for_each(|v| *v = 255 - *v);
        }
        dilate(&mut light, width, reach);
        if complement {
            light.iter_mut().for_each(|v| *v = 255 - *v);
        }
    }
    light
}
