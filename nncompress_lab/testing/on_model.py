"""One pass on one model: run it, and check what it promises about the result."""

import json
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab.models.kernels import to_numpy
from nncompress_lab.models.random_inputs import random_inputs
from nncompress_lab.passes import Context, Pass
from nncompress_lab.testing import tiny_models
from nncompress_lab.testing.broken_promise import BrokenPromiseError, told

# Threads sum gradients in any order, and Adam moves a weight by up to 1e-3 in its first
# step and 3.2e-3 in its second ((1 - beta_1) / sqrt(1 - beta_2) times its rate), however
# small the gradient is: twice that between two runs.
TRAINING_TOLERANCE = 8.4e-3


def check_on_model(
    step: Pass,
    model: keras.Model,
    context: Context | None = None,
    *,
    adds_layers: bool = False,
    removes: tuple[type[keras.layers.Layer], ...] = (),
    twice: bool = True,
    tolerance: float | None = None,
) -> None:
    """Run a pass on a model, and check all that it promises about the result.

    Args:
        step: The pass.
        model: A built functional or sequential model with inputs of fixed sizes.
        context: What the pass may use. By default random data for the tiny models.
        adds_layers: Whether it puts several layers in place of one.
        removes: Classes of layers that it takes out.
        twice: Whether to run it a second time.
        tolerance: By how much a weight may differ in the second run. By default not at
            all, and by two steps of Adam if the pass needs training data.

    Raises:
        BrokenPromiseError: If it breaks a promise.
    """
    context = context or tiny_models.context()
    if tolerance is None:
        tolerance = TRAINING_TOLERANCE if "train" in step.needs else 0
    with tiny_models.eagerly():
        result = _result_of(step, model, context)
        check = _Result(step, model, result)
        check.interface()
        check.variables_of_its_own()
        check.layers(adds_layers, removes)
        check.shared_layers()
        check.file()
        if twice:
            check.same_again(step(model, context), tolerance)


def _result_of(step: Pass, model: keras.Model, context: Context) -> keras.Model:
    """The model that the pass makes, if it leaves alone the one that goes in."""
    config, weights = json.dumps(model.get_config()), weights_of(model)
    try:
        result = step(model, context)
    except Exception as error:
        promise = "every layer is treated or left alone, and none is an error"
        remedy = "Return None for the layers that your pass cannot treat."
        raise BrokenPromiseError(step, promise, told(error), remedy, model) from error
    changed = [
        variable.path
        for variable, before, after in zip(
            model.variables, weights, weights_of(model), strict=True
        )
        if before.tobytes() != after.tobytes()
    ]
    if json.dumps(model.get_config()) != config:
        changed.append("the configuration")
    if changed:
        promise = "the model that goes in is bit-equal afterwards"
        found = f"Changed: {', '.join(changed)}"
        remedy = "Work on ncl.copy_model(model), or build with ncl.rewrite_layers."
        raise BrokenPromiseError(step, promise, found, remedy, model)
    return result


