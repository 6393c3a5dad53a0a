//! Turns the graph of a glyph into strokes that go straight through crossings.

use super::graph::{Edge, End, Graph, Line, Point, between, direction, distance, dot, leave, straightness};

/// The cosine of the sharpest turn at which two lines that meet are one stroke.
const STRAIGHT: f32 = 0.7;
/// How far the ends of strokes are drawn out towards the edge of the ink, in half widths of it.
const TIP: f32 = 0.5;
/// How far a stroke may lie from its points before simplification, in pixels.
const TOLERANCE: f32 = 1.2;

/// The strokes, in no order.
pub(super) fn strokes(graph: &Graph) -> Vec<Vec<Point>> {
    let ends = graph.ends();
    let mut partner = vec![[None; 2]; graph.edges.len()];
    for (node, here) in ends.iter().enumerate() {
        for ((a, a_end), (b, b_end)) in pairs(graph, node, here) {
            partner[a][a_end] = Some((b, b_end));
            partner[b][b_end] = Some((a, a_end));
        }
    }
    let mut used = vec![false; graph.edges.len()];
    let mut all = Vec::new();
    // Chains first, from their ends; then closed curves, from anywhere.
    let chain_ends = (0..partner.len()).flat_map(|e| [(e, 0), (e, 1)]).filter(|&(e, end)| partner[e][end].is_none());
    let anywhere = (0..partner.len()).map(|e| (e, 0));
    for start in chain_ends.collect::<Vec<_>>().into_iter().chain(anywhere) {
        if used[start.0] {
            continue;
        }
        let mut stroke = Vec::new();
        let mut next = Some(start);
        while let Some((e, end)) = next.filter(|&(e, _)| !used[e]) {
            used[e] = true;
            stroke.extend(piece(graph, &ends, &partner, e, end));
            next = partner[e][1 - end];
        }
        if next.is_some() {
            stroke.extend(stroke.first().copied());
        }
        all.push(simplify(&smooth(&stroke)));
    }
    // Dots that thinning leaves a single pixel of.
    for node in graph.dots.iter().map(|&dot| &graph.nodes[dot]) {
        let half = 0.3 * node.radius;
        all.push([-half, half].map(|d| [node.at[0] + d, node.at[1] + d]).to_vec());
    }
    all
}

/// Which of the lines that meet at a node go on as which: the straightest first.
fn pairs(graph: &Graph, node: usize, here: &[End]) -> Vec<(End, End)> {
    let lines: Vec<Line> = here.iter().map(|&end| graph.line(node, end)).collect();
    let mut candidates = Vec::new();
    for i in 0..lines.len() {
        for j in i + 1..lines.len() {
            let straight = straightness(lines[i], lines[j]);
            if straight > STRAIGHT {
                candidates.push((straight, i, j));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken = vec![false; here.len()];
    let mut pairs = Vec::new();
    for (_, i, j) in candidates {
        if !taken[i] && !taken[j] {
            (taken[i], taken[j]) = (true, true);
            pairs.push((here[i], here[j]));
        }
    }
    pairs
}

/// What an edge adds to a stroke that comes to it at `end`.
fn piece(graph: &Graph, ends: &[Vec<End>], partner: &[[Option<End>; 2]], e: usize, end: usize) -> Vec<Point> {
    let edge = &graph.edges[e];
    let points = edge.from(end);
    // Where the line leaves the first node's reach, and comes into the second one's.
    let outside = |side: usize| {
        let node = &graph.nodes[edge.nodes[side]];
        let cut = if ends[edge.nodes[side]].len() > 1 { node.reach } else { 0.0 };
        move |p: &Point| distance(*p, node.at) >= cut
    };
    let first = points.iter().position(outside(end)).unwrap_or(points.len());
    let last = points.iter().rposition(outside(1 - end)).map_or(0, |i| i + 1);
    let mut piece = points.get(first..last).unwrap_or_default().to_vec();
    if piece.is_empty() {
        piece.push(points[points.len() / 2]);
    }
    if partner[e][end].is_none() {
        piece.insert(0, tip(graph, ends, edge, end, &piece));
    }
    if partner[e][1 - end].is_none() {
        piece.reverse();
        let tip = tip(graph, ends, edge, 1 - end, &piece);
        piece.reverse();
        piece.push(tip);
    }
    piece
}

/// Where a stroke that begins with these points really begins: at the middle of the crossing, or nearer to the edge of the ink.
fn tip(graph: &Graph, ends: &[Vec<End>], edge: &Edge, end: usize, points: &[Point]) -> Point {
    let node = &graph.nodes[edge.nodes[end]];
    if ends[edge.nodes[end]].len() > 1 {
        return node.at;
    }
    let inner = leave(points, node.at, node.radius.max(4.0));
    let [dx, dy] = direction(inner, node.at);
    [node.at[0] + TIP * node.radius * dx, node.at[1] + TIP * node.radius * dy]
}

/// Points about a pixel apart, without the steps between pixels.
fn smooth(stroke: &[Point]) -> Vec<Point> {
    let mut dense: Vec<Point> = stroke.first().copied().into_iter().collect();
    for pair in stroke.windows(2) {
        let steps = distance(pair[0], pair[1]).ceil().max(1.0) as usize;
        dense.extend((1..=steps).map(|k| between(pair[0], pair[1], k as f32 / steps as f32)));
    }
    for _ in 0..8 {
        let middle = dense.windows(3).map(|w| between(w[1], between(w[0], w[2], 0.5), 0.5)).collect::<Vec<_>>();
        if let Some(inner) = dense.get_mut(1..middle.len() + 1) {
            inner.copy_from_slice(&middle);
        }
    }
    dense
}

/// The fewest points that stay within the tolerance, by Ramer, Douglas and Peucker's method.
fn simplify(points: &[Point]) -> Vec<Point> {
    let [first, .., last] = points else { return points.to_vec() };
    let off = |p: Point| {
        let along = direction(*first, *last);
        let t = dot([p[0] - first[0], p[1] - first[1]], along).clamp(0.0, distance(*first, *last));
        distance(p, [first[0] + t * along[0], first[1] + t * along[1]])
    };
    let worst = (0..points.len()).max_by(|&a, &b| off(points[a]).total_cmp(&off(points[b]))).unwrap_or(0);
    if off(points[worst]) <= TOLERANCE {
        return vec![*first, *last];
    }
    let mut kept = simplify(&points[..=worst]);
    kept.pop();
    kept.extend(simplify(&points[worst..]));
    kept
}
