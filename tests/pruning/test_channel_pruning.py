"""Channel pruning on models: the outputs are those of the masked model."""

import json

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers
from masked_models import assert_equals_masked

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.channels.groups import follow_channels
from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.pruning.channels.scores import score_units
from nncompress_lab.zoo import architectures

WITH_GROUPS = [one for one in tiny_models.BUILDERS if one is not tiny_models.shared]
SMALL = {
    "lenet5": architectures.lenet5,
    "resnet20": lambda: architectures.resnet20(width=4),
    "vit_tiny": lambda: architectures.vit_tiny(depth=1),
}


def inputs_of(model: keras.Model) -> np.ndarray:
    shape = (2, *(one or 8 for one in model.input_shape[1:]))
    return np.random.default_rng(1).random(shape).astype(np.float32)


def prune_half(inputs, outputs, **settings) -> keras.Model:
    model = tiny_models.randomize_statistics(keras.Model(inputs, outputs))
    step = ncl.ChannelPruning(sparsity=0.5, **settings)
    return assert_equals_masked(model, step, inputs_of(model))


def reasons(model, **settings) -> dict[str, str | None]:
    return ncl.ChannelPruning(sparsity=0.5, **settings).explain(model)


@pytest.mark.parametrize("criterion", ["l1", "l2", "taylor"])
@pytest.mark.parametrize("build", WITH_GROUPS, ids=lambda one: one.__name__)
def test_outputs_are_those_of_the_masked_model(build, criterion, context):
    model = tiny_models.built(build)
    step = ncl.ChannelPruning(sparsity=0.5, criterion=criterion, scope="global")

    narrow = assert_equals_masked(model, step, inputs_of(model), context)

    assert narrow.count_params() < model.count_params()


def test_a_layer_that_reads_its_own_outputs_and_the_image_is_kept():
    why = reasons(tiny_models.shared())

    assert why["twice"] == "its channels are those of the model's input"


@pytest.mark.parametrize("build", SMALL.values(), ids=SMALL)
def test_the_zoo_is_cut_to_half_its_channels(build):
    model = tiny_models.built(build)
    step = ncl.ChannelPruning(sparsity=0.5)

    narrow = assert_equals_masked(model, step, inputs_of(model))

    assert measure.macs(narrow) < 0.62 * measure.macs(model)
    assert [type(one) for one in narrow.layers] == [type(one) for one in model.layers]


def test_every_stage_of_a_residual_network_has_half_the_filters():
    narrow = ncl.ChannelPruning(sparsity=0.5)(architectures.resnet20(width=8))

    filters = {
        layer.name: layer.filters
        for layer in narrow.layers
        if isinstance(layer, layers.Conv2D)
    }

    for name, count in filters.items():
        stage = 0 if name == "stem" else int(name[5])
        assert count == 4 * 2**stage


def test_heads_are_cut_whole():
    narrow = ncl.ChannelPruning(sparsity=0.5)(architectures.vit_tiny(depth=1))

    attention = narrow.get_layer("block0_attention")
    assert type(attention) is layers.MultiHeadAttention
    assert (attention.num_heads, attention.key_dim) == (2, 16)
    assert narrow.get_layer("block0_mlp1").units == 64
    assert narrow.get_layer("tokens").target_shape[-1] == 64  # under LayerNormalization


@pytest.mark.parametrize("budget", ["macs", "parameters"])
@pytest.mark.parametrize("scope", ["group", "global"])
def test_a_budget_is_kept_and_used(scope, budget):
    model = architectures.lenet5()
    cost = measure.macs if budget == "macs" else lambda one: one.count_params()

    narrow = ncl.ChannelPruning(scope=scope, **{budget: 0.6})(model)

    # The step of a ranking by group may cut a channel of each of the three groups.
    assert 0.5 < cost(narrow) / cost(model) <= 0.6


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda one: one.__name__)
def test_the_costs_of_budgets_are_those_that_are_measured(build):
    model = tiny_models.built(build)
    flow = follow_channels(model)
    everything = np.ones(len(flow.units), dtype=np.bool_)

    macs = sum(one.of(everything) for one in flow.macs)
    parameters = sum(one.of(everything) for one in flow.parameters(model.weights))

    assert (macs, parameters) == (measure.macs(model), model.count_params())


