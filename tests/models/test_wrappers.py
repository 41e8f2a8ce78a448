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


def image_states() -> keras.Model:
    x = keras.Input((4, 5, 2))
    first = layers.ConvLSTM1D(3, 2, return_sequences=True, return_state=True)
    rows, *states = first(x)
    second = layers.ConvLSTM1D(3, 3, padding="same", unroll=True)
    return keras.Model(x, second(rows, initial_state=states))


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
    "images": lambda: around(
        layers.ConvLSTM2D(3, (2, 3), strides=(2, 1), data_format="channels_first"),
        shape=(4, 2, 5, 5),
    ),
    "image states": image_states,
}
every_wrapper = pytest.mark.parametrize("name", RECURRENT)


def outputs(model, x):
    return to_numpy(model(x, training=False))


def x_for(model):
    return np.resize(STEPS, (3, *model.input_shape[1:]))


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


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.ConvLSTM1D(3, 2, padding="same", unroll=True), (4, 5, 2)),
        (layers.ConvLSTM2D(3, (2, 3), go_backwards=True, dropout=0.5), (4, 5, 5, 2)),
        (layers.ConvLSTM3D(3, 2, use_bias=False, name="own"), (2, 3, 3, 3, 2)),
        (layers.Bidirectional(layers.ConvLSTM1D(3, 2)), (4, 5, 2)),
    ],
    ids=["1D", "2D", "3D", "both ways"],
)
def test_a_convolutional_layer_comes_back_with_its_own_cell(layer, shape):
    model = around(layer, shape=shape)

    small = ncl.UniformQuantization(bits=8)(model)
    (again,) = ncl.dequantized(small).layers

    assert small.layers[0].name == layer.name
    assert small.output_shape == model.output_shape
    assert again.get_config() == layer.get_config()


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
