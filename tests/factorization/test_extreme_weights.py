"""Kernels near the ends of float32: what is computed does not depend on the unit."""

import keras
import numpy as np
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.magnitudes import ordinary, scaled_back

X = np.random.default_rng(0).normal(size=(8, 6, 6, 5)).astype(np.float32) / 64
KERNEL = np.random.default_rng(1).uniform(-1, 1, size=(3, 3, 5, 8)).astype(np.float32)
STEPS = [
    *(ncl.Factorization(one, rank=2) for one in ("tucker2", "spatial", "cp")),
    *(ncl.Factorization(one, energy=0.4) for one in ("tucker2", "separable")),
    ncl.Factorization("tucker2", rank=2, data_aware=True),
    ncl.Factorization("channel_svd", macs=0.5),
    ncl.LowRank(rank=2),
]


def outputs(step, exponent):
    """Of the compressed model, in units of the power of two."""
    model = keras.Sequential([keras.Input(X.shape[1:]), layers.Conv2D(8, 3)])
    model.layers[0].kernel.assign(np.ldexp(KERNEL, exponent))
    context = ncl.Context(calibration=(X, np.zeros(8)), progress=False)
    result = step(model, context)(X)
    return np.ldexp(keras.ops.convert_to_numpy(result).astype(np.float64), -exponent)


@pytest.mark.parametrize("step", STEPS, ids=lambda one: one.label)
def test_weights_of_any_size_are_factorized_alike(step):
    expected = outputs(step, 0)

    for exponent in (-100, 70, 126):
        np.testing.assert_allclose(
            outputs(step, exponent), expected, atol=1e-4 * np.abs(expected).max()
        )


def test_the_second_moments_of_large_inputs_are_finite():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(3)])
    model.layers[0].kernel.assign(np.ldexp(np.eye(4, dtype=np.float32), 100))
    x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)

    result = ncl.GPTQ(bits=8)(model, ncl.Context(calibration=(x, np.zeros(32))))

    assert np.isfinite(result.layers[1].kernel).all()


def test_arrays_that_are_not_finite_stay():
    array = np.array([np.inf, 1.0])

    (same,), exponent = ordinary([array])

    assert same is array
    assert exponent == 0


@pytest.mark.parametrize("exponent", [-7, 0, 1, 128])
def test_factors_share_a_power_of_two(exponent):
    factors = scaled_back([np.ones(1)] * 3, exponent)

    assert np.prod(factors) == 2.0**exponent
