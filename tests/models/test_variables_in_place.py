"""Variables that are read in place and copied by the backend stay apart."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers

pytestmark = pytest.mark.contract


def test_a_copy_and_its_model_change_alone():
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(8, name="dense")
    model = keras.Sequential([keras.Input((9,)), dense])
    before = model.get_weights()[0]
    copied = ncl.copy_model(model)
    [layer], [copied_layer] = kernel_layers(model), kernel_layers(copied)
    [seen] = copied_layer.arrays(shared=True)
    np.testing.assert_array_equal(seen, before)
    del seen  # it is what the kernel is, as long as that is nothing else

    copied_layer.kernels()[0].assign_add(before)
    np.testing.assert_array_equal(layer.arrays()[0], before)

    layer.kernels()[0].assign_sub(before)
    np.testing.assert_array_equal(copied_layer.arrays(shared=True)[0], 2 * before)
