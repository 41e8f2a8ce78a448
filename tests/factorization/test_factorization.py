"""The pass: chains compute what the layer did, and are smaller."""

import json

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.factorization.layer_chain import Target
from nncompress_lab.measure import layer_macs, macs
from nncompress_lab.models.kernels import Skip

CONVOLUTION_METHODS = ("tucker2", "spatial", "channel_svd", "cp", "separable")


def model_of(layer: keras.Layer, shape=(9, 10, 6)) -> keras.Model:
    image = keras.Input(shape)
    model = keras.Model(image, layer(image))
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape) * 0.3)
    return model


def outputs(model: keras.Model, shape=(9, 10, 6)) -> np.ndarray:
    images = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    return keras.ops.convert_to_numpy(model(images, training=False))


def chained(model: keras.Model, method: str, ranks=None, moments=None) -> keras.Model:
    """The model with its only layer replaced, however large the chain is."""
    layer = model.layers[1]
    target = Target.of(layer, method)
    chain = target.layers(ranks or target.full_ranks, moments)
    return ncl.rewrite_layers(model, lambda one: chain if one is layer else None)


@pytest.mark.parametrize("method", CONVOLUTION_METHODS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("size", "settings"),
    [
        (3, {}),
        (3, {"strides": 2}),
        ((2, 4), {"strides": 2}),
        ((4, 3), {}),
        (3, {"dilation_rate": 2}),
        (3, {"groups": 2, "strides": 2}),
    ],
)
def test_full_ranks_compute_the_same(method, padding, size, settings):
    layer = layers.Conv2D(4, size, padding=padding, activation="tanh", **settings)
    model = model_of(layer)

    result = chained(model, method)

    # They differ in the order of float32 roundings.
    np.testing.assert_allclose(outputs(result), outputs(model), rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", ["tucker2", "spatial", "channel_svd"])
def test_unequal_strides_and_odd_images_compute_the_same(method):
    for shape in [(9, 10, 6), (10, 9, 6), (7, 7, 6)]:
        for size in [(3, 3), (4, 2)]:
            layer = layers.Conv2D(4, size, strides=(2, 1), padding="same")
            model = model_of(layer, shape)

            result = chained(model, method)

            np.testing.assert_allclose(
                outputs(result, shape), outputs(model, shape), rtol=0, atol=1e-4
            )


CAUSAL = {"padding": "causal", "dilation_rate": 2}


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (method, settings)
        for method in ("tucker2", "channel_svd", "cp", "separable")
        for settings in ({"padding": "same", "strides": 2}, CAUSAL, {"groups": 2})
        # A depthwise convolution has no causal padding, so such a layer is left.
        if settings is not CAUSAL or method in {"tucker2", "channel_svd"}
    ],
)
def test_one_dimensional_convolutions_compute_the_same(method, settings):
    model = model_of(layers.Conv1D(4, 3, **settings), (9, 6))

    result = chained(model, method)

    np.testing.assert_allclose(
        outputs(result, (9, 6)), outputs(model, (9, 6)), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(("method", "count"), [("dense", 2), ("dense3", 3)])
def test_dense_layers_become_two_or_three(method, count):
    model = model_of(layers.Dense(8, activation="relu", name="hidden"), (5, 6))

    result = chained(model, method)

    assert len(result.layers) - 1 == count
    assert all(type(one) is layers.Dense for one in result.layers[1:])
    np.testing.assert_allclose(
        outputs(result, (5, 6)), outputs(model, (5, 6)), rtol=0, atol=1e-4
    )


def test_the_chain_has_the_layers_bias_and_activation_at_its_end():
    model = model_of(layers.Conv2D(16, 3, activation="relu", name="conv1"))

    result = ncl.Factorization("tucker2", rank=2)(model)

    first, core, last = result.layers[1:]
    assert [one.name for one in (first, core, last)] == [
        "conv1_in",
        "conv1_core",
        "conv1_out",
    ]
    assert not first.use_bias
    assert not core.use_bias
    assert core.activation is keras.activations.linear
    assert last.activation is keras.activations.relu
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(one.bias) for one in (last, model.layers[1]))
    )


def test_what_is_frozen_or_in_half_precision_stays_so():
    layer = layers.Conv2D(16, 3, dtype="mixed_bfloat16")
    layer.trainable = False
    result = ncl.Factorization("spatial", rank=2)(model_of(layer))

    for part in result.layers[1:]:
        assert not part.trainable
        assert part.dtype_policy.name == "mixed_bfloat16"


