"""How passes are put together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras

from nncompress_lab.data.datasets import Dataset
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context, Pass
from nncompress_lab.printable import shortened


@dataclass(frozen=True)
class Pipeline(Pass):
    """Passes one after the other; made by `pipeline`.

    Args:
        passes: In the order in which they are applied.
    """

    passes: tuple[Pass, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """What any of its passes needs, but for what the pipeline fills in itself."""
        needs = frozenset[str]().union(*(step.needs for step in self.passes))
        return needs - {"original", "unquantized"}

    @property
    def needs_graph(self) -> bool:
        """Whether any of its passes does."""
        return any(step.needs_graph for step in self.passes)

    @property
    def label(self) -> str:
        """The labels of its passes."""
        return f"pipeline({', '.join(step.label for step in self.passes)})"

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Apply the passes in order; an empty pipeline copies the model."""
        if not self.passes:
            return copy_model(model)
        *_, (_, last) = stages(self, model, context)
        return last

    def check_result(self, result: keras.Model) -> None:
        """Nothing: each pass has checked what it made."""


def pipeline(*passes: Pass) -> Pipeline:
    """Put passes together into one pass.

    Args:
        *passes: In the order in which they are to be applied. A pipeline among them is
            taken apart, so `pipeline(a, pipeline(b, c))` equals `pipeline(a, b, c)`.

    Returns:
        A pass; `pipeline()` is the identity.

    Raises:
        TypeError: If an argument is not a pass.
    """
    flat: list[Pass] = []
    for step in passes:
        if not isinstance(step, Pass):
            raise TypeError(
                "A pipeline is made of passes, such as MagnitudePruning(sparsity=0.9). "
                f"Received: {shortened(step)} of type {type(step).__name__}."
                f"{_hint(step)}"
            )
        flat.extend(step.passes if isinstance(step, Pipeline) else [step])
    return Pipeline(tuple(flat))


def _hint(step: Any) -> str:
    if isinstance(step, Context | Dataset):
        return " Pass it as context=."
    if isinstance(step, keras.Model):
        return " The model comes first, as in compress(model, *passes)."
    if isinstance(step, list | tuple):
        return (
            " Write passes one after the other, or a star before their list: *passes."
        )
    if hasattr(step, "recipe"):
        return " Take the passes of a result, as in result.recipe."
    return " Write its arguments in brackets." if isinstance(step, type) else ""


def stages(
    steps: Pipeline, model: keras.Model, context: Context
) -> Iterator[tuple[Pass, keras.Model]]:
    """Apply the passes of a pipeline one by one.

    Args:
        steps: The pipeline.
        model: The model to begin with.
        context: What the passes may use.

    Yields:
        Each pass with the model that came out of it.
    """
    context = replace(context, original=context.original or model)
    for step in steps.passes:
        context = remembering(model, context)
        model = step(model, context)
        yield step, model


def remembering(model: keras.Model, context: Context) -> Context:
    """The context of the next pass: a model of floats is its `unquantized` one.

    Args:
        model: What the next pass is applied to.
        context: What the pass before was given, with the original model.
    """
    if all(layer.is_float for layer in kernel_layers(model)):
        return replace(context, unquantized=model)
    return context
