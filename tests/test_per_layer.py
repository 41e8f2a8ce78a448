"""Settings that differ from layer to layer within one pass."""

import json

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.models.per_layer import PerLayer

LAYERS = ("a", "b", "c")


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    shape = keras.Input((12,))
    x = keras.layers.Dense(24, activation="relu", name="a")(shape)
    x = keras.layers.Dense(24, activation="relu", name="b")(x)
    return keras.Model(shape, keras.layers.Dense(8, name="c")(x))


@pytest.fixture
def context():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(96, 12)).astype("float32")
    return ncl.Context(
        train=(x, rng.integers(0, 8, 96)),
        validation=(x[:32], rng.integers(0, 8, 32)),
        calibration=x,
        progress=False,
    )


def only(name):
    return ncl.Selection(names=(name,))


def weights_of(model):
    return {one.path: one.arrays()[0] for one in ncl.select(ncl.dequantized(model))}


@pytest.mark.contract
@pytest.mark.parametrize(
    ("step", "field", "own", "other"),
    [
        (ncl.UniformQuantization(bits=4), "bits", 2, 4),
        (ncl.UniformQuantization(bits=3), "clipping", "mse", "absmax"),
        (ncl.CodebookQuantization(bits=3), "bits", 1, 3),
        (ncl.GPTQ(bits=4, inputs="float"), "bits", 2, 4),
        (ncl.MagnitudePruning(sparsity=0.5), "sparsity", 0.9, 0.5),
    ],
    ids=lambda one: getattr(one, "label", None),
)
def test_each_layer_has_what_the_pass_with_its_settings_makes(
    step, field, own, other, model, context
):
    mixed = type(step)(**{field: other, **given(step)}, per_layer={"b": {field: own}})
    found = weights_of(mixed(model, context))
    usual = weights_of(mixed.with_fields()(model, context))
    apart = weights_of(mixed.with_fields(**{field: own})(model, context))
    for path in LAYERS:
        expected = apart if path == "b" else usual
        np.testing.assert_array_equal(found[path], expected[path])
    assert not np.array_equal(found["b"], usual["b"])


def given(step):
    """What a pass of the table has beside the field that differs."""
    names = {"UniformQuantization": ["bits"], "GPTQ": ["inputs"]}
    chosen = names.get(type(step).__name__, [])
    return {name: getattr(step, name) for name in chosen}


@pytest.mark.parametrize(
    ("step", "parameters"),
    [
        (ncl.LowRank(rank=4, per_layer={"b": {"rank": 2}}), (4, 2, 4)),
        (
            ncl.Factorization("dense", rank=4, per_layer={"b": {"rank": 2}}),
            (4, 2, 4),
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_each_layer_has_its_own_rank(step, parameters, model):
    shapes = [one.arrays()[0].shape for one in ncl.select(step(model))]
    assert [columns for _, columns in shapes[::2]] == list(parameters)


def test_later_layers_compensate_what_earlier_ones_round_by_their_own_bits(
    model, context
):
    """GPTQ stays one pass: layer c sees what layer b computes with its 2 bits."""
    joint = ncl.GPTQ(bits=4, per_layer={"b": {"bits": 2}})
    before = ncl.GPTQ(bits=4)(model, context)
    assert not np.array_equal(
        weights_of(joint(model, context))["c"], weights_of(before)["c"]
    )


@pytest.mark.parametrize(
    "step",
    [
        ncl.QuantizationAwareTraining(bits=4, epochs=1, per_layer={"b": {"bits": 2}}),
        ncl.CodebookAwareTraining(bits=4, epochs=1, per_layer={"b": {"bits": 2}}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_layers_train_together_through_their_own_rounding(step, model, context):
    trained = weights_of(step(model, context))
    assert all(np.unique(trained["b"][:, [one]]).size <= 4 for one in range(4))
    assert np.unique(trained["a"]).size > 4


def test_a_path_comes_before_patterns_and_the_first_pattern_counts():
    settings = PerLayer(
        {"d*": {"bits": 2}, "dense?": {"bits": 3}, "dense1": {"bits": 4}}
    )
    found = [settings.of_layer(one) for one in ("dense1", "dense2", "conv")]
    assert found == [{"bits": 4}, {"bits": 2}, {}]


def test_a_recipe_holds_them_as_they_are_written():
    step = ncl.UniformQuantization(bits=4, per_layer={"conv*": {"bits": 8}})
    recipe = json.loads(json.dumps(ncl.to_recipe(step)))
    assert recipe["passes"][0]["per_layer"] == {"conv*": {"bits": 8}}
    (again,) = ncl.from_recipe(recipe).passes
    assert again == step


def test_a_label_stays_short():
    few = ncl.UniformQuantization(bits=4, per_layer={"a": {"bits": 8}})
    many = ncl.UniformQuantization(
        bits=4, per_layer={one: {"bits": 8} for one in LAYERS}
    )
    assert few.label.endswith("per_layer={'a': {'bits': 8}})")
    assert many.label.endswith("per_layer={3 layers})")
    assert "per_layer" not in repr(ncl.UniformQuantization())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ncl.UniformQuantization(per_layer={"a": {"bits": 9}}),
            "`per_layer`, for 'a': .*bits=9",
        ),
        (
            lambda: ncl.UniformQuantization(per_layer={"a": {"bit": 4}}),
            "may differ: bits, clipping, .*'bit' for 'a'",
        ),
        (
            lambda: ncl.GradualPruning(0.5, per_layer={"a": {"sparsity": 0.9}}),
            "GradualPruning there may differ: none",
        ),
        (
            lambda: ncl.MagnitudePruning(
                0.5, scope="global", per_layer={"a": {"sparsity": 0.9}}
            ),
            "none has its own",
        ),
        (lambda: ncl.UniformQuantization(per_layer={"a": 4}), "by the path of a layer"),
        (lambda: ncl.UniformQuantization(per_layer=["a"]), "by the path of a layer"),
    ],
    ids=["value", "field", "no field", "scope", "no fields", "no mapping"],
)
def test_what_no_layer_can_have_is_refused_where_it_is_written(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_a_misspelt_layer_is_named(model):
    step = ncl.UniformQuantization(per_layer={"B": {"bits": 4}})
    with pytest.raises(ValueError, match="Did you mean 'b'"):
        step(model)