@pytest.mark.parametrize("method", CONVOLUTION_METHODS)
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [(12, 12, 16), (13, 11, 16)])
def test_the_promised_costs_are_those_of_the_model(method, strides, size):
    layer = layers.Conv2D(24, 3, strides=strides, padding="same", use_bias=False)
    model = model_of(layer, size)
    step = ncl.Factorization(method, rank=2)
    (ranks,) = step.ranks(model).values()
    target = Target.of(layer, method)

    result = step(model)

    assert target.cost(ranks, "parameters") == result.count_params()
    assert target.cost(ranks, "macs") == macs(result) < macs(model)
    assert target.cost(None, "macs") == macs(model)


@pytest.mark.parametrize("unit", ["parameters", "macs"])
@pytest.mark.parametrize("fraction", [0.3, 0.6])
@pytest.mark.parametrize("method", ["tucker2", "spatial", "cp"])
def test_a_budget_is_kept_and_used_up(unit, fraction, method):
    model = ncl.zoo.lenet5()

    step = ncl.Factorization(
        method, **{unit: fraction}, select=ncl.Selection(exclude=("conv1",))
    )

    counts = layer_macs(step(model))
    if unit == "macs":
        now = sum(n for path, n in counts.items() if path.startswith("conv2"))
        whole = layer_macs(model)["conv2"]
    else:
        after = step(model)
        now = after.count_params() - model.count_params() + 25_000
        whole = 25_000
    assert 0.95 * fraction * whole < now <= fraction * whole


def test_a_budget_that_no_rank_meets_is_an_error():
    with pytest.raises(ValueError, match=r"to macs=0\.001 of the .* lowest ranks"):
        ncl.Factorization("tucker2", macs=0.001)(ncl.zoo.lenet5())


def test_a_budget_gives_more_to_layers_that_need_it():
    image = keras.Input((8, 8, 16))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="simple")(image)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="rich")(x)
    model = keras.Model(image, x)
    generator = np.random.default_rng(0)
    line = generator.normal(size=(3, 3, 1, 1)) * np.ones((16, 16))
    model.get_layer("simple").kernel.assign(line)
    model.get_layer("rich").kernel.assign(generator.normal(size=(3, 3, 16, 16)))

    ranks = ncl.Factorization("tucker2", macs=0.4).ranks(model)

    assert ranks["simple"] == (1, 1)
    assert min(ranks["rich"]) > 4


def test_energy_is_kept_by_each_kernel():
    model = model_of(layers.Conv2D(24, 3, use_bias=False), (9, 10, 20))
    generator = np.random.default_rng(5)
    decaying = generator.normal(size=(3, 3, 20, 24)) / np.arange(1, 25) ** 2
    model.layers[1].kernel.assign(decaying)

    result = ncl.Factorization("tucker2", energy=0.9)(model)

    kernels = [keras.ops.convert_to_numpy(one.kernel) for one in result.layers[1:]]
    product = kernels[0] @ kernels[1] @ kernels[2]
    lost = ((product - decaying) ** 2).sum() / (decaying**2).sum()
    assert 0 < lost <= 0.1 + 1e-6


def test_variational_bayes_finds_the_ranks_that_were_planted():
    model = model_of(layers.Conv2D(40, 3), (6, 6, 30))
    generator = np.random.default_rng(0)
    core = generator.normal(size=(3, 3, 4, 5))
    first, last = generator.normal(size=(30, 4)), generator.normal(size=(5, 40))
    noise = 0.3 * generator.normal(size=(3, 3, 30, 40))
    model.layers[1].kernel.assign(first @ core @ last + noise)

    ranks = ncl.Factorization("tucker2", rank_selection="vbmf").ranks(model)

    assert list(ranks.values()) == [(4, 5)]


@pytest.mark.parametrize("method", CONVOLUTION_METHODS)
@pytest.mark.parametrize("groups", [1, 2])
def test_calibration_data_bring_the_outputs_nearer(method, groups):
    model = model_of(layers.Conv2D(24, 3, padding="same", groups=groups))
    # Channels that depend on each other, and of which some are nearly silent.
    generator = np.random.default_rng(2)
    mixing = generator.normal(size=(6, 6)) * np.logspace(-2, 0, 6)
    images = (generator.normal(size=(40, 9, 10, 6)) @ mixing).astype(np.float32)
    context = ncl.Context(calibration=ncl.Data(images, np.zeros(40, np.int32)))
    expected = model(images, training=False)

    def error(step: ncl.Pass) -> float:
        predicted = step(model, context)(images, training=False)
        return float(keras.ops.sum((predicted - expected) ** 2))

    plain, aware = (
        ncl.Factorization(method, rank=1 if method == "separable" else 2, data_aware=on)
        for on in (False, True)
    )

    assert aware.needs == {"calibration"}
    # How much nearer depends on how much is left to choose: a pointwise part, or all.
    assert error(aware) < 0.95 * error(plain)


