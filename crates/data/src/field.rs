//! A smooth random displacement of the plane.

use hccr_random::Rng;

/// A smooth random displacement: a cubic B-spline over a square mesh.
#[derive(Clone, Debug)]
pub struct Field {
    cells: usize,
    /// `[cells + 3, cells + 3]`, by rows.
    nodes: Vec<[f32; 2]>,
}

impl Field {
    /// A mesh of `cells * cells` whose nodes move by about `size`; between them this comes to half.
    pub fn new(cells: usize, size: f32, rng: &mut Rng) -> Self {
        let nodes = (0..(cells + 3) * (cells + 3)).map(|_| [size * rng.normal(), size * rng.normal()]).collect();
        Self { cells, nodes }
    }

    /// The displacement at a point, given from 0 to 1 along both axes.
    pub fn at(&self, at: [f32; 2]) -> [f32; 2] {
        let place = |t: f32| {
            let t = t.clamp(0.0, 1.0) * self.cells as f32;
            let cell = (t as usize).min(self.cells - 1);
            (cell, weights(t - cell as f32))
        };
        let ((column, along), (row, down)) = (place(at[0]), place(at[1]));
        let mut sum = [0.0; 2];
        for (y, wy) in down.iter().enumerate() {
            let start = (row + y) * (self.cells + 3) + column;
            for (node, wx) in self.nodes[start..start + 4].iter().zip(&along) {
                sum[0] += wy * wx * node[0];
                sum[1] += wy * wx * node[1];
            }
        }
        sum
    }
}

/// The cubic B-spline's weights of the four nodes about a point at `t` of a cell.
fn weights(t: f32) -> [f32; 4] {
    let (u, t2) = (1.0 - t, t * t);
    let t3 = t2 * t;
    [u * u * u / 6.0, (3.0 * t3 - 6.0 * t2 + 4.0) / 6.0, (3.0 * (t + t2 - t3) + 1.0) / 6.0, t3 / 6.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_smooth_and_of_its_size() {
        let field = Field::new(5, 30.0, &mut Rng::new(1, 1));
        let at = |i: i32| field.at([i as f32 / 1000.0, 0.4])[0];
        let squares: f32 = (0..1000).map(|i| at(i) * at(i)).sum();
        assert!((squares / 1000.0).sqrt() > 6.0 && (squares / 1000.0).sqrt() < 30.0, "{squares}");
        for i in 1..999 {
            assert!((at(i) - at(i - 1)).abs() < 0.6, "jumps at {i}");
            assert!((at(i - 1) + at(i + 1) - 2.0 * at(i)).abs() < 0.01, "kinks at {i}");
        }
    }
}
