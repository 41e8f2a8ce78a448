"""The passes of a plan with training in them, which makes up for what they cost."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from nncompress_lab.passes import Pass
from nncompress_lab.pipelines import Pipeline, pipeline
from nncompress_lab.quantization.codebook_aware_training import CodebookAwareTraining
from nncompress_lab.quantization.codebook_quantization import CodebookQuantization
from nncompress_lab.quantization.gptq import GPTQ
from nncompress_lab.quantization.quantization_aware_training import (
    QuantizationAwareTraining,
)
from nncompress_lab.quantization.uniform_quantization import UniformQuantization
from nncompress_lab.training.fine_tune import FineTune
from nncompress_lab.training.training_pass import TrainingPass

AWARE: Mapping[type[Pass], type[TrainingPass]] = {
    UniformQuantization: QuantizationAwareTraining,
    GPTQ: QuantizationAwareTraining,
    CodebookQuantization: CodebookAwareTraining,
}


def with_recovery(passes: Pipeline, **training: Any) -> Pipeline:
    """The passes with distillation from the original model.

    What stores kernels is replaced by the training that ends in the same format, layer by
    layer, so that the weights learn with the rounding; where nothing is stored, a
    `FineTune` follows. Zeros and the layers that were put in place of others stay.

    Args:
        passes: Without training.
        **training: As in `TrainingPass`, such as `epochs=`.
    """
    if not passes.passes or any(isinstance(one, TrainingPass) for one in passes.passes):
        return passes
    stored = [one for one in passes.passes if _aware(one) is not None]
    before = [one for one in passes.passes if _aware(one) is None]
    if not stored:
        return pipeline(*before, FineTune(teacher="original", **training))
    return pipeline(*before, *(_trained(one, **training) for one in stored))


def _aware(step: Pass) -> type[TrainingPass] | None:
    """What trains to the format in which a pass stores kernels; None if nothing does."""
    kind = AWARE.get(type(step))
    table = getattr(step, "table", "learned")
    return kind if table == "learned" else None


def _trained(step: Pass, **training: Any) -> Pass:
    kind: Any = _aware(step)
    known = {one.name for one in fields(kind)}
    same = {
        one.name: getattr(step, one.name) for one in fields(step) if one.name in known
    }
    of_layers = {
        path: {name: value for name, value in own.items() if name in kind.varies}
        for path, own in same.get("per_layer", {}).items()
    }
    if of_layers:
        same["per_layer"] = of_layers
    symmetric = [
        same.get("symmetric"),
        *(own.get("symmetric") for own in of_layers.values()),
    ]
    if kind is QuantizationAwareTraining and False not in symmetric:
        same["step_size"] = "learned"
    trained: Pass = replace(kind(**same), teacher="original", **training)
    return trained
