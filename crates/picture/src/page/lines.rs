//! Printed lines: the frames of copybook cells, and rules.

use super::mask::Mask;
use super::pieces::Rect;

/// The slopes of lines that are tried: so many to either side, and so far from one to the next.
const SLOPES: i32 = 16;
const SLOPE_STEP: f32 = 0.0025;
/// A line of a grid fills this share of the page's ink from end to end, a rule this share of the page.
const GRID: f32 = 0.5;
const RULE: f32 = 0.8;
/// Of a grid, also the dashed lines through the middles of cells go, which fill so much.
const DASHED: f32 = 0.35;
/// A line between cells has this share of the strongest line's ink, one of a dashed cross less.
const SOLID: f32 = 0.72;
/// Rows of pixels at a line, to each side, that are its own.
const REACH: usize = 2;
/// A line is no thicker than so many pixels, or this part of the page's longest side.
const THICKEST: usize = 4;
const THINNESS: usize = 250;
/// Lines of which this part is as dark as strokes are removed whole.
const DARK: usize = 8;
/// What is left without the lines must be this share of the ink.
const LEAST_LEFT: f32 = 0.15;

/// The cells of a copybook, between its lines along and across.
pub(super) struct Grid {
    rows: Direction,
    columns: Direction,
}

impl Grid {
    /// The row and the column of the cell that the middle of `piece` lies in, if it lies in one.
    pub(super) fn cell(&self, piece: &Rect) -> Option<(usize, usize)> {
        let (x, y) = ((piece.left + piece.right) / 2, (piece.top + piece.bottom) / 2);
        Some((self.rows.cell(x, y)?, self.columns.cell(y, x)?))
    }

    /// Less ink than this along each side is no character.
    pub(super) fn least_side(&self) -> usize {
        self.rows.pitch().map_or(0, |pitch| pitch as usize / 5)
    }
}

/// Removes printed lines from the ink: a grid, which has lines along and across, or rules from border to border. The grid, if
/// there is one.
pub(super) fn remove(mask: &mut Mask) -> Option<Grid> {
    let (width, height) = (mask.width, mask.height);
    let rows = Direction::new(&middles(mask, |x, y| y * width + x, width, height), width, height);
    let columns = Direction::new(&middles(mask, |y, x| y * width + x, height, width), height, width);
    let is_grid = rows.lines(GRID * rows.extent) >= 2 && columns.lines(GRID * columns.extent) >= 2;
    let (along, across) = if is_grid {
        (DASHED * rows.extent, DASHED * columns.extent)
    } else if rows.lines(RULE * width as f32) >= 2 {
        (RULE * width as f32, f32::INFINITY)
    } else {
        return None;
    };
    let (in_rows, in_columns) = (rows.near_lines(along), columns.near_lines(across));
    let lines: Vec<(usize, usize)> = (0..mask.faint.len())
        .filter(|&at| mask.faint[at])
        .map(|at| (at % width, at / width))
        .filter(|&(x, y)| in_rows(x, y) || in_columns(y, x))
        .collect();
    // Strokes that cross fainter lines stay whole.
    let dark = lines.iter().filter(|&&(x, y)| mask.core[y * width + x]).count();
    let is_dark = dark * DARK > lines.len();
    let is_line = |&&(x, y): &&(usize, usize)| is_dark || !mask.core[y * width + x];
    let foreign: Vec<usize> = lines.iter().filter(is_line).map(|&(x, y)| y * width + x).collect();
    let all = mask.ink.iter().filter(|&&ink| ink).count();
    let left = all - foreign.iter().filter(|&&at| mask.ink[at]).count();
    if (left as f32) < LEAST_LEFT * all as f32 {
        return None;
    }
    foreign.iter().for_each(|&at| mask.ink[at] = false);
    is_grid.then_some(Grid { rows, columns })
}

/// The middles of thin runs of faint ink across lines, each as its place along and across them: what lines leave in each column of
/// pixels that they cross, and few strokes do.
fn middles(mask: &Mask, at: impl Fn(usize, usize) -> usize, length: usize, breadth: usize) -> Vec<(usize, usize)> {
    let thickest = (length.max(breadth) / THINNESS).max(THICKEST);
    let mut middles = Vec::new();
    for along in 0..length {
        let mut start = 0;
        for across in 0..=breadth {
            if across < breadth && mask.faint[at(along, across)] {
                continue;
            }
            if across > start && across - start <= thickest {
                middles.push((along, (start + across - 1) / 2));
            }
            start = across + 1;
        }
    }
    middles
}

