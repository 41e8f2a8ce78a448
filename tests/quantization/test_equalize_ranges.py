"""Range equalisation: the same outputs, and the same ranges on both sides."""

import itertools

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, to_numpy
from nncompress_lab.quantization.equalize_ranges import equalizing_factors

pytestmark = pytest.mark.contract


def uneven(model: keras.Model) -> keras.Model:
    """Channels of very different sizes, and biases that are not zero."""
    generator = np.random.default_rng(0)
    for layer in kernel_layers(model):
        for kernel in layer.kernels():
            kernel.assign(
                to_numpy(kernel) * 10 ** generator.uniform(-1, 1, kernel.shape[-1])
            )
        if layer.layer.bias is not None:
            layer.layer.bias.assign(generator.normal(size=layer.layer.bias.shape))
    return model


def chain() -> keras.Model:
    """Every kind of pair, with what may stand between."""
    return uneven(
        keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(4, 3, name="a"),
                layers.ReLU(),
                layers.ZeroPadding2D(),
                layers.DepthwiseConv2D(3, depth_multiplier=2, name="b"),
                layers.MaxPooling2D(),
                layers.Conv2D(6, 2, groups=2, activation="relu", name="c"),
            ]
        )
    )


def tail() -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(5, 3, use_bias=False, activation="relu", name="d")(image)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(7, activation="leaky_relu", name="e")(x)
    x = layers.Dropout(0.5)(x)
    return uneven(keras.Model(image, layers.Dense(4, name="f")(x)))


def ranges(kernel: np.ndarray, axis: int) -> np.ndarray:
    others = tuple(one for one in range(kernel.ndim) if one != axis % kernel.ndim)
    return np.abs(kernel).max(axis=others)


def test_the_factors_make_both_ranges_their_geometric_mean():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(5, 9)), generator.normal(size=(9, 4))

    factors = equalizing_factors(first, second)

    made = np.abs(first / factors).max(axis=0)
    used = np.abs(second * factors[:, None]).max(axis=1)
    mean = np.sqrt(np.abs(first).max(axis=0) * np.abs(second).max(axis=1))
    np.testing.assert_allclose(made, mean)
    np.testing.assert_allclose(used, mean)


def test_a_channel_of_zeros_is_left_alone():
    first, second = np.array([[0.0, 2.0]]), np.array([[5.0], [0.0]])

    np.testing.assert_array_equal(equalizing_factors(first, second), [1, 1])


@pytest.mark.parametrize("build", [chain, tail], ids=["chain", "tail"])
def test_the_outputs_stay_and_the_ranges_agree(build):
    model = build()

    result = ncl.EqualizeRanges()(model)

    x = np.random.default_rng(1).normal(size=(4, 8, 8, 3)).astype(np.float32)
    expected = to_numpy(model(x))
    # Scaled weights are rounded anew to float32, and sums add up in another way.
    np.testing.assert_allclose(
        to_numpy(result(x)), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
    )
    kernels = [one.arrays()[0] for one in kernel_layers(result)]
    for first, second in itertools.pairwise(kernels):
        made = ranges(first, -1)
        if first.shape[-1] != second.shape[-2]:
            continue  # depthwise makes two channels from one: below
        # Sweeps end when no factor is further than 1e-3 from 1.
        np.testing.assert_allclose(made, ranges(second, -2), rtol=5e-3)


def test_channels_of_depthwise_and_before_groups():
    reasons = ncl.EqualizeRanges().explain(chain())

    assert reasons["a"] is None
    assert reasons["b"] is None  # as the follower of a
    assert reasons["c"] == ncl.Skip.LEAVES


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda b: b.__name__)
def test_every_model_keeps_its_outputs(build):
    model = tiny_models.built(build)

    result = ncl.pipeline(ncl.FoldBatchNorm(), ncl.EqualizeRanges())(model)

    x = tiny_models.images()
    np.testing.assert_allclose(
        to_numpy(result(x, training=False)),
        to_numpy(model(x, training=False)),
        rtol=2e-4,
        atol=1e-4,
    )


def between(*middle) -> str | None:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, name="first"),
            *middle,
            layers.Dense(3, name="second"),
        ]
    )
    return ncl.EqualizeRanges().explain(model)["first"]


def test_what_is_not_positively_homogeneous_keeps_layers_apart():
    assert between(layers.ReLU()) is None
    assert between(layers.Activation("relu"), layers.Dropout(0.1)) is None
    assert "relu6 (ReLU) follows, which is not positively homogeneous" in between(
        layers.ReLU(6.0, name="relu6")
    )
    assert "not positively homogeneous" in between(layers.Activation("gelu"))
    assert "bn (BatchNormalization) follows" in between(
        layers.BatchNormalization(name="bn")
    )


def test_channels_that_several_layers_use_are_left():
    reasons = ncl.EqualizeRanges().explain(tiny_models.shared())
    branched = ncl.EqualizeRanges().explain(tiny_models.residual())

    assert reasons["twice"] == ncl.Skip.SEVERAL_USES
    assert reasons["logits"] == ncl.Skip.LEAVES
    assert "follows" in branched["conv"]


def test_one_scale_for_a_kernel_loses_less_after_it():
    model = tail()
    x = np.random.default_rng(1).normal(size=(32, 8, 8, 3)).astype(np.float32)
    step = ncl.UniformQuantization(bits=6, granularity="per_tensor")

    before, after = (
        np.square(to_numpy(one(x)) - to_numpy(model(x))).mean()
        for one in (step(model), ncl.pipeline(ncl.EqualizeRanges(), step)(model))
    )

    assert after < 0.5 * before
