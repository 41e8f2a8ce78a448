"""Lesson 07: a Dense layer as two thin ones."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, require
from nncompress_lab.course.exercises.lesson_07_factors import (
    CLOSE,
    pair_of,
    random_matrix,
)
from nncompress_lab.lowrank.arrays.svd import low_rank_factors
from nncompress_lab.models.kernels import to_numpy


def _split_dense(layer: Any, rank: int) -> tuple[Any, Any]:
    factors = low_rank_factors(to_numpy(layer.kernel), rank=rank)
    first = keras.layers.Dense(rank, use_bias=False)
    second = keras.layers.Dense(layer.units, activation=layer.activation)
    first.build((None, len(factors.left)))
    second.build((None, rank))
    first.set_weights([factors.left])
    second.set_weights([factors.right, to_numpy(layer.bias)])
    return first, second


split_dense = Exercise(
    "split_dense",
    title="One layer becomes two",
    points=2,
    hints=(
        "y = activation(x W + b), and W = L R, so y = activation((x L) R + b). What does "
        "the first product need besides L?",
        "`keras.layers.Dense(rank, use_bias=False)` first, then `keras.layers.Dense("
        "layer.units, activation=layer.activation)`.",
        "Both need `build((None, inputs))` before `set_weights`: [left] for the first, "
        "[right, bias] for the second.",
    ),
    reference=_split_dense,
)


def _layer(inputs: int, units: int, seed: int, activation: str = "linear") -> Any:
    layer = keras.layers.Dense(units, activation=activation)
    layer.build((None, inputs))
    bias = generator(seed + 100).normal(size=units).astype(np.float32)
    layer.set_weights([random_matrix(inputs, units, seed), bias])
    return layer


def _split(answer: Any, layer: Any, rank: int) -> tuple[Any, Any]:
    before = layer.get_weights()
    first, second = pair_of(answer, layer, rank)
    for one in (first, second):
        require(
            isinstance(one, keras.layers.Dense),
            f"Return two Dense layers. Received: {type(one).__name__}.",
        )
        require(
            one.built,
            "A layer has no weights before it is built: `layer.build((None, inputs))`.",
        )
    require(
        first.units == rank and second.units == layer.units,
        f"For a layer with {layer.units} units at rank {rank}, the first has {rank} units "
        f"and the second {layer.units}. Received: {first.units} and {second.units}.",
    )
    unchanged = all(map(np.array_equal, before, layer.get_weights()))
    require(unchanged, "The layer that was handed over has changed; build new ones.")
    return first, second


@split_dense.check
def are_two_dense_layers(answer):
    _split(answer, _layer(6, 4, seed=5), 2)


@split_dense.check
def has_nothing_in_between(answer):
    first, _ = _split(answer, _layer(6, 4, seed=6, activation="relu"), 3)
    require(
        keras.activations.get(first.activation) is keras.activations.linear,
        "Between the two there is no activation: with a ReLU there, half of what the first "
        "computes is lost, and the two no longer multiply.",
    )


@split_dense.check
def has_the_activation_of_the_layer_at_the_end(answer):
    _, second = _split(answer, _layer(6, 4, seed=6, activation="tanh"), 3)
    used = keras.activations.get(second.activation)
    require(
        used is not keras.activations.linear,
        "The activation of the layer is missing: it comes after the second.",
    )
    require(
        used is keras.activations.tanh,
        "The second has the activation of the layer that was handed over, here tanh. "
        f"Received: {getattr(used, '__name__', used)}.",
    )


@split_dense.check
def has_one_bias_and_that_is_the_layers(answer):
    first, second = _split(answer, _layer(6, 4, seed=7), 2)
    require(
        not first.use_bias,
        "The first layer has a bias. It is not needed, and costs as many weights as the "
        "rank: `use_bias=False`.",
    )
    require(
        second.use_bias,
        "The bias of the layer is missing: the second layer adds it.",
    )
    layer = _layer(5, 3, seed=8)
    _, second = _split(answer, layer, 2)
    require(
        np.allclose(to_numpy(second.bias), to_numpy(layer.bias), atol=CLOSE),
        "The bias of the second layer is not that of the layer. The first of the two "
        "multiplies only, so the bias passes through neither factor.",
    )


@split_dense.check
def computes_what_the_layer_does(answer):
    cases = ((6, 4, 4, "relu", 9), (4, 9, 4, "tanh", 10), (12, 7, 3, "linear", 11))
    for inputs, units, rank, activation, seed in cases:
        layer = _layer(inputs, units, seed, activation)
        first, second = _split(answer, layer, rank)
        x = generator(seed + 50).normal(size=(8, inputs)).astype(np.float32)
        best = low_rank_factors(to_numpy(layer.kernel), rank=rank).product()
        expected = to_numpy(layer.activation(x @ best + to_numpy(layer.bias)))
        received = to_numpy(second(first(x)))
        require(
            np.allclose(received, expected, rtol=CLOSE, atol=CLOSE),
            f"A layer of {inputs} x {units} with {activation} at rank {rank}: the two "
            "layers compute something else than the layer with the best kernel of that "
            f"rank, by up to {np.abs(received - expected).max():.3g}.",
        )
