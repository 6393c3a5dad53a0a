//! The samples that a shipped model is checked on: a few of its test set, in files that are committed beside it.

use anyhow::{Context, Result};
use hccr_data::gb2312::tag_of_char;
use hccr_data::{CasiaFilter, ImageSet, InkSet, gnt_archive, load_gnt, load_pot, pot_archive};
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::ink::Ink;
use hccr_runtime::{InkRecognizer, Recognizer};
use std::path::Path;

const SAMPLES: usize = 200;

/// Levels of grey in the files: the fewer, the smaller they are.
const GREYS: u8 = 16;

/// Writes some images of the test set as GNT files.
pub(super) fn write_images(test: &ImageSet, path: &Path) -> Result<()> {
    let mut set = test.subset(&spread(&test.labels, &test.classes));
    set.pixels.iter_mut().for_each(|value| *value = nearest_grey(*value));
    write(path, &gnt_archive(&set)?)
}

/// The nearest of the levels.
fn nearest_grey(value: u8) -> u8 {
    let step = 255 / (GREYS - 1);
    value.saturating_add(step / 2) / step * step
}

/// Writes some inks of the test set as POT files.
pub(super) fn write_inks(test: &InkSet, path: &Path) -> Result<()> {
    write(path, &pot_archive(&test.subset(&spread(&test.labels, &test.classes)))?)
}

/// Samples spread over a set, of characters that the formats can name.
fn spread(labels: &[u16], classes: &[char]) -> Vec<usize> {
    let named: Vec<usize> =
        (0..labels.len()).filter(|&i| tag_of_char(classes[usize::from(labels[i])]).is_some()).collect();
    let count = SAMPLES.min(named.len());
    // A step that shares no factor with the samples of a class, so that writers vary too.
    (0..count).map(|s| named[(s * named.len() / count + s * 7) % named.len()]).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    hccr_files::replace(path, &[bytes]).with_context(|| format!("cannot write {}", path.display()))
}

/// How many images of the files a model reads, and how many there are.
pub(super) fn images_read(model: &[u8], path: &Path) -> Result<[usize; 2]> {
    let set = load_gnt(&[path.into()], &CasiaFilter::default(), &|_| {})?;
    let mut recognizer = Recognizer::from_bytes(model)?;
    let mut right = 0;
    for (i, &label) in set.labels.iter().enumerate() {
        let pixels: Vec<u8> = set.image(i).iter().map(|&ink| 255 - ink).collect();
        let image = Image::new(&pixels, set.size, set.size, PixelFormat::Gray)?;
        right += usize::from(recognizer.recognize(&image, 1)?[0].character == set.classes[usize::from(label)]);
    }
    Ok([right, set.len()])
}

/// How many inks of the files a model reads, and how many there are.
pub(super) fn inks_read(model: &[u8], path: &Path) -> Result<[usize; 2]> {
    let set = load_pot(&[path.into()], &CasiaFilter::default())?;
    let mut recognizer = InkRecognizer::from_bytes(model)?;
    let mut right = 0;
    for (i, &label) in set.labels.iter().enumerate() {
        let ink = Ink::new(&set.ink(i))?;
        right += usize::from(recognizer.recognize(&ink, 1)[0].character == set.classes[usize::from(label)]);
    }
    Ok([right, set.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greys_go_to_the_nearest_level() {
        let levels: Vec<u8> = (0..GREYS).map(|level| level * 17).collect();
        for value in 0..=255 {
            let off = |level: &u8| level.abs_diff(value);
            assert_eq!(off(&nearest_grey(value)), levels.iter().map(off).min().unwrap(), "{value}");
        }
    }
}
