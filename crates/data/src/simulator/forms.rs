//! Forms that people give to components, beside the copybook's: other orders of strokes, and running hands.
//!
//! The shares follow the 3,000 inks of 60 writers in the subset `olhwdb50` of CASIA-OLHWDB: nearly all of them write 方 with
//! its hook last, and most without lifting the pen between its horizontal and its hook.

use super::{
    component::Bounds,
    path::{distance, resample},
};
use crate::strokes::{Point, Skeletons, Stroke};
use hccr_random::Rng;
use std::ops::Range;

/// A component, and how it is written otherwise.
struct Component {
    /// A character that has it, and its strokes there.
    example: (char, Range<usize>),
    /// Each with the share of its writings; the copybook's way has the rest.
    ways: &'static [(f32, Way)],
}

enum Way {
    /// The same strokes in this order.
    Order(&'static [usize]),
    /// These strokes, in hundredths of the box around the component.
    Drawn(&'static [&'static [[u8; 2]]]),
}

/// 方 without its dot: the horizontal turns into the stroke to the left, and then comes the hook.
const FANG_IN_TWO: &[&[[u8; 2]]] =
    &[&[[5, 15], [80, 0], [5, 85]], &[[38, 48], [65, 33], [90, 40], [86, 80], [75, 100], [50, 92]]];
const FANG_IN_ONE: &[&[[u8; 2]]] =
    &[&[[5, 15], [80, 0], [5, 85], [38, 47], [65, 33], [90, 40], [86, 80], [75, 100], [50, 92]]];

const COMPONENTS: [Component; 4] = [
    // Without its dot, which is the copybook's; so 万 is here too.
    Component {
        example: ('方', 1..4),
        ways: &[(0.27, Way::Order(&[0, 2, 1])), (0.3, Way::Drawn(FANG_IN_TWO)), (0.4, Way::Drawn(FANG_IN_ONE))],
    },
    Component { example: ('戈', 1..4), ways: &[(0.3, Way::Order(&[0, 2, 1]))] },
    Component { example: ('火', 0..4), ways: &[(0.6, Way::Order(&[0, 2, 1, 3]))] },
    // On the left it is narrow, and has other shares.
    Component { example: ('烦', 0..4), ways: &[(0.8, Way::Order(&[0, 2, 1, 3]))] },
];

/// Where a character has components with more than one form.
#[derive(Clone, Debug)]
pub(super) struct Forms(Vec<Place>);

#[derive(Clone, Copy, Debug)]
struct Place {
    /// The number of the component's first stroke.
    start: usize,
    component: usize,
}

impl Forms {
    /// Those of the character of these strokes.
    pub(super) fn of(strokes: &[Stroke], skeletons: &Skeletons) -> Self {
        let mut places = Vec::new();
        for (component, Component { example: (character, range), .. }) in COMPONENTS.iter().enumerate() {
            let Some(example) = skeletons.get(*character).and_then(|example| example.get(range.clone())) else {
                continue;
            };
            let example = outline(example);
            let starts = 0..(strokes.len() + 1).saturating_sub(range.len());
            let found = starts.filter(|&start| alike(&outline(&strokes[start..start + range.len()]), &example));
            places.extend(found.map(|start| Place { start, component }));
        }
        // From the last one on, so that a form of fewer strokes moves no other.
        places.sort_by_key(|place| std::cmp::Reverse((place.start, place.component)));
        Self(places)
    }

    /// Writes the components in one of their forms; with `share` 0 all stay the copybook's.
    pub(super) fn give(&self, strokes: &mut Vec<Stroke>, share: f32, rng: &mut Rng) {
        for &Place { start, component } in &self.0 {
            let mut chance = rng.uniform();
            for (part, way) in COMPONENTS[component].ways {
                chance -= part * share;
                if chance < 0.0 {
                    let range = start..start + COMPONENTS[component].example.1.len();
                    let written = way.written(&strokes[range.clone()]);
                    strokes.splice(range, written);
                    break;
                }
            }
        }
    }
}

