"""Multiply-accumulates against products written out by hand."""

import keras
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure

every_model = pytest.mark.parametrize(
    "build", tiny_models.BUILDERS, ids=lambda one: one.__name__
)


def model_of(layer: keras.Layer, shape: tuple[int | None, ...]) -> keras.Model:
    return keras.Sequential([keras.Input(shape), layer])


DENSE = {
    "vector": (layers.Dense(5), (7,), 7 * 5),
    "row of vectors": (layers.Dense(5), (3, 7), 3 * 7 * 5),
    "no bias": (layers.Dense(5, use_bias=False), (7,), 7 * 5),
    "one unit": (layers.Dense(1), (4, 3, 7), 4 * 3 * 7 * 1),
}
EINSUM = {
    "like Dense": (layers.EinsumDense("abc,cd->abd", (3, 5)), (3, 7), 3 * 7 * 5),
    "into heads": (
        layers.EinsumDense("abc,cde->abde", (3, 2, 5)),
        (3, 7),
        3 * 7 * (2 * 5),
    ),
    "out of heads": (
        layers.EinsumDense("abcd,cde->abe", (3, 5)),
        (3, 2, 4),
        3 * (2 * 4) * 5,
    ),
    "any number of axes": (
        layers.EinsumDense("...x,xy->...y", 5),
        (4, 3, 7),
        4 * 3 * 7 * 5,
    ),
    "a matrix for each position": (
        layers.EinsumDense("abc,bcd->abd", (3, 5)),
        (3, 7),
        3 * 7 * 5,
    ),
    "sum over positions": (layers.EinsumDense("abc,cd->ad", (5,)), (3, 7), 3 * 7 * 5),
}
CONV = {
    # length 10 - 3 + 1 = 8
    "1d": (layers.Conv1D(5, 3), (10, 4), 8 * (3 * 4) * 5),
    # length 10 / 2 = 5
    "1d stride, same": (
        layers.Conv1D(5, 3, strides=2, padding="same"),
        (10, 4),
        5 * (3 * 4) * 5,
    ),
    "1d causal": (layers.Conv1D(5, 3, padding="causal"), (10, 4), 10 * (3 * 4) * 5),
    # a kernel of 3 with gaps of 1 spans 5: length 10 - 5 + 1 = 6
    "1d dilation": (layers.Conv1D(5, 3, dilation_rate=2), (10, 4), 6 * (3 * 4) * 5),
    # each of the 2 groups sees 4 / 2 channels
    "1d groups": (layers.Conv1D(6, 3, groups=2), (10, 4), 8 * (3 * 2) * 6),
    "2d": (layers.Conv2D(6, 3), (8, 9, 3), (6 * 7) * (3 * 3 * 3) * 6),
    "2d same": (
        layers.Conv2D(6, 3, padding="same"),
        (8, 9, 3),
        (8 * 9) * (3 * 3 * 3) * 6,
    ),
    # (8 - 3) // 2 + 1 = 3 rows and (9 - 3) // 2 + 1 = 4 columns
    "2d stride": (
        layers.Conv2D(6, 3, strides=2),
        (8, 9, 3),
        (3 * 4) * (3 * 3 * 3) * 6,
    ),
    # 8 / 2 rows and 9 columns
    "2d stride of rows, same": (
        layers.Conv2D(6, (5, 1), strides=(2, 1), padding="same"),
        (8, 9, 3),
        (4 * 9) * (5 * 1 * 3) * 6,
    ),
    "2d dilation": (
        layers.Conv2D(6, 3, dilation_rate=2),
        (8, 9, 3),
        (4 * 5) * (3 * 3 * 3) * 6,
    ),
    # each of the 3 groups sees 3 / 3 channels
    "2d groups": (
        layers.Conv2D(6, 3, groups=3),
        (8, 9, 3),
        (6 * 7) * (3 * 3 * 1) * 6,
    ),
    "2d channels first": (
        layers.Conv2D(6, 3, data_format="channels_first"),
        (3, 8, 9),
        (6 * 7) * (3 * 3 * 3) * 6,
    ),
    "3d": (layers.Conv3D(2, 2), (4, 5, 6, 3), (3 * 4 * 5) * (2 * 2 * 2 * 3) * 2),
    # halves of 4, 5 and 6, rounded up
    "3d stride, same": (
        layers.Conv3D(2, 2, strides=2, padding="same"),
        (4, 5, 6, 3),
        (2 * 3 * 3) * (2 * 2 * 2 * 3) * 2,
    ),
}
# Each *input* value is multiplied with the whole kernel, whatever the stride.
TRANSPOSE = {
    "1d": (layers.Conv1DTranspose(5, 3, strides=2), (4, 2), 4 * (3 * 2) * 5),
    "2d": (layers.Conv2DTranspose(4, 3), (5, 6, 3), (5 * 6) * (3 * 3 * 3) * 4),
    "2d stride, same": (
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        (5, 6, 3),
        (5 * 6) * (3 * 3 * 3) * 4,
    ),
    "2d channels first": (
        layers.Conv2DTranspose(4, 3, data_format="channels_first"),
        (3, 5, 6),
        (5 * 6) * (3 * 3 * 3) * 4,
    ),
    "3d": (
        layers.Conv3DTranspose(2, 2),
        (3, 4, 5, 4),
        (3 * 4 * 5) * (2 * 2 * 2 * 4) * 2,
    ),
}
DEPTHWISE = {
    "1d": (layers.DepthwiseConv1D(3), (10, 4), 8 * 3 * 4),
    "1d multiplier": (
        layers.DepthwiseConv1D(3, depth_multiplier=2),
        (10, 4),
        8 * 3 * (4 * 2),
    ),
    "2d multiplier, stride, same": (
        layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same"),
        (8, 8, 3),
        (4 * 4) * (3 * 3) * (3 * 2),
    ),
    "separable 1d": (
        layers.SeparableConv1D(6, 3, depth_multiplier=2),
        (10, 4),
        8 * (3 * (4 * 2) + (4 * 2) * 6),
    ),
    "separable 2d": (
        layers.SeparableConv2D(6, 3, depth_multiplier=2, strides=2, padding="same"),
        (8, 8, 3),
        (4 * 4) * ((3 * 3) * (3 * 2) + (3 * 2) * 6),
    ),
}


