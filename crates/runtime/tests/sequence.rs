//! Networks over sequences: LSTMs against a plain reference in `f64`, streaming, errors.

mod common;

use common::{Rng, assert_close};
use hccr_runtime::shape::{LinearParams, LstmParams, MAX_ELEMENTS, STEPS};
use hccr_runtime::{
    IsaKind, Model, ModelBuilder, Op, Plan, PlanError, RunError, SequenceSession, SequenceState, Session, ValueId,
    Weight, WeightData, WeightId,
};
use std::sync::Arc;

const FEATURES: usize = 6;
const CLASSES: usize = 70;

/// How a network's matrices are made.
#[derive(Clone, Copy, Debug)]
struct Form {
    hidden: [usize; 2],
    rank: Option<usize>,
    density: f64,
    codebook: bool,
}

const FORMS: [Form; 5] = [
    Form { hidden: [20, 33], rank: None, density: 1.0, codebook: false },
    Form { hidden: [1, 304], rank: None, density: 0.1, codebook: false },
    Form { hidden: [17, 48], rank: Some(7), density: 1.0, codebook: false },
    Form { hidden: [40, 400], rank: Some(200), density: 0.1, codebook: false },
    Form { hidden: [24, 50], rank: Some(12), density: 0.4, codebook: true },
];

fn matrix(rng: &mut Rng, form: &Form, name: &str, shape: [usize; 2]) -> Weight {
    // Such that the gates see values of about unit size.
    let gain = 2.0 / (shape[1] as f32 * form.density as f32).sqrt();
    let values: Vec<f32> = rng.sparse_values(shape[0] * shape[1], form.density).iter().map(|v| gain * v).collect();
    let mut weight = Weight::sparse(name, &shape, &values);
    if form.codebook {
        let WeightData::Sparse { pattern, values } = weight.data else { unreachable!("made sparse") };
        let labels = values.iter().map(|v| (v / gain * 8.0 + 8.0) as u8).collect();
        let centres = (0..16).map(|i| gain * (i as f32 - 7.5) / 8.0).collect();
        weight.data = WeightData::Codebook { pattern, centres, labels };
    } else if form.density == 1.0 {
        weight.data = WeightData::Dense(values);
    }
    weight
}

fn linear(b: &mut ModelBuilder, rng: &mut Rng, form: &Form, name: &str, [rows, columns]: [usize; 2], bias: bool) {
    let weight = b.weight(matrix(rng, form, name, [rows, columns]));
    let bias = bias.then(|| b.dense("bias", &[rows], rng.values(rows)));
    let params = LinearParams { in_features: columns, out_features: rows };
    b.push(name, Op::Linear { params, weight, scale: None, bias, prelu: None });
}

/// Two LSTMs, the mean of the second over time, and a fully connected layer; matrices in factors where `form` has a rank.
fn network(form: &Form) -> Model {
    let mut rng = Rng(form.hidden[1] as u64);
    let mut b = ModelBuilder::new(&[STEPS, FEATURES]);
    let mut features = FEATURES;
    for (layer, hidden) in form.hidden.into_iter().enumerate() {
        let rank = form.rank.map(|rank| rank.min(hidden));
        if let Some(rank) = rank.filter(|_| layer > 0) {
            linear(&mut b, &mut rng, form, "x_v", [rank, features], false);
            linear(&mut b, &mut rng, form, "x_u", [4 * hidden, rank], true);
        } else {
            linear(&mut b, &mut rng, form, "x", [4 * hidden, features], true);
        }
        let project = rank.map(|rank| b.weight(matrix(&mut rng, form, "h_v", [rank, hidden])));
        let recurrent = b.weight(matrix(&mut rng, form, "h", [4 * hidden, rank.unwrap_or(hidden)]));
        b.push("lstm", Op::Lstm { params: LstmParams { hidden_size: hidden, rank }, project, recurrent });
        b.push("dropout", Op::Dropout { probability: 0.2 });
        features = hidden;
    }
    b.push("mean", Op::MeanOverTime);
    linear(&mut b, &mut rng, form, "fc", [CLASSES, features], true);
    b.finish().unwrap()
}

