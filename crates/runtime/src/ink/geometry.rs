//! Distances in the plane.

/// The square of the distance of two points.
pub(super) fn distance2(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    dx * dx + dy * dy
}

/// The square of the distance of `p` from the line between `a` and `b`, its ends included.
pub(super) fn distance2_to_line(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (line, way) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let along = line[0] * way[0] + line[1] * way[1];
    let length2 = line[0] * line[0] + line[1] * line[1];
    if along <= 0.0 {
        distance2(p, a)
    } else if along >= length2 {
        distance2(p, b)
    } else {
        let across = line[0] * way[1] - line[1] * way[0];
        across * across / length2
    }
}

/// The square root of a number that is not negative, to the last bit or the one before it: `core` has none.
pub(super) fn sqrt(x: f64) -> f64 {
    if x < f64::MIN_POSITIVE {
        return 0.0;
    }
    // Half the exponent is within 4 %; each of Newton's steps doubles the digits.
    let mut root = f64::from_bits((x.to_bits() >> 1) + 0x1FF7_A3BE_A91D_9B1B);
    for _ in 0..4 {
        root = 0.5 * (root + x / root);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_right() {
        for exponent in -300..300 {
            let x = 1.37 * 10f64.powi(exponent);
            assert!((sqrt(x) / x.sqrt() - 1.0).abs() < 5e-16, "{x}");
        }
        assert_eq!((sqrt(0.0), sqrt(9.0), sqrt(2.0f64.powi(-40))), (0.0, 3.0, 2.0f64.powi(-20)));
    }

    #[test]
    fn distances_from_lines_end_with_them() {
        let (a, b) = ([0.0, 0.0], [4.0, 0.0]);
        let from = |p| distance2_to_line(p, a, b);
        assert_eq!((from([1.0, 2.0]), from([-3.0, 4.0]), from([7.0, -4.0])), (4.0, 25.0, 25.0));
        assert_eq!(distance2_to_line([3.0, 4.0], a, a), 25.0);
    }
}
