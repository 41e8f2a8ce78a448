"""Channel pruning as a pass: filters, units and heads really go."""

from dataclasses import dataclass, replace
from typing import Literal

import keras
import numpy as np

from nncompress_lab.data.datasets import Dataset
from nncompress_lab.layer_pass import LayerPass
from nncompress_lab.models.channels.arrays.units import Mask
from nncompress_lab.models.channels.flow import Flow
from nncompress_lab.models.channels.groups import (
    ChannelGroup,
    follow_channels,
    groups_of,
    made_by_layer,
)
from nncompress_lab.models.kernels import Reasons, Skip
from nncompress_lab.models.rewrite import check_model, rewrite_layers
from nncompress_lab.passes import Context
from nncompress_lab.pruning.arrays.masks import check_sparsity
from nncompress_lab.pruning.channels.arrays.criteria import Criterion, Scores
from nncompress_lab.pruning.channels.arrays.scored_groups import ScoredGroups
from nncompress_lab.pruning.channels.named_widths import check_widths, widths_of
from nncompress_lab.pruning.channels.narrowing import Narrowing
from nncompress_lab.pruning.channels.scores import has_gamma, score_units
from nncompress_lab.ready import ready_context

ChannelScope = Literal["group", "global"]


@dataclass(frozen=True)
class ChannelPruning(LayerPass):
    """Remove the channels that matter least: the result is a narrower Keras model.

    Filters of convolutions, units of Dense layers and heads of MultiHeadAttention go, and
    with them everything that belongs to them: biases, normalization, and the part of each
    later kernel that reads them. The outputs are those of the model with the weights of
    these channels set to zero. Fewer bytes, fewer MACs and less time in every runtime;
    accuracy suffers, and `FineTune` afterwards is the rule.

    Channels that depend on each other are cut together (see `channel_groups`). Inputs and
    outputs of the model stay, and so do channels that reach a layer through which they
    cannot be followed, or which computes statistics over all of them, as
    LayerNormalization does; `explain` names it.

    Args:
        sparsity: Fraction of the channels to remove, in `[0, 1)`. Give exactly one of
            this, `macs`, `parameters` and `channels`.
        macs: Remove as few channels as it takes to keep at most this fraction of the
            multiply-accumulates, in `(0, 1]`.
        parameters: The same for the number of parameters.
        channels: Pairs of the path of a layer and how many of its outputs stay, at least
            1. What is cut together with these outputs follows; all others stay.
        criterion: What makes a channel matter: the sum of absolute weights (`"l1"`) or
            the root of their squares (`"l2"`) in the kernels that make it, the size of
            its gamma (`"batch_norm"`, after `SparseGammas`), or the change of the loss
            without it, to first order, on the calibration data (`"taylor"`).
        scope: `"group"` removes the same fraction of each group, `"global"` ranks the
            channels of all groups together; all scores but gammas are then divided by
            their mean in the layer, because a wide layer would otherwise lose nearly
            all of its channels, each of which matters little.
        round_to: The number of channels that stay in a group is rounded up to a multiple
            of this; runtimes compute 4, 8 or 16 channels at once.
        select: Layers whose outputs may be cut; all kernel layers by default. What is
            cut together stays if one of its layers is left out.

    Raises:
        ValueError: If not exactly one of `sparsity`, `macs`, `parameters` and `channels`
            is given, a value is out of range, a budget cannot be met, or a layer of
            `channels` is not there or cannot be cut.

    Example:
        >>> ChannelPruning(sparsity=0.5, round_to=8).label
        'ChannelPruning(sparsity=0.5, round_to=8)'

    References:
        Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017 (norms).
        https://arxiv.org/abs/1608.08710
        Liu et al., "Learning Efficient Convolutional Networks through Network Slimming",
        ICCV 2017 (gamma). https://arxiv.org/abs/1708.06519
        Molchanov et al., "Importance Estimation for Neural Network Pruning", CVPR 2019
        (Taylor). https://arxiv.org/abs/1906.10771
        Molchanov, Tyree, Karras, Aila, Kautz, "Pruning Convolutional Neural Networks for
        Resource Efficient Inference", ICLR 2017, section 2.2 (scores by layer).
        https://arxiv.org/abs/1611.06440
        Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023 (groups).
        https://arxiv.org/abs/2301.12900
        Michel, Levy, Neubig, "Are Sixteen Heads Really Better than One?", NeurIPS 2019
        (heads). https://arxiv.org/abs/1905.10650
    """

    sparsity: float | None = None
    criterion: Criterion = "l1"
    scope: ChannelScope = "group"
    macs: float | None = None
    parameters: float | None = None
    round_to: int = 1
    channels: tuple[tuple[str, int], ...] | None = None

    def __post_init__(self) -> None:
        given = [self.sparsity, self.macs, self.parameters, self.channels]
        if sum(one is not None for one in given) != 1:
            raise ValueError(
                "Exactly one of `sparsity` (a fraction to remove), `macs` and "
                "`parameters` (fractions to keep) and `channels` (how many stay, by "
                "layer) must be given. Received: "
                f"sparsity={self.sparsity!r}, macs={self.macs!r}, "
                f"parameters={self.parameters!r}, channels={self.channels!r}."
            )
        if self.sparsity is not None:
            check_sparsity(self.sparsity)
        if self.channels is not None:
            check_widths(self.channels)
        for name in ("macs", "parameters"):
            _check_fraction(name, getattr(self, name))
        _check_round_to(self.round_to)

    @property
    def needs(self) -> frozenset[str]:
        """Calibration data with labels for the Taylor criterion, else nothing."""
        return frozenset({"calibration"} if self.criterion == "taylor" else ())

    @property
    def needs_graph(self) -> bool:
        """Always: what a channel is made of is found along the graph."""
        return True

    def explain(self, model: keras.Model) -> Reasons:
        """Which layers may get fewer outputs, and why the others may not."""
        selected = self.select.explain(model)
        reasons = dict(selected)
        flow = follow_channels(model)
        why = {
            unit: group.reason
            for group in self.groups(flow, selected)
            for unit in group.units.tolist()
        }

        def reason_of(root: int) -> str | None:
            if root in why:
                return why[root]
            return flow.units.reason(root) or Skip.NO_KERNEL  # no kernel makes them

        made = made_by_layer(flow)
        for path, reason in selected.items():
            if path not in made:
                reasons[path] = reason or Skip.NOT_SUPPORTED
            elif reason in {None, Skip.NO_KERNEL}:
                found = [*map(reason_of, flow.units.roots(made[path]).tolist())]
                reasons[path] = None if None in found else found[0]
        return reasons

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Copy the model without the channels with the lowest scores."""
        flow, kept = self._chosen(model, context)
        return rewrite_layers(model, Narrowing(flow, kept))

    def kept_outputs(
        self, model: keras.Model, context: Context | Dataset | None = None
    ) -> dict[str, Mask]:
        """Which outputs of each layer with weights stay, without building anything.

        Args:
            model: As the pass takes it.
            context: With calibration data, for the Taylor criterion.

        Returns:
            By path a mask that is True where an output is kept. For the projections of
            an attention layer to its heads it counts heads, for a depthwise convolution
            the channels that go in.
        """
        check_model(model)
        context = ready_context(self, Context.of(context), model)
        flow, kept = self._chosen(model, context)
        return {path: kept[units] for path, units in made_by_layer(flow).items()}

    def _chosen(self, model: keras.Model, context: Context) -> tuple[Flow, Mask]:
        """Walk through the model and say for each unit whether it stays."""
        flow = follow_channels(model)
        scores = score_units(
            flow,
            model,
            criterion=self.criterion,
            normalize=self.scope == "global",
            context=context,
        )
        return flow, self.kept_units(flow, model, scores)

    def kept_units(self, flow: Flow, model: keras.Model, scores: Scores) -> Mask:
        """Which units stay, once they have their scores.

        Args:
            flow: The walk through the model.
            model: The model.
            scores: Of each unit, as `score_units` gives them for this criterion,
                normalized if the scope is `"global"`.
        """
        groups = self.groups(flow, self.select.explain(model))
        free = [group for group in groups if group.reason is None]
        scored = ScoredGroups(
            units=[group.units for group in free],
            roots=flow.units.roots(np.arange(len(flow.units))),
            scores=scores,
            together=self.scope == "global",
            round_to=self.round_to,
        )
        if self.channels is not None:
            return scored.keeping(widths_of(self.channels, groups))
        if self.sparsity is not None:
            return scored.kept(self.sparsity)
        if self.macs is not None:
            return scored.within(flow.macs, self.macs, name="macs")
        weights = flow.parameters(model.weights)
        return scored.within(weights, self.parameters or 1.0, name="parameters")

    def groups(self, flow: Flow, selected: Reasons) -> list[ChannelGroup]:
        """The groups of a model with the reasons that this pass adds.

        Args:
            flow: The walk through the model.
            selected: What the selection explains of it.
        """
        scored = has_gamma(flow) if self.criterion == "batch_norm" else None
        return [
            replace(group, reason=group.reason or self._reason(group, selected, scored))
            for group in groups_of(flow)
        ]

    def _reason(
        self,
        group: ChannelGroup,
        selected: Reasons,
        scored: Mask | None,
    ) -> str | None:
        for path in group.made_by:
            if (left := selected[path]) is not None:
                return f"its outputs are cut together with those of {path!r}: {left}"
        if scored is not None and not scored[group.units].all():
            return "no BatchNormalization scales its outputs, so they have no score"
        if group.channels <= self.round_to:
            return f"it has {group.channels} outputs, of which round_to keeps all"
        return None


def _check_fraction(name: str, value: float | None) -> None:
    if value is not None and not 0 < value <= 1:
        raise ValueError(
            f"`{name}` is the fraction to keep and must be in (0, 1]. Received: "
            f"{name}={value!r}. For half of them pass {name}=0.5."
        )


def _check_round_to(value: int) -> None:
    if value < 1:
        raise ValueError(
            "`round_to` must be a whole number, at least 1. Received: "
            f"round_to={value!r}. Runtimes like 8 or 16."
        )
