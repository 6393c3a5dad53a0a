"""Trains a network for hccr-torch: reads a request on stdin, trains with PyTorch, writes the reply on stdout, and so on.

A request is a JSON object, the state of the network, and mini-batches; `lib.rs` describes them. The reply to each is a JSON object and
the new state, or a JSON object with an `error`. Nothing waits for the GPU but the reader of mini-batches, which is three ahead of it.
"""

import ctypes
import json
import os
import signal
import struct
import sys
import traceback
import warnings

BUFFERS = 3  # mini-batches that the GPU may be behind
EPSILON = 1e-5  # of batch normalization
RUNNING_DECAY = 0.9  # share of the running statistics that a step keeps
ADAM_EPSILON = 1e-8
LANES = 1024  # partial sums per label: thousands of atomic additions to one place are slow


class Pipe:
    """What this process reads and writes."""

    def __init__(self):
        self.replies = os.fdopen(os.dup(1), "wb")
        # Whatever else prints must not end up among the replies.
        os.dup2(2, 1)
        self.requests = open(0, "rb", buffering=0, closefd=False)
        try:
            import fcntl

            fcntl.fcntl(0, fcntl.F_SETPIPE_SZ, 1 << 20)
        except (ImportError, AttributeError, OSError):
            pass  # a small pipe works too

    def fill(self, buffer):
        """Reads into all of `buffer`; False at the end of the stream."""
        view = memoryview(buffer)
        while view:
            count = self.requests.readinto(view)
            if not count:
                return False
            view = view[count:]
        return True

    def integers(self, count):
        """Reads unsigned integers of 32 bits; None at the end of the stream."""
        bytes_ = bytearray(4 * count)
        return struct.unpack(f"<{count}I", bytes_) if self.fill(bytes_) else None

    def json(self):
        """Reads a JSON object; None at the end of the stream."""
        length = self.integers(1)
        if length is None:
            return None
        text = bytearray(length[0])
        return json.loads(text) if self.fill(text) else None

    def reply(self, header, tensors=()):
        text = json.dumps(header).encode()
        self.replies.write(struct.pack("<I", len(text)) + text)
        for tensor in tensors:
            self.replies.write(bytes_of(tensor))
        self.replies.flush()


def bytes_of(tensor):
    """The memory of a tensor on the CPU, for as long as the tensor lives."""
    return memoryview((ctypes.c_ubyte * tensor.nbytes).from_address(tensor.data_ptr())).cast("B")


def place(values, shape, device):
    """A tensor of the state on the device, convolutions with their channels innermost."""
    tensor = values.view(shape).to(device, non_blocking=True)
    # A copy in any case: what trains in place must not be the buffer that was read into.
    memory_format = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return tensor.clone(memory_format=memory_format)


class State:
    """Parameters, the optimizer's memory of them, constraints and running statistics."""

    def __init__(self, pipe, request, device):
        self.params = request["params"]
        parts = request["parts"]  # of each parameter: values, velocities, squares
        counts = [torch.Size(p["shape"]).numel() for p in self.params]
        lengths = [count for count in counts for _ in range(parts)]
        lengths += [length for length in request["norms"] for _ in range(2)] + [request["mean"]]
        floats = torch.empty(sum(lengths), dtype=torch.float32, pin_memory=device.type == "cuda")
        constraints = [count for count, p in zip(counts, self.params) if p["constraint"] != "free"]
        labels = torch.empty(sum(constraints), dtype=torch.uint8)
        if not (pipe.fill(bytes_of(floats)) and pipe.fill(bytes_of(labels))):
            raise EOFError("the state is incomplete")
        pieces = iter(floats.split(lengths))
        self.values, self.velocities, self.squares = [], [], []
        for p in self.params:
            for part in [self.values, self.velocities, self.squares][:parts]:
                part.append(place(next(pieces), p["shape"], device))
        if parts == 2:
            self.squares = [torch.zeros_like(value) for value in self.values]
        for value in self.values:
            value.requires_grad_()
        self.running = [place(next(pieces), [length], device) for length in request["norms"] for _ in range(2)]
        self.mean = place(next(pieces), [request["mean"]], device)
        self.updates = [p["updates"] for p in self.params]

        # Constraints: masks as factors, labels of shared values as bins.
        self.masked, self.masks, self.shared = [], [], []
        labels = iter(labels.split(constraints))
        for i, p in enumerate(self.params):
            if p["constraint"] == "mask":
                self.masked.append(i)
                self.masks.append(place(next(labels).float(), p["shape"], device))
            elif p["constraint"] == "shared":
                label = next(labels).to(device).long()
                count = torch.bincount(label, minlength=256).clamp(min=1).float()
                lane = torch.arange(label.numel(), device=device) % LANES
                self.shared.append((i, label, label * LANES + lane, count))

    def project(self, grads):
        """Makes gradients such that the constraints hold after a step along them."""
        if self.masked:
            torch._foreach_mul_([grads[i] for i in self.masked], self.masks)
        for i, label, bins, count in self.shared:
            grad = grads[i].contiguous().view(-1)
            sums = torch.zeros(256 * LANES, device=grad.device).index_add_(0, bins, grad)
            means = sums.view(256, LANES).sum(1) / count
            means[0] = 0  # label 0 means zero for ever
            grads[i].copy_(means[label].view(grads[i].shape))

    def tensors(self, squares):
        """The state as it is sent back."""
        for i in range(len(self.params)):
            for part in [self.values, self.velocities, self.squares][: 3 if squares else 2]:
                yield part[i].detach().cpu().contiguous()
        for statistics in self.running:
            yield statistics.cpu()


