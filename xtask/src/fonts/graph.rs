//! The lines of a thinned glyph as a graph, without what thinning adds to the strokes.

use super::{
    raster::Bitmap,
    thin::{depth, thin},
};

pub(super) type Point = [f32; 2];

/// Where lines end or meet.
pub(super) struct Node {
    pub(super) at: Point,
    /// Half the width of the ink here.
    pub(super) radius: f32,
    /// How far from here thinning may have bent the lines.
    pub(super) reach: f32,
}

/// A line from one node to another.
pub(super) struct Edge {
    pub(super) nodes: [usize; 2],
    /// At least one.
    pub(super) points: Vec<Point>,
}

/// An end of an edge: the edge's number, and 0 for its first point or 1 for its last.
pub(super) type End = (usize, usize);

/// A line out of a node: where it can be trusted from, and its direction there.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) start: Point,
    pub(super) heading: Point,
}

pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// The numbers of the nodes that are single pixels, with no line to them.
    pub(super) dots: Vec<usize>,
}

/// A branch this many radii long is a corner of the ink, not a stroke.
const SPUR: f32 = 1.5;
/// Junctions closer than the sum of their radii, times this, are one crossing.
const NEAR: f32 = 0.6;
/// So are junctions closer than this times the sum, if both pairs of lines go on across them, turning less than this (a cosine).
const OBLIQUE: f32 = 2.0;
const CROSS: f32 = 0.9;

impl Graph {
    /// The graph of the strokes of some ink.
    pub(super) fn of(ink: &Bitmap) -> Self {
        let mut graph = Self::new(&thin(ink), &depth(ink));
        graph.prune();
        graph.contract();
        graph
    }

    /// The graph of lines one pixel wide; `depth` is half the width of the ink everywhere.
    fn new(lines: &Bitmap, depth: &[f32]) -> Self {
        let mut graph = Self { nodes: Vec::new(), edges: Vec::new(), dots: Vec::new() };
        let mut walked = vec![false; lines.ink.len()];
        let mut node_of = vec![usize::MAX; lines.ink.len()];
        let starts: Vec<usize> =
            (0..lines.ink.len()).filter(|&i| lines.ink[i] && joined(lines, i).count() != 2).collect();
        for &i in &starts {
            node_of[i] = graph.add_node(lines, depth, i);
            walked[i] = true;
        }
        for &start in &starts {
            for next in joined(lines, start) {
                graph.walk(lines, &node_of, &mut walked, start, next);
            }
        }
        // What is left are closed curves without a node.
        for i in 0..walked.len() {
            if lines.ink[i] && !walked[i] {
                node_of[i] = graph.add_node(lines, depth, i);
                walked[i] = true;
                if let Some(next) = joined(lines, i).next() {
                    graph.walk(lines, &node_of, &mut walked, i, next);
                }
            }
        }
        let ends = graph.ends();
        graph.dots = (0..ends.len()).filter(|&node| ends[node].is_empty()).collect();
        graph
    }

    fn add_node(&mut self, lines: &Bitmap, depth: &[f32], i: usize) -> usize {
        self.nodes.push(Node { at: position(lines, i), radius: depth[i], reach: depth[i] });
        self.nodes.len() - 1
    }

    /// Adds the edge from node `start` by way of `next`, unless it is there.
    fn walk(&mut self, lines: &Bitmap, node_of: &[usize], walked: &mut [bool], start: usize, next: usize) {
        let (mut last, mut i) = (start, next);
        if if node_of[i] == usize::MAX { walked[i] } else { i < start } {
            return;
        }
        let mut points = vec![position(lines, start), position(lines, i)];
        while node_of[i] == usize::MAX {
            walked[i] = true;
            let Some(on) = joined(lines, i).find(|&n| n != last) else { break };
            (last, i) = (i, on);
            points.push(position(lines, i));
        }
        self.edges.push(Edge { nodes: [node_of[start], node_of[i]], points });
    }

    /// The ends of edges at each node.
    pub(super) fn ends(&self) -> Vec<Vec<End>> {
        let mut ends = vec![Vec::new(); self.nodes.len()];
        for (e, edge) in self.edges.iter().enumerate() {
            ends[edge.nodes[0]].push((e, 0));
            ends[edge.nodes[1]].push((e, 1));
        }
        ends
    }

    /// Takes away the short branches that thinning grows into the corners of thick ink.
    fn prune(&mut self) {
        loop {
            let ends = self.ends();
            let mut gone = vec![false; self.edges.len()];
            for (node, here) in ends.iter().enumerate().filter(|(_, here)| here.len() > 2) {
                let limit = SPUR * self.nodes[node].radius;
                let spur = |&&(e, side): &&End| {
                    let edge = &self.edges[e];
                    let far = edge.nodes[1 - side];
                    ends[far].len() == 1 && length(&edge.points) + 0.5 * self.nodes[far].radius < limit
                };
                let mut spurs: Vec<(usize, f32)> =
                    here.iter().filter(spur).map(|&(e, _)| (e, length(&self.edges[e].points))).collect();
                if spurs.len() == here.len() {
                    // Of a blot, the longest two stay.
                    spurs.sort_by(|a, b| a.1.total_cmp(&b.1));
                    spurs.truncate(here.len() - 2);
                }
                spurs.iter().for_each(|&(e, _)| gone[e] = true);
            }
            if !gone.contains(&true) {
                break;
            }
            let mut gone = gone.iter();
            self.edges.retain(|_| gone.next() == Some(&false));
            self.join();
        }
    }

