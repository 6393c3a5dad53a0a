//! The plan as a table.

use super::Plan;
use super::step::Step;
use crate::shape::display;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

impl Plan {
    /// A table with a row a step: layer, kernel, element type, output shape, sparsity (share of zero weights), bytes of
    /// the packed weights, multiply-accumulates over all weights and over the non-zero ones; and the totals.
    ///
    /// What runs for each step of a sequence (`T` in the shapes) comes first, with the numbers of one step and a total of
    /// its own.
    pub fn describe(&self) -> String {
        let mut table = row(["layer", "kernel", "dtype", "output", "sparsity", "bytes", "dense_macs", "nonzero_macs"]);
        let (each, once) = self.steps.split_at(self.chunk_steps);
        if self.is_sequence() {
            self.describe_part(&mut table, each, "each step");
            self.describe_part(&mut table, once, "once");
        } else {
            self.describe_part(&mut table, once, "total");
        }
        let _ = writeln!(table, "arena {} bytes", self.arena_bytes()); // writing to a string cannot fail
        table
    }

    fn describe_part(&self, table: &mut String, steps: &[Step], total: &str) {
        let (mut bytes, mut dense_macs, mut nonzero_macs, mut weights, mut nonzeros) = (0, 0, 0, 0, 0);
        let sparsity = |nonzeros: usize, weights: usize| match weights {
            0 => String::new(),
            n => format!("{:.1} %", 100.0 * (1.0 - nonzeros as f64 / n as f64)),
        };
        for step in steps {
            let kernel = step.task.name(self.isa(), self.token.lanes());
            let (dtype, _) = kernel.split_once('_').unwrap_or((&kernel, ""));
            let output = display(&step.shape);
            let step_bytes = step.task.bytes();
            bytes += step_bytes;
            let step_bytes = format!("{step_bytes}");
            *table += &match &step.cost {
                None => row([&step.layer, &kernel, dtype, &output, "", &step_bytes, "", ""]),
                Some(cost) => {
                    dense_macs += cost.dense_macs;
                    nonzero_macs += cost.nonzero_macs;
                    weights += cost.weights;
                    nonzeros += cost.nonzeros;
                    row([
                        &step.layer,
                        &kernel,
                        dtype,
                        &output,
                        &sparsity(cost.nonzeros, cost.weights),
                        &step_bytes,
                        &format!("{}", cost.dense_macs),
                        &format!("{}", cost.nonzero_macs),
                    ])
                }
            };
        }
        *table += &row([
            total,
            "",
            "",
            "",
            &sparsity(nonzeros, weights),
            &format!("{bytes}"),
            &format!("{dense_macs}"),
            &format!("{nonzero_macs}"),
        ]);
    }
}

fn row(cells: [&str; 8]) -> String {
    let [layer, kernel, dtype, output, sparsity, bytes, dense, nonzero] = cells;
    let line =
        format!("{layer:<12} {kernel:<24} {dtype:<5} {output:>12} {sparsity:>8} {bytes:>10} {dense:>12} {nonzero:>12}");
    format!("{}\n", line.trim_end())
}
