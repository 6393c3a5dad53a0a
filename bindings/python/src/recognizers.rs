//! The recognizers, which any number of threads may use at the same time.

use crate::error::{error, file_error, recognizer_error};
use crate::image::Source;
use crate::ink::{Rectangle, ink};
use crate::pool::Pool;
use hccr::ink::Ink;
use hccr::{OFFLINE_MODEL, ONLINE_MODEL, RecognizerError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::borrow::Cow;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// A character, and how likely it is the one that was written, from 0 to 1.
#[pyclass(frozen, get_all, eq, module = "hccr")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// The character.
    pub(crate) character: char,
    /// From 0 to 1; those of all labels of the recognizer add up to 1.
    probability: f32,
}

#[pymethods]
impl Candidate {
    fn __repr__(&self) -> String {
        format!("Candidate({}, {:.3})", self.character, self.probability)
    }
}

pub(crate) fn candidates(found: Vec<hccr::Candidate>) -> Vec<Candidate> {
    let convert = |c: hccr::Candidate| Candidate { character: c.character, probability: c.probability };
    found.into_iter().map(convert).collect()
}

/// The bytes of a model: of a path, or bytes, or those in the box.
fn model(given: Option<&Bound<'_, PyAny>>, in_the_box: &'static [u8]) -> PyResult<Cow<'static, [u8]>> {
    let Some(given) = given else { return Ok(Cow::Borrowed(in_the_box)) };
    if given.is_instance_of::<PyBytes>() {
        return Ok(Cow::Owned(given.extract()?));
    }
    let path: PathBuf = given.extract()?;
    let failed = |reason: io::Error| file_error(reason.kind(), format!("{}: {reason}", path.display()));
    // A pipe would be waited for, and a device may have no end.
    if !fs::metadata(&path).map_err(failed)?.is_file() {
        return Err(error(format!("{}: it is no regular file", path.display())));
    }
    let bytes = fs::read(&path).map_err(failed)?;
    Ok(Cow::Owned(bytes))
}

/// A recognizer that answers with `characters` alone, where any are given.
fn restricted<T>(
    recognizer: Result<T, RecognizerError>,
    characters: Option<&str>,
    restrict: impl FnOnce(&T, &[char]) -> Result<T, RecognizerError>,
) -> PyResult<Pool<T>>
where
    T: Clone + Send + Sync,
{
    let recognizer = recognizer.map_err(recognizer_error)?;
    let Some(characters) = characters else { return Ok(Pool::new(recognizer)) };
    let characters: Vec<char> = characters.chars().collect();
    restrict(&recognizer, &characters).map(Pool::new).map_err(recognizer_error)
}

fn numbered<T>(results: Vec<PyResult<T>>, py: Python<'_>, what: &str) -> PyResult<Vec<T>> {
    let number = |(i, result): (usize, PyResult<T>)| {
        result.map_err(|reason| {
            let message = format!("{what} {i}: {}", reason.value(py));
            // Errors of the file system stay what they are.
            let is_of_system = reason.is_instance_of::<PyOSError>(py);
            let named = if is_of_system { PyErr::from_type(reason.get_type(py), message) } else { error(message) };
            named.set_cause(py, Some(reason));
            named
        })
    };
    results.into_iter().enumerate().map(number).collect()
}

/// Reads images of one character.
///
/// model: the path or the bytes of a model file; without it, the model in the box.
/// restrict: the characters that it may answer with; without it, all that it knows.
#[pyclass(frozen, module = "hccr")]
pub(crate) struct Recognizer(Pool<hccr::Recognizer>);

#[pymethods]
impl Recognizer {
    #[new]
    #[pyo3(signature = (model=None, *, restrict=None))]
    fn new(model: Option<&Bound<'_, PyAny>>, restrict: Option<&str>) -> PyResult<Self> {
        let recognizer = hccr::Recognizer::from_bytes(&self::model(model, OFFLINE_MODEL)?);
        restricted(recognizer, restrict, hccr::Recognizer::restricted).map(Self)
    }

    /// The characters that it knows, in the model's order.
    #[getter]
    fn labels(&self) -> String {
        self.0.original().labels().iter().collect()
    }

    /// The `top` likeliest characters, the likeliest first.
    ///
    /// image: a path, the bytes of a picture file (PNG, JPEG, BMP or WebP), a Pillow image, or an array of uint8, of shape
    /// (height, width) or (height, width, channels): grey, grey and alpha, RGB, or RGBA. Of any size, in any layout.
    ///
    /// Raises hccr.Error where there is no ink, or the file is no picture; OSError where it cannot be read.
    #[pyo3(signature = (image, top=10))]
    fn read(&self, py: Python<'_>, image: &Bound<'_, PyAny>, top: usize) -> PyResult<Vec<Candidate>> {
        let source = Source::new(image)?;
        py.detach(|| self.0.lend(|recognizer| read_image(recognizer, &source, top)))
    }