    /// Makes one edge of two wherever no more than two meet.
    fn join(&mut self) {
        let two = |here: &Vec<End>| match here[..] {
            [first, second] if first.0 != second.0 => Some((first, second)),
            _ => None,
        };
        while let Some(((a, a_end), (b, b_end))) = self.ends().iter().find_map(two) {
            let nodes = [self.edges[a].nodes[1 - a_end], self.edges[b].nodes[1 - b_end]];
            let mut points = self.edges[a].from(1 - a_end);
            points.extend(self.edges[b].from(b_end));
            self.edges[a] = Edge { nodes, points };
            self.edges.swap_remove(b);
        }
    }

    /// Whether two lines cross at an angle so small that edge `e` is what they share.
    fn crosses(&self, e: usize, ends: &[Vec<End>]) -> bool {
        let [a, b] = self.edges[e].nodes;
        let others = |node: usize| -> Vec<Line> {
            ends[node].iter().filter(|end| end.0 != e).map(|&end| self.line(node, end)).collect()
        };
        let ([p, q], [r, s]) = (&others(a)[..], &others(b)[..]) else { return false };
        let both = |r, s| straightness(*p, r).min(straightness(*q, s)) > CROSS;
        both(*r, *s) || both(*s, *r)
    }

    /// The line that goes out of a node along an end of an edge.
    pub(super) fn line(&self, node: usize, (e, end): End) -> Line {
        let node = &self.nodes[node];
        let points = self.edges[e].from(end);
        let start = leave(&points, node.at, node.reach);
        let far = leave(&points, node.at, node.reach + node.radius.max(6.0));
        let start = if distance(start, far) < 3.0 { node.at } else { start };
        Line { start, heading: direction(start, far) }
    }

    /// Makes one crossing of two junctions that the same ink covers.
    fn contract(&mut self) {
        loop {
            let ends = self.ends();
            let short = |e: usize| {
                let edge = &self.edges[e];
                let [a, b] = edge.nodes;
                if a == b || ends[a].len() < 3 || ends[b].len() < 3 {
                    return false;
                }
                let apart = length(&edge.points) / (self.nodes[a].radius + self.nodes[b].radius);
                apart < NEAR || apart < OBLIQUE && self.crosses(e, &ends)
            };
            let shortest = (0..self.edges.len()).filter(|&e| short(e));
            let shortest =
                shortest.min_by(|&a, &b| length(&self.edges[a].points).total_cmp(&length(&self.edges[b].points)));
            let Some(e) = shortest else { break };
            let [a, b] = self.edges.swap_remove(e).nodes;
            let apart = distance(self.nodes[a].at, self.nodes[b].at);
            let (first, second) = (&self.nodes[a], &self.nodes[b]);
            self.nodes[a] = Node {
                at: between(first.at, second.at, 0.5),
                radius: first.radius.max(second.radius),
                reach: first.reach.max(second.reach) + apart / 2.0,
            };
            let reach = self.nodes[a].reach;
            for edge in &mut self.edges {
                edge.nodes.iter_mut().filter(|node| **node == b).for_each(|node| *node = a);
            }
            self.edges.retain(|edge| edge.nodes != [a, a] || length(&edge.points) > 4.0 * reach);
        }
        self.join();
    }
}

impl Edge {
    /// The points, beginning at that end.
    pub(super) fn from(&self, end: usize) -> Vec<Point> {
        let mut points = self.points.clone();
        if end == 1 {
            points.reverse();
        }
        points
    }
}

fn position(lines: &Bitmap, i: usize) -> Point {
    [(i % lines.width) as f32 + 0.5, (i / lines.width) as f32 + 0.5]
}

/// The pixels a line goes on to from pixel `i`: a diagonal one only where no straight one leads there.
fn joined(lines: &Bitmap, i: usize) -> impl Iterator<Item = usize> {
    let around = lines.neighbours(i);
    let ink = around.map(|n| lines.ink[n]);
    (0..8).filter(move |&k| ink[k] && (k % 2 == 0 || !(ink[k - 1] || ink[(k + 1) % 8]))).map(move |k| around[k])
}

pub(super) fn distance(a: Point, b: Point) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

pub(super) fn length(points: &[Point]) -> f32 {
    points.windows(2).map(|pair| distance(pair[0], pair[1])).sum()
}

pub(super) fn between(a: Point, b: Point, t: f32) -> Point {
    [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
}

/// The first point of a line that is so far from `centre`; its last one if none is.
pub(super) fn leave(points: &[Point], centre: Point, reach: f32) -> Point {
    let far = points.iter().find(|&&p| distance(p, centre) >= reach);
    far.or(points.last()).copied().unwrap_or(centre)
}

pub(super) fn direction(from: Point, to: Point) -> Point {
    let length = distance(from, to).max(1e-3);
    [(to[0] - from[0]) / length, (to[1] - from[1]) / length]
}

pub(super) fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

/// How straight one line goes on as the other: the cosine of the sharpest turn on the way.
pub(super) fn straightness(a: Line, b: Line) -> f32 {
    let straight = -dot(a.heading, b.heading);
    if distance(a.start, b.start) <= 3.0 {
        return straight;
    }
    let across = direction(a.start, b.start);
    straight.min(-dot(a.heading, across)).min(dot(b.heading, across))
}
