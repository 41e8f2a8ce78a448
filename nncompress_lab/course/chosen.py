"""Exercises whose answer is a pass that a learner chose with a control.

    chosen_pruning = chosen("chosen_pruning", example="ncl.MagnitudePruning(sparsity=0.5)",
                            hints=(...), reference=MagnitudePruning(sparsity=0.8))
    require_goal(chosen_pruning, Goal(zeros=0.75, accuracy_drop=0.03))

The control of the lesson is given the same goal and model.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

import keras
import numpy as np

from nncompress_lab import measure, zoo
from nncompress_lab.course.exercise import Check, Exercise, require, require_chosen
from nncompress_lab.course.small_student import small_student
from nncompress_lab.course.wording import in_words
from nncompress_lab.data import fashion_mnist
from nncompress_lab.distillation.distillation import Distillation
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.passes import Pass
from nncompress_lab.planning.plan import Plan
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize
from nncompress_lab.trials.distillation import DistillationTrial
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.over_time import brief_context
from nncompress_lab.trials.quantization import FLOAT_BITS

EXAMPLES: Final = 1000  # of the validation images, as in the controls
GIVEN: Final = frozenset({"calibration"})  # what a pass may need without being trained
Model = Callable[[], keras.Model]

_BEGINNING = (
    "Choose a setting in the control and press 'Register', then 'Use this in my code' and "
    "'Insert as my answer': it is written into the cell of `{}`. Run that cell, then this "
    "one."
)


def chosen(
    name: str,
    *,
    reference: Pass,
    example: str,
    hints: tuple[str, ...],
    title: str = "Meet the goal with the control",
    points: int = 3,
    kind: type[Pass] | None = None,
) -> Exercise:
    """An exercise that takes a pass; its first check refuses whatever is none.

    Args:
        name: Of the variable that holds the pass.
        reference: A right answer.
        example: A pass of the right kind, as code; it need not meet the goal.
        hints: From the gentle to the nearly complete.
        title: For the list of checks.
        points: What it is worth.
        kind: Of the pass, which may train then, on the images that a control trains
            on. Without one, any that does not train will do.
    """
    beginning = _BEGINNING.format(name)
    exercise = Exercise(
        name, title, points, hints, reference=reference, beginning=beginning
    )

    @exercise.check
    def is_registered(answer: Any) -> None:
        require(
            kind or not isinstance(answer, list | tuple),
            "One pass is asked for, and ncl.pipeline(...) makes one of several. Received: "
            f"{in_words(answer)}.",
        )
        step = step_of(answer)
        require_chosen(step, kind or Pass, example=example)
        trains = [] if kind else sorted(step.needs - GIVEN)
        require(
            not trains,
            "The goal is to be met without any training: leave out what needs "
            f"{' and '.join(trains)}.",
        )

    return exercise


def require_goal(
    exercise: Exercise,
    goal: Goal,
    *,
    model: Model = zoo.lenet5,
    remarks: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Add a check for each bound of a goal, in its order.

    Args:
        exercise: Made by `chosen`.
        goal: What the compressed model is to reach.
        model: Makes the model that is compressed, always with the same weights.
        remarks: By figure, a sentence that helps where the bound is not met.

    Raises:
        KeyError: If nobody knows how to measure a figure of the goal.
    """
    for name in goal.bounds:
        exercise.check(_check(name, goal, model, remarks.get(name, "")))


def step_of(answer: Any) -> Any:
    """The passes of a plan; anything else as it is."""
    return answer.passes if isinstance(answer, Plan) else answer


def compressed(answer: Pass, model: Model = zoo.lenet5) -> keras.Model:
    """What a pass makes of a model; all checks of one answer look at the same one."""
    return _compressed(answer, model)


@lru_cache(maxsize=1)
def _compressed(answer: Pass, model: Model) -> keras.Model:
    original = model()
    context = brief_context(fashion_mnist(), examples=EXAMPLES)
    return answer(original, replace(context, original=original))


@lru_cache(maxsize=2)
def _original_accuracy(model: Model) -> float:
    return _accuracy(model())


def _accuracy(model: keras.Model) -> float:
    return measure.accuracy(model, fashion_mnist().validation.take(EXAMPLES))


def _accuracy_drop(answer: Pass, model: Model) -> float:
    return _original_accuracy(model) - _accuracy(compressed(answer, model))


def _zeros(answer: Pass, model: Model) -> float:
    """The part of the kernel weights that is zero."""
    layers = kernel_layers(compressed(answer, model))
    kernels = [array for layer in layers for array in layer.arrays()]
    zeros = sum(int(np.count_nonzero(kernel == 0)) for kernel in kernels)
    return zeros / sum(kernel.size for kernel in kernels)


def _activation_bits(answer: Pass, model: Model) -> float:
    """Of what goes into the layers: those of floats if any of them is given floats."""
    result = compressed(answer, model)
    bits = [layer.bits for layer in result.layers if isinstance(layer, FakeQuantize)]
    return max(bits) if len(bits) == len(kernel_layers(model())) else FLOAT_BITS


def _taught(name: str) -> Callable[[Pass, Model], float]:
    """A figure of how the small student is taught, before any training."""
    return lambda answer, model: _teaching(model).counted(cast(Distillation, answer))[
        name
    ]


@lru_cache(maxsize=1)
def _teaching(model: Model) -> DistillationTrial:
    data = fashion_mnist().validation
    return DistillationTrial(model(), small_student(), data, examples=EXAMPLES)


def _of_result(count: Callable[[keras.Model], float]) -> Callable[[Pass, Model], float]:
    return lambda answer, model: count(compressed(answer, model))


# The name of a figure's check, and how the figure of an answer is measured.
_FIGURES: Final[Mapping[str, tuple[str, Callable[[Pass, Model], float]]]] = {
    "zeros": ("prunes_enough", _zeros),
    "accuracy_drop": ("keeps_enough_accuracy", _accuracy_drop),
    "packed_bytes": (
        "is_small_enough",
        _of_result(lambda model: measure.file_sizes(model).packed),
    ),
    "keras_bytes": (
        "saves_few_enough_bytes",
        _of_result(lambda model: measure.file_sizes(model).keras),
    ),
    "activation_bits": ("rounds_to_few_enough_bits", _activation_bits),
    "parameters": ("has_few_enough_parameters", _of_result(measure.parameters)),
    "macs": ("takes_few_enough_macs", _of_result(measure.macs)),
    "others": ("softens_enough", _taught("others")),
    "soft_entropy": ("keeps_a_contrast", _taught("soft_entropy")),
    "balance": ("lets_both_terms_speak", _taught("balance")),
}


def _check(name: str, goal: Goal, model: Model, remark: str) -> Check:
    check_name, figure = _FIGURES[name]

    def check(answer: Any) -> None:
        lacking = goal.shortfall(name, figure(step_of(answer), model))
        if lacking:
            sentence = f"{lacking[0].upper()}{lacking[1:]}. {remark}"
            require(False, sentence.rstrip())

    check.__name__ = check_name
    return check
