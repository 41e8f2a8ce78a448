"""Every layer that is covered computes in ONNX what it computes in Keras."""

import keras
import numpy as np
import onnx
import pytest
import tiny_models
from keras import layers, ops
from onnx_files import TOLERANCE, apart, checked, operators, randomized

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.runtimes.onnx_graph.activations import FUNCTIONS
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime

IMAGE = (7, 6, 4)


def chain(*parts, shape=IMAGE):
    return randomized(keras.Sequential([keras.Input(shape), *parts]))


def centered(shape, count=3):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


CHAINS = {
    "conv1d": ([layers.Conv1D(3, 3, strides=2, padding="same")], (9, 4)),
    "causal": ([layers.Conv1D(3, 3, dilation_rate=2, padding="causal")], (9, 4)),
    "conv2d": ([layers.Conv2D(5, (3, 2), strides=2, padding="same")], IMAGE),
    "padded_more_behind": ([layers.Conv2D(5, (2, 4), padding="same")], IMAGE),
    "dilated": ([layers.Conv2D(5, 3, dilation_rate=2, activation="silu")], IMAGE),
    "grouped": ([layers.Conv2D(6, 3, groups=2, padding="same")], IMAGE),
    "channels_first": (
        [
            layers.ZeroPadding2D(1, data_format="channels_first"),
            layers.Cropping2D(1, data_format="channels_first"),
            layers.Reshape((4, 7, 6)),
        ],
        (4, 7, 6),
    ),
    "conv3d": ([layers.Conv3D(2, 2, padding="same")], (4, 5, 3, 2)),
    "depthwise1d": ([layers.DepthwiseConv1D(3, depth_multiplier=2)], (9, 4)),
    "depthwise2d": (
        [layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)],
        IMAGE,
    ),
    "separable1d": ([layers.SeparableConv1D(5, 3)], (9, 4)),
    "separable2d": ([layers.SeparableConv2D(5, 3, activation="tanh")], IMAGE),
    "transposed1d": ([layers.Conv1DTranspose(3, 3, strides=2)], (9, 4)),
    "transposed2d": ([layers.Conv2DTranspose(3, 3, strides=2, padding="same")], IMAGE),
    "transposed2d_wide": (
        [layers.Conv2DTranspose(3, 2, strides=3, padding="valid")],
        IMAGE,
    ),
    "transposed3d": ([layers.Conv3DTranspose(2, 2, strides=2)], (3, 4, 3, 2)),
    "dense": ([layers.Dense(5, activation="elu")], (7,)),
    "dense_of_tokens": ([layers.Dense(5, use_bias=False)], (3, 7)),
    "dense_of_images": ([layers.Dense(5)], IMAGE),
    "einsum_matrix": (
        [layers.EinsumDense("abc,cde->abde", (3, 2, 5), bias_axes="de")],
        (3, 4),
    ),
    "einsum_two_summed": (
        [layers.EinsumDense("abcd,cde->abe", (7, 5), bias_axes="be")],
        (7, 2, 4),
    ),
    "einsum_dots": ([layers.EinsumDense("...b,bc->...c", 5, bias_axes="c")], (3, 4)),
    "einsum_other": (
        [layers.EinsumDense("abc,bd->adc", (5, 4), bias_axes="c")],
        (3, 4),
    ),
    "batch_norm": ([layers.BatchNormalization(), layers.ReLU(6.0)], IMAGE),
    "batch_norm_of_vectors": ([layers.BatchNormalization(scale=False)], (7,)),
    "batch_norm_of_rows": ([layers.BatchNormalization(axis=1)], IMAGE),
    "layer_norm": ([layers.LayerNormalization(epsilon=1e-5)], IMAGE),
    "layer_norm_of_two_axes": ([layers.LayerNormalization(axis=[-2, -1])], IMAGE),
    "rms_norm": ([layers.RMSNormalization()], (5, 8)),
    "group_norm": ([layers.GroupNormalization(groups=2)], IMAGE),
    "max_pool": ([layers.MaxPooling2D(3, strides=2, padding="same")], IMAGE),
    "average_pool": ([layers.AveragePooling2D(3, strides=2, padding="same")], IMAGE),
    "pools_of_rows": ([layers.MaxPooling1D(2), layers.AveragePooling1D(2)], (9, 4)),
    "pool_of_volumes": ([layers.MaxPooling3D(2)], (4, 5, 4, 2)),
    "global_max": ([layers.GlobalMaxPooling2D()], IMAGE),
    "global_average_kept": ([layers.GlobalAveragePooling2D(keepdims=True)], IMAGE),
    "padding": ([layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Conv2D(2, 3)], IMAGE),
    "cropping": ([layers.Cropping2D(((1, 2), (0, 1))), layers.Conv2D(2, 2)], IMAGE),
    "rows": ([layers.ZeroPadding1D(2), layers.Cropping1D((0, 1))], (5, 4)),
    "up_sampling": ([layers.UpSampling2D((2, 3)), layers.Conv2D(2, 2)], IMAGE),
    "repeated": ([layers.RepeatVector(3)], (5,)),
    "permuted": ([layers.Permute((3, 1, 2)), layers.Flatten()], IMAGE),
    "reshaped": ([layers.Conv2D(4, 3), layers.Reshape((-1, 2))], IMAGE),
    "rescaled": ([layers.Rescaling(1 / 127.5, offset=-1.0)], IMAGE),
    "slopes": ([layers.LeakyReLU(0.1), layers.ELU(0.5), layers.PReLU()], IMAGE),
    "softmax": ([layers.Softmax(axis=-1)], IMAGE),
    "only_in_training": (
        [layers.Dropout(0.5), layers.GaussianNoise(1.0), layers.SpatialDropout2D(0.5)],
        IMAGE,
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_layer_computes_the_same(name):
    parts, shape = CHAINS[name]
    # Layers keep what they were built for, so each test gets its own.
    fresh = [type(one).from_config(one.get_config()) for one in parts]

    assert apart(chain(*fresh, shape=shape), centered(shape)) <= TOLERANCE


@pytest.mark.parametrize("name", [*FUNCTIONS, "softmax", "log_softmax", "linear"])
def test_an_activation_function_computes_the_same(name):
    model = chain(layers.Activation(name), shape=(40,))

    assert apart(model, 3 * centered((40,))) <= TOLERANCE


def operations() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.Conv2D(4, 1)(image)
    x = (2.0 * x + 1.0 - image / 3.0) * np.arange(4, dtype=np.float32)
    x = ops.maximum(x, -x) + ops.square(x) - ops.relu(x) + ops.sqrt(abs(x))
    x = ops.concatenate([x[:, 1:, ::2], x[:, :-1, :3]], axis=-1)
    x = ops.transpose(ops.reshape(x, (-1, 18, 8)), (0, 2, 1))
    x = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
    mean = ops.mean(x, axis=-1, keepdims=True)
    return keras.Model(image, ops.softmax(ops.squeeze(x - mean, ()), axis=-1)[:, 3])


def merged() -> keras.Model:
    image = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, padding="same")(image)
    gate = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(4, 1, activation="sigmoid")(gate)
    x = layers.Multiply()([x, gate])
    parts = [
        one([x, image])
        for one in (layers.Subtract(), layers.Maximum(), layers.Average())
    ]
    x = layers.Concatenate(axis=-1)([*parts, layers.Add()([x, image, x])])
    x = layers.Concatenate(axis=1)([x, x])
    return keras.Model(image, layers.Minimum()([x, x * 0.5]))