@pytest.mark.parametrize(("layer", "shape", "by_hand"), DENSE.values(), ids=DENSE)
def test_dense_multiplies_every_vector_with_its_kernel(layer, shape, by_hand):
    assert measure.macs(model_of(layer, shape)) == by_hand


@pytest.mark.parametrize(("layer", "shape", "by_hand"), EINSUM.values(), ids=EINSUM)
def test_einsum_dense_multiplies_once_for_each_index(layer, shape, by_hand):
    assert measure.macs(model_of(layer, shape)) == by_hand


@pytest.mark.parametrize(("layer", "shape", "by_hand"), CONV.values(), ids=CONV)
def test_a_convolution_uses_its_kernel_at_each_output(layer, shape, by_hand):
    assert measure.macs(model_of(layer, shape)) == by_hand


@pytest.mark.parametrize(
    ("layer", "shape", "by_hand"), TRANSPOSE.values(), ids=TRANSPOSE
)
def test_a_transposed_convolution_uses_its_kernel_at_each_input(layer, shape, by_hand):
    assert measure.macs(model_of(layer, shape)) == by_hand


@pytest.mark.parametrize(
    ("layer", "shape", "by_hand"), DEPTHWISE.values(), ids=DEPTHWISE
)
def test_a_depthwise_convolution_keeps_channels_apart(layer, shape, by_hand):
    assert measure.macs(model_of(layer, shape)) == by_hand


def test_an_embedding_multiplies_nothing():
    model = keras.Sequential([keras.Input((5,)), layers.Embedding(10, 6)])

    assert measure.macs(model) == 0


def test_normalization_activation_and_pooling_are_not_counted():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.BatchNormalization(),
            layers.PReLU(),
            layers.MaxPooling2D(),
            layers.LayerNormalization(),
        ]
    )

    assert measure.macs(model) == 0


def test_a_layer_derived_from_a_transposed_convolution_counts_like_it():
    class Upsample(layers.Conv2DTranspose):
        pass

    model = model_of(Upsample(4, 3, strides=2), (5, 6, 3))

    assert measure.macs(model) == (5 * 6) * (3 * 3 * 3) * 4


def test_self_attention_is_four_projections_and_two_products():
    x = keras.Input((4, 12))
    model = keras.Model(x, layers.MultiHeadAttention(2, 6, name="attention")(x, x))

    counts = measure.layer_macs(model)

    assert counts == {
        "attention": 2 * (4 * 4) * 6 + 2 * (4 * 4) * 6,
        "attention/query": 4 * 12 * (2 * 6),
        "attention/key": 4 * 12 * (2 * 6),
        "attention/value": 4 * 12 * (2 * 6),
        "attention/attention_output": 4 * (2 * 6) * 12,
    }


