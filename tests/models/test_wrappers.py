"""Layers inside recurrent layers, Bidirectional and TimeDistributed are replaced, too."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.testing import check_on_model

pytestmark = pytest.mark.usefixtures("eagerly")

STEPS = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")


def around(*inner, shape=(4, 5)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *inner])


def masked(layer) -> keras.Model:
    return around(layers.Masking(), layer)


RECURRENT = {
    "lstm": lambda: around(layers.LSTM(6)),
    "states": lambda: around(layers.GRU(6, return_sequences=True), layers.SimpleRNN(7)),
    "backwards": lambda: around(layers.SimpleRNN(6, go_backwards=True, unroll=True)),
    "stacked": lambda: around(layers.RNN([layers.LSTMCell(6), layers.GRUCell(7)])),
    "both": lambda: masked(layers.Bidirectional(layers.LSTM(6, return_sequences=True))),
    "unlike": lambda: around(
        layers.Bidirectional(
            layers.LSTM(6),
            backward_layer=layers.GRU(6, go_backwards=True),
            merge_mode="ave",
        )
    ),
    "timed": lambda: around(layers.TimeDistributed(layers.Dense(6))),
    "model": lambda: around(
        layers.TimeDistributed(keras.Sequential([keras.Input((5,)), layers.Dense(6)]))
    ),
    "twice": lambda: around(
        layers.TimeDistributed(layers.TimeDistributed(layers.Dense(6))),
        shape=(4, 5, 5),
    ),
}
every_wrapper = pytest.mark.parametrize("name", RECURRENT)


def outputs(model, x):
    return to_numpy(model(x, training=False))


def x_for(model):
    return STEPS if len(model.input_shape) == 3 else np.stack([STEPS] * 5, axis=2)


@every_wrapper
def test_quantized_cells_compute_with_their_rounded_kernels(name):
    model = RECURRENT[name]()
    x = x_for(model).copy()
    x[:, 2] = 0  # where there is a mask

    small = ncl.UniformQuantization(bits=8)(model)

    assert set(ncl.UniformQuantization(bits=8).explain(model).values()) == {None}
    assert not any(one.is_float for one in kernel_layers(small))
    expected = ncl.copy_model(model)
    pairs = zip(kernel_layers(expected), kernel_layers(small), strict=True)
    for plain, stored in pairs:
        assert plain.path.rpartition("/")[2] == stored.path.rpartition("/")[2]
        plain.assign(stored.arrays())
    np.testing.assert_allclose(outputs(small, x), outputs(expected, x), atol=1e-6)
    floats = ncl.dequantized(small)
    np.testing.assert_allclose(outputs(floats, x), outputs(expected, x), atol=1e-6)


@every_wrapper
def test_a_saved_wrapper_of_quantized_layers_predicts_the_same(name, tmp_path):
    small = ncl.UniformQuantization(bits=4)(RECURRENT[name]())
    ncl.save_model(small, tmp_path / "m.keras")
    ncl.pack(small, tmp_path / "m.ncz")
    x = x_for(small)

    for again in (ncl.load_model(tmp_path / "m.keras"), ncl.unpack(tmp_path / "m.ncz")):
        np.testing.assert_array_equal(outputs(again, x), outputs(small, x))


def test_a_layer_in_time_may_become_two():
    model = around(layers.TimeDistributed(layers.Dense(6, name="dense")))

    thin = ncl.LowRank(rank=2)(model)

    names = [one.path for one in kernel_layers(thin)]
    assert [one.rpartition("/")[2] for one in names] == ["dense_left", "dense_right"]


def test_a_convolutional_cell_is_pruned_and_not_quantized():
    model = around(layers.ConvLSTM1D(3, 2, name="lstm"), shape=(4, 5, 2))
    (cell,) = kernel_layers(ncl.MagnitudePruning(sparsity=0.5)(model))

    assert cell.kernel_names == ("kernel", "recurrent_kernel")
    assert all(np.mean(one == 0) == 0.5 for one in cell.arrays())
    reasons = ncl.UniformQuantization().explain(model)
    assert set(reasons.values()) == {ncl.Skip.NOT_SUPPORTED}


@pytest.mark.parametrize(
    "step",
    [
        ncl.MagnitudePruning(sparsity=0.5),
        ncl.UniformQuantization(bits=4),
        ncl.CodebookQuantization(bits=2),
        ncl.ActivationQuantization(),
        ncl.pipeline(ncl.UniformQuantization(bits=4), ncl.CorrectBias()),
    ],
    ids=lambda one: one.label,
)
def test_the_passes_keep_their_promises_on_recurrent_layers(step):
    adds = isinstance(step, ncl.ActivationQuantization)
    check_on_model(step, tiny_models.recurrent(), adds_layers=adds, twice=False)
