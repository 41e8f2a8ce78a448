"""What a customer has: a file, NumPy and a runtime. Run as a program, in its own process.

    python bare.py '{"file": "small.onnx", "images": "images.npz", "original": null,
                     "exact_sums": false}'

It prints one line of JSON with what it measured. Of Keras and of this library it knows
nothing, unless the file is a packed one (`.ncz`), which only they can read. So it is a
whole program, with a race of its own.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Run = Callable[[Array], Array]
BATCH = 250
ROUNDS = 16
PIECES = 6  # of about a millisecond in each turn of a round; the fastest one counts
PIECE_SECONDS = 0.001
LEAST_BAND = 0.02


def start(path: Path, *, exact_sums: bool) -> tuple[list[Any], Run]:
    """The shape of one example that a file takes, and a function from images to outputs."""
    if path.suffix == ".onnx":
        return _onnx(path, exact_sums)
    return {".tflite": _tflite, ".ncz": _packed}[path.suffix](path)


def _onnx(path: Path, exact_sums: bool) -> tuple[list[Any], Run]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    precision = str(int(exact_sums))
    options.add_session_config_entry("session.x64quantprecision", precision)
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    entry = session.get_inputs()[0]
    return entry.shape[1:], lambda x: session.run(None, {entry.name: x})[0]


def _tflite(path: Path) -> tuple[list[Any], Run]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    batch = [int(entry["shape"][0])]

    def run(x: Array) -> Array:
        if len(x) != batch[0]:
            interpreter.resize_tensor_input(entry["index"], x.shape)
            interpreter.allocate_tensors()
            batch[0] = len(x)
        interpreter.set_tensor(entry["index"], x)
        interpreter.invoke()
        outputs: Array = interpreter.get_tensor(end["index"])
        return outputs

    return [int(size) for size in entry["shape"][1:]], run


def _packed(path: Path) -> tuple[list[Any], Run]:
    import nncompress_lab as ncl

    model = ncl.unpack(path)
    return list(model.input_shape[1:]), lambda x: np.asarray(model.predict_on_batch(x))


def accuracy(run: Run, images: Array, labels: Array) -> float:
    """The part of the images whose largest output is the label."""
    right = 0
    for first in range(0, len(images), BATCH):
        part = slice(first, first + BATCH)
        right += int((run(scaled(images[part])).argmax(axis=1) == labels[part]).sum())
    return right / len(images)


def scaled(images: Array) -> Array:
    """Bytes as the models take them, shape `(n, 28, 28, 1)`, in `[0, 1]`."""
    return images.astype(np.float32)[..., np.newaxis] / np.float32(255)


def raced(original: Run, file: Run, image: Array) -> tuple[float, float]:
    """How many times faster a file is for one image, and the noise as a fraction.

    The original runs twice, as itself and as its twin; all take turns, and the fastest
    piece of each counts, since other work on the machine makes a run only slower.
    """
    runs = (original, file, original)
    calls = [_calls(run, image) for run in runs]
    best = np.full(len(runs), np.inf)
    for turn in range(ROUNDS):
        for place in range(len(runs)):
            lane = (place + turn) % len(runs)
            for _ in range(PIECES):
                seconds = _seconds(runs[lane], image, calls[lane])
                best[lane] = min(best[lane], seconds)
    noise = max(best[0] / best[2], best[2] / best[0]) - 1
    return float(min(best[0], best[2]) / best[1]), float(max(LEAST_BAND, noise))


def _calls(run: Run, image: Array) -> int:
    run(image)  # the first call allocates
    return max(1, round(PIECE_SECONDS / min(_seconds(run, image, 1) for _ in range(5))))


def _seconds(run: Run, image: Array, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        run(image)
    return (time.perf_counter() - began) / calls


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """All that can be told of a file; with `refused` and a reason where it cannot run."""
    try:
        takes, run = start(Path(request["file"]), exact_sums=request["exact_sums"])
    except Exception as error:  # a damaged file: the runtimes raise many kinds
        return {"refused": "load", "why": _first_line(error)}
    with np.load(request["images"]) as stored:
        parts = {
            part: (stored[f"{part}_images"], stored[f"{part}_labels"])
            for part in ("test", "validation")
        }
    image = scaled(parts["test"][0][:1])
    try:
        outputs = run(image)
    except Exception as error:  # images of another size or type
        return {"refused": "run", "takes": takes, "why": _first_line(error)}
    found: dict[str, Any] = {"takes": takes, "gives": list(outputs.shape[1:])}
    if outputs.shape != (1, 10):
        return {"refused": "outputs", **found}
    found |= {part: accuracy(run, *data) for part, data in parts.items()}
    if request["original"]:
        rival = Path(request["original"])
        _, original = start(rival, exact_sums=request["exact_sums"])
        found["speedup"], found["band"] = raced(original, run, image)
    return {**found, "knows_keras": "keras" in sys.modules}


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"


if __name__ == "__main__":
    answer = measure(json.loads(sys.argv[1]))
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