class Forward:
    """The network's function, from the description of its layers: while it is trained, or as it is used then."""

    def __init__(self, layers, state, training):
        self.state, self.training = state, training
        self.statistics = []  # of this mini-batch, in the order of the running ones
        self.norms = 0  # so far in this pass
        self.layers = []
        for before, layer, after in zip([{}] + layers, layers, layers[1:] + [{}]):
            if layer["kind"] == "lstm":
                # cuDNN's LSTM includes the product by the input, which is a layer before it here.
                if before.get("kind") != "linear":
                    raise ValueError("an LSTM without a linear layer before it")
                layer = layer | {"input": before}
            elif layer["kind"] == "linear" and after.get("kind") == "lstm":
                continue
            self.layers.append((getattr(self, layer["kind"]), layer))

    def __call__(self, x, packing):
        self.statistics.clear()
        self.norms = 0
        for function, layer in self.layers:
            x = function(x, layer, packing)
        return x

    def param(self, index):
        return None if index is None else self.state.values[index]

    def conv(self, x, layer, _):
        weight, bias = self.param(layer["weight"]), self.param(layer["bias"])
        return F.conv2d(x, weight, bias, layer["stride"], layer["padding"])

    def norm(self, x, layer, _):
        if layer["normalizes"]:
            gamma, beta = [self.param(index) for index in layer["affine"] or [None, None]]
            x = self.normalized(x, gamma, beta)
        if layer["slope"] is not None:
            x = F.prelu(x, self.param(layer["slope"]))
        pool = layer["pool"]
        return F.max_pool2d(x, pool["kernel"], pool["stride"], ceil_mode=pool["ceil"]) if pool else x

    def normalized(self, x, gamma, beta):
        if not self.training:
            mean, variance = self.state.running[2 * self.norms : 2 * self.norms + 2]
            self.norms += 1
            return F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, EPSILON)
        values = x.numel() // x.shape[1]
        x, mean, inv_std = torch.native_batch_norm(x, gamma, beta, None, None, True, 0.0, EPSILON)
        self.statistics += [mean.detach(), (inv_std.detach().pow(-2) - EPSILON) * (values / max(values - 1, 1))]
        return x

    def flatten(self, x, _layer, _packing):
        return x.flatten(1)

    def linear(self, x, layer, _):
        return F.linear(x, self.param(layer["weight"]), self.param(layer["bias"]))

    def dropout(self, x, layer, _):
        return F.dropout(x, layer["probability"], self.training) if layer["probability"] else x

    def lstm(self, x, layer, packing):
        recurrent, project = self.param(layer["recurrent"]), self.param(layer["project"])
        if project is not None:
            recurrent = recurrent @ project
        weights = [self.param(layer["input"]["weight"]), recurrent]
        bias = self.param(layer["input"]["bias"])
        if bias is not None:
            weights += [bias, torch.zeros_like(bias)]
        zeros = x.new_zeros(1, packing.sequences, recurrent.shape[1])
        # The gates are in cuDNN's order: input, forget, cell, output.
        return torch._VF.lstm(x, packing.sizes, (zeros, zeros), weights, bias is not None, 1, 0.0, True, False)[0]

    def mean(self, x, _, packing):
        return x.new_zeros(packing.sequences, x.shape[1]).index_add(0, packing.places, x) / packing.lengths


