"""What can be an option of a unit: a pass of layers, or several in a row."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.selection import Selection
from nncompress_lab.passes import Pass
from nncompress_lab.pipelines import Pipeline, pipeline
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning


def checked_options(options: Sequence[Pass] | Pass) -> tuple[Pass, ...]:
    """Options as a tuple.

    Args:
        options: One pass or several.

    Raises:
        TypeError: If one is no pass of layers, nor a pipeline of them.
        ValueError: If there is none, one comes twice, or one of channels says no
            `sparsity`.
    """
    several = (options,) if isinstance(options, Pass) else tuple(options)
    if not several:
        raise ValueError(
            "There must be at least one option, such as UniformQuantization(bits=4). "
            f"Received: {options!r}."
        )
    for number, one in enumerate(several):
        _check(one)
        if one in several[:number]:
            raise ValueError(f"Each option comes once. Received twice: {one.label}.")
    return several


def on_every_layer(option: Pass) -> Pass:
    """An option without its selection, as it reads well where the layer is said."""
    if isinstance(option, Pipeline):
        return pipeline(*map(on_every_layer, option.passes))
    if not isinstance(option, LayerPass):
        return option
    return replace(option, select=Selection(depthwise=option.select.depthwise))


def _check(option: Any) -> None:
    steps = option.passes if isinstance(option, Pipeline) else (option,)
    if not steps or not all(isinstance(step, LayerPass) for step in steps):
        raise TypeError(
            "An option is a pass that goes layer by layer, such as "
            "UniformQuantization(bits=4), or a pipeline of such passes. Received: "
            f"{option!r}. What trains or looks at the whole model comes after a plan."
        )
    channels = [step for step in steps if isinstance(step, ChannelPruning)]
    if channels and (len(steps) > 1 or channels[0].sparsity is None):
        raise ValueError(
            "ChannelPruning is an option by itself, because it changes several layers, and "
            f"says `sparsity`, of each group. Received: {option.label}. Write "
            "ChannelPruning(sparsity=0.5)."
        )
