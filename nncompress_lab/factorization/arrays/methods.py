"""The methods by name: what each makes of a kernel, its ranks, and what they cost.

NumPy only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nncompress_lab.factorization.arrays.chain import Array, Chain, Link, Shape
from nncompress_lab.factorization.arrays.cp import (
    cp_energies,
    cp_factors,
    cp_full_rank,
    cp_links,
)
from nncompress_lab.factorization.arrays.separable import (
    separable_energies,
    separable_factors,
    separable_full_rank,
    separable_links,
)
from nncompress_lab.factorization.arrays.spatial import (
    channel_factors,
    channel_links,
    channel_matrix,
    spatial_factors,
    spatial_links,
    spatial_matrix,
)
from nncompress_lab.factorization.arrays.tucker import (
    tucker2,
    tucker2_energies,
    tucker2_full_ranks,
    tucker2_links,
    tucker2_views,
)
from nncompress_lab.lowrank.arrays.svd import Floats, energy_by_rank

Name = Literal[
    "tucker2", "spatial", "channel_svd", "cp", "separable", "dense", "dense3"
]
Unit = Literal["parameters", "macs"]
Ranks = tuple[Any, ...]  # of integers, or of arrays of them to count many at once


@dataclass(frozen=True, eq=False)
class Method:
    """One way to factor a kernel of shape `(height, width, in, out)`.

    Args:
        takes: Names of the Keras layers whose kernels it is for.
        full_ranks: For a shape, the ranks at which nothing is lost.
        links: For a shape and ranks, what the chain will look like.
        energies: For a kernel, the energy that ranks keep at least, as an array of the
            shape of the full ranks: entry `[a - 1, ...]` is that of rank `a`.
        factor: The chain for a kernel, ranks and the second moment of the inputs; this
            is None without calibration data.
        views: The matrices whose ranks are meant; None if they are not of matrices.
    """

    takes: tuple[str, ...]
    full_ranks: Callable[[Shape], Ranks]
    links: Callable[[Shape, Ranks], tuple[Link, ...]]
    energies: Callable[[Array], Floats]
    factor: Callable[[Array, Ranks, Floats | None], Chain]
    views: Callable[[Array], tuple[Array, ...]] | None = None


def cost(links: Sequence[Link], unit: Unit, *, entering: Shape, leaving: Shape) -> Any:
    """What a chain costs; the sum of `costs`."""
    return sum(costs(links, unit, entering=entering, leaving=leaving))


def costs(
    links: Sequence[Link], unit: Unit, *, entering: Shape, leaving: Shape
) -> list[Any]:
    """What each link of a chain costs; arrays where the links have arrays as sizes.

    Args:
        links: Of the chain.
        unit: In which it is counted.
        entering: Height and width of the input.
        leaving: Height and width of the output.

    Returns:
        Numbers in the kernels, or multiply-accumulates for one example: a link works on
        as many positions as it has outputs, which along an axis are those of the whole
        from the link on that takes the axis over.
    """
    if unit == "parameters":
        return [link.parameters for link in links]
    found, taken = [], set[int]()
    for link in links:
        taken |= set(link.axes)
        positions = [leaving[a] if a in taken else entering[a] for a in (0, 1)]
        found.append(math.prod(positions) * link.parameters)
    return found


def all_ranks(full: Ranks) -> tuple[npt.NDArray[np.int64], ...]:
    """Every combination of ranks up to the full ones, one flat array for each rank."""
    return tuple(axis.ravel() + 1 for axis in np.indices(full))


def _tucker(kernel: Array, ranks: Ranks, moment: Floats | None) -> Chain:
    chain = tucker2(kernel, ranks=(ranks[0], ranks[1]))
    return chain if moment is None else chain.refitted(kernel, moment)


def _spatial(kernel: Array, ranks: Ranks, moment: Floats | None) -> Chain:
    chain = spatial_factors(kernel, rank=ranks[0])
    return chain if moment is None else chain.refitted(kernel, moment)


def _channels(kernel: Array, ranks: Ranks, moment: Floats | None) -> Chain:
    return channel_factors(kernel, rank=ranks[0], second_moment=moment)


def _separable(kernel: Array, ranks: Ranks, moment: Floats | None) -> Chain:
    chain = separable_factors(kernel, depth_multiplier=ranks[0])
    return chain if moment is None else chain.refitted(kernel, moment)


def _cp(kernel: Array, ranks: Ranks, moment: Floats | None, *, merged: bool) -> Chain:
    chain = cp_factors(kernel, rank=ranks[0], merged=merged)
    return chain if moment is None else chain.refitted(kernel, moment)


def _full_of(view: Callable[[Array], Array]) -> Callable[[Shape], Ranks]:
    """The full rank of a matrix view, from the shape alone."""

    def full(shape: Shape) -> Ranks:
        # An array without memory of its own: only its shape is looked at.
        return (min(view(np.broadcast_to(np.float32(0), shape)).shape),)

    return full


def _matrix_method(
    takes: tuple[str, ...],
    view: Callable[[Array], Array],
    links: Callable[[Shape, Ranks], tuple[Link, ...]],
    factor: Callable[[Array, Ranks, Floats | None], Chain],
) -> Method:
    return Method(
        takes,
        full_ranks=_full_of(view),
        links=links,
        energies=lambda kernel: energy_by_rank(view(kernel)),
        factor=factor,
        views=lambda kernel: (view(kernel),),
    )


def _cp_method(*, merged: bool) -> Method:
    return Method(
        CONVOLUTIONS,
        full_ranks=lambda shape: (cp_full_rank(shape),),
        links=partial(cp_links, merged=merged),
        energies=cp_energies,
        factor=partial(_cp, merged=merged),
    )


def _tucker_method(takes: tuple[str, ...]) -> Method:
    return Method(
        takes,
        full_ranks=tucker2_full_ranks,
        links=tucker2_links,
        energies=tucker2_energies,
        factor=_tucker,
        views=tucker2_views,
    )


CONVOLUTIONS = ("Conv1D", "Conv2D")
METHODS: dict[str, Method] = {
    "tucker2": _tucker_method(CONVOLUTIONS),
    "spatial": _matrix_method(("Conv2D",), spatial_matrix, spatial_links, _spatial),
    "channel_svd": _matrix_method(
        CONVOLUTIONS, channel_matrix, channel_links, _channels
    ),
    "cp": _cp_method(merged=False),
    "cp_merged": _cp_method(merged=True),
    "separable": Method(
        CONVOLUTIONS,
        full_ranks=lambda shape: (separable_full_rank(shape),),
        links=separable_links,
        energies=separable_energies,
        factor=_separable,
    ),
    "dense": _matrix_method(("Dense",), channel_matrix, channel_links, _channels),
    "dense3": _tucker_method(("Dense",)),
}
