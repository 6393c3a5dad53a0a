//! What a pen wrote, before it is drawn or recorded.

/// A point of a pen's path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PenPoint {
    /// From the left, on a grid of about 1024.
    pub x: f32,
    /// From the top, on the same grid.
    pub y: f32,
    /// The width of the line here over the pen's usual one.
    pub pressure: f32,
}

/// What a pen wrote: one list of points each time it was down.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// In writing order.
    pub strokes: Vec<Vec<PenPoint>>,
}
