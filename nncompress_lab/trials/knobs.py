"""The one number of a pass that a slider moves, and the cards that a studio begins with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import keras

from nncompress_lab.factorization.factorization import Factorization
from nncompress_lab.lowrank.low_rank import LowRank
from nncompress_lab.passes import Pass
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.quantization.codebook_quantization import CodebookQuantization
from nncompress_lab.quantization.fold_batch_norm import FoldBatchNorm
from nncompress_lab.quantization.rate_aware_quantization import RateAwareQuantization
from nncompress_lab.quantization.uniform_quantization import UniformQuantization
from nncompress_lab.training.fine_tune import FineTune
from nncompress_lab.training.reestimate_batch_norm import normalizations

_PERCENT: Final = tuple(percent / 100 for percent in range(1, 100))
_TWENTIETHS: Final = tuple(part / 20 for part in range(1, 21))
_FRACTIONS: Final = {
    "sparsity": (0.0, *_PERCENT),
    "macs": _TWENTIETHS,
    "parameters": _TWENTIETHS,
    "energy": _PERCENT,
    "rank": _TWENTIETHS[:-1],
}
_COUNTS: Final = {
    "rank": tuple(2**power for power in range(9)),
    "bits": tuple(range(2, 9)),
    "epochs": tuple(range(1, 6)),
}
_RATES: Final = tuple(quarter / 4 for quarter in range(2, 17))  # bits a weight
Card = tuple[Pass, bool]
"""A pass, and whether it is applied."""


@dataclass(frozen=True)
class Knob:
    """A number of a pass, and where a slider can move it.

    Args:
        name: Of the field.
        value: What the pass has now.
        values: In ascending order; the value is among them.
    """

    name: str
    value: float
    values: tuple[float, ...]

    def turned(self, step: Pass, value: float) -> Pass:
        """The pass with another value."""
        changed: Any = {self.name: value}
        return replace(step, **changed)


def knob_of(step: Pass) -> Knob | None:
    """The main number of a pass; None if it has none that a slider could move.

    Example:
        >>> knob_of(UniformQuantization(bits=4)).values
        (2, 3, 4, 5, 6, 7, 8)
        >>> knob_of(FoldBatchNorm()) is None
        True
    """
    for name in (*_FRACTIONS, *_COUNTS):
        value = getattr(step, name, None)
        if type(value) is float and name in _FRACTIONS:
            return Knob(name, value, _with(_FRACTIONS[name], value))
        if isinstance(value, int | float) and name in _COUNTS:
            values: Sequence[float] = _COUNTS[name]
            if name == "bits":
                values = _bits(step)
            return Knob(name, value, _with(values, value))
    return None


def first_cards(model: keras.Model, *, can_train: bool) -> list[Card]:
    """What a studio offers for a model: pruning and a codebook are on, the rest is off.

    Args:
        model: What is to be compressed.
        can_train: Whether there are training examples.
    """
    folding: list[Card] = [(FoldBatchNorm(), False)] if normalizations(model) else []
    training: list[Card] = [(FineTune(epochs=1), False)] if can_train else []
    return [
        (ChannelPruning(macs=0.5), False),
        (LowRank(parameters=0.5), False),
        (Factorization(macs=0.5), False),
        (MagnitudePruning(sparsity=0.8, scope="adaptive"), True),
        *training,
        *folding,  # what is folded is not trained any more
        (CodebookQuantization(bits=4), True),
        (UniformQuantization(bits=8), False),
    ]


def _bits(step: Pass) -> Sequence[float]:
    if isinstance(step, RateAwareQuantization):
        return _RATES
    one = (1,) if isinstance(step, CodebookQuantization) else ()
    return (*one, *_COUNTS["bits"])


def _with(values: Sequence[float], value: float) -> tuple[float, ...]:
    return tuple(sorted({*values, value}))
