"""A factorization trial shows what the pass does."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.trials.factorization import OF_CONVOLUTIONS, FactorizationTrial

SETTINGS = (
    ncl.Factorization("tucker2", rank=(1, 2)),
    ncl.Factorization("tucker2", rank=0.5),
    ncl.Factorization("spatial", rank=2),
    ncl.Factorization("cp", rank=3),
    ncl.Factorization("separable", rank=1),
)


def trial_of(model: keras.Model, **settings) -> FactorizationTrial:
    return FactorizationTrial(model, tiny_models.context().validation, **settings)


def convolutions(**settings) -> keras.Model:
    """A model whose first convolution has the settings."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 1, name="widen"),
            layers.Conv2D(8, 3, name="conv", activation="relu", **settings),
            layers.Flatten(),
            layers.Dense(3, name="logits"),
        ]
    )


def data_of(model: keras.Model) -> ncl.Data:
    x = np.random.default_rng(2).normal(size=(40, *model.input_shape[1:]))
    return ncl.Data(x.astype(np.float32), np.arange(40) % 3)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("step", SETTINGS, ids=lambda one: one.label)
@pytest.mark.parametrize(
    "build", [tiny_models.sequential, tiny_models.residual, tiny_models.shared]
)
def test_outputs_and_costs_are_those_of_the_pass(build, step):
    model = build()
    trial = trial_of(model)
    choice = trial.for_all(step)

    result = step(model)

    assert trial.counted(choice) == {
        "parameters": measure.parameters(result),
        "macs": measure.macs(result),
    }
    x = tiny_models.images()
    with trial._measuring.under(choice) as copy:
        # In float32 a product is rounded before it is multiplied, or after.
        np.testing.assert_allclose(result(x), copy(x), rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("step", SETTINGS, ids=lambda one: one.label)
@pytest.mark.parametrize(
    "settings",
    [
        {"strides": 2, "padding": "same"},
        {"dilation_rate": 2},
        {"groups": 2, "padding": "same", "use_bias": False},
    ],
    ids=["strides", "dilation", "groups"],
)
def test_strides_dilation_and_groups_are_those_of_the_layer(settings, step):
    model = convolutions(**settings)
    trial = FactorizationTrial(model, data_of(model))
    if step.method not in trial.methods("conv"):
        pytest.fail(f"{step.method} does not take it: {trial.methods('conv')}")

    result = trial.setting({"conv": step})(model)

    assert trial.counted({"conv": step})["macs"] == measure.macs(result)
    with trial._measuring.under({"conv": step}) as copy:
        x = trial.data.x
        np.testing.assert_allclose(result(x), copy(x), rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_one_step_for_every_layer_is_one_pass():
    trial = trial_of(tiny_models.residual())
    step = ncl.Factorization("tucker2", rank=0.5)
    choice = trial.for_all(step)
    first = next(iter(choice))

    assert len(choice) > 1
    assert trial.setting(choice) == step
    assert trial.setting({first: step}).select.names == (first,)


def test_a_chain_is_shown_also_where_the_pass_leaves_the_layer():
    model = convolutions(padding="same")
    trial = FactorizationTrial(model, data_of(model))
    full = trial.full_ranks("conv", "tucker2")
    step = ncl.Factorization("tucker2", rank=full)

    chain = trial.chain("conv", step)

    assert full == (6, 8)
    assert not chain.shrinks
    assert sum(chain.link_macs) > 8 * 8 * 3 * 3 * 6 * 8
    assert trial.replacement({"conv": step}, "conv") is None
    assert trial.counted({"conv": step}) == trial.counted({})
    weights, outputs = trial.errors("conv", chain.kernel)
    assert weights < 1e-6
    assert outputs < 1e-6


@pytest.mark.parametrize("method", OF_CONVOLUTIONS)
def test_half_of_the_macs_is_where_a_method_begins(method):
    model = convolutions(padding="same")
    trial = FactorizationTrial(model, data_of(model))

    ranks = trial.half("conv", method)

    whole = 8 * 8 * 3 * 3 * 6 * 8
    rank = ranks if len(ranks) == 2 else ranks[0]
    cheap = trial.chain("conv", ncl.Factorization(method, rank=rank)).macs
    more = tuple(one + 1 for one in ranks)
    dear = ncl.Factorization(method, rank=more if len(ranks) == 2 else more[0])
    assert cheap <= whole / 2 < trial.chain("conv", dear).macs


@pytest.mark.parametrize("groups", [1, 2])
def test_errors_are_those_of_weights_and_of_outputs_on_the_images(groups):
    model = convolutions(groups=groups, use_bias=False)
    trial = FactorizationTrial(model, data_of(model))
    chain = trial.chain("conv", ncl.Factorization("spatial", rank=3))

    weights, outputs = trial.errors("conv", chain.kernel)

    kernel = trial.kernel("conv")
    expected = np.linalg.norm(chain.kernel - kernel) / np.linalg.norm(kernel)
    assert weights == pytest.approx(expected, rel=1e-5)
    conv = model.get_layer("conv")
    inside = model.get_layer("widen")(trial.data.x)
    results = []
    for each in (kernel, chain.kernel):
        whole = keras.ops.conv(inside, each, padding="valid")
        results.append(keras.ops.convert_to_numpy(whole))
    lost = np.linalg.norm(results[0] - results[1]) / np.linalg.norm(results[0])
    assert conv.groups == groups
    assert outputs == pytest.approx(lost, rel=1e-3)


def test_a_method_that_does_not_suit_a_layer_is_an_error_that_names_the_others():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 6)),
            layers.Conv2D(8, 3, strides=(1, 2), name="conv"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    trial = FactorizationTrial(model, data_of(model))

    with pytest.raises(ValueError, match=r"'cp'.*'conv'.*: tucker2, spatial"):
        trial.full_ranks("conv", "cp")
    assert trial.for_all(ncl.Factorization("cp", rank=1)) == {}


def test_a_model_without_a_convolution_to_factor_is_refused():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)]
    )

    with pytest.raises(UnsupportedModelError, match="no layer that can be replaced"):
        FactorizationTrial(model, data_of(model))


@pytest.mark.usefixtures("eagerly")
def test_what_is_counted_while_a_hand_moves_factors_no_kernel(monkeypatch):
    model = convolutions()
    trial = FactorizationTrial(model, data_of(model))
    monkeypatch.setattr(trial, "_replace", lambda *_: pytest.fail("factored"))

    counted = [trial.counted(trial.for_all(step)) for step in SETTINGS]

    assert all(one["macs"] < trial.original["macs"] for one in counted)
