//! A run allocates nothing, nor does a step of a sequence.

use hccr_runtime::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams, STEPS};
use hccr_runtime::{Batch, IsaKind, Job, Model, ModelBuilder, Op, Plan, SequenceSession, SequenceState, Session};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// Those of this thread: the harness has one of its own, which allocates now and then.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands every request on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_run_allocates_nothing() {
    for isa in IsaKind::available() {
        for model in [images(false), images(true)] {
            let plan = Plan::with_isa(&model, isa).unwrap();
            let (table, is_bytes) = (plan.to_string(), model.nodes().len() > 7);
            assert_eq!(table.contains("u8_gemv"), is_bytes, "{table}");
            assert_eq!(table.contains("u8_spmv"), is_bytes && isa == IsaKind::Avx512, "{table}");
            let plan = Arc::new(plan);
            let mut session = Session::new(Arc::clone(&plan));
            let input = [0.25; 144];
            let (mut batch, inputs, mut outputs) = (Batch::new(plan, 2).unwrap(), [0.25; 19 * 144], [0.0; 19 * 144]);
            let before = ALLOCATIONS.get();
            for _ in 0..3 {
                session.run(&input).unwrap();
                batch.jobs(&inputs, &mut outputs).unwrap().for_each(Job::run);
            }
            assert_eq!(ALLOCATIONS.get(), before, "{isa}");
        }

        let plan = Arc::new(Plan::with_isa(&sequence(), isa).unwrap());
        let mut whole = Session::new(Arc::clone(&plan));
        let mut session = SequenceSession::new(plan).unwrap();
        let mut state = SequenceState::default();
        session.push(&[0.5; 6]).unwrap();
        session.save(&mut state); // the first time allocates
        let before = ALLOCATIONS.get();
        for steps in [1, 16, 40] {
            session.push(&[0.25; 6 * 40][..6 * steps]).unwrap();
            session.answer().unwrap();
            session.restore(&state).unwrap();
            session.save(&mut state);
            whole.run(&[0.75; 6]).unwrap();
        }
        assert_eq!(ALLOCATIONS.get(), before, "{isa}");
    }
}

/// Layers with dense and sparse weights, in `f32` or all in bytes.
fn images(bytes: bool) -> Model {
    let mut b = ModelBuilder::new(&[1, 12, 12]);
    let round = |b: &mut ModelBuilder| {
        if bytes {
            b.push("bytes", Op::FakeQuantize { scale: 0.25, zero_point: 3 });
        }
    };
    round(&mut b);
    let dense = Conv2dParams::same(1, 8, [3, 3]);
    let weight = b.dense("w1", &dense.weight_shape(), vec![1.0; 72]);
    b.push("conv1", Op::Conv2d { params: dense, weight, scale: None, bias: None, prelu: None });
    round(&mut b);
    b.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
    let sparse = Conv2dParams::same(8, 4, [3, 1]);
    let values = (0..96).map(|i| f32::from(i % 5 == 0)).collect();
    let weight = b.dense("w2", &sparse.weight_shape(), values);
    b.push("conv2", Op::Conv2d { params: sparse, weight, scale: None, bias: None, prelu: None });
    round(&mut b);
    b.push("flatten", Op::Flatten);
    for (name, step) in [("fc1", 1), ("fc2", 4)] {
        let params = LinearParams { in_features: 144, out_features: 144 };
        let values = (0..144 * 144).map(|i| f32::from(i % step == 0)).collect();
        let weight = b.dense(name, &[144, 144], values);
        b.push(name, Op::Linear { params, weight, scale: None, bias: None, prelu: None });
        if name == "fc1" {
            round(&mut b);
        }
    }
    b.push("softmax", Op::Softmax);
    b.finish().unwrap()
}

/// An LSTM with a dense and a sparse factor.
fn sequence() -> Model {
    let mut b = ModelBuilder::new(&[STEPS, 6]);
    let weight = b.dense("x", &[80, 6], vec![0.5; 480]);
    let params = LinearParams { in_features: 6, out_features: 80 };
    b.push("x", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    let project = Some(b.dense("v", &[10, 20], (0..200).map(|i| f32::from(i % 7 == 0)).collect()));
    let recurrent = b.dense("u", &[80, 10], vec![0.25; 800]);
    b.push("lstm", Op::Lstm { params: LstmParams { hidden_size: 20, rank: Some(10) }, project, recurrent });
    b.push("mean", Op::MeanOverTime);
    b.finish().unwrap()
}
