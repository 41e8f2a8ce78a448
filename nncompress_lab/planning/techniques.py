"""The options that plans try for each layer: the settings of techniques, combined."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from nncompress_lab.factorization.factorization import Factorization
from nncompress_lab.lowrank.low_rank import LowRank
from nncompress_lab.passes import Pass
from nncompress_lab.pipelines import pipeline
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.pruning.magnitude_pruning import MagnitudePruning
from nncompress_lab.quantization.codebook_quantization import CodebookQuantization
from nncompress_lab.quantization.gptq import GPTQ
from nncompress_lab.quantization.uniform_quantization import UniformQuantization

Technique = str | Sequence[Pass]
SPARSITIES = (0.5, 0.7, 0.8, 0.9)
BITS = (2, 3, 4, 5, 6, 8)
RANKS = (0.05, 0.1, 0.2, 0.3, 0.5)  # parts of the full rank
CHANNELS = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75)  # that go

GRIDS: Mapping[str, tuple[Pass, ...]] = {
    "channels": tuple(ChannelPruning(sparsity=part) for part in CHANNELS),
    "low_rank": tuple(LowRank(rank=part) for part in RANKS),
    "tucker2": tuple(Factorization("tucker2", rank=part) for part in RANKS),
    "pruning": tuple(MagnitudePruning(sparsity=part) for part in SPARSITIES),
    "quantization": tuple(
        UniformQuantization(bits=bits, clipping="mse") for bits in BITS
    ),
    "gptq": tuple(GPTQ(bits=bits, inputs="float") for bits in BITS),
    "codebook": tuple(CodebookQuantization(bits=bits) for bits in BITS[:-1]),
}


def options_of(techniques: Sequence[Technique]) -> tuple[Pass, ...]:
    """What can become of a layer: a setting of one technique, or of several in a row.

    Args:
        techniques: In the order in which they are applied: names of `GRIDS`, or
            sequences of passes that are alternatives to each other.

    Returns:
        All combinations, with each technique left out, too; but not all of them at once.

    Raises:
        ValueError: If there is no technique, or none of that name.
        TypeError: If a technique is neither a name nor passes.

    Example:
        >>> [one.label for one in options_of([[MagnitudePruning(sparsity=0.5)]])]
        ['MagnitudePruning(sparsity=0.5)']
        >>> len(options_of(["pruning", "quantization"]))
        34
    """
    if isinstance(techniques, str):
        raise TypeError(
            "`techniques` is a sequence. Received: "
            f"techniques={techniques!r}. Write techniques=({techniques!r},)."
        )
    settings = [_settings_of(one) for one in techniques]
    _check_widths(settings)
    chosen: list[tuple[Pass, ...]] = [()]
    for some in settings:
        chosen = [(*before, *step) for before in chosen for step in ((), *zip(some))]
    options = tuple(
        steps[0] if len(steps) == 1 else pipeline(*steps) for steps in chosen[1:]
    )
    if not options:
        raise ValueError(
            f"A plan needs techniques, such as {' or '.join(map(repr, GRIDS))}. "
            f"Received: techniques={techniques!r}."
        )
    return options


def _check_widths(settings: Sequence[Sequence[Pass]]) -> None:
    """Widths are no option beside others: they change what these cost elsewhere."""
    cuts = [any(isinstance(one, ChannelPruning) for one in some) for some in settings]
    if any(cuts) and len(cuts) > 1:
        raise ValueError(
            "Channels are planned by themselves, because a narrower layer changes what "
            "every option of its neighbours costs. Received: channels beside other "
            "techniques. Plan and apply techniques=('channels',) first, then plan the "
            "narrower model."
        )


def _settings_of(technique: Technique) -> tuple[Pass, ...]:
    if isinstance(technique, str):
        if technique in GRIDS:
            return GRIDS[technique]
        close = get_close_matches(technique, GRIDS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"There is no technique {technique!r}.{hint} Known are: {', '.join(GRIDS)}; "
            "or give passes, as in [UniformQuantization(bits=4), "
            "UniformQuantization(bits=8)]."
        )
    steps: tuple[Any, ...] = (
        (technique,) if isinstance(technique, Pass) else tuple(technique)
    )
    if wrong := [one for one in steps if not isinstance(one, Pass)]:
        raise TypeError(
            "A technique is a name, or passes that are alternatives to each other. "
            f"Received: {wrong[0]!r}."
        )
    return steps