impl Way {
    fn written(&self, strokes: &[Stroke]) -> Vec<Stroke> {
        match self {
            Self::Order(order) => order.iter().map(|&i| strokes[i].clone()).collect(),
            Self::Drawn(drawn) => {
                let bounds = Bounds::of(strokes);
                let at = |p: &[u8; 2]| bounds.at([0, 1].map(|axis| f32::from(p[axis]) / 100.0));
                drawn.iter().map(|stroke| stroke.iter().map(at).collect()).collect()
            }
        }
    }
}

/// Five points of each stroke, in the box around all.
fn outline(strokes: &[Stroke]) -> Vec<[f32; 2]> {
    let bounds = Bounds::of(strokes);
    let points = |stroke: &Stroke| {
        let line = resample(stroke, 10.0);
        [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| bounds.share(along(&line, share)))
    };
    strokes.iter().filter(|stroke| !stroke.is_empty()).flat_map(points).collect()
}

/// The point of a line at a share of its length; the line has points.
fn along(line: &[Point], share: f32) -> Point {
    let length: f32 = line.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
    let mut left = share * length;
    for pair in line.windows(2) {
        if left <= 0.0 {
            return pair[0];
        }
        left -= distance(pair[0], pair[1]);
    }
    line[line.len() - 1]
}

/// Whether two components are the same, as far as their outlines tell.
fn alike(a: &[[f32; 2]], b: &[[f32; 2]]) -> bool {
    /// The greatest distances along an axis, in the mean and anywhere. With these, of 3,755 characters 41 have 方 or 万, two
    /// of them wrongly.
    const MEAN: f32 = 0.13;
    const WORST: f32 = 0.22;
    let off = |(a, b): (&[f32; 2], &[f32; 2])| (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
    let sum: f32 = a.iter().zip(b).map(off).sum();
    a.len() == b.len() && sum < MEAN * a.len() as f32 && a.iter().zip(b).map(off).all(|off| off < WORST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gb2312::gb2312_level1;

    /// The characters that have a component.
    fn having(component: usize) -> String {
        let skeletons = Skeletons::embedded().expect("embedded file");
        let has = |c: &char| {
            let strokes = skeletons.get(*c).expect("a character of level 1");
            Forms::of(strokes, &skeletons).0.iter().any(|place| place.component == component)
        };
        gb2312_level1().into_iter().filter(has).collect()
    }

    #[test]
    fn components_are_found_in_characters() {
        let fang = having(0);
        assert!("方万防访纺肪仿坊妨芳放房旁敖施".chars().all(|c| fang.contains(c)), "{fang}");
        assert!(!"木大戈十示乃力几".chars().any(|c| fang.contains(c)), "{fang}");
        assert!("伐筏阀战找成".chars().all(|c| having(1).contains(c)));
        assert!(having(2).contains('秋') && having(3).contains('灯'));
    }

    #[test]
    fn forms_change_their_component_alone() {
        let skeletons = Skeletons::embedded().expect("embedded file");
        let copybook = skeletons.get('仿').expect("a character of level 1").to_vec();
        let forms = Forms::of(&copybook, &skeletons);
        let written = |share: f32, seed: u64| {
            let mut strokes = copybook.clone();
            forms.give(&mut strokes, share, &mut Rng::new(seed, 0));
            strokes
        };
        let all: Vec<_> = (0..60).map(|seed| written(1.0, seed)).collect();
        assert!(all.iter().all(|strokes| strokes[..3] == copybook[..3]), "亻 and the dot stay");
        let counts: Vec<usize> = [4, 5, 6].map(|n| all.iter().filter(|strokes| strokes.len() == n).count()).to_vec();
        assert!(counts.iter().all(|&n| n > 8), "{counts:?} of one, two and three strokes");
        let reordered = [&copybook[..4], &[copybook[5].clone(), copybook[4].clone()]].concat();
        assert!(all.contains(&reordered));
        assert!((0..60).all(|seed| written(0.0, seed) == copybook));
    }
}