@pytest.mark.parametrize("build", WITH_GROUPS, ids=lambda one: one.__name__)
def test_the_costs_of_what_stays_are_those_of_the_narrow_model(build):
    model, step = tiny_models.built(build), ncl.ChannelPruning(sparsity=0.5)
    flow = follow_channels(model)
    kept = step.kept_units(flow, model, np.zeros(len(flow.units)))

    narrow = step(model)

    macs = sum(one.of(kept) for one in flow.macs)
    parameters = sum(one.of(kept) for one in flow.parameters(model.weights))
    assert (macs, parameters) == (measure.macs(narrow), narrow.count_params())


def test_the_global_ranking_spares_the_group_that_matters():
    model = tiny_models.sequential()
    model.get_layer("conv").kernel.assign(np.ones((3, 3, 3, 6)))
    kernel = to_numpy(model.get_layer("hidden").kernel)
    kernel[:, :5] = 0
    model.get_layer("hidden").kernel.assign(kernel)

    narrow = ncl.ChannelPruning(sparsity=5 / 16, scope="global")(model)

    assert narrow.get_layer("conv").filters == 6
    assert narrow.get_layer("hidden").units == 5


@pytest.mark.parametrize("criterion", ["l1", "l2", "taylor"])
def test_in_one_ranking_the_channels_of_every_layer_average_one(criterion, context):
    model = tiny_models.sequential()
    flow = follow_channels(model)

    scores = score_units(
        flow, model, criterion=criterion, normalize=True, context=context
    )

    for group in ncl.channel_groups(model):
        assert scores[group.units].mean() == pytest.approx(1)


def test_a_wide_layer_whose_units_matter_little_each_is_not_emptied():
    data = ncl.data.fashion_mnist().train.take(128)
    step = ncl.ChannelPruning(macs=0.5, scope="global", criterion="taylor")

    kept = step.kept_outputs(ncl.zoo.lenet5(), ncl.Context(calibration=data))

    # Its 500 units share what 50 filters share before: each has a far smaller score.
    assert kept["dense1"].mean() > 0.1


def test_the_smallest_filters_go_and_the_others_keep_their_weights():
    model = tiny_models.sequential()
    kernel = to_numpy(model.get_layer("conv").kernel)
    kernel[..., [0, 3, 4]] *= 1e-3
    model.get_layer("conv").kernel.assign(kernel)

    narrow = ncl.ChannelPruning(sparsity=0.5)(model)

    np.testing.assert_array_equal(
        to_numpy(narrow.get_layer("conv").kernel), kernel[..., [1, 2, 5]]
    )


def test_the_smallest_gammas_go():
    model = tiny_models.residual()
    model.get_layer("stem_bn").gamma.assign([1, 9, 1, 9, 1, 9])

    narrow = ncl.ChannelPruning(sparsity=0.5, criterion="batch_norm")(model)

    np.testing.assert_array_equal(to_numpy(narrow.get_layer("stem_bn").gamma), [9] * 3)


def test_what_stays_is_a_multiple_of_round_to():
    narrow = ncl.ChannelPruning(sparsity=0.7, round_to=8)(architectures.lenet5())

    sizes = [narrow.get_layer(name).kernel.shape[-1] for name in ("conv1", "conv2")]
    assert sizes == [8, 16]


def test_squeeze_and_excite_is_cut_with_what_it_scales():
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(8, 3, activation="swish", name="conv")(image)
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(2, 1, activation="relu", name="squeeze")(s)
    s = layers.Conv2D(8, 1, activation="sigmoid", name="excite")(s)
    x = layers.Multiply()([x, s])

    narrow = prune_half(image, layers.Conv2D(4, 1, name="last")(x))

    assert narrow.get_layer("conv").filters == narrow.get_layer("excite").filters == 4
    assert narrow.get_layer("squeeze").filters == 1


def test_concatenated_and_flattened_channels_are_found_again():
    image = keras.Input((6, 6, 3))
    a = layers.Conv2D(4, 3, padding="same", name="a")(image)
    b = layers.Conv2D(6, 3, padding="same", name="b")(image)
    x = layers.Concatenate()([layers.UpSampling2D()(a), layers.UpSampling2D()(b)])
    x = layers.AveragePooling2D(3)(layers.ZeroPadding2D(1)(x))

    narrow = prune_half(image, layers.Dense(2)(layers.Flatten()(x)))

    assert (narrow.get_layer("a").filters, narrow.get_layer("b").filters) == (2, 3)


def test_operators_join_channels():
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, padding="same", name="a")(image)
    y = layers.Conv2D(4, 3, padding="same", name="b")(x)
    x = keras.ops.relu(0.5 * x - y) * y

    narrow = prune_half(image, layers.Dense(2, name="out")(x))

    assert narrow.get_layer("a").filters == narrow.get_layer("b").filters == 2


