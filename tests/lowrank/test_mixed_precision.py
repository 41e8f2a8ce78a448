"""Layers split in two under a mixed precision policy: the rounding that is told."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.models.kernels import to_numpy


@pytest.mark.parametrize(
    ("policy", "bits"), [("mixed_float16", 11), ("mixed_bfloat16", 8)]
)
def test_what_passes_between_two_layers_is_rounded_once_more(policy, bits):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(40, dtype=policy)
    model = keras.Sequential([keras.Input((60,)), dense])
    x = np.random.default_rng(0).normal(size=(200, 60)).astype(np.float32)

    split = ncl.LowRank(rank=20)(model)
    left, right = (to_numpy(one.kernel) for one in split.layers)
    received = to_numpy(split(x)).astype(np.float64)
    exact = x.astype(np.float64) @ left @ right

    assert len(split.layers) == 2
    error = np.abs(received - exact).max() / np.abs(exact).max()
    assert 0 < error < 4 * 2.0**-bits