def test_reasons_say_why_layers_are_left():
    model = tiny_models.depthwise()
    reasons = ncl.Factorization("tucker2", rank=2).explain(model)

    assert "Conv1D and Conv2D layers only" in reasons["depthwise"]
    assert "Conv1D and Conv2D layers only" in reasons["separable"]
    assert reasons["depthwise_bn"] == Skip.NO_KERNEL
    assert reasons["grouped"] is None
    assert (
        ncl.Factorization("tucker2", rank=64).explain(model)["grouped"] == Skip.NO_GAIN
    )
    budget = ncl.Factorization("tucker2", macs=1.0).explain(model)
    assert budget["grouped"] == Skip.WITHIN_BUDGET


@pytest.mark.parametrize(
    ("method", "layer", "reason"),
    [
        ("tucker2", {"kernel_size": 1}, "1x1, a matrix: use method 'channel_svd'"),
        ("spatial", {"kernel_size": (3, 1)}, "one row or column"),
        ("cp", {"kernel_size": 3, "strides": (2, 1)}, "same stride in both directions"),
        ("dense", {"kernel_size": 3}, "takes Dense layers only"),
    ],
)
def test_convolutions_that_a_method_cannot_take_have_a_reason(method, layer, reason):
    model = model_of(layers.Conv2D(16, **layer))
    step = ncl.Factorization(method, rank=1)

    (found,) = step.explain(model).values()

    assert reason in found
    np.testing.assert_array_equal(outputs(step(model)), outputs(model))


def test_channels_first_is_left_with_a_reason():
    layer = layers.Conv2D(16, 3, data_format="channels_first")
    image = keras.Input((6, 9, 10))
    model = keras.Model(image, layer(image))

    (reason,) = ncl.Factorization("tucker2", rank=1).explain(model).values()

    assert "channels come first" in reason


def test_a_layer_grows_neither_in_parameters_nor_in_macs():
    # With a stride of 4 the first 1x1 convolution works on 16 times as many positions as
    # the whole, so that the chain has fewer parameters but more MACs.
    layer = layers.Conv2D(32, 3, strides=4, padding="same", use_bias=False)
    model = model_of(layer, (32, 32, 32))
    target = Target.of(layer, "tucker2")

    assert target.cost((20, 4), "parameters") < target.cost(None, "parameters")
    assert target.cost((20, 4), "macs") > target.cost(None, "macs")
    reasons = ncl.Factorization("tucker2", rank=(20, 4)).explain(model)
    assert list(reasons.values()) == [Skip.NO_GAIN]


def test_inputs_of_open_size_are_taken():
    model = model_of(layers.Conv2D(24, 3, strides=2), (None, None, 12))

    result = ncl.Factorization("tucker2", macs=0.4)(model)

    assert result.count_params() < 0.6 * model.count_params()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rank": 2, "energy": 0.9},
        {"method": "svd", "rank": 2},
        {"rank": 0},
        {"rank": 1.0},
        {"rank": (1, 0)},
        {"method": "spatial", "rank": (1, 2)},
        {"energy": 0.0},
        {"macs": 1.5},
        {"parameters": 0.0},
        {"rank_selection": "bayes"},
        {"method": "cp", "rank_selection": "vbmf"},
        {"method": "separable", "rank_selection": "vbmf"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=r"Received|Choose another"):
        ncl.Factorization(**settings)


@pytest.mark.parametrize("rank", [True, "2", (1, 2, 3)], ids=str)
def test_a_rank_of_another_type_is_refused(rank):
    with pytest.raises(TypeError, match=r"`rank` must be .*Received: rank="):
        ncl.Factorization(rank=rank)


def test_a_pair_of_ranks_survives_the_recipe():
    step = ncl.Factorization("tucker2", rank=(3, 4))

    recipe = json.loads(json.dumps(ncl.to_recipe(step)))

    assert ncl.from_recipe(recipe) == ncl.pipeline(step)


def test_it_composes_with_folding_pruning_quantization_and_tuning(tmp_path):
    model = tiny_models.residual()
    step = ncl.pipeline(
        ncl.FoldBatchNorm(),
        ncl.Factorization("tucker2", rank=2),
        ncl.MagnitudePruning(sparsity=0.5),
        ncl.FineTune(epochs=1, batch_size=16),
        ncl.UniformQuantization(bits=8),
    )

    result = step(model, tiny_models.context())
    result.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")

    assert {"conv_in", "conv_core", "conv_out"} <= {one.name for one in result.layers}
    images = tiny_models.images()
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(loaded(images)),
        keras.ops.convert_to_numpy(result(images)),
    )


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_small", "lenet5"])
def test_the_reference_models_become_smaller(name):
    model = getattr(ncl.zoo, name)()
    method = "channel_svd" if name == "mobilenet_small" else "tucker2"

    result = ncl.Factorization(method, macs=0.5)(model)

    assert macs(result) < 0.7 * macs(model)
    assert result.count_params() < model.count_params()