class _Result:
    """What a pass made of a model, and what it promises about that."""

    def __init__(self, step: Pass, model: keras.Model, result: keras.Model) -> None:
        self.step, self.model, self.result = step, model, result
        arrays = random_inputs(model, batch_size=4)
        alone = isinstance(model, keras.Sequential)
        self.inputs = (
            arrays[0] if alone else keras.tree.pack_sequence_as(model.input, arrays)
        )

    def broken(self, promise: str, found: str, remedy: str) -> BrokenPromiseError:
        return BrokenPromiseError(self.step, promise, found, remedy, self.model)

    def outputs(self, model: keras.Model) -> list[npt.NDArray[Any]]:
        tensors = keras.tree.flatten(model(self.inputs, training=False))
        return [to_numpy(tensor) for tensor in tensors]

    @cached_property
    def predicted(self) -> list[npt.NDArray[Any]]:
        """The outputs of the result."""
        return self.outputs(self.result)

    def interface(self) -> None:
        """Name, shapes, not compiled, finite."""
        promise = "the result is an uncompiled Keras model of the same interface"
        remedy = "Build the result with ncl.rewrite_layers or ncl.copy_model."
        for fact in ("name", "input_shape", "output_shape"):
            before, after = (
                getattr(one, fact, None) for one in (self.model, self.result)
            )
            if before != after:
                raise self.broken(promise, f"{fact}: {before} became {after}", remedy)
        if self.result.compiled:
            remedy = "Return a copy: ncl.copy_model(model) is not compiled."
            raise self.broken(promise, "The result is compiled", remedy)
        if not all(np.isfinite(array).all() for array in self.predicted):
            remedy = "Look for a division by zero, as in a kernel of zeros."
            raise self.broken("all outputs are finite", "Some are not", remedy)

    def variables_of_its_own(self) -> None:
        """No variable of the model that went in."""
        before = {id(variable) for variable in self.model.variables}
        shared = [one.path for one in self.result.variables if id(one) in before]
        if shared:
            promise = "the result shares no variable with the model that went in"
            remedy = "Copy layers with ncl.copy_model or ncl.rewrite_layers."
            raise self.broken(promise, f"Shared: {', '.join(shared)}", remedy)

    def layers(self, adds: bool, removes: tuple[type[keras.layers.Layer], ...]) -> None:
        """As many as before, but for those that the pass changes on purpose."""
        expected = sum(not isinstance(one, removes) for one in self.model.layers)
        count = len({id(layer) for layer in self.result.layers})
        if count < expected or (count > expected and not adds):
            promise = "no layer is lost, and none is added unless that is the idea"
            found = f"{expected} layers became {count}"
            remedy = "If that is the idea, say adds_layers=True or removes=(...,)."
            raise self.broken(promise, found, remedy)

    def shared_layers(self) -> None:
        """A pass may remove layers and add others; the others are used as before."""
        before, after = _calls_by_layer(self.model), _calls_by_layer(self.result)
        for name in before.keys() & after.keys():
            if before[name] != after[name]:
                promise = "a layer that is used several times stays one layer"
                found = f"{name!r} was called {before[name]} times, now {after[name]}"
                remedy = "Rewrite each layer once: ncl.rewrite_layers does that."
                raise self.broken(promise, found, remedy)

    def file(self) -> None:
        """It loads again, and predicts the same numbers."""
        promise = "the saved file loads and predicts equal arrays"
        remedy = (
            "Register your layers with keras.saving.register_keras_serializable(), put "
            "all settings into get_config(), and all arrays into weights."
        )
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "model.keras")
                self.result.save(path)
                loaded = keras.saving.load_model(path)
        except Exception as error:
            raise self.broken(promise, told(error), remedy) from error
        saved = zip(self.predicted, self.outputs(loaded), strict=True)
        if not all(np.array_equal(one, other) for one, other in saved):
            raise self.broken(promise, "The predictions differ", remedy)

    def same_again(self, again: keras.Model, tolerance: float) -> None:
        """A second run gives the same weights."""
        promise = "twice the same input gives twice the same model"
        remedy = "Draw random numbers from np.random.default_rng(context.seed)."
        for variable, one, other in zip(
            self.result.variables,
            weights_of(self.result),
            weights_of(again),
            strict=True,
        ):
            if one.shape != other.shape or not np.allclose(
                one, other, rtol=0, atol=tolerance, equal_nan=True
            ):
                found = f"{variable.path} differs between two runs"
                raise self.broken(promise, found, remedy)


def weights_of(model: keras.Model) -> list[npt.NDArray[Any]]:
    """Copies of all variables of a model, those of its random generators among them."""
    return [to_numpy(variable) for variable in model.variables]


def _calls_by_layer(model: keras.Model) -> dict[str, int]:
    config = keras.Model(model.inputs, model.outputs).get_config()
    return {one["name"]: len(one["inbound_nodes"]) for one in config["layers"]}
