"""The figures that a goal can bound: how each is said, and which way is the good one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nncompress_lab.report.formats import size
from nncompress_lab.report.metrics import Metric

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Figure:
    """One figure in words.

    Args:
        wanted: How a bound is said, with `{}` for its number and `{s}` for a plural.
        found: How a value is said.
        say: The number with its unit.
        is_lower_bound: Whether a goal wants at least so much; else at most.
        is_fraction: Whether it lies in `[0, 1]`, and differences are points.
    """

    wanted: str
    found: str
    say: Callable[[float], str]
    is_lower_bound: bool = False
    is_fraction: bool = False

    def bound(self, bound: float) -> str:
        """What a goal asks for, for example `"at most 20 kB packed"`."""
        words = f"{100 * bound:g}" if self.is_fraction else self.say(bound)
        least = "at least" if self.is_lower_bound else "at most"
        return f"{least} {self.wanted.format(words, s='' if words == '1' else 's')}"

    def value(self, value: float) -> str:
        """What a model has, for example `"the packed file has 20 kB"`."""
        return self.found.format(self.say(value))

    def shortfall(self, value: float, bound: float) -> str:
        """What a model has, and how much that is off the bound."""
        off = abs(value - bound)
        words = points(off) if self.is_fraction else self.say(off)
        side = "too few" if self.is_lower_bound else "more than allowed"
        return f"{self.value(value)}, {words} {side}"


def percent(fraction: float) -> str:
    """A fraction as a percentage with one decimal, for example `"80.0 %"`."""
    return f"{100 * fraction:.1f} %"


def points(difference: float) -> str:
    """A difference of two fractions in points, for example `"1.7 points"`."""
    return f"{100 * difference:.1f} points"


def drop_in_words(drop: float) -> str:
    """How far an accuracy is below the original's, for example `"1.7 points below"`."""
    if abs(drop) < 5e-4:
        return "equal to the original"
    return f"{points(abs(drop))} {'below' if drop > 0 else 'above'} the original"


def score_in_words(metric: Metric, score: float) -> str:
    """What a model is worth at its task, for example `"80.0 %"` or `"0.1234"`."""
    return percent(score) if metric.is_fraction else metric.shown(score)


def change_in_words(metric: Metric, before: float, after: float) -> str:
    """How a score compares with the original's, for example `"3.0 % worse"`.

    Example:
        >>> change_in_words(Metric.of("mae", mode="min"), 2.0, 2.06)
        '3.0 % worse than the original'
    """
    if metric.is_fraction:
        return drop_in_words(before - after)
    change = metric.change(before, after)
    same = change == "same"
    return "equal to the original" if same else f"{change} than the original"


def number(count: float) -> str:
    """A count with commas, for example `"431,080"`."""
    return f"{count:,.0f}"


def decibels(ratio: float) -> str:
    """A signal-to-noise ratio, for example `"21.3 dB"`."""
    return "no error" if math.isinf(ratio) else f"{ratio:.1f} dB"


def _bits(count: float) -> str:
    return f"{count:.2f} bits"


def _bytes(count: float) -> str:
    return size(round(count))


FIGURES: Final[Mapping[str, Figure]] = {
    "zeros": Figure(
        "{} % of the kernel weights zero",
        "{} of the kernel weights are zero",
        percent,
        is_lower_bound=True,
        is_fraction=True,
    ),
    "accuracy_drop": Figure(
        "{} point{s} of accuracy lost",
        "the accuracy is {}",
        drop_in_words,
        is_fraction=True,
    ),
    "keras_bytes": Figure("{} as a .keras file", "the .keras file has {}", _bytes),
    "packed_bytes": Figure("{} packed", "the packed file has {}", _bytes),
    "memory_bytes": Figure("{} in memory", "the weights take {} of memory", _bytes),
    "parameters": Figure("{} parameters", "there are {} parameters", number),
    "nonzeros": Figure(
        "{} parameters that are not zero", "{} parameters are not zero", number
    ),
    "snr_db": Figure(
        "{} of signal to noise in the kernels",
        "the signal-to-noise ratio of the kernels is {}",
        decibels,
        is_lower_bound=True,
    ),
    "entropy": Figure(
        "{} of entropy a weight", "the entropy of the codes is {} a weight", _bits
    ),
    "activation_bits": Figure(
        "{} an activation", "the activations have {}", lambda bits: f"{bits:.0f} bits"
    ),
    "macs": Figure("{} MACs", "an example takes {} MACs", number),
    "others": Figure(
        "{} % for other classes than the teacher's first",
        "other classes than the teacher's first have {}",
        percent,
        is_lower_bound=True,
        is_fraction=True,
    ),
    "soft_entropy": Figure(
        "{} of entropy in the soft targets",
        "the entropy of the soft targets is {}",
        _bits,
    ),
    "balance": Figure(
        "{} % of the gradient from the weaker term",
        "the weaker term has {} of the gradient",
        percent,
        is_lower_bound=True,
        is_fraction=True,
    ),
}
