//! Numbers as text.

/// Stands where there is no figure.
pub const NONE: &str = "–";

/// With a comma between thousands, without decimals.
pub fn thousands(n: f64) -> String {
    let digits = format!("{:.0}", n.abs());
    let mut text = String::from(if n <= -0.5 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// In millions.
pub fn millions(n: f64) -> String {
    format!("{:.2}", n / 1e6)
}

/// A share as a percentage, without the sign.
pub fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// Percentage points.
pub fn points(points: f64) -> String {
    // Adding zero turns -0.00 into 0.00.
    format!("{:.2}", (points * 100.0).round() / 100.0 + 0.0)
}

/// Milliseconds, with more decimals the shorter they are.
pub fn ms(ms: f64) -> String {
    let decimals = if ms < 1.0 {
        3
    } else if ms < 100.0 {
        2
    } else {
        1
    };
    format!("{ms:.decimals$}")
}

/// A factor.
pub fn times(factor: f64) -> String {
    format!("{factor:.1}×")
}

/// Bytes in the binary unit that suits them.
pub fn binary_bytes(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let unit = (1..units.len()).rev().find(|&u| bytes >= 1024f64.powi(u as i32)).unwrap_or(0);
    let decimals = if unit == 0 { 0 } else { 2 };
    format!("{:.decimals$} {}", bytes / 1024f64.powi(unit as i32), units[unit])
}

/// Bytes in the decimal unit that suits them, rounded for an axis.
pub fn decimal_bytes(bytes: f64) -> String {
    let (unit, size) =
        [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)].into_iter().find(|(_, size)| bytes >= *size).unwrap_or(("B", 1.0));
    format!("{} {unit}", (100.0 * bytes / size).round() / 100.0)
}

/// Seconds as minutes and seconds.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match (whole / 60, whole % 60) {
        (0, _) => format!("{seconds:.1} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0.0, 999.0, 1000.0, 43_458_604.0, -1234.0].map(thousands),
            ["0", "999", "1,000", "43,458,604", "-1,234"]
        );
        assert_eq!(millions(62_980_000.0), "62.98");
        assert_eq!([0.0004, 9.7, 123.44].map(ms), ["0.000", "9.70", "123.4"]);
        assert_eq!(points(-0.001), "0.00");
        assert_eq!([100.0, 2_455_133.0].map(binary_bytes), ["100 B", "2.34 MiB"]);
        assert_eq!([200.0, 50_000.0, 2.5e6].map(decimal_bytes), ["200 B", "50 kB", "2.5 MB"]);
        assert_eq!([3.21, 125.0].map(duration), ["3.2 s", "2 min 05 s"]);
    }
}
