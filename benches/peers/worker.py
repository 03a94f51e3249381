"""One library, timed by run.py, which starts this and asks.

    python worker.py LIBRARY          torch, torch-compile, ort, ort-webgpu, ncnn or ncnn-vulkan

Speaks JSON, a line each way. First says {"version": ...}; then {"ask": "load", "files": ..., "answer": ...} loads a
model, warms up and writes the answer, {"ask": "sample"} runs it once more, {"ask": "drop"} forgets it. Whatever fails
is {"error": ...}. What libraries print goes to stderr.
"""

import json
import os
import sys
import time
from pathlib import Path

# As our own rows are timed: the warm-up, a run too long to be repeated for that, the least length of a sample, and
# the longest run that begins a turn untimed.
WARM_UP, WARM_UP_RUNS, LONG = 0.3, 2, 2.0
LEAST_SAMPLE = 0.002
SHORT = 0.1

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def inputs_of(files):
    from safetensors.numpy import load_file

    tensors = load_file(f"{files}.safetensors")
    return [tensors[f"input.{index}"] for index in range(sum(name.startswith("input.") for name in tensors))]


def existing(files, form, end):
    """The file of a model, or the reason why there is none."""
    path, reason = Path(f"{files}.{end}"), Path(f"{files}.{form}.error")
    if reason.exists():
        raise RuntimeError(reason.read_text().strip())
    if not path.exists():
        raise RuntimeError(f"{path.name} is missing")
    return str(path)


class Torch:
    """PyTorch, with the involution by unfolding: eager, or compiled to C++ with the weights as constants."""

    def __init__(self, compiled=False):
        import models
        import torch

        torch.set_num_threads(THREADS)
        self.torch, self.models, self.compiled = torch, models, compiled
        self.version = f"PyTorch {torch.__version__}, {'torch.compile' if compiled else 'eager'}"

    def load(self, files):
        net, inputs = self.models.load(files)
        if self.compiled:
            import torch._inductor.config as inductor

            inductor.freezing = True
            self.torch.compiler.reset()
            net = self.torch.compile(net)

        def run():
            with self.torch.no_grad():
                return net(*inputs)

        return run, lambda result: result.numpy()


class OnnxRuntime:
    def __init__(self, provider=None):
        import onnxruntime

        self.ort, self.providers = onnxruntime, [*filter(None, [provider]), "CPUExecutionProvider"]
        if provider and provider not in onnxruntime.get_available_providers():
            raise RuntimeError(f"no {provider} in {onnxruntime.get_available_providers()}")
        self.version = f"ONNX Runtime {onnxruntime.__version__}, {self.providers[0].removesuffix('ExecutionProvider')}"

    def load(self, files):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.log_severity_level = 3
        session = self.ort.InferenceSession(existing(files, "onnx", "onnx"), options, providers=self.providers)
        feed = {put.name: value for put, value in zip(session.get_inputs(), inputs_of(files), strict=True)}
        return lambda: session.run(None, feed)[0], lambda result: result


class Ncnn:
    """ncnn, which gets the samples of a batch one by one because it has no batches."""

    def __init__(self, vulkan):
        import ncnn
        import numpy

        self.ncnn, self.numpy, self.vulkan = ncnn, numpy, vulkan
        self.version = f"ncnn {ncnn.__version__}{', Vulkan' if vulkan else ''}"
        if vulkan and not ncnn.get_gpu_count():
            raise RuntimeError("ncnn sees no Vulkan device")

    def load(self, files):
        net = self.ncnn.Net()
        net.opt.use_vulkan_compute, net.opt.num_threads = self.vulkan, THREADS
        # Single precision, as everywhere here.
        for option in dir(net.opt):
            if option.startswith(("use_fp16", "use_bf16", "use_int8")):
                setattr(net.opt, option, False)
        param, weights = existing(files, "ncnn", "ncnn.param"), existing(files, "ncnn", "ncnn.bin")
        if net.load_param(param) or net.load_model(weights):
            raise RuntimeError("the model does not load")
        names, output = net.input_names(), net.output_names()[0]
        samples = [[self.ncnn.Mat(value).clone() for value in sample] for sample in zip(*inputs_of(files))]

        def one(sample):
            extractor = net.create_extractor()
            for name, value in zip(names, sample, strict=True):
                extractor.input(name, value)
            failed, result = extractor.extract(output)
            if failed:
                raise RuntimeError(f"extract gave {failed}")
            return result

        def run():
            return [one(sample) for sample in samples]

        return run, lambda results: self.numpy.stack([self.numpy.array(result) for result in results])


LIBRARIES = {
    "torch": Torch,
    "torch-compile": lambda: Torch(compiled=True),
    "ort": OnnxRuntime,
    "ort-webgpu": lambda: OnnxRuntime("WebGpuExecutionProvider"),
    "ncnn": lambda: Ncnn(vulkan=False),
    "ncnn-vulkan": lambda: Ncnn(vulkan=True),
}


class Model:
    """A loaded and warm model, and the number of runs in a sample."""

    def __init__(self, library, files, answer):
        start = time.perf_counter()
        self.run, as_array = library.load(files)
        result = self.run()
        self.first_ms = (time.perf_counter() - start) * 1e3
        values = as_array(result)
        self.shape = list(values.shape)
        Path(answer).write_bytes(values.astype("<f4").tobytes())
        self.once = self.warm_up()
        self.at_a_time = max(1, int(LEAST_SAMPLE / max(self.once, 1e-9)))

    def warm_up(self):
        start, runs = time.perf_counter(), 0
        while True:
            once = time.perf_counter()
            self.run()
            now = time.perf_counter()
            runs += 1
            if (runs >= WARM_UP_RUNS and now - start >= WARM_UP) or now - start >= LONG:
                return now - once

    def sample(self):
        if self.once < SHORT:
            self.run()
        start = time.perf_counter()
        for _ in range(self.at_a_time):
            self.run()
        return (time.perf_counter() - start) * 1e3 / self.at_a_time


def answered(library, model, request):
    """Answers a request: the model that is loaded now, and the reply."""
    if request["ask"] == "load":
        model = Model(library, request["files"], request["answer"])
        return model, {"shape": model.shape, "first_ms": model.first_ms}
    if request["ask"] == "sample":
        return model, {"ms": model.sample()}
    return None, {}


def main():
    # Only answers go to stdout.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    library, model = LIBRARIES[sys.argv[1]](), None
    print(json.dumps({"version": library.version}), file=replies, flush=True)
    for line in sys.stdin:
        try:
            model, reply = answered(library, model, json.loads(line))
        except Exception as error:  # The benchmark goes on without this figure.
            model, reply = None, {"error": f"{type(error).__name__}: {error}".splitlines()[0][:300]}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
