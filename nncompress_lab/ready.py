"""Whether a context holds what a pass needs, asked before any work starts."""

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import keras
import numpy as np

from nncompress_lab.data.data import CALIBRATION_EXAMPLES, DATA_ARE, Data
from nncompress_lab.data.structures import leaves
from nncompress_lab.errors import MissingContextError
from nncompress_lab.finite import check_data
from nncompress_lab.models.inputs import check_inputs

if TYPE_CHECKING:
    from nncompress_lab.passes import Context, Pass

CHECKED_EXAMPLES = 32  # of a pipeline


def ready_context(step: "Pass", context: "Context", model: keras.Model) -> "Context":
    """The context, checked, with arrays to calibrate on that were read from a pipeline.

    Args:
        step: The pass.
        context: What it is to use.
        model: What it is applied to.

    Raises:
        MissingContextError: If something is missing.
        TypeError: If a pipeline to train on or to choose by gives no labels.
        ValueError: If inputs do not fit the model, or are not finite.
    """
    check_context(step, context)
    calibration = context.calibration
    if "calibration" in step.needs and calibration and calibration.is_stream:
        context = replace(context, calibration=calibration.take(CALIBRATION_EXAMPLES))
    for need in sorted(step.needs):
        if isinstance(part := getattr(context, need), Data):
            known = part.take(CHECKED_EXAMPLES) if part.is_stream else part
            if known.y is None and need != "calibration":
                raise TypeError(f"`{need}`: {DATA_ARE} Received: inputs alone.")
            check_data(known, need)
            check_inputs(model, known)
            _check_labels(need, known)
    return context


def check_context(step: "Pass", context: "Context") -> None:
    """Raise an error if `context` lacks what the pass needs.

    Args:
        step: The pass.
        context: What it is to use.

    Raises:
        MissingContextError: If something is missing.
    """
    usable = {field.name for field in fields(context)} - {"test"}
    if unknown := step.needs - usable:
        raise TypeError(
            f"{type(step).__name__} needs {sorted(unknown)}, which no pass may use. A "
            f"pass can need: {sorted(usable)}."
        )
    missing = sorted(need for need in step.needs if getattr(context, need) is None)
    if missing:
        example = ", ".join(f"{name}=..." for name in missing)
        of_data = (
            ", or Context.of(dataset) for a data set such as ncl.data.fashion_mnist()"
        )
        raise MissingContextError(
            f"{_who_needs(step, missing)} needs {' and '.join(missing)}, which the context "
            f"does not hold. Pass Context({example})"
            f"{'' if 'teacher' in missing else of_data}."
        )


def _who_needs(step: "Pass", missing: list[str]) -> str:
    """The name of a pass, or of the first in a pipeline that needs what is missing."""
    for one in getattr(step, "passes", ()):
        if one.needs & set(missing):
            return _who_needs(one, missing)
    return type(step).__name__


def _check_labels(name: str, data: Data) -> None:
    for labels in leaves(data.y):
        if labels.dtype.kind in "US":
            raise ValueError(
                f"Labels must be numbers. Received in {name}: strings such as "
                f"{str(np.ravel(labels)[0])!r}. Number the classes, for example by "
                "numpy.unique(y, return_inverse=True)."
            )
