"""What each technique costs and saves on four trained models, before and after recovery.

    python benchmarks/techniques.py [--models lenet5 ...] [--seeds 3]
    python benchmarks/techniques.py --table      # only print what has been measured

Fashion-MNIST, the embedded subset: techniques train on its 10,000 training images, epochs
are chosen on its validation images, and the test images are looked at once for a row. Every
row is kept in `results/techniques.json` as soon as it is measured, so a run that was
interrupted goes on where it stopped. Without `--seeds` each trained row is measured three
times; the table has the mean and the spread.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from file_sizes import by_keras
from results_file import FOLDER, save_results
from rich.console import Console
from techniques_table import table

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import CompressionError
from nncompress_lab.runtimes import litert

# How long recovery trains, by the time that an epoch of the model takes.
EPOCHS = {"lenet5": 4, "resnet20": 2, "mobilenet_small": 2, "vit_tiny": 2}
RESULTS = "techniques"
Step = Callable[[int], ncl.Pass]


@dataclass(frozen=True)
class Setting:
    """One technique with one setting.

    Args:
        technique: In words.
        label: The setting in words.
        before: The pass without training; None if there is nothing without it.
        after: For a number of epochs, the pass with recovery; None if it needs none.
    """

    technique: str
    label: str
    before: ncl.Pass | None
    after: Step | None


def tuned(*passes: ncl.Pass) -> Step:
    """The passes, then training with the original model as the teacher."""
    return lambda epochs: ncl.pipeline(
        *passes, ncl.FineTune(epochs=epochs, teacher="original")
    )


def _zeros(sparsity: float) -> Setting:
    step = ncl.MagnitudePruning(sparsity=sparsity, scope="global")
    return Setting("magnitude pruning", f"{sparsity:.0%} zeros", step, tuned(step))


def _channels(sparsity: float) -> Setting:
    step = ncl.ChannelPruning(sparsity=sparsity)
    return Setting("channel pruning", f"{sparsity:.0%} of channels", step, tuned(step))


def _integers(bits: int) -> Setting:
    step = ncl.UniformQuantization(bits=bits, clipping="mse")

    def trained(epochs: int) -> ncl.Pass:
        return ncl.QuantizationAwareTraining(
            bits=bits, step_size="learned", epochs=epochs
        )

    return Setting(
        "uniform quantization", f"{bits} bits", step, None if bits == 8 else trained
    )


def _codebook(bits: int) -> Setting:
    step = ncl.CodebookQuantization(bits=bits)
    return Setting(
        "codebook",
        f"{bits} bits",
        step,
        lambda epochs: ncl.pipeline(step, ncl.FineTuneCodebook(epochs=epochs)),
    )


def _low_rank(parameters: float) -> Setting:
    step = ncl.LowRank(parameters=parameters)
    label = f"{parameters:.0%} of parameters"
    return Setting("low rank", label, step, tuned(step))


def _tucker(macs: float) -> Setting:
    step = ncl.Factorization("tucker2", macs=macs)
    return Setting("Tucker-2", f"{macs:.0%} of MACs", step, tuned(step))


def _student(width: float) -> Setting:
    def distilled(epochs: int) -> ncl.Pass:
        # A student begins untrained, so it learns for longer than a recovery takes.
        return ncl.Distillation(student=ncl.Student(width=width), epochs=4 * epochs)

    return Setting("distillation", f"{width:.0%} of the width", None, distilled)


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
KERAS = Setting("keras.Model.quantize", "int8", None, None)


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
        """Keep a row."""
        self.rows.append(row)
        save_results(RESULTS, self.rows, data="Fashion-MNIST subset", epochs=EPOCHS)


def jobs(seeds: int) -> Iterator[tuple[Setting, str, int]]:
    """Every setting with its stage and seed; only what trains depends on a seed."""
    for setting in SETTINGS:
        if setting.before is not None:
            yield setting, "before", 0
        if setting.after is not None:
            yield from ((setting, "after", seed) for seed in range(seeds))
    yield KERAS, "before", 0


def measure_model(name: str, seeds: int, done: Measurements) -> None:
    """Measure every row of one model that is not there yet."""
    model, data = getattr(ncl.zoo, name)(), ncl.data.fashion_mnist()
    original = {"model": name, "technique": "original", "setting": ""}
    if not done.has(**original):
        done.add(**original, stage="before", seed=0, **figures(model, model, data))
    for setting, stage, seed in jobs(seeds):
        key = {
            "model": name,
            "technique": setting.technique,
            "setting": setting.label,
            "stage": stage,
            "seed": seed,
        }
        if done.has(**key):
            continue
        context = ncl.Context.of(data, seed=seed, progress=False)
        result = run(setting, stage, EPOCHS[name], model, context)
        done.add(**key, **figures(model, result, data, latency=seed == 0))
        print(name, setting.technique, setting.label, stage, seed, flush=True)


def run(
    setting: Setting,
    stage: str,
    epochs: int,
    model: keras.Model,
    context: ncl.Context,
) -> keras.Model:
    """The model that a setting makes."""
    keras.utils.set_random_seed(context.seed)
    if setting is KERAS:
        return by_keras(model)
    step = setting.before if stage == "before" else None
    if step is None and setting.after is not None:
        step = setting.after(epochs)
    return ncl.pipeline(step)(model, context)


def figures(
    original: keras.Model, result: keras.Model, data: ncl.Dataset, latency: bool = True
) -> dict[str, Any]:
    """Accuracy, bytes, MACs and, if asked for, latency beside the original's."""
    sizes = measure.file_sizes(result)
    found: dict[str, Any] = {
        "accuracy": measure.accuracy(result, data.test),
        "keras_bytes": sizes.keras,
        "packed_bytes": sizes.packed,
        "parameters": measure.parameters(result),
        "macs": None,
        "speedup": None,
        "band": None,
    }
    try:
        found["macs"] = measure.macs(result)
        if latency:
            found["speedup"], found["band"] = _speedup(original, result)
    except CompressionError as error:  # Keras's integer layers cannot be exported
        print("not measured:", str(error).partition("\n")[0][:90])
    return found


def _speedup(original: keras.Model, result: keras.Model) -> tuple[float, float]:
    x = litert.random_input(original, batch_size=1)
    contents = {"original": litert.to_litert(original)}
    contents["result"] = litert.to_litert(result)
    race = measure.race(
        {name: partial(_runner, content, x) for name, content in contents.items()}
    )
    return race.speedup("result"), race.band


def _runner(content: bytes, x: Any) -> Callable[[], object]:
    return litert.LiteRT(content).runner(x)


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="+", choices=list(EPOCHS), default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    done = Measurements()
    if not arguments.table:
        for name in arguments.models:
            measure_model(name, arguments.seeds, done)
    Console(width=200).print(table(done.rows, list(EPOCHS)), markup=False)


if __name__ == "__main__":
    main()