CROSS = {
    # products: 2 heads, 4 queries, 7 keys of 6 numbers and values of 5
    "attention": 2 * (4 * 7) * 6 + 2 * (4 * 7) * 5,
    "attention/query": 4 * 12 * (2 * 6),
    "attention/key": 7 * 9 * (2 * 6),
    "attention/value": 7 * 10 * (2 * 5),
    "attention/attention_output": 4 * (2 * 5) * 12,
}


def test_cross_attention_projects_keys_and_values_of_their_own_length():
    query, value, key = keras.Input((4, 12)), keras.Input((7, 10)), keras.Input((7, 9))
    attention = layers.MultiHeadAttention(2, 6, value_dim=5, name="attention")
    model = keras.Model([query, value, key], attention(query, value, key))

    assert measure.layer_macs(model) == CROSS


def test_cross_attention_counts_the_same_when_called_with_names():
    query, value, key = keras.Input((4, 12)), keras.Input((7, 10)), keras.Input((7, 9))
    attention = layers.MultiHeadAttention(2, 6, value_dim=5, name="attention")
    outputs = attention(query=query, key=key, value=value)
    model = keras.Model([query, value, key], outputs)

    assert measure.layer_macs(model) == CROSS


def test_cross_attention_without_a_key_takes_the_value_as_key():
    query, value = keras.Input((4, 12)), keras.Input((7, 10))
    attention = layers.MultiHeadAttention(2, 6, name="attention")
    model = keras.Model([query, value], attention(query, value))

    counts = measure.layer_macs(model)

    assert counts["attention/key"] == 7 * 10 * (2 * 6)


def test_an_attention_mask_costs_nothing():
    query, value = keras.Input((4, 12)), keras.Input((7, 10))
    mask = keras.Input((4, 7), dtype="bool")
    attention = layers.MultiHeadAttention(2, 6, name="attention")
    outputs = attention(query, value, attention_mask=mask)
    model = keras.Model([query, value, mask], outputs)

    without = keras.Model([query, value], attention(query, value))

    assert measure.layer_macs(model) == measure.layer_macs(without)


def test_the_gate_of_an_attention_layer_counts():
    x = keras.Input((4, 12))
    attention = layers.MultiHeadAttention(2, 6, use_gate=True, name="attention")
    model = keras.Model(x, attention(x, x))

    counts = measure.layer_macs(model)

    assert counts["attention/gate"] == 4 * 12 * (2 * 6)


def test_attention_along_one_axis_pairs_only_along_that_axis():
    x = keras.Input((3, 4, 12))
    attention = layers.MultiHeadAttention(2, 6, attention_axes=(2,), name="attention")
    model = keras.Model(x, attention(x, x))

    counts = measure.layer_macs(model)

    # 3 rows, in each of which 4 positions look at 4
    assert counts["attention"] == 2 * (2 * 3 * (4 * 4) * 6)


def test_a_layer_that_is_used_twice_counts_twice():
    model = tiny_models.shared()

    counts = measure.layer_macs(model)

    assert counts == {
        "twice": 2 * ((8 * 8) * (3 * 3 * 3) * 3),
        "logits": (8 * 8 * 3) * 4,
    }


def test_the_layers_of_inner_models_count():
    model = tiny_models.nested()

    counts = measure.layer_macs(model)

    assert counts == {
        "features/conv": (6 * 6) * (3 * 3 * 3) * 5,
        "head/logits": (6 * 6 * 5) * 4,
    }


def test_an_inner_model_that_is_used_twice_counts_twice():
    inner = model_of(layers.Dense(7), (7,))
    x = keras.Input((7,))

    model = keras.Model(x, inner(inner(x)))

    assert measure.macs(model) == 2 * (7 * 7)


def test_lenet5_takes_2293000():
    model = ncl.zoo.lenet5(pretrained=False)

    by_hand = (
        (24 * 24) * (5 * 5 * 1) * 20
        + (8 * 8) * (5 * 5 * 20) * 50
        + (4 * 4 * 50) * 500
        + 500 * 10
    )
    assert measure.macs(model) == by_hand == 2_293_000


