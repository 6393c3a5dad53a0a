//! Tests that train networks. They are one program: what trains is generic, and each program would compile it again.

mod crash;
mod export;
mod invariance;
mod large_set;
mod online;
mod pipeline;
mod stages;
mod toy;
mod toy_ink;
