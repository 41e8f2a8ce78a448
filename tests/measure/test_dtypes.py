"""Models in other float types: rounding is the oracle."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import to_numpy

MODELS = [
    tiny_models.sequential,
    tiny_models.residual,
    tiny_models.nested,
    tiny_models.shared,
    tiny_models.transformer,
]
X = np.random.default_rng(0).random((4, *tiny_models.IMAGE)).astype("float32")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("build", MODELS)
def test_every_weight_is_rounded_once(build, dtype):
    model = build()

    half = measure.in_dtype(model, dtype)

    for before, after in zip(model.weights, half.weights, strict=True):
        assert keras.backend.standardize_dtype(after.dtype) == dtype
        rounded = to_numpy(before).astype(np.dtype(dtype)).astype("float32")
        np.testing.assert_array_equal(to_numpy(after).astype("float32"), rounded)


@pytest.mark.parametrize("build", MODELS)
def test_the_outputs_are_near_those_of_the_model(build):
    model = build()
    expected = model.predict_on_batch(X)

    half = measure.in_dtype(model, "bfloat16").predict_on_batch(X)

    # bfloat16 keeps 8 bits, an error of 2^-9 a rounding; a dozen roundings in a row.
    error = np.abs(half.astype("float32") - expected).max() / np.abs(expected).max()
    assert 0 < error < 0.05


def test_the_same_type_gives_an_equal_model_that_shares_nothing():
    model = tiny_models.residual()

    same = measure.in_dtype(model, "float32")
    before = model.predict_on_batch(X)
    for weight in same.weights:
        weight.assign(weight * 0)

    np.testing.assert_array_equal(model.predict_on_batch(X), before)


def test_integers_of_a_quantized_layer_stay():
    model = ncl.UniformQuantization(bits=8)(
        tiny_models.sequential(), ncl.Context(progress=False)
    )

    half = measure.in_dtype(model, "float16")

    integers = [
        (one, two) for one, two in zip(model.weights, half.weights, strict=True)
    ]
    kept = [pair for pair in integers if "int8" in str(pair[0].dtype)]
    assert len(kept) == 3
    for before, after in kept:
        np.testing.assert_array_equal(to_numpy(before), to_numpy(after))


def test_another_type_is_refused():
    with pytest.raises(ValueError, match=r"`dtype`.*'int8'"):
        measure.in_dtype(tiny_models.sequential(), "int8")