/// The plainest way to run `model` over the rows of a sequence.
fn reference(model: &Model, rows: &[f32]) -> Vec<f32> {
    let weights: Vec<_> = model.weights().iter().map(Weight::to_dense).collect();
    let times = |id: &WeightId, x: &[f64]| -> Vec<f64> {
        let dot = |row: &[f32]| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum();
        weights[id.index()].chunks(x.len()).map(dot).collect()
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut values: Vec<Vec<f64>> =
        rows.chunks(FEATURES).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
    for node in model.nodes() {
        match &node.op {
            Op::Linear { weight, bias, .. } => {
                let bias = bias.map(|id| model.weight(id).to_dense());
                for x in &mut values {
                    *x = times(weight, x);
                    let bias = bias.iter().flatten();
                    x.iter_mut().zip(bias).for_each(|(x, &b)| *x += f64::from(b));
                }
            }
            Op::Lstm { params, project, recurrent } => {
                let n = params.hidden_size;
                let (mut h, mut c) = (vec![0.0; n], vec![0.0; n]);
                for x in &mut values {
                    let inner = project.as_ref().map_or_else(|| h.clone(), |id| times(id, &h));
                    let gates = times(recurrent, &inner);
                    let gate = |k: usize, j: usize| x[k * n + j] + gates[k * n + j];
                    for j in 0..n {
                        c[j] = sigmoid(gate(1, j)) * c[j] + sigmoid(gate(0, j)) * gate(2, j).tanh();
                        h[j] = sigmoid(gate(3, j)) * c[j].tanh();
                    }
                    *x = h.clone();
                }
            }
            Op::MeanOverTime => {
                let sum = |j: usize| values.iter().map(|x| x[j]).sum::<f64>();
                values = vec![(0..values[0].len()).map(|j| sum(j) / values.len() as f64).collect()];
            }
            Op::Dropout { .. } => {}
            op => unreachable!("{} is not in these networks", op.name()),
        }
    }
    values[0].iter().map(|&x| x as f32).collect()
}

fn session(model: &Model, isa: IsaKind) -> Session {
    Session::new(Arc::new(Plan::with_isa(model, isa).unwrap()))
}

fn streaming(session: &Session) -> SequenceSession {
    SequenceSession::new(session.plan().clone()).unwrap()
}

#[test]
fn every_form_equals_the_reference_on_every_isa() {
    for form in &FORMS {
        let model = network(form);
        for steps in [1, 17, 64, 70] {
            let rows = Rng(steps as u64).values(steps * FEATURES);
            let want = reference(&model, &rows);
            for isa in IsaKind::available() {
                let found = session(&model, isa).run(&rows).unwrap().to_vec();
                assert_close(&found, &want, 1e-5, &format!("{isa} {form:?}, {steps} steps"));
            }
        }
    }
}

#[test]
fn a_long_sequence_keeps_its_precision() {
    let model = network(&FORMS[0]);
    let rows = Rng(3).values(20_000 * FEATURES);
    let found = session(&model, IsaKind::Scalar).run(&rows).unwrap().to_vec();
    assert_close(&found, &reference(&model, &rows), 1e-4, "20,000 steps");
}

#[test]
fn forms_run_on_the_kernels_meant_for_them() {
    let kernels = |form: &Form| Plan::with_isa(&network(form), IsaKind::Scalar).unwrap().to_string();
    assert!(kernels(&FORMS[0]).contains("f32_lstm_gemv_scalar"));
    assert!(kernels(&FORMS[1]).contains("f32_lstm_spmv_scalar"));
    assert!(kernels(&FORMS[2]).contains("f32_lstm_gemv.gemv_scalar"));
    let table = kernels(&FORMS[3]);
    assert!(table.contains("f32_lstm_gemv.spmv_scalar") && table.contains("f32_spmm_"), "{table}");
    assert!(table.contains("Tx1600") && table.contains("f32_sum") && table.contains("f32_mean"), "{table}");
}

#[test]
fn the_bits_do_not_depend_on_how_steps_are_cut() {
    for form in &FORMS {
        let model = network(form);
        let rows = Rng(9).values(133 * FEATURES);
        for isa in IsaKind::available() {
            let mut whole = session(&model, isa);
            let mut session = streaming(&whole);
            let want = whole.run(&rows).unwrap().to_vec();
            for part in [1, 3, 16, 64, 70] {
                session.reset();
                for (i, part) in rows.chunks(part * FEATURES).enumerate() {
                    session.push(part).unwrap();
                    if i % 4 == 1 {
                        session.answer().unwrap(); // does not disturb what follows
                    }
                }
                assert_eq!(session.steps(), 133);
                assert_eq!(session.answer().unwrap(), want, "{isa} {form:?}, parts of {part}");
                assert_eq!(session.output(0), Some(&want[..]));
            }
        }
    }
}

#[test]
fn prefixes_answer_as_if_run_alone() {
    let model = network(&FORMS[3]);
    let rows = Rng(2).values(20 * FEATURES);
    let mut once = session(&model, IsaKind::available()[0]);
    let mut streamed = streaming(&once);
    for (i, row) in rows.chunks(FEATURES).enumerate() {
        streamed.push(row).unwrap();
        assert_eq!(streamed.answer(), once.run(&rows[..(i + 1) * FEATURES]), "{} steps", i + 1);
    }
}

#[test]
fn a_saved_state_is_a_point_to_come_back_to() {
    let model = network(&FORMS[4]);
    let rows = Rng(5).values(30 * FEATURES);
    let (first, rest) = rows.split_at(11 * FEATURES);
    let mut whole = session(&model, IsaKind::available()[0]);
    let want = [whole.run(first).unwrap().to_vec(), whole.run(&rows).unwrap().to_vec()];
    let mut state = SequenceState::default();
    let mut session = streaming(&whole);
    session.push(first).unwrap();
    session.save(&mut state);
    assert_eq!(state.steps(), 11);
    for _ in 0..2 {
        session.push(rest).unwrap();
        assert_eq!(session.answer().unwrap(), want[1]);
        session.restore(&state).unwrap();
        assert_eq!(session.answer().unwrap(), want[0]);
    }
    // Another session of the plan goes on from there; the default state is the start.
    let mut other = streaming(&whole);
    other.restore(&state).unwrap();
    other.push(rest).unwrap();
    assert_eq!(other.answer().unwrap(), want[1]);
    other.restore(&SequenceState::default()).unwrap();
    assert_eq!(other.answer(), Err(RunError::EmptySequence));
    other.push(&rows).unwrap();
    assert_eq!(other.answer().unwrap(), want[1]);
}

#[test]
fn wrong_steps_are_refused_and_change_nothing() {
    let model = network(&FORMS[0]);
    let mut whole = session(&model, IsaKind::available()[0]);
    let mut session = streaming(&whole);
    assert_eq!(whole.run(&[]), Err(RunError::EmptySequence));
    assert_eq!(session.answer(), Err(RunError::EmptySequence));
    let rows = Rng(5).values(4 * FEATURES);
    let want = whole.run(&rows).unwrap().to_vec();
    session.push(&rows).unwrap();
    assert_eq!(session.push(&rows[1..]), Err(RunError::StepLength { features: 6, found: 23 }));
    assert_eq!(whole.run(&rows[1..]), Err(RunError::StepLength { features: 6, found: 23 }));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut rows = rows.clone();
        rows[17] = bad;
        assert_eq!(session.push(&rows), Err(RunError::NonFiniteInput { index: 17 }));
    }
    session.push(&[]).unwrap();
    assert_eq!(session.answer().unwrap(), want);
    session.push(&[f32::MAX; FEATURES]).unwrap(); // sums overflow, and nothing panics
    session.answer().unwrap();

    let mut state = SequenceState::default();
    session.save(&mut state);
    let mut other = streaming(&self::session(&network(&FORMS[1]), IsaKind::Scalar));
    assert_eq!(other.restore(&state), Err(RunError::ForeignState));
}

