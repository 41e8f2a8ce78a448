"""What each technique costs and saves on four trained models, before and after recovery.

    python benchmarks/techniques.py [--models lenet5 ...] [--stages after] [--only codebook]
    python benchmarks/techniques.py --stages     # only print what has been measured

Fashion-MNIST, the embedded subset: techniques train on its 10,000 training images, epochs
are chosen on its validation images, and the test images are looked at once for a row. Every
row is kept in `results/techniques.json` as soon as it is measured, so a run that was
interrupted goes on where it stopped. What trains is measured with each of the seeds; the
table has the mean and the spread. Latency depends on the shape of a model and not on its
training: it is a stage of its own, for a time when the machine is quiet.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from file_sizes import by_keras
from results_file import FOLDER, save_results
from techniques_table import table

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import CompressionError
from nncompress_lab.runtimes.racing import ONNX_RUNTIME, race_models

# How long recovery trains, by the time that an epoch of the model takes.
EPOCHS = {"lenet5": 4, "resnet20": 2, "mobilenet_small": 3, "vit_tiny": 3}
LEAST_OF_A_STUDENT = 8
RESULTS = "techniques"
STAGES = ("before", "after", "latency")
Step = Callable[[int], ncl.Pass]


@dataclass(frozen=True)
class Setting:
    """One technique with one setting.

    Args:
        technique: In words.
        label: The setting in words.
        before: The pass without training; None if there is nothing without it.
        after: For a number of epochs, the pass with recovery; None if it needs none.
        untrained: Makes a model of the same shape where there is no pass without
            training.
    """

    technique: str
    label: str
    before: ncl.Pass | None
    after: Step | None
    untrained: Callable[[keras.Model], keras.Model] = ncl.copy_model


def tuned(*passes: ncl.Pass) -> Step:
    """The passes, then training with the original model as the teacher."""
    return lambda epochs: ncl.pipeline(
        *passes, ncl.FineTune(epochs=epochs, teacher="original")
    )


def aware(kind: Callable[..., ncl.Pass], **settings: Any) -> Step:
    """Training through the rounding, with the original model as the teacher."""
    return lambda epochs: ncl.pipeline(
        kind(epochs=epochs, teacher="original", **settings)
    )


def _zeros(sparsity: float) -> Setting:
    step = ncl.MagnitudePruning(sparsity=sparsity, scope="adaptive")
    return Setting("magnitude pruning", f"{sparsity:.0%} zeros", step, tuned(step))


def _channels(sparsity: float) -> Setting:
    step = ncl.ChannelPruning(sparsity=sparsity)
    return Setting("channel pruning", f"{sparsity:.0%} of channels", step, tuned(step))


def _integers(bits: int) -> Setting:
    step = ncl.UniformQuantization(bits=bits, clipping="mse")
    trained = aware(ncl.QuantizationAwareTraining, bits=bits, step_size="learned")
    return Setting(
        "uniform quantization", f"{bits} bits", step, None if bits == 8 else trained
    )


def _codebook(bits: int) -> Setting:
    step = ncl.CodebookQuantization(bits=bits)
    trained = aware(ncl.CodebookAwareTraining, bits=bits)
    return Setting("codebook", f"{bits} bits", step, trained)


def _low_rank(parameters: float) -> Setting:
    step = ncl.LowRank(parameters=parameters)
    label = f"{parameters:.0%} of parameters"
    return Setting("low rank", label, step, tuned(step))


def _tucker(macs: float) -> Setting:
    step = ncl.Factorization("tucker2", macs=macs)
    return Setting("Tucker-2", f"{macs:.0%} of MACs", step, tuned(step))


def _student(width: float) -> Setting:
    # As it was before students began with their teachers' channels: see distillation.py.
    student = ncl.Student(width=width, initialise="random")

    def distilled(epochs: int) -> ncl.Pass:
        # It begins untrained, so it learns for longer than a recovery takes.
        longer = max(LEAST_OF_A_STUDENT, 4 * epochs)
        return ncl.Distillation(student=student, epochs=longer, learning_rate=1e-3)

    return Setting(
        "distillation", f"{width:.0%} of the width", None, distilled, student
    )


SETTINGS = (
    _zeros(0.8),
    _channels(0.5),
    _integers(8),
    _integers(3),
    _codebook(3),
    _low_rank(0.5),
    _tucker(0.5),
    _student(0.5),
    _zeros(0.9),
    _channels(0.25),
    _integers(4),
    _codebook(4),
    _low_rank(0.25),
    _tucker(0.25),
)
KERAS = Setting("keras.Model.quantize", "int8", None, None, by_keras)


class Measurements:
    """The rows measured so far, in a file that is complete after each of them."""

    def __init__(self) -> None:
        path = FOLDER / f"{RESULTS}.json"
        self.rows: list[dict[str, Any]] = (
            json.loads(path.read_text())["figures"] if path.exists() else []
        )

    def has(self, **key: Any) -> bool:
        """Whether a row with these fields is there."""
        return any(all(row[k] == v for k, v in key.items()) for row in self.rows)

    def add(self, **row: Any) -> None:
        """Keep a row, with the backend that it was measured on."""
        self.rows.append({**row, "backend": keras.backend.backend()})
        save_results(
            RESULTS,
            self.rows,
            data="Fashion-MNIST subset",
            epochs=EPOCHS,
        )


def jobs(
    stages: Sequence[str], seeds: int, only: str
) -> Iterator[tuple[Setting, str, int]]:
    """Every setting with its stages and seeds; only what trains depends on a seed."""
    for setting in (*SETTINGS, KERAS):
        if only not in f"{setting.technique}, {setting.label}":
            continue
        for stage in stages:
            if stage == "before" and setting.before is None and setting is not KERAS:
                continue
            if stage == "after" and setting.after is None:
                continue
            trained = stage == "after"
            yield from (
                (setting, stage, seed) for seed in range(seeds if trained else 1)
            )


def measure_model(
    name: str, stages: Sequence[str], seeds: int, only: str, done: Measurements
) -> None:
    """Measure every row of one model that is not there yet."""
    model, data = getattr(ncl.zoo, name)(), ncl.data.fashion_mnist()
    original = {"model": name, "technique": "original", "setting": ""}
    if not done.has(**original):
        done.add(**original, stage="before", seed=0, **figures(model, data))
    for setting, stage, seed in jobs(stages, seeds, only):
        key = {
            "model": name,
            "technique": setting.technique,
            "setting": setting.label,
            "stage": stage,
            "seed": seed,
        }
        if done.has(**key):
            continue
        begun = time.monotonic()
        context = ncl.Context.of(data, seed=seed, progress=False)
        result = run(setting, stage, EPOCHS[name], model, context)
        if stage == "latency":
            done.add(**key, **speed(model, result))
        else:
            done.add(**key, **figures(result, data))
        print(*key.values(), f"{time.monotonic() - begun:.0f} s", flush=True)


def run(
    setting: Setting,
    stage: str,
    epochs: int,
    model: keras.Model,
    context: ncl.Context,
) -> keras.Model:
    """The model that a setting makes."""
    keras.utils.set_random_seed(context.seed)
    if stage == "after" and setting.after is not None:
        return setting.after(EPOCHS[model.name])(model, context)
    if setting.before is not None:
        return setting.before(model, context)
    return setting.untrained(model)


def figures(model: keras.Model, data: ncl.Dataset) -> dict[str, Any]:
    """Accuracy, bytes, parameters and MACs."""
    sizes = measure.file_sizes(model)
    return {
        "accuracy": measure.accuracy(model, data.test),
        "keras_bytes": sizes.keras,
        "packed_bytes": sizes.packed,
        "parameters": measure.parameters(model),
        "macs": _macs(model),
    }


def speed(original: keras.Model, result: keras.Model) -> dict[str, Any]:
    """How many times faster than the original in ONNX Runtime, with the noise."""
    timed = race_models({"original": original, "result": result})
    if timed.runtime != ONNX_RUNTIME:  # it does not take Keras's own integer layers
        print("no latency:", timed.note[:90])
        return {"speedup": None, "band": None}
    return {"speedup": timed.race.speedup("result"), "band": timed.race.band}


def _macs(model: keras.Model) -> int | None:
    try:
        return measure.macs(model)
    except CompressionError:
        return None


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="+", choices=list(EPOCHS), default=EPOCHS)
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=STAGES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--only", default="", help="'magnitude pruning, 80', for example"
    )
    arguments = parser.parse_args()
    done = Measurements()
    if arguments.stages:
        for name in arguments.models:
            measure_model(name, arguments.stages, arguments.seeds, arguments.only, done)
    print(table(done.rows, list(EPOCHS)))


if __name__ == "__main__":
    main()
