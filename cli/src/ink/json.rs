//! Ink as JSON: `{"strokes": [[[x, y], ...], ...]}`, one value after the other.

use anyhow::{Context, Result};
use hccr::ink::Point;
use serde::Deserialize;

/// The strokes of a character; other fields are passed over.
#[derive(Deserialize)]
struct Strokes {
    strokes: Vec<Vec<[f32; 2]>>,
}

/// The strokes of each ink in `text`.
pub(super) fn read(text: &str) -> Result<Vec<Vec<Vec<Point>>>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Strokes>();
    let inks: serde_json::Result<Vec<_>> = values.map(|value| Ok(points(&value?))).collect();
    inks.context(r#"is no ink as JSON, {"strokes": [[[x, y], ...], ...]}"#)
}

fn points(Strokes { strokes }: &Strokes) -> Vec<Vec<Point>> {
    strokes.iter().map(|stroke| stroke.iter().map(|&[x, y]| Point { x, y }).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_each_other() {
        let inks = read("{\"strokes\": [[[1, 2.5], [3, 4]], []], \"c\": \"一\"}\n{\"strokes\":[[[-1e3,0]]]}").unwrap();
        assert_eq!(inks[0], [vec![Point { x: 1.0, y: 2.5 }, Point { x: 3.0, y: 4.0 }], vec![]]);
        assert_eq!(inks[1], [[Point { x: -1000.0, y: 0.0 }]]);
    }

    #[test]
    fn other_json_is_refused() {
        for text in
            ["{}", "{\"strokes\": [[[1]]]}", "{\"strokes\": [[[1, 2, 3]]]}", "{\"strokes\": [[[1, \"2\"]]]}", "{"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
