"""Lesson 01: bytes and multiply-accumulates; the exercises on time are in `timing`."""

import math
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from nncompress_lab import measure, zoo
from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import (
    Exercise,
    Option,
    call,
    choice,
    require,
    require_number,
)
from nncompress_lab.course.exercises.lesson_01_timing import fastest, speedup, verdict
from nncompress_lab.course.wording import because
from nncompress_lab.models.rewrite import copy_model

SIZE_TOLERANCE = 0.05


def _honest_size(model: keras.Model) -> int:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        copy_model(model).save(path)
        return path.stat().st_size


honest_size = Exercise(
    "honest_size",
    title="The size without the optimizer",
    points=3,
    hints=(
        "The optimizer belongs to the compiled model. Save a copy that is not compiled: "
        "`ncl.copy_model(model)` makes one, with the weights.",
        "`with tempfile.TemporaryDirectory() as folder:` gives you a folder that is gone "
        "afterwards, and `Path(folder) / 'model.keras'` a path in it.",
        "Inside that block: ncl.copy_model(model).save(path), then return "
        "path.stat().st_size",
    ),
    reference=_honest_size,
)


def _compiled() -> keras.Model:
    """A small model with the optimizer's moments, as after `fit`."""
    units = generator(1).integers(120, 140, size=2).tolist()
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((24,)), *map(dense, units), dense(10)])
    model.compile(optimizer="adam", loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def _uncompiled() -> keras.Model:
    filters = int(generator(2).integers(110, 140))
    return keras.Sequential([keras.Input((6, 7, 16)), keras.layers.Conv2D(filters, 3)])


@lru_cache(maxsize=1)
def _sizes(answer: Any) -> tuple[tuple[float, int], ...]:
    """What the answer says, and what is right, for two models."""
    return tuple(
        (require_number(call(answer, model), what="The size"), _honest_size(model))
        for model in (_compiled(), _uncompiled())
    )


@honest_size.check
def returns_one_number_of_bytes(answer):
    require(callable(answer), "honest_size must be a function.")
    _sizes.cache_clear()
    for received, _ in _sizes(answer):
        require(received > 0, f"A file has at least one byte. Received: {received:g}.")


@honest_size.check
def is_in_bytes(answer):
    (received, expected), _ = _sizes(answer)
    for unit, name in ((1e3, "kB"), (2**10, "KiB"), (1e6, "MB"), (2**20, "MiB")):
        require(
            abs(received * unit / expected - 1) > SIZE_TOLERANCE,
            f"{received:,.3g} looks like a size in {name}. Return bytes: the file has "
            f"{expected:,}.",
        )


@honest_size.check
def leaves_the_model_as_it_is(answer):
    model = _compiled()
    optimizer, before = model.optimizer, model.get_weights()
    call(answer, model)
    require(
        model.compiled and model.optimizer is optimizer,
        "Afterwards the model is no longer compiled as it was, so its training could "
        "not go on. Save a copy, and leave the model itself alone.",
    )
    require(
        all(map(np.array_equal, before, model.get_weights())),
        "The weights of the model that went in were changed.",
    )


@honest_size.check
def leaves_the_optimizer_out(answer):
    (received, expected), _ = _sizes(answer)
    require(
        received < 1.6 * expected,
        f"{received:,.0f} bytes for a model whose file needs {expected:,.0f}: the "
        "optimizer's moments are in it. The copy that you save must not be compiled, and "
        "Keras's own clone of a compiled model is.",
    )


@honest_size.check
def counts_the_whole_file(answer):
    for received, expected in _sizes(answer):
        require(
            received > (1 - SIZE_TOLERANCE) * expected,
            f"{received:,.0f} bytes, and the file on disk has {expected:,.0f}. A file "
            "also holds the architecture and tables of its own: save it and look at the "
            "disk.",
        )


@honest_size.check
def is_the_size_of_the_file(answer):
    for received, expected in _sizes(answer):
        require(
            received < (1 + SIZE_TOLERANCE) * expected,
            f"The file has {expected:,.0f} bytes. Received: {received:,.0f}.",
        )


def _layer_macs(kernel_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    return math.prod(kernel_shape) * math.prod(output_shape[:-1])


layer_macs = Exercise(
    "layer_macs",
    title="Count multiply-accumulates",
    points=2,
    hints=(
        "In how many places is the kernel used? Once for a Dense layer; for a "
        "convolution once for each position of the output.",
        "The last number of `output_shape` counts filters, and those are in the "
        "kernel's shape already. The numbers before it count positions.",
        "math.prod(kernel_shape) * math.prod(output_shape[:-1]); the product of an "
        "empty tuple is 1.",
    ),
    reference=_layer_macs,
)


def _macs(answer: Any, *shapes: tuple[int, ...]) -> float:
    return require_number(call(answer, *shapes), what="The number of MACs")


@layer_macs.check
def multiplies_each_weight_of_a_dense_layer_once(answer):
    received = _macs(answer, (30, 10), (10,))
    require(
        received != 600,
        "600 is the number of FLOPs: a multiplication and an addition count as one "
        "multiply-accumulate.",
    )
    causes = {
        0: "A Dense layer is used in one place, and the product of no numbers is 1.",
        3000: "Its outputs are counted twice: they are in the shape of the kernel.",
        30000: "The output of a Dense layer has no rows and columns.",
    }
    require(
        received == 300,
        "A Dense layer with 30 inputs and 10 outputs multiplies 30 x 10 = 300 times. "
        f"Received: {received:g}.{because(received, causes)}",
    )


@layer_macs.check
def counts_every_position_of_the_output(answer):
    received = _macs(answer, (3, 3, 1, 4), (10, 10, 4))
    require(
        received != 36,
        "36 is the number of weights. A convolution uses each of them again at every "
        "position of its output, here 10 x 10 times.",
    )


@layer_macs.check
def counts_every_input_channel(answer):
    received = _macs(answer, (3, 3, 8, 4), (10, 10, 4))
    require(
        received != 3600,
        "The kernel (3, 3, 8, 4) reads 8 input channels. It looks as if they were not "
        "counted: the result is 8 times too small.",
    )


@layer_macs.check
def counts_the_filters_once(answer):
    received = _macs(answer, (3, 3, 8, 4), (10, 10, 4))
    causes = {
        4 * 28800: "The filters are in both shapes and count once.",
        400: "That is the size of the output. Each of its numbers takes many MACs.",
        9 * 400: "The kernel has four axes; all of them count.",
        9: "All four axes of the kernel count, and every position of the output.",
    }
    require(
        received == 28800,
        "A kernel (3, 3, 8, 4) at 10 x 10 positions needs 3 x 3 x 8 x 4 x 100 = 28,800 "
        f"MACs. Received: {received:,.0f}.{because(received, causes)}",
    )


@layer_macs.check
def agrees_with_the_library(answer):
    *kernel, rows, columns = generator(1).integers(1, 30, size=6).tolist()
    drawn = tuple(kernel), (rows, columns, kernel[-1])
    for shape, output, expected in (*_layers(), (*drawn, _layer_macs(*drawn))):
        received = _macs(answer, shape, output)
        require(
            received == expected,
            f"A kernel {shape} with the output {output} needs {expected:,} MACs. "
            f"Received: {received:,.0f}.",
        )


@cache
def _layers() -> list[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Kernel shape, output shape and MACs: of ResNet-20, and where no axis is square."""
    oblong = keras.Sequential(
        [keras.Input((9, 17, 2)), keras.layers.Conv2D(3, (2, 5), strides=(1, 2))]
    )
    return [
        (tuple(layer.kernel.shape), tuple(layer.output.shape[1:]), counts[layer.name])
        for model in (oblong, zoo.resnet20(pretrained=False))
        for counts in (measure.layer_macs(model),)
        for layer in model.layers
        if hasattr(layer, "kernel")
    ]


which_number = choice(
    "which_number",
    title="Which number decides?",
    hints=(
        "The app has a budget in milliseconds. Which of the numbers is one?",
        "Look at the figure with the three models: could you tell the order of their "
        "times from their parameters, or the times themselves from their MACs?",
    ),
    options={
        "a": Option(
            "Its parameters: fewer numbers, less to do.",
            "Look at the figure with three models: two of them have nearly the same "
            "number of parameters, and one needs many times the time of the other.",
        ),
        "b": Option(
            "Its MACs: they are what the processor does.",
            "They are a good first guess and not a time: divide the MACs of the three "
            "models by their times, and each model comes to another speed.",
        ),
        "c": Option(
            "Its latency, measured in the runtime and on the device that the app uses, "
            "with the noise beside it.",
            "Yes: only a time can be compared with a time, and only one from the "
            "runtime and the device that count. With its noise you know whether 19 ms "
            "really are below 20.",
            right=True,
        ),
        "d": Option(
            "The bytes of its file: a smaller file is read faster.",
            "The file is read once, when the app starts. Its bytes decide about the "
            "download and the memory.",
        ),
    },
)

EXERCISES = (honest_size, layer_macs, speedup, verdict, fastest, which_number)
