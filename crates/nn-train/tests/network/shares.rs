//! Processes that share mini-batches compute the bits of one that has them alone; threads play the processes.

use hccr_nn_train::layers::{Conv2d, Dropout, Flatten, Linear, MeanOverTime, NormPReluPool};
use hccr_nn_train::{
    Adam, Batch, Clipped, Distillation, Layer, Mode, Network, Sgd, Sum, World, distillation_loss,
    softmax_cross_entropy, sum_in_pairs,
};
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use std::sync::{Arc, Barrier, Mutex};

const STEPS: u64 = 4;
const CLASSES: usize = 7;

/// What threads give each other.
#[derive(Debug)]
struct Table {
    places: Vec<Mutex<Vec<f64>>>,
    barrier: Barrier,
}

#[derive(Debug)]
struct Thread {
    rank: usize,
    table: Arc<Table>,
}

impl World for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.table.places.len()
    }

    fn gather(&self, values: &[f64]) -> Vec<f64> {
        *self.table.places[self.rank].lock().unwrap() = values.to_vec();
        self.table.barrier.wait();
        let all = self.table.places.iter().flat_map(|place| place.lock().unwrap().clone()).collect();
        self.table.barrier.wait();
        all
    }

    fn begin_sum(&self, values: Vec<f32>) -> Sum {
        let all = self.gather(&values.iter().map(|&v| v.into()).collect::<Vec<_>>());
        let parts = all.chunks_exact(values.len()).map(|part| part.iter().map(|&v| v as f32).collect());
        let sum = sum_in_pairs(parts.collect());
        Sum::new(move || sum)
    }

    fn broadcast(&self, bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }
}

/// The weights after some steps on the batches that `batch` makes, every second one with a teacher, the running statistics, and the loss of
/// the last step.
fn trained(
    mut network: Network<f32>,
    batch: impl Fn(u64) -> (Batch<f32>, Vec<u16>),
    world: Option<Arc<dyn World>>,
) -> (Vec<Vec<f32>>, Vec<f64>, f64) {
    let (mut loss, mut teacher) = (0.0, network.clone());
    for step in 0..STEPS {
        let (batch, labels) = batch(step);
        let part = world.as_ref().map(|world| batch.part_of(world).expect("the batch can be shared"));
        let (part, samples) = part.unwrap_or((batch, 0..labels.len()));
        let answers = (step % 2 == 1).then(|| teacher.forward(part.clone(), Mode::Eval));
        let loss_of = |logits: &Batch<f32>| match &answers {
            Some(answers) => {
                let how = Distillation { weight: 0.5, temperature: 3.0 };
                distillation_loss(logits, &labels[samples.clone()], answers, how)
            }
            None => softmax_cross_entropy(logits, &labels[samples.clone()]),
        };
        let stats = if network.reads_sequence(0) {
            let adam = Clipped { optimizer: Adam::default(), max_norm: 1.0 };
            network.train_step_on(part, loss_of, &adam, 0.01, step)
        } else {
            let sgd = Sgd { momentum: 0.9, weight_decay: 1e-3 };
            network.train_step_on(part, loss_of, &sgd, 0.05, step)
        };
        assert_eq!(stats.samples, labels.len());
        loss = stats.loss;
    }
    let statistics = network.norms_mut().flat_map(|n| n.running_mean.iter().chain(&n.running_var).copied()).collect();
    (network.params_mut().map(|p| p.value.clone()).collect(), statistics, loss)
}

