"""Factorizations tried out on scratch copies, fast enough for a slider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncompress_lab import measure
from nncompress_lab.factorization.arrays.chain import Link, joined
from nncompress_lab.factorization.arrays.methods import Name, Ranks
from nncompress_lab.factorization.factorization import Factorization
from nncompress_lab.factorization.layer_chain import Target
from nncompress_lab.passes import Pass
from nncompress_lab.trials.replacing import Errors, Replacement, ReplacingTrial, Steps
from nncompress_lab.trials.scratch import Layers

Floats = npt.NDArray[Any]
OF_CONVOLUTIONS: Final[tuple[Name, ...]] = ("tucker2", "spatial", "cp", "separable")


@dataclass(frozen=True, eq=False)
class Factored(Replacement):
    """A chain of small convolutions that stands for one.

    Args:
        links: Of the chain, with the shapes of its kernels.
        link_macs: What each of them takes for one example.
        shrinks: Whether the chain has fewer parameters and fewer MACs than the layer.
            Where it has not, the pass leaves the layer as it is.
    """

    links: tuple[Link, ...]
    link_macs: tuple[int, ...]
    shrinks: bool


class FactorizationTrial(ReplacingTrial[Factored]):
    """One model with convolutions as chains of small ones, without a new model for each.

    A choice maps the path of a layer to a `Factorization` that chooses the ranks of one
    layer: by `rank`, `energy` or `rank_selection`, without data. See `ReplacingTrial` for
    the arguments.

    Example:
        >>> from nncompress_lab import data, zoo
        >>> trial = FactorizationTrial(zoo.lenet5(), data.fashion_mnist(), examples=100)
        >>> trial.counted({"conv2": Factorization("tucker2", rank=(8, 16))})
        {'parameters': 410240, 'macs': 972040}
    """

    SEEN = 64

    def methods(self, path: str) -> tuple[Name, ...]:
        """The methods that make a layer smaller at some ranks.

        Raises:
            ValueError: If there is no such layer.
        """
        self.check_layer(path)
        return tuple(self._targets[path])

    def full_ranks(self, path: str, method: Name) -> tuple[int, ...]:
        """The ranks at which a method loses nothing.

        Raises:
            ValueError: If there is no such layer, or the method does not suit it.
        """
        return self._target(path, method).full_ranks

    def layer_macs(self, path: str) -> int:
        """What a layer takes for one example as it came.

        Raises:
            ValueError: If there is no such layer.
        """
        self.check_layer(path)
        return self._whole[path]

    def shrinks(self, path: str, step: Factorization) -> bool:
        """Whether a step makes a layer smaller; no kernel is factored.

        Raises:
            ValueError: If there is no such layer, or the method does not suit it.
        """
        target = self._target(path, step.method)
        return bool(target.shrinks(step.ranks_of(target)))

    def half(self, path: str, method: Name) -> tuple[int, ...]:
        """The largest equal fraction of the full ranks with half of a layer's MACs."""
        target = self._target(path, method)
        whole, full = target.cost(None, "macs"), target.full_ranks
        tried = [
            tuple(max(1, rank * part // max(full)) for rank in full)
            for part in range(max(full), 1, -1)
        ]
        cheap = (one for one in tried if target.cost(one, "macs") <= whole / 2)
        return next(cheap, (1,) * len(full))

    def chain(self, path: str, step: Factorization) -> Factored:
        """What a step makes of a layer, also where the pass leaves it as it is.

        Raises:
            ValueError: If there is no such layer, or the method does not suit it.
        """
        target = self._target(path, step.method)
        with self._locks[path]:
            return self._factored(path, step, target)

    def errors(self, path: str, kernel: Floats) -> Errors:
        """How far a kernel of a layer's shape is from that of the layer.

        Raises:
            ValueError: If there is no such layer.
        """
        self.check_layer(path)
        groups = int(getattr(self.kernel_layers[path].layer, "groups", 1))
        exact, near = (_stacked(one, groups) for one in (self._kernels[path], kernel))
        return self._errors(path, exact, near)

    def setting(self, choice: Steps) -> Pass:
        """The pass that does what a choice says; one for all layers if it is so short."""
        first = next(iter(choice.values()), None)
        if isinstance(first, Factorization) and self.for_all(first) == dict(choice):
            return first
        return super().setting(choice)

    def for_all(self, step: Factorization) -> dict[str, Factorization]:
        """The choice that has a step in every layer that its method suits."""
        able = [path for path in self.layers if step.method in self._targets[path]]
        return dict.fromkeys(able, step)

    def _costs_of(self, layers: Layers) -> dict[str, int]:
        reasons = {
            name: Factorization(name, rank=1).explain(self._original)
            for name in OF_CONVOLUTIONS
        }
        whole = measure.layer_macs(self._original)
        found: dict[str, Mapping[Name, Target]] = {
            path: {
                name: Target.of(one.layer, name)
                for name in OF_CONVOLUTIONS
                if reasons[name].get(path, "") is None
            }
            for path, one in layers.items()
            if path in whole
        }
        self._targets = {path: able for path, able in found.items() if able}
        self._last: tuple[Any, Factored] | None = None
        return {path: whole[path] for path in self._targets}

    def _costs(self, path: str, step: Factorization) -> tuple[int, int] | None:
        target = self._targets[path].get(step.method)
        if target is None:
            return None
        ranks = step.ranks_of(target)
        if not target.shrinks(ranks):
            return None
        macs = sum(_link_macs(target, ranks, self._calls(path, target)))
        return int(target.cost(ranks, "parameters")), macs

    def _replace(self, path: str, step: Factorization) -> Factored | None:
        if step.method not in self._targets[path]:
            return None
        target = self._targets[path][step.method]
        made = self._factored(path, step, target)
        return made if made.shrinks else None

    def _factored(self, path: str, step: Factorization, target: Target) -> Factored:
        """That of the last step is kept: it is measured and drawn."""
        held = self._last
        if held is None or held[0] != (path, step):
            calls = self._calls(path, target)
            held = (path, step), _made(target, step.ranks_of(target), calls)
            self._last = held
        return held[1]

    def _calls(self, path: str, target: Target) -> float:
        """A layer that is called several times takes its MACs each time."""
        return self._whole[path] / float(target.cost(None, "macs"))

    def _target(self, path: str, method: Name) -> Target:
        self.check_layer(path)
        if method not in self._targets[path]:
            raise ValueError(
                f"The method {method!r} makes the layer {path!r} no smaller. Those that "
                f"do: {', '.join(self._targets[path])}."
            )
        return self._targets[path][method]


def _made(target: Target, ranks: Ranks, calls: float) -> Factored:
    chains = target.chains(ranks)
    kernel = np.concatenate([one.product() for one in chains], axis=3)
    link_macs = _link_macs(target, ranks, calls)
    return Factored(
        kernel.reshape(target.layer.kernel.shape),
        parameters=int(target.cost(ranks, "parameters")),
        macs=sum(link_macs),
        links=joined(chains).links,
        link_macs=link_macs,
        shrinks=bool(target.shrinks(ranks)),
    )


def _link_macs(target: Target, ranks: Ranks, calls: float) -> tuple[int, ...]:
    return tuple(round(calls * one) for one in target.costs(ranks, "macs"))


def _stacked(kernel: Floats, groups: int) -> Floats:
    """The matrices of the groups of a kernel below each other."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    return np.concatenate(np.split(matrix, groups, axis=1))
