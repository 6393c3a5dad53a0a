//! The plan as a table.

use super::plan::Plan;
use crate::compile::PlannedLayer;
use crate::tensor::shape::display;
use alloc::format;
use alloc::string::String;
use core::fmt;

impl fmt::Display for Plan {
    /// A table with a row per layer: layer, kernel, element type, output shape, sparsity (share of zero weights), bytes of the
    /// packed weights, multiply-accumulates over all weights and over the non-zero ones; and the totals.
    ///
    /// What runs for each time step of a sequence (`T` in the shapes) comes first, with the numbers of one step and a total of
    /// its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, ["layer", "kernel", "dtype", "output", "sparsity", "bytes", "dense_macs", "nonzero_macs"])?;
        writeln!(f)?;
        let (each, once) = self.layers().split_at(self.chunk_layers());
        if self.is_sequence() {
            part(f, each, "each step")?;
            part(f, once, "once")?;
        } else {
            part(f, once, "total")?;
        }
        writeln!(f, "arena {} bytes", self.arena_bytes())
    }
}

impl fmt::Display for PlannedLayer {
    /// Its row of the plan's table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (output, bytes) = (display(&self.output), format!("{}", self.weight_bytes));
        let [sparsity, dense, nonzero] = self.cost.as_ref().map_or_else(Default::default, |cost| {
            let sparsity = sparsity(cost.nonzeros, cost.weights);
            [sparsity, format!("{}", cost.dense_macs), format!("{}", cost.nonzero_macs)]
        });
        row(f, [&self.name, &self.kernel, self.dtype(), &output, &sparsity, &bytes, &dense, &nonzero])
    }
}

/// The rows of `layers`, and their total.
fn part(f: &mut fmt::Formatter<'_>, layers: &[PlannedLayer], total: &str) -> fmt::Result {
    layers.iter().try_for_each(|layer| writeln!(f, "{layer}"))?;
    let costs = || layers.iter().filter_map(|layer| layer.cost.as_ref());
    let bytes: usize = layers.iter().map(|layer| layer.weight_bytes).sum();
    let [nonzeros, weights] = [costs().map(|cost| cost.nonzeros).sum(), costs().map(|cost| cost.weights).sum()];
    let macs: [u64; 2] = [costs().map(|cost| cost.dense_macs).sum(), costs().map(|cost| cost.nonzero_macs).sum()];
    let [dense, nonzero] = macs.map(|macs| format!("{macs}"));
    row(f, [total, "", "", "", &sparsity(nonzeros, weights), &format!("{bytes}"), &dense, &nonzero])?;
    writeln!(f)
}

fn sparsity(nonzeros: usize, weights: usize) -> String {
    match weights {
        0 => String::new(),
        n => format!("{:.1} %", 100.0 * (1.0 - nonzeros as f64 / n as f64)),
    }
}

fn row(f: &mut fmt::Formatter<'_>, cells: [&str; 8]) -> fmt::Result {
    let [layer, kernel, dtype, output, sparsity, bytes, dense, nonzero] = cells;
    let line =
        format!("{layer:<12} {kernel:<24} {dtype:<5} {output:>12} {sparsity:>8} {bytes:>10} {dense:>12} {nonzero:>12}");
    f.write_str(line.trim_end())
}
