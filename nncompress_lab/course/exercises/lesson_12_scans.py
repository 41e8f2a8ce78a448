"""Lesson 12: what each layer's options change, layer by layer and group by group."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, call, require, require_array
from nncompress_lab.models.kernels import to_numpy

Array = npt.NDArray[Any]
Options = Mapping[str, Sequence[Array]]
Measured = Callable[[keras.Model], float]

WIDTHS: Final = {"first": (3, 4), "second": (4, 2), "third": (2, 5)}
CLOSE: Final = 1e-5


def _scan_layers(model: keras.Model, options: Options, measured: Measured) -> Array:
    rows = []
    for name, kernels in options.items():
        kernel = model.get_layer(name).kernel
        original, row = to_numpy(kernel), []
        for each in kernels:
            kernel.assign(each)
            row.append(measured(model))
        kernel.assign(original)
        rows.append(row)
    return np.array(rows)


scan_layers = Exercise(
    "scan_layers",
    title="Scan a model, layer by layer",
    points=3,
    hints=(
        "Two loops: over the layers, and over the kernels of each. What must hold again "
        "before the next layer has its turn?",
        "`layer.kernel` is the variable itself: keep what it holds, as an array, with "
        "`keras.ops.convert_to_numpy(layer.kernel)`.",
        "For each layer: keep the original; for each kernel `layer.kernel.assign(each)` "
        "and `row.append(measured(model))`; then assign the original again.",
    ),
    reference=_scan_layers,
)


class _Watched:
    """A measure that notes whom it measured: the sum of what the model computes."""

    def __init__(self, inputs: Array) -> None:
        self.inputs = inputs
        self.models: list[Any] = []

    def __call__(self, model: Any) -> float:
        self.models.append(model)
        outputs = self.inputs
        for name in WIDTHS:
            kernel, bias = map(to_numpy, model.get_layer(name).weights)
            outputs = outputs @ kernel + bias
        return float(np.sum(outputs))


def _three_layers(seed: int) -> keras.Model:
    random = generator(seed)
    layers = [keras.layers.Dense(out, name=name) for name, (_, out) in WIDTHS.items()]
    model = keras.Sequential([keras.Input((WIDTHS["first"][0],)), *layers])
    model.set_weights([random.normal(size=each.shape) for each in model.weights])
    return model


def _scanned(answer: Any, seed: int, count: int) -> tuple[Array, Array, Any, _Watched]:
    """The answer's numbers, the right ones, the model's weights, and the measure."""
    random = generator(seed)
    model = _three_layers(seed + 1)
    options = {
        name: [random.normal(size=shape) for _ in range(count)]
        for name, shape in WIDTHS.items()
    }
    before = model.get_weights()
    watched = _Watched(random.normal(size=(6, WIDTHS["first"][0])))
    expected = _scan_layers(model, options, _Watched(watched.inputs))
    found = call(answer, model, options, watched)
    same = list(map(np.array_equal, before, model.get_weights()))
    shape = (len(WIDTHS), count)
    require(
        isinstance(found, np.ndarray) and found.shape == shape,
        f"For {len(WIDTHS)} layers with {count} options each, return an array of the shape "
        f"{shape}: a row for each layer. Received: "
        + (
            f"the shape {found.shape}."
            if isinstance(found, np.ndarray)
            else f"{type(found).__name__}."
        ),
    )
    numbers = require_array(found, shape=shape, what="The scan")
    others = [each for each in watched.models if each is not model]
    require(
        not others,
        "`measured` was called with another model than the one that your function was "
        "given. A copy costs memory and has to be compiled again for each option: put the "
        "kernels into the one model.",
    )
    return numbers, expected, same, watched


@scan_layers.check
def swaps_kernels_in_the_one_model(answer):
    _, _, _, watched = _scanned(answer, 11, 2)
    require(
        len(watched.models) == 2 * len(WIDTHS),
        f"{2 * len(WIDTHS)} options need as many calls of `measured`. It was called "
        f"{len(watched.models)} times.",
    )


@scan_layers.check
def changes_one_layer_at_a_time(answer):
    for seed, count in ((13, 2), (15, 4)):
        found, expected, _, _ = _scanned(answer, seed, count)
        right = np.isclose(found, expected, rtol=CLOSE, atol=CLOSE)
        require(
            right[0].all(),
            f"{np.count_nonzero(right[0])} of the first layer's {count} numbers are what "
            "`measured` says of the model with that kernel. Is each kernel assigned before "
            "its call, and is all else, the biases too, as it was?",
        )
        require(
            right.all(),
            f"The first layer's numbers are right; of all {right.size} there are "
            f"{np.count_nonzero(right)}. Each is that of a model with a single layer "
            "changed: has the layer before its own kernel again, as an array that was "
            "copied before the first change?",
        )


@scan_layers.check
def gives_the_weights_back(answer):
    _, _, same, _ = _scanned(answer, 17, 3)
    require(
        all(same),
        f"After the scan {same.count(False)} of the model's {len(same)} arrays are not "
        "what they were: the last layer, too, gets its own kernel back.",
    )


def _measure_without(
    model: keras.Model, layers: Sequence[str], channels: Sequence[int], measured: Any
) -> float:
    before = model.get_weights()
    for name in layers:
        kernel, bias = model.get_layer(name).get_weights()
        kernel[..., list(channels)] = 0
        bias[list(channels)] = 0
        model.get_layer(name).set_weights([kernel, bias])
    found: float = measured(model)
    model.set_weights(before)
    return found


measure_without = Exercise(
    "measure_without",
    title="Measure a group without some of its channels",
    points=2,
    hints=(
        "A channel of a sum is gone when all that is added there is 0. Which arrays of a "
        "layer add something to a channel?",
        "`kernel, bias = layer.get_weights()`; a kernel has its outputs on the last axis: "
        "`kernel[..., channels] = 0`.",
        "Keep `model.get_weights()`, zero kernel and bias of every layer of the group, "
        "call `measured(model)`, set the weights again, and return what it said.",
    ),
    reference=_measure_without,
)
_TIED: Final = ("left", "right")
_CHANNELS: Final = 6


def _sum_of_two(seed: int) -> keras.Model:
    random = generator(seed)
    entry = keras.Input((4, 4, 2))
    left = keras.layers.Conv2D(_CHANNELS, 3, padding="same", name="left")(entry)
    right = keras.layers.Conv2D(_CHANNELS, 1, name="right")(entry)
    total = keras.layers.Add(name="sum")([left, right])
    outputs = keras.layers.Conv2D(_CHANNELS, 1, name="reader")(total)
    model = keras.Model(entry, outputs)
    model.set_weights([random.normal(size=each.shape) for each in model.weights])
    return model


class _Arrays:
    """A measure that notes the weights that the model has while it is measured."""

    def __init__(self, says: float) -> None:
        self.says = says
        self.seen: list[list[Array]] = []

    def __call__(self, model: Any) -> float:
        self.seen.append(model.get_weights())
        return self.says


def _without(answer: Any, seed: int, channels: list[int]) -> tuple[Any, Any, Any]:
    """Weights of the tied layers when measured, those before, and all in the end."""
    model, measure = _sum_of_two(seed), _Arrays(says=0.25 * seed)
    before = model.get_weights()
    said = call(answer, model, list(_TIED), channels, measure)
    require(
        len(measure.seen) == 1,
        f"`measured` is to be called once. It was called {len(measure.seen)} times.",
    )
    require(
        said == measure.says,
        f"Return what `measured` said, {measure.says:g}. Received: {said!r}.",
    )
    return measure.seen[0], before, model.get_weights()


@measure_without.check
def silences_every_layer_of_the_group(answer):
    seen, before, _ = _without(answer, 21, [1, 4])
    kernels = {name: seen[2 * place] for place, name in enumerate(_TIED)}
    untouched = [
        name
        for place, name in enumerate(_TIED)
        if np.array_equal(kernels[name], before[2 * place])
    ]
    require(
        not untouched,
        f"The channels of `left` and `right` are added up: while {' and '.join(untouched)} "
        "still writes into them, they are not gone, and what is measured is another "
        "question.",
    )
    for name, kernel in kernels.items():
        require(
            kernel.shape[-1] == _CHANNELS,
            f"The kernel of `{name}` is to keep its shape; its channels become 0.",
        )
        require(
            not kernel[..., [1, 4]].any(),
            f"Without the channels 1 and 4 `kernel[..., 1]` and `kernel[..., 4]` of "
            f"`{name}` are 0: a Keras kernel has its outputs on the last axis.",
        )


@measure_without.check
def silences_the_biases(answer):
    seen, _, _ = _without(answer, 23, [0, 2, 3])
    for place, name in enumerate(_TIED):
        require(
            not seen[2 * place + 1][[0, 2, 3]].any(),
            f"The bias of `{name}` still adds something to channels that are to be gone.",
        )


@measure_without.check
def leaves_all_else_as_it_is(answer):
    for seed, channels in ((25, [5]), (27, [3, 0])):
        seen, before, _ = _without(answer, seed, channels)
        kept = [each for each in range(_CHANNELS) if each not in channels]
        for now, was in zip(seen[:4], before[:4], strict=True):
            require(
                np.array_equal(now[..., kept], was[..., kept]),
                f"Without the channels {channels}, all others stay as they are.",
            )
        require(
            all(map(np.array_equal, seen[4:], before[4:])),
            "The layer that reads the sum stays as it is: it is not of the group.",
        )


@measure_without.check
def gives_all_weights_back(answer):
    _, before, after = _without(answer, 29, [2])
    require(
        all(map(np.array_equal, before, after)),
        "Afterwards the model is to have all of its weights again, or the next number is "
        "one of a broken model.",
    )
