//! Tests on the release itself, for those who have it.

use crate::largest_difference;
use crate::malformed::import_mutated;
use crate::reference::Reference;
use hccr_data::{CasiaFilter, load_gnt};
use hccr_interchange::scut::import;
use std::path::PathBuf;

/// The path that the environment variable `name` holds.
fn path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(name);
    if path.is_none() {
        println!("skipped: {name} is not set");
    }
    path.map(PathBuf::from)
}

/// The bytes of the release.
fn release() -> Option<Vec<u8>> {
    path("HCCR_RELEASED_MODEL").map(|p| std::fs::read(p).expect("HCCR_RELEASED_MODEL names a readable file"))
}

#[test]
fn release_has_the_known_figures() {
    let Some(bytes) = release() else { return };
    let model = import(&bytes).expect("the release");
    assert_eq!((model.weight_elements(), model.weight_nonzeros()), (8_157_920, 2_138_992));
    let costs = model.costs();
    let dense: u64 = costs.iter().map(|c| c.dense_macs).sum();
    let nonzero: u64 = costs.iter().map(|c| c.nonzero_macs).sum();
    assert_eq!((dense, nonzero), (151_996_928, 62_982_015));
}

#[test]
fn release_reads_characters_as_the_reference_does() {
    let (Some(bytes), Some(gnt)) = (release(), path("HCCR_GNT")) else { return };
    let model = import(&bytes).expect("the release");
    let reference = Reference::new(&model);
    let filter = CasiaFilter { classes: Some(model.labels().to_vec()), ..CasiaFilter::default() };
    let images = load_gnt(&[gnt], &filter, &|_| ()).expect("HCCR_GNT names GNT files");
    let images = images.subset(&(0..images.len().min(100)).collect::<Vec<_>>());
    let input = |i| images.image(i).iter().copied().map(f32::from).collect();
    let inputs: Vec<Vec<f32>> = (0..images.len()).map(input).collect();

    let want: Vec<_> = inputs.iter().map(|input| reference.run(input)).collect();
    let best = |logits: &[f64]| (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    let read =
        want.iter().zip(&images.labels).filter(|(logits, class)| best(logits) == Some(usize::from(**class))).count();
    assert!(read * 100 >= inputs.len() * 90, "{read} of {} characters read", inputs.len());

    for model in [&model, &hccr_graph_opt::optimize(&model)] {
        let difference = largest_difference(model, &inputs, &want);
        println!("largest difference of a logit on {} images: {difference:e}", inputs.len());
        assert!(difference < 1e-3, "logits differ by {difference}");
    }
}

#[test]
fn mutated_copies_of_the_release_are_refused_or_valid() {
    let Some(bytes) = release() else { return };
    import_mutated(&bytes, 200);
}