/// How much ink lies on each line of one slope: the one at which the lines stand out most.
struct Direction {
    slope: f32,
    /// The length of the page's ink along the lines.
    extent: f32,
    /// The ink on each line, by where it crosses the page's middle, `offset` added.
    counts: Vec<u32>,
    offset: f32,
    middle: f32,
}

impl Direction {
    /// Of points along (up to `length`) and across (up to `breadth`) the lines.
    fn new(points: &[(usize, usize)], length: usize, breadth: usize) -> Self {
        let ends = points.iter().fold((length, 0), |(first, last), &(along, _)| (first.min(along), last.max(along)));
        let extent = (ends.1 + 1).saturating_sub(ends.0) as f32;
        let middle = 0.5 * length as f32;
        let offset = SLOPES as f32 * SLOPE_STEP * middle + 1.0;
        let of_slope = |slope: f32| {
            let mut counts = vec![0u32; breadth + 2 * offset as usize + 2];
            for &(along, across) in points {
                counts[(across as f32 - slope * (along as f32 - middle) + offset) as usize] += 1;
            }
            Self { slope, extent, counts, offset, middle }
        };
        let sharpness = |direction: &Self| direction.counts.iter().map(|&c| u64::from(c) * u64::from(c)).sum::<u64>();
        let slopes = (-SLOPES..=SLOPES).map(|step| of_slope(step as f32 * SLOPE_STEP));
        slopes.max_by_key(sharpness).unwrap_or_else(|| of_slope(0.0))
    }

    /// The ink on line `at` and those beside it.
    fn ink(&self, at: usize) -> f32 {
        let near = &self.counts[at.saturating_sub(1)..(at + 2).min(self.counts.len())];
        near.iter().sum::<u32>() as f32
    }

    /// Whether there are so many pixels of ink on line `at`, and no more beside it.
    fn is_line(&self, at: usize, least: f32) -> bool {
        let beside = at.saturating_sub(REACH)..(at + REACH + 1).min(self.counts.len());
        self.ink(at) >= least && beside.into_iter().all(|other| self.ink(other) <= self.ink(at))
    }

    /// The number of lines, each some pixels wide, with so much ink.
    fn lines(&self, least: f32) -> usize {
        let mut lines = 0;
        let mut next = 0;
        for at in 0..self.counts.len() {
            if at >= next && self.is_line(at, least) {
                lines += 1;
                next = at + 2 * REACH + 2;
            }
        }
        lines
    }

    /// The lines between cells: those of a dashed cross have less ink.
    fn borders(&self) -> Vec<usize> {
        let strongest = (0..self.counts.len()).map(|at| self.ink(at)).fold(0.0, f32::max);
        let mut borders: Vec<usize> = Vec::new();
        for at in (0..self.counts.len()).filter(|&at| self.is_line(at, SOLID * strongest)) {
            if borders.last().is_none_or(|&last| at > last + 2 * REACH + 1) {
                borders.push(at);
            }
        }
        borders
    }

    /// The number of the cell that a point lies in, of cells as long as the shortest between two borders: some borders may not be seen.
    fn cell(&self, along: usize, across: usize) -> Option<usize> {
        let borders = self.borders();
        let place = across as f32 - self.slope * (along as f32 - self.middle) + self.offset;
        // The last border before the point, or else the first.
        let border = borders.iter().rfind(|&&border| border as f32 <= place).or(borders.first())?;
        let first = *borders.first()? as f32;
        let pitch = self.pitch()?;
        // Counted from far before the page, so that none is negative.
        let cells = ((*border as f32 - first) / pitch).round() + ((place - *border as f32) / pitch).floor();
        Some((cells + self.counts.len() as f32) as usize)
    }

    /// The shortest distance between two borders.
    fn pitch(&self) -> Option<f32> {
        self.borders().windows(2).map(|pair| pair[1] - pair[0]).min().map(|pitch| pitch as f32)
    }

    /// Tells the points that lie on lines with so much ink.
    fn near_lines(&self, least: f32) -> impl Fn(usize, usize) -> bool + use<> {
        let mut near = vec![false; self.counts.len()];
        for at in (0..near.len()).filter(|&at| self.is_line(at, least)) {
            let end = (at + REACH + 1).min(near.len());
            near[at.saturating_sub(REACH)..end].fill(true);
        }
        let (slope, middle, offset) = (self.slope, self.middle, self.offset);
        move |along, across| near[(across as f32 - slope * (along as f32 - middle) + offset) as usize]
    }
}
