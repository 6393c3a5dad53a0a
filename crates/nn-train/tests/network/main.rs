//! Tests of networks: gradients, training, evaluation. They are one program: layers are generic, and each program would compile
//! them again.

mod common;
mod gradients;
mod import;
mod sequences;
mod shares;
mod surgery;
mod training;
