"""Recurrent layers, masks, attention, other sizes and operations between layers."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from onnx_files import TOLERANCE, apart

import nncompress_lab as ncl
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime

STEPS = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).random((2, 5, 6, 4)).astype(np.float32)
IDS = np.array([[1, 2, 0, 0], [3, 0, 5, 1], [4, 4, 4, 0]], np.int32)


def model_of(function, x=STEPS):
    inputs = keras.Input(x.shape[1:], dtype=str(x.dtype))
    return keras.Model(inputs, function(inputs))


LAYERS = {
    "lstm": lambda: layers.LSTM(3),
    "lstm_backwards": lambda: layers.LSTM(3, return_sequences=True, go_backwards=True),
    "gru": lambda: layers.GRU(3, return_sequences=True),
    "gru_before": lambda: layers.GRU(3, reset_after=False, use_bias=False),
    "simple": lambda: layers.SimpleRNN(3, activation="relu"),
    "stacked": lambda: layers.RNN([layers.GRUCell(3), layers.LSTMCell(5)]),
    "concat": lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
    "average": lambda: layers.Bidirectional(layers.GRU(3), merge_mode="ave"),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_recurrent_layer_computes_the_same(name, masked):
    x = STEPS.copy()
    x[0, 1:3], x[1, 0] = 0, 0

    def function(inputs):
        return LAYERS[name]()(layers.Masking()(inputs) if masked else inputs)

    assert apart(model_of(function), x) <= TOLERANCE


def test_states_go_in_and_out():
    def function(inputs):
        whole, *states = layers.LSTM(6, return_state=True, return_sequences=True)(
            inputs
        )
        return layers.LSTM(6)(whole, initial_state=states)

    assert apart(model_of(function), STEPS) <= TOLERANCE


def test_a_quantized_cell_keeps_its_integers():
    small = ncl.UniformQuantization(bits=8)(model_of(layers.LSTM(64)))

    assert apart(small, STEPS) <= TOLERANCE
    assert len(to_onnx(small)) < 4 * 64 * (6 + 64) * 2  # floats take 4 bytes a weight


ROWS = STEPS.reshape(3, 4, 3, 2)
FILMS = np.random.default_rng(2).random((2, 3, 5, 4, 2)).astype(np.float32)
CONVOLUTIONAL = {
    "rows": (ROWS, lambda: layers.ConvLSTM1D(3, 2, use_bias=False)),
    "volumes": (FILMS[..., None], lambda: layers.ConvLSTM3D(2, 2)),
    "strides": (
        FILMS,
        lambda: layers.ConvLSTM2D(
            3, (3, 2), strides=2, padding="same", return_sequences=True
        ),
    ),
    "backwards": (
        FILMS,
        lambda: layers.ConvLSTM2D(
            3, 2, dilation_rate=2, go_backwards=True, recurrent_activation="softmax"
        ),
    ),
    "both ways": (ROWS, lambda: layers.Bidirectional(layers.ConvLSTM1D(3, 2))),
}


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_a_convolutional_lstm_computes_the_same(name):
    x, make = CONVOLUTIONAL[name]

    assert apart(model_of(make(), x), x) <= TOLERANCE


def test_a_convolutional_lstm_takes_masks_and_states_and_codes():
    def function(inputs):
        counts = ops.any(ops.any(inputs > 0.5, axis=-1), axis=-1)
        first = layers.ConvLSTM1D(4, 3, padding="same", return_state=True)
        _, *states = first(inputs, mask=counts)
        second = layers.ConvLSTM1D(4, 1, return_sequences=True)
        return second(inputs, mask=counts, initial_state=states)

    model = ncl.UniformQuantization(bits=8)(model_of(function, ROWS))

    assert apart(model, ROWS) <= TOLERANCE


@pytest.mark.parametrize("length", [None, 600])
def test_too_many_steps_are_refused(length):
    inputs = keras.Input((length, 2))
    model = keras.Model(inputs, layers.GRU(2, name="long")(inputs))

    with pytest.raises(UnsupportedModelError, match=r"'long'.*steps"):
        to_onnx(model)


def attended(query, **how):
    return layers.MultiHeadAttention(2, 3)(query, query, **how)


WORDS = {
    "mean": layers.GlobalAveragePooling1D(),
    "through": lambda x: layers.LSTM(3)(layers.Dropout(0.5)(layers.Dense(4)(x))),
    "sum": lambda x: layers.GlobalAveragePooling1D()(layers.Add()([x, x])),
    "attention": attended,
    "causal": lambda x: attended(x, use_causal_mask=True),
}


@pytest.mark.parametrize("name", WORDS)
def test_the_mask_of_an_embedding_travels_along(name):
    def function(ids):
        return WORDS[name](layers.Embedding(6, 6, mask_zero=True)(ids))

    assert apart(model_of(function, IDS), IDS) <= TOLERANCE


ATTENTION = {
    "causal": lambda x: attended(x, use_causal_mask=True),
    "said": lambda x: attended(x, attention_mask=ops.sum(x, axis=-1)[:, None] > 0),
    "grouped": lambda x: layers.GroupQueryAttention(3, 4, 2)(
        x, x, use_causal_mask=True
    ),
    "dot": lambda x: layers.Attention(use_scale=True)([x, 2 * x], use_causal_mask=True),
    "additive": lambda x: layers.AdditiveAttention()([x, 2 * x]),
    "Dot": lambda x: layers.Dot((1, 2), normalize=True)([x, ops.swapaxes(x, 1, 2)]),
    "tied": lambda x: layers.ReversibleEmbedding(7, 6)(x, reverse=True),
    "in_time": layers.TimeDistributed(layers.Dense(3, "relu")),
}
OPERATIONS = {
    "brackets": lambda x: x[:, None, ..., :2][..., 1:, :] + x[:, -1, None, None, :2],
    "split": lambda x: ops.concatenate(ops.split(x, [1, 4], axis=-1)[::-1], axis=-1),
    "parts": lambda x: ops.stack(ops.unstack(x, axis=1), axis=-1),
    "flip": lambda x: ops.flip(ops.swapaxes(x, -1, 1), axis=(1, 2)),
    "where": lambda x: ops.where(ops.logical_and(x > 0, x != 1), x, -1.0),
    "not": lambda x: x * ops.cast(ops.logical_not(x <= 0.5), "float32"),
    "integers": lambda x: x + ops.cast(ops.cast(3 * x, "int32"), "float32"),
    "clip": lambda x: ops.log1p(ops.clip(x, 0.0, 1.0)) + ops.log(ops.exp(x)),
    "spread": lambda x: (
        ops.std(x, axis=-1, keepdims=True) * ops.var(x, axis=1)[:, None]
    ),
    "sums": lambda x: ops.logsumexp(x, axis=-1) + ops.min(x, axis=2) + ops.prod(x, 2),
    "einsum": lambda x: ops.einsum("btc,bsc->bts", x, x),
    "any": lambda x: ops.cast(ops.any(x > 1.0, axis=-1), "float32"),
}


@pytest.mark.parametrize("name", [*ATTENTION, *OPERATIONS])
def test_attention_and_operations_compute_the_same(name):
    model = model_of((ATTENTION | OPERATIONS)[name])

    assert apart(model, STEPS) <= TOLERANCE


SIZES = {
    "bilinear": lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
    "resizing": lambda: layers.Resizing(7, 4),
    "nearest": lambda: layers.Resizing(3, 9, interpolation="nearest"),
    "crop": lambda: layers.CenterCrop(3, 3),
    "flip": layers.RandomFlip,
    "rotation": lambda: layers.RandomRotation(0.2),
    "zoom": lambda: layers.RandomZoom(0.2),
}


@pytest.mark.parametrize("name", SIZES)
def test_images_in_other_sizes_compute_the_same(name):
    assert apart(model_of(SIZES[name](), IMAGES), IMAGES) <= TOLERANCE


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_written_in_float32(policy):
    model = model_of(layers.Dense(3, dtype=policy))
    exact = model_of(layers.Dense(3))
    exact.set_weights(model.get_weights())

    # As exact as the float32 model; Keras rounds to 8 or 11 bits.
    assert apart(model, STEPS) <= 2**-7
    outputs = OnnxRuntime(to_onnx(model)).predict(STEPS)
    np.testing.assert_allclose(outputs, exact(STEPS), atol=1e-5)