fn check(network: Network<f32>, batch: impl Fn(u64) -> (Batch<f32>, Vec<u16>) + Sync) {
    hccr_tensor::blas::use_one_thread().unwrap();
    let alone = trained(network.clone(), &batch, None);
    for size in [2, 4] {
        let places = (0..size).map(|_| Mutex::new(Vec::new())).collect();
        let table = Arc::new(Table { places, barrier: Barrier::new(size) });
        let results: Vec<_> = std::thread::scope(|scope| {
            let start = |rank| {
                let world = Arc::new(Thread { rank, table: table.clone() });
                let (network, batch) = (network.clone(), &batch);
                scope.spawn(move || trained(network, batch, Some(world)))
            };
            let threads: Vec<_> = (0..size).map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for result in results {
            assert!(result == alone, "{size} shares, loss {} instead of {}", result.2, alone.2);
        }
    }
}

fn labels(count: usize, rng: &mut Rng) -> Vec<u16> {
    (0..count).map(|_| rng.below(CLASSES) as u16).collect()
}

#[test]
fn images() {
    let mut rng = Rng::new(1, 0);
    let mut network = Network::new([1, 13, 13]);
    let linear = |name: &str, in_features, out_features, rng: &mut Rng| {
        Layer::Linear(Linear::new(name, LinearParams { in_features, out_features }, rng))
    };
    let norm = |name: &str, channels| NormPReluPool::new(name, channels).with_norm(true).with_prelu();
    let layers = [
        Layer::Conv2d(Conv2d::new("conv1", Conv2dParams::same(1, 9, [3, 3]), false, &mut rng)),
        Layer::Norm(norm("act1", 9).with_pool(Pool2dParams::THESIS)),
        Layer::Conv2d(Conv2d::new("conv2", Conv2dParams::same(9, 5, [3, 3]), false, &mut rng)),
        Layer::Norm(norm("act2", 5)),
        Layer::Flatten(Flatten::default()),
        linear("fc1", 5 * 36, 20, &mut rng),
        Layer::Norm(norm("act3", 20)),
        Layer::Dropout(Dropout::new("dropout", 0.3)),
        linear("fc2", 20, CLASSES, &mut rng),
    ];
    for layer in layers {
        network.push(layer).unwrap();
    }
    check(network, |step| {
        let mut rng = Rng::new(2, step);
        let images: Vec<Vec<u8>> = (0..128).map(|_| (0..169).map(|_| rng.below(256) as u8).collect()).collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        (Batch::from_bytes(&images, [13, 13], &[100.0; 169]), labels(128, &mut rng))
    });
}

#[test]
fn sequences() {
    let mut rng = Rng::new(3, 0);
    let mut network = Network::of_sequences(6);
    for layer in Layer::lstm("lstm", 6, 16, &mut rng) {
        network.push(layer).unwrap();
    }
    network.push(Layer::MeanOverTime(MeanOverTime::default())).unwrap();
    let fc = LinearParams { in_features: 16, out_features: CLASSES };
    network.push(Layer::Linear(Linear::new("fc", fc, &mut rng))).unwrap();
    check(network, |step| {
        let mut rng = Rng::new(4, step);
        let length = |rng: &mut Rng| 6 * (1 + rng.below(9));
        let sequences: Vec<Vec<f32>> =
            (0..128).map(|_| (0..length(&mut rng)).map(|_| rng.normal()).collect()).collect();
        let sequences: Vec<&[f32]> = sequences.iter().map(Vec::as_slice).collect();
        (Batch::from_sequences(&sequences, 6), labels(128, &mut rng))
    });
}

#[test]
fn a_mini_batch_that_cannot_be_shared_evenly_is_not_shared() {
    let places = (0..2).map(|_| Mutex::new(Vec::new())).collect();
    let world: Arc<dyn World> =
        Arc::new(Thread { rank: 1, table: Arc::new(Table { places, barrier: Barrier::new(2) }) });
    for (images, shared) in [(32, Some(16..32)), (128, Some(64..128)), (16, None), (65, None), (96, None), (8, None)] {
        let image = [0; 4];
        let batch = Batch::<f32>::from_bytes(&vec![&image[..]; images], [2, 2], &[0.0; 4]);
        assert_eq!(batch.part_of(&world).map(|(_, samples)| samples), shared, "{images}");
    }
}
