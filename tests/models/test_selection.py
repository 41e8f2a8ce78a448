"""Which layers a selection takes, and the reasons it gives for the others."""

import keras
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import Selection, Skip


def taken(model: keras.Model, **criteria) -> list[str]:
    return [layer.path for layer in Selection(**criteria)(model)]


def test_the_default_takes_every_kernel_layer():
    assert taken(tiny_models.residual()) == ["stem", "conv", "logits"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("attention/*",), ["query", "key", "value", "attention_output"]),
        (("attention/query",), ["query"]),
        (("*/query", "*/key"), ["query", "key"]),
        (("attention/[kv]*",), ["key", "value"]),
        (("attention/?ey",), ["key"]),
        (("query",), []),
        ((), []),
    ],
)
def test_names_are_patterns_of_whole_paths(names, expected):
    found = taken(tiny_models.transformer(), names=names)

    assert found == [f"attention/{name}" for name in expected]


def test_a_name_that_looks_like_a_pattern_is_its_own():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="dense[1]")])

    assert taken(model, names=("dense[1]",)) == ["dense[1]"]
    Selection(names=("dense[1]",)).check(model)


def test_names_tell_capital_letters_apart():
    assert taken(tiny_models.sequential(), names=("CONV",)) == []


def test_names_may_be_a_list():
    assert taken(tiny_models.sequential(), names=["conv"]) == ["conv"]


def test_exclude_wins_over_names():
    found = taken(tiny_models.nested(), names=("*conv", "head/*"), exclude=("head*",))

    assert found == ["features/conv"]


def test_types_are_the_names_of_classes():
    found = taken(tiny_models.depthwise(), types=("DepthwiseConv2D", "Dense"))

    assert found == ["depthwise", "logits"]


def test_a_layer_of_exactly_min_size_is_taken():
    # conv holds 3 * 3 * 3 * 6 = 162 weights, logits 10 * 4.
    assert taken(tiny_models.sequential(), min_size=162) == ["conv", "hidden"]


def test_a_layer_below_min_size_is_not_taken():
    assert taken(tiny_models.sequential(), min_size=163) == ["hidden"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (1, 0, ["hidden", "logits"]),
        (0, 1, ["conv", "hidden"]),
        (1, 1, ["hidden"]),
        (3, 0, []),
        (0, 99, []),
    ],
)
def test_the_first_and_last_kernel_layers_can_be_left_out(first, last, expected):
    found = taken(tiny_models.sequential(), skip_first=first, skip_last=last)

    assert found == expected


def test_normalizations_do_not_count_as_first_or_last_layers():
    # In the order of the model: stem, stem_bn, conv, conv_bn, logits.
    assert taken(tiny_models.residual(), skip_first=2) == ["logits"]


def test_the_layers_left_out_at_the_edges_are_counted_before_other_criteria():
    found = taken(tiny_models.sequential(), types=("Dense",), skip_first=1)

    assert found == ["hidden", "logits"]


def test_a_shared_layer_is_taken_once():
    assert taken(tiny_models.shared(), names=("twice",)) == ["twice"]


def test_select_takes_what_the_selection_takes():
    model = tiny_models.sequential()

    found = ncl.select(model, names=("*i*",), skip_last=1)

    assert [layer.path for layer in found] == taken(model, names=("*i*",), skip_last=1)


def test_select_refuses_an_unknown_criterion():
    with pytest.raises(TypeError, match="name"):
        ncl.select(tiny_models.sequential(), name=("conv",))


# explain


def test_explain_names_every_layer_with_weights_in_the_order_of_the_model():
    reasons = Selection().explain(tiny_models.transformer())

    assert list(reasons) == [
        "patches",
        "attention/query",
        "attention/key",
        "attention/value",
        "attention/attention_output",
        "norm",
        "mlp",
        "logits",
    ]


def test_explain_gives_no_reason_for_a_layer_that_is_taken():
    assert Selection().explain(tiny_models.residual())["conv"] is None


