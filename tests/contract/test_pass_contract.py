"""What every pass promises, on the tiny models and on every backend."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tiny_models
from pass_settings import EVERYWHERE, PASSES

import nncompress_lab as ncl
from nncompress_lab.testing import check_on_model, check_recipe, check_refusals

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("eagerly")]

Build = Callable[[], keras.Model]
# What is drawn by lot or taken in any order differs on these; of what trains on the first.
AGAIN = (tiny_models.residual, tiny_models.transformer, tiny_models.every_layer)
HARD = (*AGAIN, tiny_models.nested)


def models_for(number: int, step: ncl.Pass) -> list[Build]:
    """Those that differ most, on TensorFlow, and one of the others in turn.

    Other settings of a pass are other arithmetic, which has tests of its own: on one
    model, in turn, as each setting on other backends.
    """
    models = list(tiny_models.BUILDERS)
    if "train" in step.needs:
        models = [tiny_models.residual, tiny_models.nested, tiny_models.transformer]
    if step is EVERYWHERE:
        return models
    listed = (EVERYWHERE, *PASSES[:number])
    if keras.backend.backend() == "tensorflow" and missing(classes(step), listed):
        others = [one for one in models if one not in HARD]
        rest = [others[number % len(others)]] if others else []
        return [*(one for one in HARD if one in models), *rest]
    return [models[number % len(models)]]


def classes(step: ncl.Pass) -> set[str]:
    """The names of the passes that a pass is or is made of."""
    return {type(one).__name__ for one in ncl.pipeline(step).passes}


def missing(public: set[str], listed: tuple[ncl.Pass, ...]) -> set[str]:
    """The names of public passes that the list does not run."""
    return public.difference(*map(classes, listed))


def changes_of(step: ncl.Pass) -> dict[str, Any]:
    """What a pass does to the layers on purpose."""
    steps = ncl.pipeline(step).passes
    adding = ncl.ActivationQuantization, ncl.Factorization, ncl.LowRank
    folds = any(isinstance(one, ncl.FoldBatchNorm) for one in steps)
    return {
        "adds_layers": any(
            isinstance(one, adding) or getattr(one, "activation_bits", None)
            for one in steps
        ),
        "removes": (keras.layers.BatchNormalization,) if folds else (),
    }


@pytest.mark.parametrize(
    ("build", "step"),
    [
        pytest.param(build, step, id=f"{build.__name__}-{step.label}")
        for number, step in enumerate(PASSES)
        for build in models_for(number, step)
    ],
)
def test_the_pass_keeps_what_it_promises(build, step):
    check_on_model(
        step,
        tiny_models.built(build),
        twice=build in AGAIN[: 1 if "train" in step.needs else None],
        **changes_of(step),
    )


@pytest.mark.parametrize("step", PASSES, ids=lambda one: one.label)
def test_the_recipe_gives_the_same_pass(step):
    check_recipe(step)


@pytest.mark.parametrize("step", PASSES, ids=lambda one: one.label)
def test_wrong_models_are_refused(step):
    check_refusals(step)


@keras.saving.register_keras_serializable("test_pass_contract")
class Subclassed(keras.Model):
    """Layers that only its call connects."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.convolution = keras.layers.Conv2D(8, 3, padding="same")
        self.normalization = keras.layers.BatchNormalization()
        self.logits = keras.layers.Dense(tiny_models.CLASSES)

    def call(self, inputs, training=False):
        x = self.normalization(self.convolution(inputs), training=training)
        return self.logits(keras.ops.mean(keras.ops.relu(x), axis=(1, 2)))


@pytest.mark.parametrize(
    "step",
    [one for one in PASSES if not (one.needs_graph or "train" in one.needs)],
    ids=lambda one: one.label,
)
def test_a_pass_that_needs_no_graph_takes_models_of_any_class(step):
    model, x = Subclassed(name="own"), tiny_models.images()
    before = keras.ops.convert_to_numpy(model(x))

    result = step(model, tiny_models.context())

    assert type(result) is Subclassed
    assert result.name == "own"
    assert not result.compiled
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(x)), before)
    assert [one.shape for one in result.variables] == [
        one.shape for one in model.variables
    ]
    assert {id(one) for one in result.variables}.isdisjoint(map(id, model.variables))


def public_passes() -> set[str]:
    things = {name: getattr(ncl, name) for name in ncl.__all__}
    return {
        name
        for name, thing in things.items()
        if inspect.isclass(thing)
        and issubclass(thing, ncl.Pass)
        and not inspect.isabstract(thing)
    }


def test_every_public_pass_is_in_the_list():
    assert missing(public_passes(), PASSES) == set(), "Add it to pass_settings.py."


def test_a_pass_that_is_not_in_the_list_is_named():
    assert missing(public_passes(), (ncl.FineTune(),)) >= {"LowRank", "GPTQ"}
    assert "FineTune" not in missing(public_passes(), (ncl.FineTune(),))
