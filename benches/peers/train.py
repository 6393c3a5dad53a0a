"""Training steps in another engine, as `cargo xtask bench-train` times them: see ../src/bin/train_steps.rs for the same in Rust.

    train.py ENGINE NETWORK.json THREADS

The network's file names another with the mini-batch and the initial parameters, as little-endian f32.

Prints {"version", "max_abs_diff"} or {"error"} as a line of JSON when ready, where the difference is that of the first loss,
and then, for each line with a number n that it reads, a list of n times in milliseconds.
"""

import gc
import importlib.metadata
import json
import os
import sys
import time

import numpy


class TensorFlow:
    package = "tensorflow-cpu"

    def __init__(self, network, x, params, threads):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        images = x.ndim == 4
        layers = tf.keras.layers
        model = tf.keras.Sequential([tf.keras.Input(x.shape[2:] + x.shape[1:2] if images else x.shape[1:])])
        params, weights, flat = iter(params), [], None
        # An LSTM here includes the product by the input, which is a layer before it there.
        descriptions = network["layers"]
        for layer, after in zip(descriptions, descriptions[1:] + [{}]):
            kind = layer["kind"]
            if kind == "conv":
                weight = next(params)
                model.add(layers.Conv2D(weight.shape[0], weight.shape[2:], padding="same", use_bias=False))
                weights.append(weight.transpose(2, 3, 1, 0))
            elif kind == "norm":
                model.add(layers.BatchNormalization(center=False, scale=False, epsilon=1e-5, momentum=0.9))
                planes = list(range(1, len(model.output_shape) - 1))
                model.add(layers.PReLU(shared_axes=planes))
                weights.append(next(params).reshape([1 for _ in planes] + [-1]))
                if layer["pool"]:
                    model.add(layers.MaxPooling2D(3, 2, padding="same"))
            elif kind == "flatten":
                flat = model.output_shape
                model.add(layers.Flatten())
            elif kind == "linear":
                weight, bias = next(params), next(params)
                if after.get("kind") == "lstm":
                    model.add(layers.LSTM(after["units"], return_sequences=True))
                    weights += [weight.T, next(params).T, bias]
                    continue
                if flat:
                    _, height, width, channels = flat
                    weight = weight.reshape(-1, channels, height, width).transpose(0, 2, 3, 1).reshape(weight.shape)
                    flat = None
                model.add(layers.Dense(weight.shape[0]))
                weights += [weight.T, bias]
            elif kind == "mean":
                model.add(layers.GlobalAveragePooling1D())
        for variable, value in zip(model.trainable_variables, weights, strict=True):
            variable.assign(value)
        if images:
            optimizer = tf.keras.optimizers.SGD(0.01, momentum=0.9)
        else:
            optimizer = tf.keras.optimizers.Adam(0.002, epsilon=1e-8, global_clipnorm=1.0)
        criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        @tf.function
        def step(x, labels):
            with tf.GradientTape() as tape:
                loss = criterion(labels, model(x, training=True))
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return loss

        x = tf.constant(x.transpose(0, 2, 3, 1) if images else x)
        labels = tf.constant(network["labels"])
        self.step = lambda: float(step(x, labels))


class PyTorch:
    package = "torch"

    def __init__(self, network, x, params, threads):
        import torch
        import torch.nn.functional as F

        torch.set_num_threads(threads)
        images = x.ndim == 4
        x, labels = torch.from_numpy(x), torch.tensor(network["labels"])
        if images:
            x = x.contiguous(memory_format=torch.channels_last)
        values = iter(torch.from_numpy(p) for p in params)
        trained, functions = [], []

        def param():
            value = next(values)
            last = torch.channels_last if value.ndim == 4 else torch.contiguous_format
            trained.append(value.clone(memory_format=last).requires_grad_())
            return trained[-1]

        def conv(weight):
            padding = [size // 2 for size in weight.shape[2:]]
            return lambda x: F.conv2d(x, weight, padding=padding)

        def norm(slope, pool):
            mean, variance = torch.zeros_like(slope.detach()), torch.ones_like(slope.detach())

            def norm(x):
                x = F.prelu(F.batch_norm(x, mean, variance, training=True, eps=1e-5), slope)
                return F.max_pool2d(x, 3, 2, ceil_mode=True) if pool else x

            return norm

        def lstm(units, weight, bias, recurrent):
            module = torch.nn.LSTM(weight.shape[1], units, batch_first=True)
            with torch.no_grad():
                for into, value in [("weight_ih_l0", weight), ("weight_hh_l0", recurrent), ("bias_ih_l0", bias)]:
                    getattr(module, into).copy_(value)
                module.bias_hh_l0.zero_()
            module.bias_hh_l0.requires_grad_(False)
            trained.extend(p for p in module.parameters() if p.requires_grad)
            return lambda x: module(x)[0]

        def linear(weight, bias):
            return lambda x: F.linear(x, weight, bias)

        descriptions = network["layers"]
        for layer, after in zip(descriptions, descriptions[1:] + [{}]):
            kind = layer["kind"]
            if kind == "conv":
                functions.append(conv(param()))
            elif kind == "norm":
                functions.append(norm(param(), layer["pool"]))
            elif kind == "flatten":
                functions.append(lambda x: x.flatten(1))
            elif kind == "linear" and after.get("kind") == "lstm":
                functions.append(lstm(after["units"], next(values), next(values), next(values)))
            elif kind == "linear":
                functions.append(linear(param(), param()))
            elif kind == "mean":
                functions.append(lambda x: x.mean(1))
        if images:
            optimizer = torch.optim.SGD(trained, 0.01, momentum=0.9, fused=True)
        else:
            optimizer = torch.optim.Adam(trained, 0.002, fused=True)

        def step():
            optimizer.zero_grad()
            y = x
            for function in functions:
                y = function(y)
            loss = F.cross_entropy(y, labels)
            loss.backward()
            if not images:
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            return float(loss)

        self.step = step


ENGINES = {"tensorflow": TensorFlow, "pytorch": PyTorch}


def main():
    name, file, threads = sys.argv[1:]
    # Answers alone go to the standard output: engines print what they like.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        with open(file) as text:
            network = json.load(text)
        shapes = [network["shape"], *network["params"]]
        ends = numpy.cumsum([numpy.prod(shape) for shape in shapes])
        values = numpy.split(numpy.fromfile(network["data"], "<f4"), ends[:-1])
        x, *params = [value.reshape(shape) for value, shape in zip(values, shapes, strict=True)]
        engine = ENGINES[name](network, x, params, int(threads))
        difference = abs(engine.step() - network["loss"])
        version = importlib.metadata.version(ENGINES[name].package)
        if not numpy.isfinite(difference):
            raise ValueError("its loss is not finite")
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"version": version, "max_abs_diff": difference}), file=answers)
    gc.disable()
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            engine.step()
            times.append((time.perf_counter_ns() - start) / 1e6)
        print(json.dumps(times), file=answers)


main()
