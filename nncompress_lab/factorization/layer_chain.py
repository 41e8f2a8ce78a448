"""A layer of a model as something to factor, and the chain of layers in its place."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from nncompress_lab.factorization.arrays.chain import Array, Chain, Link, joined
from nncompress_lab.factorization.arrays.methods import (
    METHODS,
    Method,
    Name,
    Ranks,
    Unit,
    all_ranks,
    costs,
)
from nncompress_lab.factorization.arrays.vbmf import vbmf_rank
from nncompress_lab.lowrank.arrays.rank import ROUNDING, rank_for_fraction
from nncompress_lab.lowrank.arrays.svd import Floats
from nncompress_lab.models.cloning import made, settings
from nncompress_lab.models.kernels import Skip, to_numpy
from nncompress_lab.models.magnitudes import ordinary, scaled_back
from nncompress_lab.planning.arrays.allocation import Options

Sizes = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Target:
    """A Dense or convolution layer with the method that is to factor it.

    Args:
        layer: A built Dense, Conv1D or Conv2D with `unsuited` None.
        method: How it is factored.
    """

    layer: Any
    method: Method

    @classmethod
    def of(cls, layer: Any, name: Name) -> "Target":
        """The target for a method by name."""
        strided = name == "cp" and max(_spatial(layer, "strides")) > 1
        return cls(layer, METHODS["cp_merged" if strided else name])

    @property
    def kernels(self) -> list[Array]:
        """A kernel of shape `(height, width, in, out)` for each group of channels.

        Those of extreme size are divided by two to the power of `exponent`.
        """
        return self._ordinary[0]

    @property
    def exponent(self) -> int:
        """Of the power of two that the kernels are to be multiplied with."""
        return self._ordinary[1]

    @cached_property
    def _ordinary(self) -> tuple[list[Array], int]:
        kernel = to_numpy(self.layer.kernel).astype(np.float32)
        height, width = _spatial(self.layer, "kernel_size")
        whole = kernel.reshape(height, width, *kernel.shape[-2:])
        return ordinary(np.split(whole, getattr(self.layer, "groups", 1), axis=3))

    @cached_property
    def energies(self) -> Floats:
        """What ranks keep of all groups together, an array of the full ranks' shape."""
        squares = [float(np.vdot(one, one)) for one in self.kernels]
        weights = squares if sum(squares) else None
        each = [self.method.energies(kernel) for kernel in self.kernels]
        kept: Floats = np.average(each, axis=0, weights=weights)
        return kept

    @property
    def full_ranks(self) -> Ranks:
        """The ranks at which nothing is lost."""
        return self.method.full_ranks(self.kernels[0].shape)

    def ranks_for_energy(self, energy: float) -> Ranks:
        """The ranks of fewest parameters that are sure to keep a fraction of the energy."""
        ranks = all_ranks(self.full_ranks)
        enough = self.energies.ravel() >= energy - ROUNDING
        prices = np.where(enough, self.cost(ranks, "parameters"), np.inf)
        cheapest = int(np.argmin(prices))
        return tuple(int(axis[cheapest]) for axis in ranks)

    def ranks_for_fraction(self, fraction: float) -> Ranks:
        """A fraction of each full rank."""
        return tuple(
            rank_for_fraction(full, fraction=fraction) for full in self.full_ranks
        )

    def ranks_by_vbmf(self) -> Ranks:
        """The ranks beside noise, at least 1; of several groups the largest."""
        views = self.method.views
        if views is None:
            raise ValueError("The ranks of this method are not those of matrices.")
        each = [[vbmf_rank(view) for view in views(one)] for one in self.kernels]
        return tuple(max(1, *found) for found in zip(*each, strict=True))

    def cost(self, ranks: Ranks | None, unit: Unit) -> Any:
        """What the layer costs at ranks, or as it is if they are None."""
        return sum(self.costs(ranks, unit))

    def costs(self, ranks: Ranks | None, unit: Unit) -> list[Any]:
        """The same of each link of the chain."""
        shape = self.kernels[0].shape
        links: tuple[Link, ...] = (Link("whole", shape, axes=(0, 1)),)
        if ranks is not None:
            links = self.method.links(shape, ranks)
        entering, leaving = self._sizes
        each = costs(links, unit, entering=entering, leaving=leaving)
        return [len(self.kernels) * one for one in each]

    def shrinks(self, ranks: Ranks) -> Any:
        """Whether the chain has fewer parameters and fewer MACs than the layer."""
        units: tuple[Unit, Unit] = ("parameters", "macs")
        fewer = [self.cost(ranks, unit) < self.cost(None, unit) for unit in units]
        return fewer[0] & fewer[1]

    def options(self, unit: Unit) -> tuple[list[Ranks | None], Options]:
        """Ranks at which the layer shrinks, and last the layer as it is, as None.

        Only those are options that keep more than all cheaper ones.
        """
        ranks = all_ranks(self.full_ranks)
        prices, kept = self.cost(ranks, unit), self.energies.ravel()
        order = np.lexsort((-kept, prices))
        order = order[self.shrinks(ranks)[order]]
        best = np.maximum.accumulate(kept[order])
        order = order[np.diff(best, prepend=-1.0) > 0]
        choices: list[Ranks | None] = [
            tuple(int(axis[place]) for axis in ranks) for place in order
        ]
        return [*choices, None], Options(
            np.append(kept[order], 1.0), np.append(prices[order], self.cost(None, unit))
        )

    def layers(self, ranks: Ranks, moments: Floats | None = None) -> list[keras.Layer]:
        """The built layers that stand for this one at the given ranks.

        Args:
            ranks: One for each of the method's ranks.
            moments: Second moments of the inputs of each group, if outputs are to count.
        """
        return _chain_layers(self.layer, joined(self.chains(ranks, moments)))

    def chains(self, ranks: Ranks, moments: Floats | None = None) -> list[Chain]:
        """The chain of each group of channels; arguments as those of `layers`."""
        each = list(moments) if moments is not None else [None] * len(self.kernels)
        found = [
            self.method.factor(kernel, ranks, moment)
            for kernel, moment in zip(self.kernels, each, strict=True)
        ]
        return [
            Chain(one.links, tuple(scaled_back(one.kernels, self.exponent)))
            for one in found
        ]

    @cached_property
    def _sizes(self) -> tuple[Sizes, Sizes]:
        """Height and width of input and output; by the strides where they are open."""
        strides = _spatial(self.layer, "strides")
        if isinstance(self.layer, keras.layers.Dense):
            return (1, 1), (1, 1)
        shape = self.layer.get_build_config()["input_shape"]
        if None in shape[1:-1]:
            return strides, (1, 1)
        entering = (*shape[1:-1], 1)[:2]
        leaving = (*self.layer.compute_output_shape(shape)[1:-1], 1)[:2]
        return entering, leaving


