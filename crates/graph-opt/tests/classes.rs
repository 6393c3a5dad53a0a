//! Cutting classes away from a model.

use hccr_graph_opt::{ClassesError, keep_classes};
use hccr_runtime::shape::LinearParams;
use hccr_runtime::{Model, ModelBuilder, Op, Pattern, Plan, Session, Weight, WeightData};
use std::sync::Arc;

const CLASSES: [char; 4] = ['一', '乙', '二', '十'];

/// A last layer of four classes whose weight is stored as `data`.
fn model(data: WeightData) -> Model {
    let mut b = ModelBuilder::new(&[3]);
    let weight = b.weight(Weight::new("fc.weight", &[4, 3], data));
    let bias = Some(b.dense("fc.bias", &[4], vec![0.1, 0.2, 0.3, 0.4]));
    let params = LinearParams { in_features: 3, out_features: 4 };
    b.push("fc", Op::Linear { params, weight, scale: None, bias, prelu: None });
    b.set_labels(CLASSES.to_vec());
    b.set_temperature(Some(1.5));
    b.finish().unwrap()
}

fn forms() -> [Model; 3] {
    let values: Vec<f32> = vec![1.0, 0.0, -2.0, 0.0, 0.0, 0.0, -2.0, 1.0, 0.0, 1.0, 1.0, 1.0];
    let pattern = || Pattern::from_mask(values.iter().map(|&v| v != 0.0), 3);
    let kept: Vec<f32> = values.iter().copied().filter(|&v| v != 0.0).collect();
    let labels = kept.iter().map(|&v| u8::from(v > 0.0)).collect();
    [
        WeightData::Dense(values.clone()),
        WeightData::Sparse { pattern: pattern(), values: kept },
        WeightData::Codebook { pattern: pattern(), centres: vec![-2.0, 1.0], labels },
    ]
    .map(model)
}

fn logits(model: &Model) -> Vec<f32> {
    Session::new(Arc::new(Plan::new(model).unwrap())).run(&[0.5, 2.0, -1.0]).unwrap().to_vec()
}

#[test]
fn the_logits_of_the_classes_kept_stay() {
    for model in forms() {
        let (all, cut) = (logits(&model), keep_classes(&model, &['十', '乙']).unwrap());
        assert_eq!(logits(&cut), [all[3], all[1]]);
        assert_eq!((cut.labels(), cut.temperature()), (&['十', '乙'][..], Some(1.5)));
        assert!(cut.to_bytes().len() < model.to_bytes().len());
        assert_eq!(keep_classes(&model, &CLASSES).unwrap(), model);
    }
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let [dense, ..] = forms();
    assert_eq!(keep_classes(&dense, &['一', '永']), Err(ClassesError::Unknown('永')));
    assert_eq!(keep_classes(&dense, &[]), Err(ClassesError::Characters));
    assert_eq!(keep_classes(&dense, &['一', '一']), Err(ClassesError::Characters));
    let mut b = dense.edit();
    b.push("softmax", Op::Softmax);
    let softmax = b.last();
    b.set_outputs(vec![softmax]);
    assert_eq!(keep_classes(&b.finish().unwrap(), &['一']), Err(ClassesError::LastLayer));
}