def gated_attention() -> keras.Model:
    words, memory = keras.Input((5, 8)), keras.Input((3, 6))
    x = layers.MultiHeadAttention(2, 3, value_dim=5, use_gate=True)(words, memory)
    return keras.Model([words, memory], x)


def sentence() -> keras.Model:
    words = keras.Input((5,), dtype="int32")
    x = layers.Embedding(11, 6)(words)
    x = layers.MultiHeadAttention(2, 3)(x, x)
    return keras.Model(words, layers.GlobalMaxPooling1D()(x))


@pytest.mark.parametrize("build", [operations, merged], ids=lambda one: one.__name__)
def test_operations_and_merges_compute_the_same(build):
    assert apart(randomized(build()), centered(IMAGE)) <= TOLERANCE


def test_attention_between_two_inputs_computes_the_same():
    model = randomized(gated_attention())
    x = [centered((5, 8)), centered((3, 6))]

    outputs = OnnxRuntime(checked(model)).predict(x)

    np.testing.assert_allclose(outputs, model.predict_on_batch(x), atol=TOLERANCE)


def test_words_are_looked_up():
    words = np.random.default_rng(0).integers(0, 11, (4, 5)).astype(np.int32)

    assert apart(sentence(), words) <= TOLERANCE


@pytest.mark.parametrize(
    "build", tiny_models.BUILDERS, ids=[one.__name__ for one in tiny_models.BUILDERS]
)
def test_a_structure_computes_the_same(build):
    model = tiny_models.built(build)

    assert apart(model, tiny_models.images()) <= TOLERANCE


