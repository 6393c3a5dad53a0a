"""One engine on one network, as `cargo xtask bench-peers` runs it: see ../src/bin/peers.rs for the same in Rust.

    peer.py ENGINE MODEL.onnx INPUT LOGITS SHAPE THREADS WAY

INPUT and LOGITS are files of little-endian f32, SHAPE is the input's, such as 1,1,96,96. WAY says how THREADS threads
share a batch: `together` gives the whole batch to one engine with THREADS threads, `apart` gives one image at a time to
each of THREADS engines with one thread.

Prints {"version", "max_abs_diff"} or {"error"} as a line of JSON when ready, and then, for each line with a number n
that it reads, a list of n times in milliseconds.
"""

import concurrent.futures
import gc
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy


class OnnxRuntime:
    package = "onnxruntime"

    def __init__(self, model, shape, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # The steps of a sequence come first, the batch of images does.
        options.add_free_dimension_override_by_name("T" if len(shape) == 3 else "N", shape[0])
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def run(self, x):
        return self.session.run(None, {self.input: x})[0]


class OpenVino:
    package = "openvino"

    def __init__(self, model, shape, threads):
        import openvino

        core = openvino.Core()
        network = core.read_model(model)
        network.reshape(shape)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Not bf16, which is the default on CPUs with AMX: all engines compute in f32.
            "INFERENCE_PRECISION_HINT": "f32",
            # The caller has pinned the process.
            "ENABLE_CPU_PINNING": False,
        }
        self.request = core.compile_model(network, "CPU", settings).create_infer_request()

    def run(self, x):
        return self.request.infer({0: x}, share_inputs=True, share_outputs=True)[0]


class Ncnn:
    package = "ncnn"

    def __init__(self, model, shape, threads):
        import ncnn

        self.ncnn = ncnn
        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        self.net.opt.use_vulkan_compute = False
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self.net.opt, option, False)
        with tempfile.TemporaryDirectory() as directory:
            one = [1, *shape[1:]] if len(shape) == 4 else shape
            network = convert_for_ncnn(pathlib.Path(model).resolve(), one, directory)
            if self.net.load_param(f"{network}.param") or self.net.load_model(f"{network}.bin"):
                raise RuntimeError("ncnn does not load what pnnx converted")

    def run(self, x):
        # ncnn knows no batch; pnnx drops that of images, which comes first, and that of sequences, behind the steps.
        return numpy.stack([self.run_one(one) for one in x]) if x.ndim == 4 else self.run_one(x[:, 0])[None]

    def run_one(self, x):
        extractor = self.net.create_extractor()
        extractor.input("in0", self.ncnn.Mat(x))
        status, y = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn fails with status {status}")
        return numpy.array(y).reshape(-1)


def convert_for_ncnn(model, shape, directory):
    """Runs pnnx, and returns the path of what it made without its ending."""
    program = pathlib.Path(importlib.metadata.distribution("pnnx").locate_file("pnnx/pnnx"))
    link = pathlib.Path(directory, "network.onnx")
    link.symlink_to(model)
    command = [program, link, f"inputshape=[{','.join(map(str, shape))}]", "fp16=0"]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    network = pathlib.Path(directory, "network.ncnn")
    if run.returncode or not network.with_suffix(".ncnn.param").exists():
        raise RuntimeError(f"pnnx does not convert it: {(run.stderr or run.stdout).strip().splitlines()[-1:]}")
    return network


class LiteRt:
    package = "ai-edge-litert"

    def __init__(self, model, shape, threads):
        from ai_edge_litert.interpreter import Interpreter

        import tflite

        if len(shape) != 4:
            raise ValueError("the converter to its format knows no sequences")
        # Its kernels for CPUs, XNNPACK, are the default.
        self.interpreter = Interpreter(model_content=tflite.convert(model, shape), num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def run(self, x):
        # Images of one channel: channels first or last are the same.
        self.interpreter.set_tensor(self.input, x.reshape(x.shape[0], *x.shape[2:], x.shape[1]))
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output)


class Apart:
    """As many engines of one thread as there are threads, each with its share of the images."""

    def __init__(self, engine, model, shape, threads):
        self.engines = [engine(model, [1, *shape[1:]], 1) for _ in range(threads)]
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)

    def run(self, x):
        def share(engine, images):
            # Some engines give the same memory again at the next run.
            return [engine.run(image[None]).copy() for image in images]

        shares = self.pool.map(share, self.engines, numpy.array_split(x, len(self.engines)))
        return numpy.concatenate([y for share in shares for y in share])


ENGINES = {engine.package: engine for engine in (OnnxRuntime, OpenVino, Ncnn, LiteRt)}


def main():
    name, model, input_file, logits_file, shape, threads, way = sys.argv[1:]
    shape, threads = [int(size) for size in shape.split(",")], int(threads)
    # Answers alone go to the standard output: engines print what they like.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        engine = ENGINES[name]
        network = engine(model, shape, threads) if way == "together" else Apart(engine, model, shape, threads)
        x = numpy.fromfile(input_file, "<f4").reshape(shape)
        logits = numpy.fromfile(logits_file, "<f4")
        difference = float(abs(network.run(x).reshape(-1) - logits).max())
        if not numpy.isfinite(difference):
            raise ValueError("its answer is not finite")
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"version": importlib.metadata.version(name), "max_abs_diff": difference}), file=answers)
    gc.disable()
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter_ns()
            network.run(x)
            times.append((time.perf_counter_ns() - start) / 1e6)
        print(json.dumps(times), file=answers)


main()
