//! Pen strokes from Python.

use crate::error::error;
use hccr::ink::{Ink, Point, WritingBox};
use pyo3::prelude::*;

/// The points of a stroke: anything that can be iterated, of anything that has two numbers.
pub(crate) fn points(stroke: &Bound<'_, PyAny>) -> PyResult<Vec<Point>> {
    stroke.try_iter()?.map(|point| self::point(&point?)).collect()
}

fn point(point: &Bound<'_, PyAny>) -> PyResult<Point> {
    match point.len() {
        Ok(2) => Ok(Point { x: point.get_item(0)?.extract()?, y: point.get_item(1)?.extract()? }),
        Ok(len) => Err(error(format!("a point of a stroke has two numbers, x and y, not {len}"))),
        Err(_) => Err(error("a stroke is a list or an array of points (x, y), and an ink is a list of strokes")),
    }
}

pub(crate) fn ink(strokes: &Bound<'_, PyAny>, writing_box: Option<Rectangle>) -> PyResult<Ink> {
    let strokes: PyResult<Vec<_>> = strokes.try_iter()?.map(|stroke| points(&stroke?)).collect();
    in_box(&strokes?, self::writing_box(writing_box)?)
}

pub(crate) fn in_box(strokes: &[Vec<Point>], writing_box: Option<WritingBox>) -> PyResult<Ink> {
    let ink = Ink::new(strokes).map_err(error)?;
    Ok(match writing_box {
        Some(writing_box) => ink.in_box(writing_box),
        None => ink,
    })
}

/// Left, top, width, height.
pub(crate) type Rectangle = (f32, f32, f32, f32);

pub(crate) fn writing_box(rectangle: Option<Rectangle>) -> PyResult<Option<WritingBox>> {
    let convert = |(left, top, width, height)| WritingBox::new(left, top, width, height).map_err(error);
    rectangle.map(convert).transpose()
}