class Packing:
    """Where the steps of sequences lie: the first step of all sequences, the longest first, then the second ones, and so on."""

    def __init__(self, sizes, columns, device):
        self.sizes = sizes  # on the CPU, as PyTorch wants it
        self.sequences = int(sizes[0])
        on_device = sizes.to(device, non_blocking=True)
        starts = on_device.cumsum(0) - on_device
        starts = torch.repeat_interleave(starts, on_device, output_size=columns)
        self.places = torch.arange(columns, device=device) - starts
        ones = torch.ones(columns, 1, device=device)
        self.lengths = torch.zeros(self.sequences, 1, device=device).index_add_(0, self.places, ones)


class Batches:
    """Reads mini-batches into pinned memory, and copies them to the device."""

    def __init__(self, pipe, device):
        self.pipe, self.device = pipe, device
        self.buffers = [None] * BUFFERS
        self.copied = [None] * BUFFERS
        self.turn = 0

    def next(self, state, size):
        """The samples of a mini-batch as the network takes them, their labels, and the packing of sequences."""
        header = self.pipe.integers(3)
        if header is None:
            raise EOFError("a mini-batch is missing")
        samples, columns, steps = header
        # `size` is the side of images, or the features of a step.
        lengths = [8 * steps, 4 * size * columns, 2 * samples, 0 if steps else samples * size * size]
        buffer = self.buffer(sum(lengths))
        if not self.pipe.fill(bytes_of(buffer)):
            raise EOFError("a mini-batch is incomplete")
        sizes, rows, labels, pixels = buffer.split(lengths)
        labels = self.to_device(labels.view(torch.int16)).long() & 0xFFFF
        if steps:
            packing = Packing(sizes.view(torch.int64).clone(), columns, self.device)
            x = self.to_device(rows.view(torch.float32)).view(columns, size)
        else:
            packing = None
            x = self.to_device(pixels).view(samples, 1, size, size) - state.mean.view(1, 1, size, size)
            x = x.contiguous(memory_format=torch.channels_last)
        if self.device.type == "cuda":
            self.copied[self.turn] = torch.cuda.Event()
            self.copied[self.turn].record()
        return x, labels, packing

    def to_device(self, tensor):
        return tensor.to(self.device, non_blocking=True, copy=True)

    def buffer(self, length):
        """Memory for `length` bytes that no copy reads any more."""
        self.turn = (self.turn + 1) % BUFFERS
        if self.copied[self.turn]:
            self.copied[self.turn].synchronize()
        old = self.buffers[self.turn]
        if old is None or old.numel() < length:
            # Sequences differ in length: some room keeps the memory from being allocated anew each time.
            room = length + length // 4 + 8
            self.buffers[self.turn] = torch.empty(room, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        return self.buffers[self.turn][:length]


class Teacher:
    """A network whose answers are learned, beside the labels."""

    def __init__(self, pipe, description, device):
        network = description["network"]
        self.forward = Forward(network["layers"], State(pipe, network, device), False)
        self.weight, self.temperature = description["weight"], description["temperature"]

    def answers(self, x, packing):
        with torch.no_grad():
            return self.forward(x, packing)

    def loss(self, logits, answers, of_labels):
        own, wanted = [F.log_softmax(v.float() / self.temperature, 1) for v in (logits, answers)]
        divergence = F.kl_div(own, wanted, reduction="batchmean", log_target=True)
        return (1 - self.weight) * of_labels + self.weight * self.temperature**2 * divergence


def clip(grads, max_norm):
    """Scales gradients down where their common norm is above a maximum."""
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
    torch._foreach_mul_(grads, (max_norm / norm).clamp(max=1.0))


def sgd(state, grads, rate, momentum, weight_decay):
    """As `Sgd` of nn-train."""
    decays = [i for i, p in enumerate(state.params) if p["decays"]]
    torch._foreach_mul_(state.velocities, momentum)
    torch._foreach_add_(state.velocities, grads)
    if decays and weight_decay:
        velocities = [state.velocities[i] for i in decays]
        torch._foreach_add_(velocities, [state.values[i] for i in decays], alpha=weight_decay)
    torch._foreach_add_(state.values, state.velocities, alpha=-rate)


def adam(state, grads, rate, beta1, beta2, weight_decay):
    """As `Adam` of nn-train."""
    state.updates = [updates + 1 for updates in state.updates]
    torch._foreach_mul_(state.velocities, beta1)
    torch._foreach_add_(state.velocities, grads, alpha=1 - beta1)
    torch._foreach_mul_(state.squares, beta2)
    torch._foreach_addcmul_(state.squares, grads, grads, value=1 - beta2)
    roots = torch._foreach_sqrt(state.squares)
    torch._foreach_mul_(roots, [(1 - beta2**updates) ** -0.5 for updates in state.updates])
    torch._foreach_add_(roots, ADAM_EPSILON)
    if weight_decay:
        torch._foreach_mul_(state.values, [1 - rate * weight_decay * p["decays"] for p in state.params])
    steps = [-rate / (1 - beta1**updates) for updates in state.updates]
    torch._foreach_addcdiv_(state.values, state.velocities, roots, steps)


def train(pipe, batches, request, device):
    """Answers a request."""
    optimizer = request["optimizer"]
    max_norm = optimizer.get("max_norm")
    optimizer = optimizer.get("optimizer", optimizer)
    step = adam if "beta1" in optimizer else sgd
    torch.manual_seed(request["seed"])
    state = State(pipe, request, device)
    teacher = request["teacher"] and Teacher(pipe, request["teacher"], device)
    forward = Forward(request["layers"], state, True)
    # Sequences gain little from 16 bits, and cuDNN's LSTM rounds its state.
    halves = request["mixed"] and device.type == "cuda" and request["mean"] > 0
    total = torch.zeros(2, device=device)
    samples = 0
    for _ in range(request["steps"]):
        x, labels, packing = batches.next(state, request["size"])
        with torch.autocast(device.type, torch.bfloat16, enabled=halves):
            logits = forward(x, packing)
            answers = teacher and teacher.answers(x, packing)
        logits = logits.float()
        loss = F.cross_entropy(logits, labels)
        if teacher:
            loss = teacher.loss(logits, answers, loss)
        grads = list(torch.autograd.grad(loss, state.values))
        with torch.no_grad():
            right = logits.gather(1, labels[:, None])[:, 0] >= logits.amax(1)
            total += torch.stack([loss, right.sum().float()])
            if state.running:
                torch._foreach_lerp_(state.running, forward.statistics, 1 - RUNNING_DECAY)
            state.project(grads)
            if max_norm is not None:
                clip(grads, max_norm)
            step(state, grads, request["learning_rate"], **optimizer)
        samples += len(labels)
    loss, correct = total.tolist()
    header = {"loss": loss / max(request["steps"], 1), "accuracy": correct / max(samples, 1)}
    header |= {"updates": state.updates, "squares": step is adam}
    if loss != loss or abs(loss) == float("inf"):
        header |= {"loss": None}  # JSON has no NaN
    pipe.reply(header, state.tensors(step is adam))


def main():
    # Ctrl-C reaches this process too: its parent saves the run and closes stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Pipe()
    try:
        global torch, F
        import torch
        import torch.nn.functional as F

        # The weights of an LSTM are products here, hence no piece of memory that cuDNN could use as it is.
        warnings.filterwarnings("ignore", message="RNN module weights")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.benchmark = True
        name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
        pipe.reply({"device": f"PyTorch {torch.__version__} on {name}"})
        batches = Batches(pipe, device)
        while (request := pipe.json()) is not None:
            for backend in (torch.backends.cuda.matmul, torch.backends.cudnn):
                backend.allow_tf32 = request["mixed"]
            train(pipe, batches, request, device)
    except BaseException:
        pipe.reply({"error": traceback.format_exc()})
        sys.exit(1)


main()