def test_groups_of_a_convolution_stay_equally_wide():
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(8, 3, name="conv")(image)
    x = layers.Conv2D(8, 3, groups=2, name="grouped")(x)

    narrow = prune_half(image, layers.Dense(2)(layers.GlobalMaxPooling2D()(x)))

    grouped = narrow.get_layer("grouped")
    assert (grouped.filters, grouped.groups) == (4, 2)
    assert grouped.kernel.shape[-2:] == (2, 4)


@pytest.mark.parametrize("function", ["sigmoid", "softplus"])
def test_an_activation_that_is_not_zero_at_zero_keeps_what_is_read(function):
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, activation=function, name="conv")(image)
    model = keras.Model(image, layers.Conv2D(2, 3, name="last")(x))

    assert "a channel without weights is not zero" in reasons(model)["conv"]


def test_a_softmax_keeps_what_it_mixes():
    image = keras.Input((6,))
    x = layers.Dense(4, activation="softmax", name="mixed")(image)
    model = keras.Model(image, layers.Dense(2)(x))

    assert "softmax" in reasons(model)["mixed"]


def test_a_quotient_keeps_its_channels():
    image = keras.Input((6,))
    x, y = layers.Dense(4, name="a")(image), layers.Dense(4, name="b")(image)
    model = keras.Model(image, layers.Dense(2)(x / y))  # 0 / 0 would be no number

    assert "Divide" in reasons(model)["a"]
    assert "Divide" in reasons(model)["b"]


def test_a_layer_without_a_rule_keeps_its_channels_and_is_named():
    class Unknown(layers.Layer):
        def call(self, inputs):
            return keras.ops.flip(inputs, axis=-1)

    image = keras.Input((6,))
    x = Unknown(name="strange")(layers.Dense(4, name="before")(image))
    x = layers.Dense(4, name="after")(x)
    model = keras.Model(image, layers.Dense(2, name="last")(x))

    why = reasons(model)

    assert "'strange' (Unknown)" in why["before"]
    assert why["after"] is None
    assert "model's outputs" in why["last"]


def test_the_statistics_of_layer_normalization_keep_its_channels():
    why = reasons(tiny_models.transformer())

    assert "'norm' (LayerNormalization)" in why["patches"]
    assert why["attention/query"] is None


def test_normalization_and_rescaling_of_the_input():
    image = keras.Input((6, 6, 3))
    x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])(image)
    x = layers.Conv2D(4, 3, name="conv")(layers.Rescaling(0.5, offset=0.1)(x))

    narrow = prune_half(image, layers.Dense(2)(layers.Flatten()(x)))

    assert narrow.get_layer("conv").filters == 2


def test_what_is_cut_together_stays_if_one_layer_is_left_out():
    model = tiny_models.residual()

    why = reasons(model, select=ncl.Selection(exclude=("conv",)))

    assert "those of 'conv'" in why["stem"]


def test_without_a_gamma_there_is_no_score():
    why = reasons(tiny_models.sequential(), criterion="batch_norm")

    assert "no BatchNormalization" in why["conv"]


def test_a_quantized_layer_is_kept():
    model = ncl.UniformQuantization(bits=8)(tiny_models.sequential())

    narrow = ncl.ChannelPruning(sparsity=0.5)(model)

    assert narrow.count_params() == model.count_params()


@pytest.mark.parametrize(
    "step",
    [
        ncl.FoldBatchNorm(),
        ncl.UniformQuantization(bits=8),
        ncl.MagnitudePruning(sparsity=0.5),
        ncl.FineTune(epochs=1, batch_size=16),
    ],
    ids=lambda one: one.label,
)
def test_other_passes_may_follow(step, context):
    both = ncl.pipeline(ncl.ChannelPruning(sparsity=0.5), step)

    result = both(tiny_models.residual(), context)

    assert result.get_layer("logits").kernel.shape == (3, 4)


def test_frozen_layers_and_dtypes_stay():
    model = tiny_models.sequential()
    model.get_layer("conv").trainable = False

    narrow = ncl.ChannelPruning(sparsity=0.5)(model)

    assert not narrow.get_layer("conv").trainable
    assert narrow.get_layer("hidden").trainable