    /// What `read` finds for each image, read on several threads: by default, on as many as there are cores.
    ///
    /// Raises as `read` for the first that cannot be read, and says its number.
    #[pyo3(signature = (images, top=10, *, threads=None))]
    fn read_many(
        &self,
        py: Python<'_>,
        images: &Bound<'_, PyAny>,
        top: usize,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Vec<Vec<Candidate>>> {
        let sources: PyResult<Vec<Source>> = images.try_iter()?.map(|image| Source::new(&image?)).collect();
        let sources = sources?;
        let results =
            py.detach(|| self.0.read_many(&sources, threads, |recognizer, source| read_image(recognizer, source, top)));
        numbered(results, py, "image")
    }
}

fn read_image(recognizer: &mut hccr::Recognizer, source: &Source, top: usize) -> PyResult<Vec<Candidate>> {
    recognizer.recognize(&source.picture()?.image(), top).map(candidates).map_err(error)
}

/// Reads pen strokes of one character.
///
/// model: the path or the bytes of a model file; without it, the model in the box.
/// restrict: the characters that it may answer with; without it, all that it knows.
#[pyclass(frozen, module = "hccr")]
pub(crate) struct InkRecognizer(pub(crate) Pool<hccr::InkRecognizer>);

#[pymethods]
impl InkRecognizer {
    #[new]
    #[pyo3(signature = (model=None, *, restrict=None))]
    fn new(model: Option<&Bound<'_, PyAny>>, restrict: Option<&str>) -> PyResult<Self> {
        let recognizer = hccr::InkRecognizer::from_bytes(&self::model(model, ONLINE_MODEL)?);
        restricted(recognizer, restrict, hccr::InkRecognizer::restricted).map(Self)
    }

    /// The characters that it knows, in the model's order.
    #[getter]
    fn labels(&self) -> String {
        self.0.original().labels().iter().collect()
    }

    /// The `top` likeliest characters, the likeliest first.
    ///
    /// strokes: a list of strokes; each is a list of points (x, y), or an array of shape (n, 2). In any unit, y downwards.
    /// writing_box: the box that is written in, (left, top, width, height); without it, the bounding box of the strokes.
    ///
    /// Raises hccr.Error where there are no points, or one is not finite.
    #[pyo3(signature = (strokes, top=10, *, writing_box=None))]
    fn read(
        &self,
        py: Python<'_>,
        strokes: &Bound<'_, PyAny>,
        top: usize,
        writing_box: Option<Rectangle>,
    ) -> PyResult<Vec<Candidate>> {
        let ink = ink(strokes, writing_box)?;
        Ok(py.detach(|| self.0.lend(|recognizer| candidates(recognizer.recognize(&ink, top)))))
    }

    /// What `read` finds for each list of strokes, read on several threads: by default, on as many as there are cores.
    #[pyo3(signature = (inks, top=10, *, threads=None))]
    fn read_many(
        &self,
        py: Python<'_>,
        inks: &Bound<'_, PyAny>,
        top: usize,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Vec<Vec<Candidate>>> {
        let inks = numbered_inks(inks)?;
        let read = |recognizer: &mut hccr::InkRecognizer, ink: &Ink| Ok(candidates(recognizer.recognize(ink, top)));
        numbered(py.detach(|| self.0.read_many(&inks, threads, read)), py, "ink")
    }
}

fn numbered_inks(inks: &Bound<'_, PyAny>) -> PyResult<Vec<Ink>> {
    numbered(inks.try_iter()?.map(|strokes| ink(&strokes?, None)).collect(), inks.py(), "ink")
}

/// Reads pen strokes of one character, and also looks at their image, so that their order hardly matters.
///
/// online, offline: the paths or the bytes of model files of the same characters; without them, the models in the box.
/// restrict: the characters that it may answer with; without it, all that it knows.
#[pyclass(frozen, module = "hccr")]
pub(crate) struct FusedRecognizer(pub(crate) Pool<hccr::FusedRecognizer>);

#[pymethods]
impl FusedRecognizer {
    #[new]
    #[pyo3(signature = (online=None, offline=None, *, restrict=None))]
    fn new(
        online: Option<&Bound<'_, PyAny>>,
        offline: Option<&Bound<'_, PyAny>>,
        restrict: Option<&str>,
    ) -> PyResult<Self> {
        let (online, offline) = (model(online, ONLINE_MODEL)?, model(offline, OFFLINE_MODEL)?);
        let recognizer = hccr::FusedRecognizer::from_bytes(&online, &offline);
        restricted(recognizer, restrict, hccr::FusedRecognizer::restricted).map(Self)
    }

    /// The characters that it knows, in the models' order.
    #[getter]
    fn labels(&self) -> String {
        self.0.original().labels().iter().collect()
    }

    /// The `top` likeliest characters, the likeliest first; strokes and box as those of an InkRecognizer.
    #[pyo3(signature = (strokes, top=10, *, writing_box=None))]
    fn read(
        &self,
        py: Python<'_>,
        strokes: &Bound<'_, PyAny>,
        top: usize,
        writing_box: Option<Rectangle>,
    ) -> PyResult<Vec<Candidate>> {
        let ink = ink(strokes, writing_box)?;
        py.detach(|| self.0.lend(|recognizer| recognizer.recognize(&ink, top))).map(candidates).map_err(error)
    }

    /// What `read` finds for each list of strokes, read on several threads: by default, on as many as there are cores.
    #[pyo3(signature = (inks, top=10, *, threads=None))]
    fn read_many(
        &self,
        py: Python<'_>,
        inks: &Bound<'_, PyAny>,
        top: usize,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<Vec<Vec<Candidate>>> {
        let inks = numbered_inks(inks)?;
        let read = |recognizer: &mut hccr::FusedRecognizer, ink: &Ink| {
            recognizer.recognize(ink, top).map(candidates).map_err(error)
        };
        numbered(py.detach(|| self.0.read_many(&inks, threads, read)), py, "ink")
    }
}

/// What reads pen strokes.
#[derive(FromPyObject)]
pub(crate) enum AnyInkRecognizer<'py> {
    Online(PyRef<'py, InkRecognizer>),
    Fused(PyRef<'py, FusedRecognizer>),
}
