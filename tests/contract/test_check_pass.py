"""`check_pass` names the promise that a pass breaks: each one, seen to fail."""

import itertools
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras.src.models.functional import Functional

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.testing import BrokenPromiseError, check_pass, tiny_models

NUMBERS = itertools.count()

pytestmark = pytest.mark.contract


def two_inputs() -> keras.Model:
    """What users bring need not be one of the tiny models."""
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    dense = keras.layers.Dense(3, name="dense")
    both = keras.layers.Add()([dense(left), dense(right)])
    return keras.Model({"left": left, "right": right}, both, name="two_inputs")


@dataclass(frozen=True)
class Halve(ncl.Pass):
    """Halves every kernel; what the others are made of."""

    factor: float = 0.5

    def transform(self, model, context):
        result = ncl.copy_model(model)
        for layer in kernel_layers(result):
            layer.assign([self.changed(array, context) for array in layer.arrays()])
        return result

    def changed(self, array, context):
        return array * self.factor


@dataclass(frozen=True)
class MutatesItsInput(Halve):
    def transform(self, model, context):
        kernel_layers(model)[0].assign([kernel_layers(model)[0].arrays()[0] * 0.5])
        return super().transform(model, context)


@dataclass(frozen=True)
class ForgetsTheSeed(Halve):
    def changed(self, array, context):
        return array * np.random.default_rng().random(array.shape)


@dataclass(frozen=True)
class SharesAVariable(Halve):
    def transform(self, model, context):
        return keras.Model(model.input, model.output, name=model.name)


@dataclass(frozen=True)
class MakesNaN(Halve):
    def changed(self, array, context):
        return array * np.nan


@dataclass(frozen=True)
class ReturnsACompiledModel(Halve):
    def transform(self, model, context):
        result = super().transform(model, context)
        result.compile(loss="mse")
        return result


@dataclass(frozen=True)
class Renames(Halve):
    def transform(self, model, context):
        copy = ncl.copy_model(model)
        return keras.Model(copy.input, copy.output, name="renamed")


class NotRegistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


@dataclass(frozen=True)
class AddsAnUnregisteredLayer(Halve):
    def transform(self, model, context):
        copy = ncl.copy_model(model)
        return keras.Model(copy.input, NotRegistered()(copy.output), name=model.name)


@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Layer):
    """A factor that its configuration does not hold."""

    factor = 1.0

    def call(self, inputs):
        return inputs * self.factor


@dataclass(frozen=True)
class AddsALayerThatForgets(Halve):
    def transform(self, model, context):
        copy, forgetful = ncl.copy_model(model), Forgetful()
        forgetful.factor = 3.0
        return keras.Model(copy.input, forgetful(copy.output), name=model.name)


@dataclass(frozen=True)
class LosesALayer(Halve):
    def transform(self, model, context):
        copy = ncl.copy_model(model)
        output = copy.get_layer("dense")(copy.input["left"])
        return keras.Model(copy.input, output, name=model.name)


@dataclass(frozen=True)
class CallsALayerOnce(Halve):
    def transform(self, model, context):
        copy = ncl.copy_model(model)
        once = copy.get_layer("dense")(copy.input["left"])
        output = keras.layers.Add()([once, once])
        return keras.Model(copy.input, output, name=model.name)


@dataclass(frozen=True)
class Crashes(Halve):
    def changed(self, array, context):
        raise IndexError("no such axis")


@dataclass(frozen=True)
class KeepsASettingElsewhere(Halve):
    """A number of its own for each instance, which no field holds."""

    def __post_init__(self):
        object.__setattr__(self, "number", next(NUMBERS))


@dataclass(frozen=True)
class TakesEverything(Halve):
    def __call__(self, model, context=None):
        return model


@dataclass(frozen=True)
class RefusesWithItsOwnError(Halve):
    def __call__(self, model, context=None):
        if isinstance(model, keras.Sequential | Functional):
            return super().__call__(model, context)
        raise ValueError("a functional model, please")


BROKEN: dict[ncl.Pass, str] = {
    MutatesItsInput(): "bit-equal afterwards. Changed: dense/kernel",
    ForgetsTheSeed(): "twice the same model. dense/kernel differs",
    SharesAVariable(): "shares no variable with the model that went in. Shared: dense/",
    MakesNaN(): "weights that are NaN or infinite",
    ReturnsACompiledModel(): "an uncompiled Keras model",
    Renames(): "name: two_inputs became renamed",
    AddsAnUnregisteredLayer(): "NotRegistered",
    AddsALayerThatForgets(): "The predictions differ",
    LosesALayer(): "no layer is lost",
    CallsALayerOnce(): "'dense' was called 2 times, now 1",
    Crashes(): "It raised IndexError: no such axis. Return None",
    KeepsASettingElsewhere(): "a recipe holds all of its settings",
    TakesEverything(): "a subclassed model raises an UnsupportedModelError. It was taken",
    RefusesWithItsOwnError(): "It raised ValueError: a functional model, please",
}


@pytest.mark.parametrize("step", BROKEN, ids=lambda one: type(one).__name__)
def test_a_broken_promise_is_named(step):
    adds = isinstance(step, AddsAnUnregisteredLayer | AddsALayerThatForgets)

    with pytest.raises(BrokenPromiseError) as caught:
        check_pass(step, models=[two_inputs()], adds_layers=adds)

    message = str(caught.value)
    assert message.startswith(step.label)
    assert BROKEN[step] in message


def test_the_same_pass_unbroken_keeps_them_all():
    check_pass(Halve(), models=[two_inputs()])


def test_a_layer_that_is_added_has_to_be_announced():
    with pytest.raises(BrokenPromiseError, match="4 layers became 5"):
        check_pass(AddsALayerThatForgets(), models=[two_inputs()])


def test_the_tiny_models_are_what_a_pass_meets_if_none_are_given(monkeypatch):
    monkeypatch.setattr(tiny_models, "BUILDERS", (tiny_models.shared,))

    with pytest.raises(BrokenPromiseError, match="on the model 'shared'"):
        check_pass(MakesNaN())
