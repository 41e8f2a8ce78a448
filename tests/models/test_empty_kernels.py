"""A kernel that holds no weights is left alone, and the report says so."""

import keras
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import Skip

PASSES = [
    ncl.MagnitudePruning(sparsity=0.5),
    ncl.MagnitudePruning(sparsity=0.5, scope="global"),
    ncl.UniformQuantization(bits=4, granularity="per_group", group_size=16),
    ncl.CodebookQuantization(bits=3),
    ncl.LowRank(energy=0.9),
    ncl.Factorization("dense", energy=0.9),
]


@pytest.mark.parametrize("step", PASSES, ids=lambda one: type(one).__name__)
def test_a_kernel_without_weights_is_left_alone(step):
    empty = layers.Dense(3, name="empty")
    model = keras.Sequential([keras.Input((0,)), empty, layers.Dense(8)])

    result = step(model)

    assert result.get_layer("empty").kernel.shape == (0, 3)
    assert step.explain(model)["empty"] == Skip.EMPTY
