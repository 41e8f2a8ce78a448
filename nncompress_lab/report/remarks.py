"""What a report tells of the passes: what they left alone, and what they ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import keras
import numpy as np

from nncompress_lab.distillation.distillation import Distillation
from nncompress_lab.distillation.student import Student
from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.kernels import (
    KernelLayer,
    Reasons,
    Skip,
    kernel_layers,
    own_variables,
    to_numpy,
    weighted_layers,
)
from nncompress_lab.passes import Pass
from nncompress_lab.quantization.fold_batch_norm import FoldBatchNorm
from nncompress_lab.training.reestimate_batch_norm import (
    ReestimateBatchNorm,
    normalizations,
)

GROUPS = 3  # of layers that are left for one reason, the largest ones
NAMES = 3  # of the layers of a group
NEGLIGIBLE = 0.1  # of the weights, if these are of normalizations
CHANGED = 0.05  # of the norm of a kernel: less does not move the statistics behind it


@dataclass(frozen=True, eq=False)
class Applied:
    """A pass, the models before and after it, and what it said of the first.

    Args:
        step: The pass.
        reasons: As `step.explain(before)` returns them.
        before: The model that went in.
        after: The one that came out.
    """

    step: Pass
    reasons: Reasons
    before: keras.Model
    after: keras.Model

    @property
    def name(self) -> str:
        """Of the pass, without settings."""
        return type(self.step).__name__


def remarks_on(applied: Sequence[Applied]) -> tuple[str, ...]:
    """What to say of the passes of a compression, one sentence each.

    Args:
        applied: All passes, in their order.

    Returns:
        Which layers each pass left alone, with their share of the weights and the reason;
        students that are no smaller than their teachers; whether normalizations are to be
        measured again, or cannot be any more.
    """
    found = [(coverage(one.before, one.reasons), one.name) for one in applied]
    said = []
    for text, some in groupby(found, key=lambda one: one[0]):
        names = dict.fromkeys(name for _, name in some)
        if text:
            said.append(f"{_listed(names)} treat{'' if len(names) > 1 else 's'} {text}")
    return (*said, *_on_students(applied), *_on_normalizations(applied))


def coverage(model: keras.Model, reasons: Reasons) -> str:
    """How much a pass treats of a model, and what it leaves alone and why.

    Args:
        model: The model.
        reasons: As `explain` returns them.

    Returns:
        A line for each reason, for example `"9 % of the weights and leaves alone"` and
        `"gru (GRU), 91 % of the weights: this layer type is not supported"`; empty if
        only normalizations and biases are left.
    """
    layers, kernels = dict(weighted_layers(model)), _by_path(model)
    sizes = {path: _weights(layer) for path, layer in layers.items()}
    total = sum(sizes.values())
    treated = sum(
        kernels[path].size if path in kernels else sizes[path]
        for path, reason in reasons.items()
        if reason is None
    )
    left: dict[str, list[str]] = {}
    for path, reason in reasons.items():
        if reason is not None and path in layers:
            left.setdefault(reason, []).append(path)
    shares = {
        reason: sum(sizes[path] for path in paths) / total
        for reason, paths in left.items()
    }
    if shares.get(Skip.NO_KERNEL, 1.0) < NEGLIGIBLE:
        del shares[Skip.NO_KERNEL]
    if not shares:
        return ""
    largest = sorted(shares, key=lambda reason: -shares[reason])
    groups = [
        f"{_names(left[reason], layers)}, {_percent(shares[reason])} of the weights: "
        f"{reason}"
        for reason in largest[:GROUPS]
    ]
    others = sum(len(left[reason]) for reason in largest[GROUPS:])
    more = [f"{others} more layers: see layers_table()"] if others else []
    first = f"{_percent(treated / total)} of the weights. Left alone:"
    return "\n  ".join([first, *groups, *more])


def _on_students(applied: Sequence[Applied]) -> list[str]:
    return [
        f"{one.name} taught a student as large as its teacher: nothing in the graph of "
        f"{one.before.name!r} can get narrower, as what a class makes inside itself. Build "
        "a smaller model, and pass it as student=."
        for one in applied
        if isinstance(one.step, Distillation)
        and isinstance(one.step.student, Student)
        and (one.step.student.width < 1 or one.step.student.depth < 1)
        and one.after.count_params() >= one.before.count_params()
    ]


def _on_normalizations(applied: Sequence[Applied]) -> list[str]:
    said, stale = [], list[str]()
    for place, one in enumerate(applied):
        before, after = (
            dict(normalizations(one.before)),
            dict(normalizations(one.after)),
        )
        again = [later.name for later in applied[place + 1 :]]
        if (
            isinstance(one.step, FoldBatchNorm)
            and ReestimateBatchNorm.__name__ in again
        ):
            merged = len(before) - len(after)
            if merged:
                said.append(
                    f"FoldBatchNorm merged {merged} of {len(before)} BatchNormalization "
                    "layers before ReestimateBatchNorm could measure them: put "
                    "ReestimateBatchNorm() before FoldBatchNorm()."
                )
        if any(
            _statistics_differ(before.get(path), norm) for path, norm in after.items()
        ):
            stale.clear()
        elif after and isinstance(one.step, LayerPass) and _kernels_differ(one):
            stale.append(one.name)
    if stale:
        count = len(normalizations(applied[-1].after))
        said.append(
            f"{count} BatchNormalization {'layers' if count > 1 else 'layer'} still "
            f"{'use' if count > 1 else 'uses'} the "
            f"means and variances of before {_listed(dict.fromkeys(stale))}: "
            "ReestimateBatchNorm() measures them again, on inputs without labels."
        )
    return said


def _statistics_differ(before: Any, after: Any) -> bool:
    """Whether a normalization was measured again; with other channels it was cut."""
    if before is None or before.moving_mean.shape != after.moving_mean.shape:
        return False
    return any(
        not np.array_equal(to_numpy(one), to_numpy(other))
        for one, other in (
            (before.moving_mean, after.moving_mean),
            (before.moving_variance, after.moving_variance),
        )
    )


def _kernels_differ(one: Applied) -> bool:
    """Whether a pass changed what the layers put out; one that folds does not."""
    before, after = _by_path(one.before), _by_path(one.after)
    if before.keys() != after.keys():
        return True
    pairs = [
        pair
        for path in before
        for pair in zip(before[path].arrays(), after[path].arrays(), strict=True)
    ]
    if any(first.shape != second.shape for first, second in pairs):
        return True
    moved = sum(float(np.square(second - first).sum()) for first, second in pairs)
    size = sum(float(np.square(first).sum()) for first, _ in pairs)
    return moved > CHANGED**2 * size


def _by_path(model: keras.Model) -> dict[str, KernelLayer]:
    return {one.path: one for one in kernel_layers(model)}


def _weights(layer: Any) -> int:
    return sum(int(np.prod(one.shape)) for one in own_variables(layer))


def _names(paths: list[str], layers: Mapping[str, Any]) -> str:
    """Some layers with the classes they are of."""
    kinds = dict.fromkeys(type(layers[path]).__name__ for path in paths)
    more = f" and {len(paths) - NAMES} more" if len(paths) > NAMES else ""
    return f"{', '.join(paths[:NAMES])}{more} ({', '.join(kinds)})"


def _listed(names: Mapping[str, Any]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share > 0.0995 else f"{100 * share:.2g} %"
