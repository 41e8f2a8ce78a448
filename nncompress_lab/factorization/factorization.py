"""Factorization as a pass: layers replaced by chains of smaller ordinary layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import keras

from nncompress_lab.decisions import decided
from nncompress_lab.factorization.arrays.methods import METHODS, Name, Ranks, Unit
from nncompress_lab.factorization.layer_chain import Target, unsuited
from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.lowrank.arrays.rank import (
    check_energy,
    check_fraction,
)
from nncompress_lab.models.kernels import KernelLayer, Reasons, Skip
from nncompress_lab.models.layer_inputs import input_second_moments
from nncompress_lab.models.rewrite import rewrite_layers
from nncompress_lab.passes import Context
from nncompress_lab.planning.arrays.allocation import choose_under_budget
from nncompress_lab.training.loop import given

RankSelection = Literal["vbmf"]
TWO_RANKS = ("tucker2", "dense3")


@dataclass(frozen=True)
class Factorization(LayerPass):
    """Replace layers by chains of smaller ones that compute nearly the same.

    The chains are ordinary Keras layers, named after the layer: `conv1` becomes
    `conv1_in`, `conv1_core` and `conv1_out`. The first ones have no bias and no
    activation; the last has those of the layer. A layer is replaced only if the chain has
    fewer parameters and also fewer MACs; else it is left, and `explain` says so.
    Regularizers and constraints of a replaced kernel do not apply to its factors and go.
    Under a mixed precision policy what passes between the layers of a chain is rounded to
    the policy's compute type each time: to 11 bits in float16, 8 in bfloat16.

    Exactly one of `rank`, `energy`, `rank_selection`, `parameters` and `macs` chooses the
    ranks. Prune and quantize after this pass, not before: the factors are new kernels.

    Args:
        method: What a layer becomes:
            `"tucker2"`: 1x1, kxk between fewer channels, 1x1;
            `"spatial"`: kx1, 1xk; `"channel_svd"`: kxk with fewer filters, 1x1;
            `"cp"`: 1x1, depthwise kx1, depthwise 1xk, 1x1 (with strides, one depthwise
            kxk in the middle); `"separable"`: depthwise kxk, 1x1;
            `"dense"`: two Dense for one; `"dense3"`: three, of which the outer ones are
            orthonormal, so that the middle one alone holds the sizes of the numbers. It
            has more parameters than `"dense"` at the same rank and is for those who
            mean to prune or quantize the middle further.
        rank: An integer; a fraction of the full rank, in `(0, 1)`; or for `"tucker2"` and
            `"dense3"` two integers, for inputs and outputs. Of `"separable"` it is the
            depth multiplier. Integers above a layer's full rank mean the full rank.
        energy: The fraction of each kernel's squares to keep at least, in `(0, 1]`.
        rank_selection: `"vbmf"` takes what variational Bayes holds to be more than noise.
        parameters: The parameters of all layers that can be factorized, as a fraction of
            what they have now, in `(0, 1]`. The ranks are chosen together, so that all
            layers keep most.
        macs: The same for multiply-accumulates.
        data_aware: Whether the factors are to be best for the outputs on the calibration
            data: `"channel_svd"` and `"dense"` choose both factors so, the other methods
            the last one. The ranks are chosen without data.
        select: Which layers to factorize; all that the method takes by default.

    Raises:
        ValueError: If not exactly one way to choose the ranks is given, or a value is out
            of range or does not fit the method. When the pass is applied: if a budget
            cannot be met, or a kernel is not finite.

    Example:
        >>> Factorization("tucker2", macs=0.25).label
        "Factorization(method='tucker2', macs=0.25)"

    References:
        As in `tucker2`, `spatial_factors`, `channel_factors`, `cp_factors`,
        `separable_factors` and `vbmf_rank`.
    """

    replaces: ClassVar[bool] = True
    varies: ClassVar[frozenset[str]] = frozenset({"rank", "energy"})

    method: Name = "tucker2"
    rank: int | float | tuple[int, int] | None = None
    energy: float | None = None
    rank_selection: RankSelection | None = None
    parameters: float | None = None
    macs: float | None = None
    data_aware: bool = False

    def __post_init__(self) -> None:
        ways = ("rank", "energy", "rank_selection", "parameters", "macs")
        given = {
            way: getattr(self, way) for way in ways if getattr(self, way) is not None
        }
        if len(given) != 1:
            raise ValueError(
                f"Exactly one of {', '.join(ways)} must say how the ranks are chosen. "
                f"Received: {given or 'none of them'}."
            )
        if self.energy is not None:
            check_energy(self.energy)
        for name in ("parameters", "macs"):
            if name in given:
                check_fraction(given[name], name=name)
        self._check_rank()
        self._check_rank_selection()

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data if the outputs are to count."""
        return frozenset({"calibration"} if self.data_aware else ())

    @property
    def independent(self) -> bool:
        """Unless they share a budget."""
        return self.parameters is None and self.macs is None

    def obstacle(self, layer: KernelLayer) -> str | None:
        """The method does not take such a layer."""
        return unsuited(layer.layer, self.method)

    def explain(self, model: keras.Model) -> Reasons:
        """Which layers are factorized, and why the others are not."""
        chosen = self._choose(model, self._targets(model))
        return super().explain(model) | {
            path: one if isinstance(one, str) else None for path, one in chosen.items()
        }

    def ranks(self, model: keras.Model) -> dict[str, Ranks]:
        """The ranks of the layers that are factorized, by path.

        Args:
            model: A built Keras model.
        """
        return self._chosen_ranks(model, self._targets(model))

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model with chains in place of the layers that become smaller."""
        targets = self._targets(model)
        ranks = self._chosen_ranks(model, targets)
        treated = [one for one in self._suited(model) if one.path in ranks]
        moments = {}
        if self.data_aware and treated:
            inputs = given(context.calibration)
            moments = input_second_moments(model, treated, inputs)
        paths = {id(one.layer): one.path for one in treated}

        def rewrite(layer: keras.Layer) -> Sequence[keras.Layer] | None:
            if (path := paths.get(id(layer))) is None:
                return None
            seen = moments[path]["kernel"] if path in moments else None
            return targets[path].layers(ranks[path], seen)

        return rewrite_layers(model, rewrite)

    def _targets(self, model: keras.Model) -> dict[str, Target]:
        """The layers that the method takes, by path."""
        return {
            one.path: Target.of(one.layer, self.method) for one in self._suited(model)
        }

    def _suited(self, model: keras.Model) -> list[KernelLayer]:
        return self.treated(model, super().explain(model))

    def _chosen_ranks(
        self, model: keras.Model, targets: dict[str, Target]
    ) -> dict[str, Ranks]:
        chosen = self._choose(model, targets)
        return {path: one for path, one in chosen.items() if not isinstance(one, str)}

    def _choose(
        self, model: keras.Model, targets: dict[str, Target]
    ) -> dict[str, Ranks | str]:
        """Ranks by path, or why the layer is left as it is."""
        return decided(self, model, lambda: self._decide(targets))

    def _decide(self, targets: dict[str, Target]) -> dict[str, Ranks | str]:
        for unit in get_args(Unit):
            if (fraction := getattr(self, unit)) is not None:
                return _under_budget(targets, unit, fraction)
        ranks = {
            path: self.for_layer(path).ranks_of(target)
            for path, target in targets.items()
        }
        return {
            path: one if targets[path].shrinks(one) else Skip.NO_GAIN
            for path, one in ranks.items()
        }

    def ranks_of(self, target: Target) -> Ranks:
        """The ranks of one layer, where no budget of all layers chooses them."""
        if self.energy is not None:
            return target.ranks_for_energy(self.energy)
        if self.rank_selection is not None:
            return target.ranks_by_vbmf()
        if isinstance(self.rank, float):
            return target.ranks_for_fraction(self.rank)
        full = target.full_ranks
        wanted = self.rank if isinstance(self.rank, tuple) else (self.rank,) * len(full)
        return tuple(min(w or 1, most) for w, most in zip(wanted, full, strict=True))

    def _check_rank(self) -> None:
        rank = self.rank
        if isinstance(rank, float):
            good = 0 < rank < 1
        elif isinstance(rank, tuple):
            good = self.method in TWO_RANKS and min(rank) >= 1
        else:
            good = rank is None or rank >= 1
        if not good:
            raise ValueError(
                "`rank` must be an integer of at least 1, a fraction in (0, 1), or, for "
                f"the methods {' and '.join(TWO_RANKS)}, two integers. Received: "
                f"rank={rank!r} with method={self.method!r}."
            )

    def _check_rank_selection(self) -> None:
        if self.rank_selection is not None and METHODS[self.method].views is None:
            able = [name for name in get_args(Name) if METHODS[name].views is not None]
            raise ValueError(
                "Variational Bayes finds ranks of matrices, and those of "
                f"method={self.method!r} are not. Choose another method "
                f"({', '.join(able)}) or another way, such as energy=0.9."
            )


def _under_budget(
    targets: dict[str, Target], unit: Unit, fraction: float
) -> dict[str, Ranks | str]:
    found = {path: target.options(unit) for path, target in targets.items()}
    options = [one for _, one in found.values()]
    whole = sum(target.cost(None, unit) for target in targets.values())
    least = sum(int(one.costs[one.cheapest]) for one in options)
    if least > fraction * whole:
        raise ValueError(
            f"The layers cannot be factorized to {unit}={fraction!r} of the {whole:,} that "
            f"they have: at the lowest ranks they keep {least / whole:.3f}. Ask for more, "
            "or select fewer layers."
        )
    chosen = choose_under_budget(options, budget=fraction * whole)
    result: dict[str, Ranks | str] = {}
    for (path, (ranks, _)), index in zip(found.items(), chosen, strict=True):
        kept_whole = Skip.NO_GAIN if len(ranks) == 1 else Skip.WITHIN_BUDGET
        result[path] = ranks[index] or kept_whole
    return result