def test_a_batch_of_any_size_is_taken():
    model, x = tiny_models.residual(), tiny_models.images(5)
    runtime = OnnxRuntime(to_onnx(model))

    rows = [runtime.predict(x[place : place + 1]) for place in range(5)]

    expected = model.predict_on_batch(x)
    np.testing.assert_allclose(np.concatenate(rows), expected, atol=TOLERANCE)


def test_images_whose_size_is_not_fixed_are_taken():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))

    assert apart(model, centered((9, 12, 3))) <= TOLERANCE
    assert apart(model, centered((8, 7, 3))) <= TOLERANCE


def test_batch_norm_disappears_into_the_layer_before_it():
    content = to_onnx(tiny_models.residual())

    assert "BatchNormalization" not in operators(content)
    # Two convolutions with their biases, ReLU, the sum, the mean, the logits.
    assert [
        one for one in operators(content) if one not in {"Transpose", "Identity"}
    ] == [
        "Conv",
        "Relu",
        "Conv",
        "Add",
        "ReduceMean",
        "MatMul",
        "Add",
    ]


def test_what_others_use_is_not_folded():
    image = keras.Input(IMAGE)
    x = layers.Conv2D(4, 1)(image)
    model = keras.Model(image, layers.Add()([x, layers.BatchNormalization()(x)]))

    assert apart(randomized(model), centered(IMAGE)) <= TOLERANCE


def test_a_shared_kernel_is_in_the_file_once():
    graph = onnx.load_from_string(to_onnx(tiny_models.shared())).graph

    assert [len(one.dims) for one in graph.initializer].count(4) == 1
    assert [one.op_type for one in graph.node].count("Conv") == 2


def test_names_are_those_of_keras():
    model = tiny_models.nested()

    graph = onnx.load_from_string(to_onnx(model)).graph

    assert [one.name for one in graph.input] == [model.layers[0].name]
    assert [one.name for one in graph.output] == ["head"]
    names = {one.name for one in graph.node}
    assert {"features/conv/Conv", "head/logits/MatMul"} <= names


class Mine(layers.Layer):
    """Of one's own, and made of what has no standard form."""

    def call(self, x):
        return ops.erfinv(x)


class MyDense(layers.Dense):
    def call(self, x, training=None):
        return ops.erfinv(super().call(x, training=training))


REFUSED = {
    "Lambda": lambda: layers.Lambda(lambda x: x, name="odd"),
    "Mine": lambda: Mine(name="odd"),
    "MyDense": lambda: MyDense(3, name="odd"),
    "Discretization": lambda: layers.Discretization([0.0, 1.0], name="odd"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_layer_that_is_not_covered_is_named(kind):
    model = keras.Sequential([keras.Input((5, 4)), REFUSED[kind]()])

    with pytest.raises(UnsupportedModelError, match=rf"'odd' \({kind}\)"):
        to_onnx(model)


def wave(x):
    return ops.sin(x)


REFUSED_SETTINGS = {
    "activation": (lambda: layers.Dense(3, activation=wave), "wave"),
    "bicubic": (lambda: layers.UpSampling2D(interpolation="bicubic"), "bicubic"),
    "softmax": (lambda: layers.Softmax(axis=[1, 2]), "several axes"),
}


@pytest.mark.parametrize("name", REFUSED_SETTINGS)
def test_a_setting_that_is_not_covered_is_named(name):
    build, said = REFUSED_SETTINGS[name]
    model = keras.Sequential([keras.Input(IMAGE), build()])

    with pytest.raises(UnsupportedModelError, match=said):
        to_onnx(model)
