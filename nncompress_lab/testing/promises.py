"""`check_pass`: what every pass promises, of recipes, wrong models and results."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.passes import Context, Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.recipe import from_recipe, to_recipe
from nncompress_lab.testing import tiny_models
from nncompress_lab.testing.broken_promise import BrokenPromiseError, told
from nncompress_lab.testing.on_model import check_on_model


def check_pass(
    step: Pass,
    *,
    models: Iterable[keras.Model] | None = None,
    context: Context | None = None,
    **changes: Any,
) -> None:
    """Check that a pass keeps every promise that the passes of this library keep.

    Its recipe gives an equal pass; it refuses subclassed models that cannot be made again,
    unbuilt models and what is no model. On each model: the model that goes in is
    bit-equal afterwards; the result is uncompiled, has the same name and interface,
    finite outputs and variables of its own; its layers are still there, and shared
    layers still shared; its file loads and predicts equal arrays; and a second run gives
    equal weights.

    Args:
        step: The pass, with settings that do something to small layers.
        models: Models to run it on. By default seven small ones, which together hold
            every structure and kernel layer that the library supports.
        context: What the pass may use. By default random data for these models.
        **changes: What the pass changes on purpose, as `check_on_model` takes it.

    Raises:
        BrokenPromiseError: With the pass, the model, the promise and a remedy.

    Example:
        >>> from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
        >>> check_pass(MagnitudePruning(sparsity=0.5), models=[tiny_models.nested()])
    """
    if models is None:
        models = (
            tiny_models.randomize_statistics(build()) for build in tiny_models.BUILDERS
        )
    check_recipe(step)
    check_refusals(step, context)
    for model in models:
        check_on_model(step, model, context, **changes)


def check_recipe(step: Pass) -> None:
    """Check that a recipe, as JSON text, gives an equal pass again.

    Raises:
        BrokenPromiseError: If it does not.
    """
    promise = "a recipe holds all of its settings"
    remedy = (
        "Keep each setting in a field of the dataclass: a number, a string, a tuple of "
        "them, a Selection or a Student."
    )
    try:
        again = from_recipe(json.loads(json.dumps(to_recipe(step))))
    except Exception as error:
        raise BrokenPromiseError(step, promise, told(error), remedy) from error
    expected = pipeline(step)
    if again == expected:
        # What is no field of the dataclass is compared by neither side.
        same = all(
            vars(one) == vars(other)
            for one, other in zip(again.passes, expected.passes, strict=True)
        )
        if same:
            return
    found = f"The recipe came back as {again.label}"
    raise BrokenPromiseError(step, promise, found, remedy)


def check_refusals(step: Pass, context: Context | None = None) -> None:
    """Check that a pass refuses what cannot be compressed.

    Raises:
        BrokenPromiseError: If it takes such a model, or raises another error.
    """
    context = context or tiny_models.context()
    for name, model in _wrong_models().items():
        promise = f"{name} raises an UnsupportedModelError"
        remedy = "Implement transform(), and leave __call__() to ncl.Pass."
        try:
            step(model, context)
        except UnsupportedModelError:
            continue
        except Exception as error:
            raise BrokenPromiseError(step, promise, told(error), remedy) from error
        raise BrokenPromiseError(step, promise, "It was taken", remedy)


def _wrong_models() -> Mapping[str, Any]:
    class Subclassed(keras.Model):  # type: ignore[misc]
        def __init__(self, mean: Any) -> None:  # which no configuration holds
            super().__init__()
            self.dense, self.mean = keras.layers.Dense(tiny_models.CLASSES), mean

        def call(self, inputs: Any) -> Any:
            return self.dense(self.mean(inputs, axis=(1, 2)))

    subclassed = Subclassed(keras.ops.mean)
    subclassed(tiny_models.images())
    return {
        "a subclassed model": subclassed,
        "an unbuilt model": keras.Sequential([keras.layers.Dense(4)]),
        "what is no Keras model": {},
    }
