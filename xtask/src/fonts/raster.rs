//! Draws the outline of a glyph as a bitmap.

use ab_glyph_rasterizer::{Point, Rasterizer, point};
use ttf_parser::{Face, GlyphId, OutlineBuilder, Rect};

/// Black and white pixels, white along all four edges.
pub(super) struct Bitmap {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Whether there is ink, row by row.
    pub(super) ink: Vec<bool>,
}

/// White pixels around the glyph.
const MARGIN: f32 = 3.0;

/// Draws a glyph at `scale` pixels per font unit. The second result is where the font's origin lies, in pixels. `None` for a glyph
/// without an outline.
pub(super) fn draw(face: &Face<'_>, glyph: GlyphId, scale: f32) -> Option<(Bitmap, [f32; 2])> {
    let Rect { x_min, y_min, x_max, y_max } = face.glyph_bounding_box(glyph)?;
    let extent = |low: i16, high: i16| (f32::from(high) - f32::from(low)) * scale + 2.0 * MARGIN;
    let (width, height) = (extent(x_min, x_max).ceil() as usize, extent(y_min, y_max).ceil() as usize);
    let origin = [MARGIN - f32::from(x_min) * scale, MARGIN + f32::from(y_max) * scale];
    let mut pen =
        Pen { rasterizer: Rasterizer::new(width, height), scale, origin, start: point(0.0, 0.0), at: point(0.0, 0.0) };
    face.outline_glyph(glyph, &mut pen)?;
    let mut ink = vec![false; width * height];
    pen.rasterizer.for_each_pixel_2d(|x, y, coverage| {
        let inside = (1..width as u32 - 1).contains(&x) && (1..height as u32 - 1).contains(&y);
        ink[y as usize * width + x as usize] = inside && coverage >= 0.5;
    });
    Some((Bitmap { width, height, ink }, origin))
}

struct Pen {
    rasterizer: Rasterizer,
    scale: f32,
    origin: [f32; 2],
    start: Point,
    at: Point,
}

impl Pen {
    fn pixel(&self, x: f32, y: f32) -> Point {
        point(self.origin[0] + x * self.scale, self.origin[1] - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.start = self.pixel(x, y);
        self.at = self.start;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = self.pixel(x, y);
        self.rasterizer.draw_line(self.at, to);
        self.at = to;
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let to = self.pixel(x, y);
        self.rasterizer.draw_quad(self.at, self.pixel(x1, y1), to);
        self.at = to;
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let to = self.pixel(x, y);
        self.rasterizer.draw_cubic(self.at, self.pixel(x1, y1), self.pixel(x2, y2), to);
        self.at = to;
    }

    fn close(&mut self) {
        self.rasterizer.draw_line(self.at, self.start);
        self.at = self.start;
    }
}