def test_groups_read_as_sentences():
    first, *_, last = ncl.channel_groups(architectures.lenet5())

    assert repr(first) == "<20 channels made by conv1, read by conv2>"
    assert "kept: its outputs are the model's outputs" in repr(last)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "Exactly one of"),
        ({"sparsity": 0.5, "macs": 0.5}, "Exactly one of"),
        ({"sparsity": 1.0}, "sparsity"),
        ({"macs": 0.0}, r"in \(0, 1\]"),
        ({"parameters": 1.5}, r"in \(0, 1\]"),
        ({"sparsity": 0.5, "criterion": "l3"}, "criterion"),
        ({"sparsity": 0.5, "scope": "layer"}, "scope"),
        ({"sparsity": 0.5, "round_to": 0}, "round_to"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ncl.ChannelPruning(**settings)


@pytest.mark.parametrize(
    ("first", "shape"),
    [
        (layers.Identity, (8,)),
        (lambda: layers.LSTM(8), (6, 4)),
        (layers.LayerNormalization, (8,)),
        (lambda: layers.Lambda(lambda x: 2 * x), (8,)),
    ],
)
def test_what_scales_channels_that_no_kernel_makes_is_explained(first, shape):
    inputs = keras.Input(shape)
    hidden = layers.BatchNormalization(name="norm")(first()(inputs))
    hidden = layers.PReLU(name="slopes")(hidden)
    hidden = layers.Dense(12, name="hidden")(hidden)
    model = keras.Model(inputs, layers.Dense(3)(hidden))

    result = ncl.compress(model, ncl.ChannelPruning(sparsity=0.5))

    assert result.model.get_layer("hidden").units == 6
    assert "its channels are those of" in result.notes["norm"]
    assert result.notes["slopes"] == result.notes["norm"]
    assert "hidden" not in result.notes


def test_a_layer_is_cut_to_the_number_of_channels_that_is_asked_for():
    model = tiny_models.randomize_statistics(architectures.lenet5())
    step = ncl.ChannelPruning(channels=[["conv1", 7], ["dense1", 100]])

    narrow = assert_equals_masked(model, step, inputs_of(model))

    assert ncl.from_recipe(json.loads(json.dumps(ncl.to_recipe(step)))).passes == (
        step,
    )

    widths = [narrow.get_layer(name).kernel.shape[-1] for name in ("conv1", "conv2")]
    assert widths == [7, 50]  # what is not named stays
    assert narrow.get_layer("dense1").units == 100
    halved = ncl.ChannelPruning(sparsity=0.5)(model).get_weights()
    named = (("conv1", 10), ("conv2", 25), ("dense1", 250))
    for ours, theirs in zip(
        ncl.ChannelPruning(channels=named)(model).get_weights(), halved, strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_what_is_tied_to_a_named_layer_follows_and_round_to_holds():
    model = architectures.resnet20(width=8)

    narrow = ncl.ChannelPruning(channels=(("stage0_1_conv2", 3),), round_to=4)(model)

    filters = [
        narrow.get_layer(name).filters
        for name in ("stem", "stage0_2_conv2", "stage0_2_conv1")
    ]
    assert filters == [4, 4, 8]
    assert narrow.get_layer("stage0_2_add").output.shape[-1] == 4


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ((("stem", 0),), r"At least one channel.*\('stem', 0\)"),
        ((("stem", 2), ("stem", 3)), "once. Received: stem"),
        ((("conv9", 2),), "No layer 'conv9' makes channels.*stem"),
        ((("stem_bn", 2),), "No layer 'stem_bn' makes channels"),
        ((("logits", 2),), "'logits' cannot be cut: its outputs are the model's"),
        ((("stem", 9),), "has 8 channels.*9 to stay"),
        ((("stem", 2), ("stage0_0_conv2", 3)), "are cut together.*2 and 3"),
    ],
)
def test_channels_that_do_not_fit_are_refused(channels, message):
    with pytest.raises(ValueError, match=message):
        ncl.ChannelPruning(channels=channels)(architectures.resnet20(width=8))


def test_a_layer_whose_channels_go_two_ways_is_not_named_alone():
    image = keras.Input((6, 6, 2))
    a, b = (layers.Conv2D(4, 3, name=name)(image) for name in "ab")
    both = layers.Conv2D(8, 3, name="both")(image)
    x = layers.Add()([layers.Concatenate()([a, b]), both])
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))

    with pytest.raises(ValueError, match="go different ways, in 2 groups"):
        ncl.ChannelPruning(channels=(("both", 3),))(model)
    narrow = ncl.ChannelPruning(channels=(("a", 3), ("b", 1)))(model)

    assert [narrow.get_layer(name).filters for name in ("a", "b", "both")] == [3, 1, 4]
