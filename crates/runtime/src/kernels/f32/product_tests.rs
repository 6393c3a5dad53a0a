//! Every form of a matrix that multiplies a vector, on every instruction set.

use crate::isa::{IsaKind, Token};
use crate::kernels::kernel::{Extent, Io};
use crate::kernels::layer::{Layer, LayerKind};
use crate::kernels::registry::LAYER_KERNELS;
use crate::tensor::{Elements, Layout};
use crate::weights::{Matrix, Weight, WeightData};
use alloc::vec::Vec;

/// Centres and labels for the values of a sparse weight.
fn with_codebook(mut weight: Weight) -> Weight {
    let WeightData::Sparse { pattern, values } = weight.data else { panic!("not sparse") };
    let labels = (0..values.len()).map(|i| (i % 29) as u8).collect();
    let centres = (0..29).map(|i| i as f32 / 32.0 - 0.52).collect();
    weight.data = WeightData::Codebook { pattern, centres, labels };
    weight
}

#[test]
fn every_form_equals_the_naive_product_on_every_isa() {
    let mut state = 1u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut run: Vec<&str> = Vec::new();
    for (rows, columns) in [(1, 1), (5, 31), (31, 32), (33, 33), (64, 100), (70, 64), (130, 257)] {
        for keep in [0.0, 0.2, 0.9] {
            let values: Vec<f32> =
                (0..rows * columns).map(|_| if random().abs() < keep { random() } else { 0.0 }).collect();
            let mut vector = |n: usize| (0..n).map(|_| random()).collect::<Vec<f32>>();
            let (x, scale, bias, slope) = (vector(columns), vector(rows), vector(rows), vector(rows));
            let sparse = Weight::sparse("w", &[rows, columns], &values);
            for weight in [with_codebook(sparse.clone()), sparse] {
                let dense = weight.to_dense();
                for token in IsaKind::available().into_iter().filter_map(Token::new) {
                    let [src, dst] = [columns, rows].map(|features| Layout::tight(&[features]));
                    let layer = Layer {
                        kind: LayerKind::Linear,
                        matrix: Matrix::new(&weight, Some(scale.clone())),
                        bias: Some(bias.clone()),
                        slope: Some(slope.clone()),
                        src: &src,
                        dst: &dst,
                        reads: Elements::F32,
                        writes: Elements::F32,
                        pool: None,
                        recurrent: false,
                        token,
                    };
                    for form in LAYER_KERNELS.iter().filter(|kernel| (kernel.fits)(&layer)) {
                        run.push(form.name);
                        let kernel = (form.pack)(&layer);
                        let product = |backwards: bool| {
                            let mut found = alloc::vec![7.0; rows + 1];
                            let (state, scratch) = (&mut [][..], &mut [][..]);
                            let io = Io { src: &x, dst: &mut found, state, scratch, extent: Extent::Whole, backwards };
                            kernel.run(token, io);
                            found
                        };
                        let found = product(false);
                        assert_eq!(found, product(true), "{} backwards", form.name);
                        for row in 0..rows {
                            let products = dense[row * columns..][..columns].iter().zip(&x);
                            let sum: f64 = products.map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
                            let y = sum * f64::from(scale[row]) + f64::from(bias[row]);
                            let want = if y > 0.0 { y } else { f64::from(slope[row]) * y };
                            let difference = (f64::from(found[row]) - want).abs();
                            assert!(difference < 1e-5, "{} {:?} {rows}x{columns} {keep}", form.name, token.kind());
                        }
                        assert_eq!(found[rows], 7.0, "nothing beyond the rows is written");
                    }
                }
            }
        }
    }
    run.sort_unstable();
    run.dedup();
    assert_eq!(run, ["f32_gemv", "f32_gemv_u8", "f32_sell", "f32_spmm_strided", "f32_spmv"]);
}