def test_explain_tells_that_a_normalization_has_no_kernel():
    reasons = Selection().explain(tiny_models.residual())

    assert reasons["conv_bn"] is Skip.NO_KERNEL


@pytest.mark.parametrize(
    "criteria",
    [
        {"names": ("conv",)},
        {"exclude": ("hid*",)},
        {"types": ("Conv2D",)},
        {"skip_first": 2},
        {"skip_last": 2},
    ],
    ids=str,
)
def test_explain_tells_that_the_selection_left_a_layer_out(criteria):
    reasons = Selection(**criteria).explain(tiny_models.sequential())

    assert reasons["hidden"] is Skip.NOT_SELECTED


def test_explain_tells_that_a_layer_is_too_small():
    reasons = Selection(min_size=100).explain(tiny_models.sequential())

    assert reasons["logits"] is Skip.TOO_SMALL


def test_a_small_layer_that_is_not_selected_is_called_not_selected():
    reasons = Selection(exclude=("logits",), min_size=100).explain(
        tiny_models.sequential()
    )

    assert reasons["logits"] is Skip.NOT_SELECTED


def test_explain_tells_that_a_layer_with_lora_is_not_float():
    model = tiny_models.sequential()
    model.get_layer("hidden").enable_lora(2)

    assert Selection().explain(model)["hidden"] is Skip.NOT_FLOAT


def test_explain_tells_that_a_quantized_layer_is_not_float():
    model = ncl.UniformQuantization(bits=8)(tiny_models.sequential())

    assert Selection().explain(model)["hidden"] is Skip.NOT_FLOAT


def test_explain_tells_that_a_layer_of_ones_own_is_not_supported():
    class Mine(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(name="scale", shape=input_shape[-1:])

        def call(self, inputs):
            return inputs * self.scale

    model = keras.Sequential([keras.Input((4, 3)), Mine(name="mine"), layers.LSTM(2)])

    assert Selection().explain(model)["mine"] is Skip.NOT_SUPPORTED


def test_the_cell_of_a_recurrent_layer_is_selected_by_its_path():
    model = keras.Sequential([keras.Input((4, 3)), layers.LSTM(2, name="lstm")])

    assert Selection(names=("lstm/*",)).explain(model) == {"lstm/lstm_cell": None}


def test_explaining_changes_no_weight():
    model = tiny_models.residual()
    before = tiny_models.weights_of(model)

    Selection(min_size=50).explain(model)

    for one, other in zip(before, tiny_models.weights_of(model), strict=True):
        assert (one == other).all()


# What a selection is


@pytest.mark.parametrize("field", ["names", "exclude", "types"])
def test_a_bare_string_is_refused(field):
    with pytest.raises(TypeError, match=rf"Write {field}=\('conv\*',\)"):
        Selection(**{field: "conv*"})


@pytest.mark.parametrize("field", ["min_size", "skip_first", "skip_last"])
def test_a_negative_number_is_refused(field):
    with pytest.raises(ValueError, match=f"{field}=-1"):
        Selection(**{field: -1})


def test_selections_of_lists_and_of_tuples_are_equal():
    assert Selection(names=["a", "b"]) == Selection(names=("a", "b"))


def test_a_selection_of_lists_can_be_hashed():
    assert hash(Selection(names=["a"])) == hash(Selection(names=("a",)))


def test_a_selection_shows_only_what_is_not_the_default():
    selection = Selection(types=["Dense"], skip_last=1)

    assert repr(selection) == "Selection(types=('Dense',), skip_last=1)"


def test_every_layer_of_a_model_without_weights_is_none():
    entry = keras.Input((3,))
    model = keras.Model(entry, keras.layers.ReLU()(entry))

    result = ncl.compress(
        model, ncl.MagnitudePruning(sparsity=0.5), ncl.UniformQuantization()
    )

    assert Selection()(model) == []
    assert result.measured(latency=False).stages[-1].parameters == 0