def unsuited(layer: Any, name: Name) -> str | None:
    """Why a method cannot factor a layer; None if it can.

    Args:
        layer: Any layer with a float kernel.
        name: Of the method.
    """
    takes = METHODS[name].takes
    if type(layer) not in [getattr(keras.layers, kind) for kind in takes]:
        return f"method {name!r} takes {' and '.join(takes)} layers only"
    if takes == ("Dense",):
        return None
    if layer.data_format != "channels_last":
        return Skip.CHANNELS_FIRST
    return _unsuited_shape(layer, name)


def _unsuited_shape(layer: Any, name: Name) -> Skip | None:
    if name == "spatial" and min(layer.kernel_size) == 1:
        return Skip.ONE_ROW
    if name != "channel_svd" and math.prod(layer.kernel_size) == 1:
        return Skip.ONE_BY_ONE
    if name in {"cp", "separable"}:
        if len(set(layer.strides)) > 1:
            return Skip.TWO_STRIDES
        if layer.padding == "causal":
            return Skip.CAUSAL
    return None


def _spatial(layer: Any, attribute: str) -> Sizes:
    """Two numbers of a layer, one for each spatial axis; 1 for an axis it lacks."""
    height, width = (*getattr(layer, attribute, ()), 1, 1)[:2]
    return height, width


def _chain_layers(layer: Any, chain: Chain) -> list[keras.Layer]:
    shape = layer.get_build_config()["input_shape"]
    built: list[Any] = []
    for place, (link, kernel) in enumerate(
        zip(chain.links, chain.kernels, strict=True)
    ):
        last = place == len(chain.links) - 1
        part = _part(layer, link, last=last)
        part.build(shape)
        part.kernel.assign(kernel.reshape(part.kernel.shape))
        shape = part.compute_output_shape(shape)
        built.append(part)
    if layer.bias is not None:
        built[-1].bias.assign(to_numpy(layer.bias))
    return built


def _part(layer: Any, link: Link, *, last: bool) -> Any:
    """An unbuilt layer for one link; the last one has what comes after the kernel."""
    config = settings(layer)
    kept = config if last else {name: config[name] for name in ("trainable", "dtype")}
    changed = {
        "name": f"{layer.name}_{link.name}",
        "use_bias": last and layer.use_bias,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    }
    if isinstance(layer, keras.layers.Dense):
        units = {"units": link.shape[-1]}
        return made(layer, keras.layers.Dense, {**kept, **changed, **units})
    kind = f"Depthwise{type(layer).__name__}" if link.depthwise else None
    changed |= _geometry(layer, link)
    if kind is not None:
        for name in ("kernel_regularizer", "kernel_constraint"):
            changed[name.replace("kernel", "depthwise")] = changed.pop(name)
        multiplier = {"depth_multiplier": link.shape[-1]}
        return made(
            layer, getattr(keras.layers, kind), {**kept, **changed, **multiplier}
        )
    own = {"filters": link.shape[-1], "groups": layer.groups}
    return made(layer, type(layer), {**kept, **changed, **own})


def _geometry(layer: Any, link: Link) -> dict[str, Any]:
    """Size, steps and padding: the layer's along the axes of the link, else none."""
    rank = len(layer.kernel_size)

    def along(values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(values[a] if a in link.axes else 1 for a in range(rank))

    return {
        "kernel_size": link.shape[:rank],
        "strides": along(layer.strides),
        "dilation_rate": along(layer.dilation_rate),
        "padding": layer.padding if link.axes else "valid",
        "data_format": layer.data_format,
    }