#[test]
fn an_image_is_not_a_sequence() {
    let mut b = ModelBuilder::new(&[2]);
    b.push("identity", Op::Identity);
    let session = session(&b.finish().unwrap(), IsaKind::Scalar);
    assert_eq!(SequenceSession::new(session.plan().clone()).unwrap_err(), RunError::NotASequence);
}

#[test]
fn vectors_and_steps_go_through_the_same_operations() {
    // Normalization and PRelu on each step, branches, two means, a softmax after one of them.
    let mut b = ModelBuilder::new(&[STEPS, 2]);
    let [mean, scale] = [vec![1.0, 2.0], vec![3.0, -1.0]].map(|values| b.dense("vector", &[2], values));
    b.push("norm", Op::BatchNorm { mean, scale, shift: None });
    b.push("prelu", Op::PRelu { slope: scale });
    b.push("mean", Op::MeanOverTime);
    b.push("softmax", Op::Softmax);
    b.push_from(ValueId(1), "mean of the norm", Op::MeanOverTime);
    b.set_outputs(vec![ValueId(5), ValueId(3), ValueId(4)]);
    let model = b.finish().unwrap();
    for isa in IsaKind::available() {
        let mut session = session(&model, isa);
        // Normalized: (0, -4), (6, 4), (-9, 0).
        assert_eq!(session.run(&[1.0, 6.0, 3.0, -2.0, -2.0, 2.0]).unwrap(), [-1.0, 0.0], "{isa}");
        assert_eq!(session.output(1).unwrap(), [-7.0, 8.0 / 3.0], "{isa}");
        assert!((session.output(2).unwrap().iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}

/// What validation says about a model of the operations over a sequence of eight features.
fn refusal(build: impl FnOnce(&mut ModelBuilder)) -> String {
    let mut b = ModelBuilder::new(&[STEPS, 8]);
    build(&mut b);
    b.finish().expect_err("an invalid model").to_string()
}

#[test]
fn invalid_sequence_models_are_refused() {
    let lstm = |hidden_size: usize, rank: Option<usize>, projected: bool| {
        refusal(move |b| {
            let project = projected.then(|| b.dense("v", &[1, 2], vec![0.0; 2]));
            let recurrent = b.dense("u", &[8, 2], vec![0.0; 16]);
            b.push("lstm", Op::Lstm { params: LstmParams { hidden_size, rank }, project, recurrent });
            b.push("mean", Op::MeanOverTime);
        })
    };
    assert!(lstm(3, None, false).contains("four gates"));
    assert!(lstm(usize::MAX / 2 + 1, None, false).contains("four gates"));
    assert!(lstm(2, Some(1), false).contains("without a factor"));
    assert!(lstm(2, Some(0), true).contains("rank 0"));
    assert!(lstm(2, Some(3), true).contains("rank 3"));
    assert!(lstm(2, None, true).contains("without a rank"));
    assert!(lstm(2, Some(1), true).contains("'u' has shape 8x2, expected 8x1"));
    assert!(
        refusal(|b| {
            b.push("softmax", Op::Softmax);
            b.push("mean", Op::MeanOverTime);
        })
        .contains("a sequence")
    );
    assert!(
        refusal(|b| {
            b.push("flatten", Op::Flatten);
        })
        .contains("a sequence")
    );
    assert!(
        refusal(|b| {
            b.push("identity", Op::Identity);
        })
        .contains("cannot be an output")
    );
    assert!(
        refusal(|b| {
            b.push("mean", Op::MeanOverTime);
            b.push("again", Op::MeanOverTime);
        })
        .contains("8 is not")
    );
    let mut labels = mean_of(&[STEPS, 8]);
    labels.set_labels(vec!['一'; 7]);
    assert!(labels.finish().is_err());
    assert!(mean_of(&[STEPS, 0]).finish().is_err());
    assert!(mean_of(&[STEPS, MAX_ELEMENTS + 1]).finish().is_err());
    let two = ModelBuilder::with_inputs(vec![vec![STEPS, 8], vec![3]]);
    assert!(two.finish().expect_err("two inputs").to_string().contains("only input"));
}

fn mean_of(input: &[usize]) -> ModelBuilder {
    let mut b = ModelBuilder::new(input);
    b.push("mean", Op::MeanOverTime);
    b
}

#[test]
fn models_made_to_exhaust_memory_are_refused() {
    assert!(matches!(Plan::new(&mean_of(&[STEPS, 1 << 28]).finish().unwrap()), Err(PlanError::TooLarge { .. })));
    // An LSTM of rank one whose state exceeds the sparse kernels' indices.
    let hidden_size = 1 << 17;
    let mut b = ModelBuilder::new(&[STEPS, 4 * hidden_size]);
    let project = Some(b.weight(Weight::sparse("v", &[1, hidden_size], &vec![0.0; hidden_size])));
    let recurrent = b.weight(Weight::sparse("u", &[4 * hidden_size, 1], &vec![0.0; 4 * hidden_size]));
    b.push("lstm", Op::Lstm { params: LstmParams { hidden_size, rank: Some(1) }, project, recurrent });
    b.push("mean", Op::MeanOverTime);
    assert!(matches!(Plan::new(&b.finish().unwrap()), Err(PlanError::TooLarge { .. })));
}

#[test]
fn costs_are_those_of_one_step() {
    let form = Form { hidden: [4, 10], rank: Some(3), density: 1.0, codebook: false };
    let model = network(&form);
    let costs: Vec<_> = model.costs().into_iter().map(|c| (c.per_step, c.dense_macs, c.runs(2.5))).collect();
    let want = [
        (true, 16 * 6, 2.5),
        (true, 3 * 4 + 16 * 3, 2.5),
        (true, 3 * 4, 2.5),
        (true, 40 * 3, 2.5),
        (true, 3 * 10 + 40 * 3, 2.5),
        (false, 70 * 10, 1.0),
    ];
    assert_eq!(costs, want);
    let elements = 96 + 60 + 12 + 120 + 150 + 700;
    assert_eq!((model.weight_elements(), model.weight_nonzeros()), (elements, elements));
    let table = Plan::new(&model).unwrap().to_string();
    let macs = |line: &str| {
        let line = table.lines().find(|l| l.starts_with(line)).unwrap();
        line.split_whitespace().last().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!((macs("each step"), macs("once")), (elements - 700, 700));
}
