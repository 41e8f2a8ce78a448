"""Models timed against each other in ONNX Runtime, or in Keras if it refuses one."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.measure.latency import ROUNDS, Race, Run, race
from nncompress_lab.models.inputs import structured, with_free_batch
from nncompress_lab.models.interface import interface
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime
from nncompress_lab.runtimes.runtime import Array

ONNX_RUNTIME = "ONNX Runtime"
Candidates = dict[str, Callable[[], Run]]


@dataclass(frozen=True)
class ModelRace:
    """A race of models and what ran them.

    Args:
        race: The times, with the threads; None where the Keras backend decides.
        runtime: What ran all of the models.
        note: Why the models did not run in ONNX Runtime; empty if they did.
    """

    race: Race
    runtime: str
    note: str = ""


def race_models(
    models: dict[str, keras.Model],
    *,
    batch_size: int = 1,
    threads: int = 1,
    rounds: int = ROUNDS,
) -> ModelRace:
    """Time models against each other on random inputs, all in the same runtime.

    That is ONNX Runtime, with the files that `ncl.export` writes. If it cannot take one
    of the models, all of them run in Keras, compiled as its backend compiles them.

    Args:
        models: By name; the first is the one that the others are compared with.
        batch_size: Examples in one run, at least 1.
        threads: How many ONNX Runtime may use, at least 1.
        rounds: As `measure.race` takes it.

    Raises:
        ValueError: If a size of an input is not fixed, or the batch is and another.
    """
    models = {name: with_free_batch(model) for name, model in models.items()}
    first = next(iter(models.values()))
    fixed = keras.tree.flatten(interface(first).inputs)[0].shape[0]
    if fixed not in {None, batch_size}:
        raise ValueError(
            f"{first.name!r} was built for batches of {fixed} examples. Received: "
            f"batch_size={batch_size}. Build it with a free batch, or say that size."
        )
    x = random_inputs(first, batch_size=batch_size)
    try:
        contents = {name: to_onnx(model) for name, model in models.items()}
    except UnsupportedModelError as error:
        calls: Candidates = {
            name: partial(_keras, model, x) for name, model in models.items()
        }
        return ModelRace(
            race(calls, rounds=rounds, batch_size=batch_size),
            f"Keras on {keras.backend.backend()}",
            note=re.split("[.:] ", str(error))[0],
        )
    runs: Candidates = {
        name: partial(_onnx, content, threads, x) for name, content in contents.items()
    }
    result = race(runs, rounds=rounds, threads=threads, batch_size=batch_size)
    return ModelRace(result, ONNX_RUNTIME)


def _onnx(content: bytes, threads: int, x: list[Array]) -> Run:
    return OnnxRuntime(content, threads=threads).runner(x)


def _keras(model: keras.Model, x: list[Array]) -> Run:
    return partial(model.predict_on_batch, structured(model, x))