@pytest.mark.parametrize(
    ("build", "bits"), tiny_models.in_turn(tiny_models.BUILDERS, [8, 3])
)
def test_quantization_does_not_change_the_macs(build, bits):
    model = tiny_models.built(build)

    quantized = ncl.UniformQuantization(bits=bits)(model)

    assert measure.layer_macs(quantized) == measure.layer_macs(model)


@every_model
def test_pruning_does_not_change_the_macs(build):
    model = tiny_models.built(build)

    pruned = ncl.MagnitudePruning(sparsity=0.9)(model)

    assert measure.layer_macs(pruned) == measure.layer_macs(model)


def test_folding_a_normalization_does_not_change_the_macs():
    model = tiny_models.residual()

    folded = ncl.FoldBatchNorm()(model)

    assert measure.macs(folded) == measure.macs(model)


RECURRENT = {
    # three gates or four, at each of 5 steps
    "LSTM": (layers.LSTM(4), (5, 3), 5 * 4 * (3 + 4) * 4),
    "GRU": (layers.GRU(4, return_sequences=True), (5, 3), 5 * 3 * (3 + 4) * 4),
    "SimpleRNN": (layers.SimpleRNN(4), (5, 3), 5 * (3 + 4) * 4),
    "Bidirectional": (layers.Bidirectional(layers.LSTM(4)), (5, 3), 2 * 5 * 4 * 7 * 4),
    "stacked": (
        layers.RNN([layers.LSTMCell(4), layers.GRUCell(2)]),
        (5, 3),
        5 * (4 * (3 + 4) * 4 + 3 * (4 + 2) * 2),
    ),
    "TimeDistributed": (layers.TimeDistributed(layers.Dense(4)), (5, 3), 5 * 3 * 4),
    "a model in time": (
        layers.TimeDistributed(keras.Sequential([keras.Input((3,)), layers.Dense(4)])),
        (5, 3),
        5 * 3 * 4,
    ),
    # 6 positions remain of 8
    "ConvLSTM": (layers.ConvLSTM1D(4, 3), (5, 8, 2), 5 * 6 * 4 * (3 * 2 + 3 * 4) * 4),
}


@pytest.mark.parametrize(
    ("layer", "shape", "expected"), RECURRENT.values(), ids=RECURRENT
)
def test_recurrent_layers_multiply_at_each_step(layer, shape, expected):
    model = model_of(layer, shape)

    assert measure.macs(model) == expected
    # A replaced cell is in an ordinary RNN, under the same path.
    assert measure.macs(ncl.UniformQuantization(bits=8)(model)) == expected


def test_products_of_inputs_are_counted():
    one, other = keras.Input((5, 3)), keras.Input((7, 3))
    seen = layers.Attention()([one, other])
    angle = layers.Dot(axes=2)([one, other])

    assert measure.macs(keras.Model([one, other], seen)) == 5 * 7 * (3 + 3)
    assert measure.macs(keras.Model([one, other], angle)) == 5 * 7 * 3


def test_a_tied_embedding_multiplies_where_it_makes_logits():
    ids = keras.Input((6,), dtype="int32")
    embedding = layers.ReversibleEmbedding(10, 4)
    model = keras.Model(ids, embedding(embedding(ids), reverse=True))

    assert measure.macs(model) == 6 * 4 * 10


def test_a_layer_whose_macs_are_not_known_is_named():
    class Memory(layers.Layer):
        def build(self, input_shape):
            self.kept = self.add_weight(name="kept", shape=(4,))

        def call(self, inputs):
            return inputs

    model = model_of(Memory(name="memory"), (5, 3))

    with pytest.raises(ncl.UnsupportedModelError, match=r"Memory.*'memory'"):
        measure.macs(model)


def test_a_wrapped_layer_is_not_taken_for_free():
    model = model_of(
        layers.SpectralNormalization(layers.Dense(5), name="wrapped"), (7,)
    )

    with pytest.raises(ncl.UnsupportedModelError, match="'wrapped'"):
        measure.macs(model)


def test_a_size_that_is_not_fixed_is_refused_with_the_name_of_the_layer():
    model = model_of(layers.Dense(5, name="words"), (None, 7))

    with pytest.raises(ncl.UnsupportedModelError, match=r"fixed sizes.*'words'"):
        measure.macs(model)


def test_what_is_no_keras_model_is_refused():
    with pytest.raises(ncl.UnsupportedModelError, match=r"builtins\.list"):
        measure.macs([layers.Dense(3)])
