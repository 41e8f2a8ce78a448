"""What channel pruning makes of one group of channels, all other groups as they are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import keras
import numpy as np

from nncompress_lab.models.channels.arrays.units import Mask, take
from nncompress_lab.models.channels.flow import Flow
from nncompress_lab.models.channels.groups import (
    ChannelGroup,
    follow_channels,
    named_groups,
)
from nncompress_lab.models.channels.readers import (
    reads_of,
    units_read,
    without_channels,
)
from nncompress_lab.models.channels.widths import Widths
from nncompress_lab.models.kernels import Reasons, Skip, to_numpy
from nncompress_lab.models.selection import EVERY_LAYER
from nncompress_lab.packing.model_file import array_bytes
from nncompress_lab.passes import Context
from nncompress_lab.planning.chains import Values, values_of
from nncompress_lab.planning.changes import UNCHANGED, Bytes, Change, Costs
from nncompress_lab.pruning.channels.arrays.criteria import Scores
from nncompress_lab.pruning.channels.channel_pruning import ChannelPruning
from nncompress_lab.pruning.channels.narrowing import Narrowing
from nncompress_lab.pruning.channels.scores import score_units
from nncompress_lab.ready import ready_context


class ChannelChanges:
    """What one `ChannelPruning` makes of each group of channels alone.

    A group goes by the name of the first layer that makes no other. A channel counts as
    gone where zeros read it: that is what its absence means, whatever layers make it.

    Args:
        model: It is not changed.
        option: With a `sparsity`.
        context: With calibration data, if the option needs any.
        costs: Of the model.
    """

    def __init__(
        self, model: keras.Model, option: ChannelPruning, context: Context, costs: Costs
    ) -> None:
        self._model = model
        self._option = option
        self._context = ready_context(option, context, model)
        self._costs = costs

    @cached_property
    def reasons(self) -> Reasons:
        """For each kernel layer None if a group goes by its name, else why none does."""
        reasons = dict(self._option.explain(self._model))
        for name, group in self._named.items():
            for path in group.made_by:
                reasons[path] = f"its channels go with those of {name}"
        left = {path: reasons[path] for path in self._kernels}
        left = {path: why or Skip.NOT_SELECTED for path, why in left.items()}
        return {**left, **dict.fromkeys(self._named)}

    def change(self, path: str) -> Change | str:
        """What becomes of the group of a name, or why it stays as it is."""
        kept = self._kept(path)
        if kept.all():
            return UNCHANGED
        group = self._named[path]
        values = self._values(kept)
        return Change(
            unit=path,
            layers=tuple(dict.fromkeys((*group.made_by, *group.read_by))),
            values=values,
            costs=lambda: self._bytes(kept),
            macs=self._macs(kept),
            swapped=lambda: self._narrow(kept),
        )

    @cached_property
    def _flow(self) -> Flow:
        return follow_channels(self._model)

    @cached_property
    def _named(self) -> Mapping[str, ChannelGroup]:
        selected = self._option.select.explain(self._model)
        return named_groups(self._option.groups(self._flow, selected))

    @cached_property
    def _kernels(self) -> dict[str, Any]:
        return {one.path: one for one in EVERY_LAYER(self._model)}

    @cached_property
    def _scores(self) -> Scores:
        return score_units(
            self._flow,
            self._model,
            criterion=self._option.criterion,
            normalize=False,
            context=self._context,
        )

    def _kept(self, path: str) -> Mask:
        channels = self._named[path].channels
        stay = channels - round((self._option.sparsity or 0.0) * channels)
        step = replace(self._option, sparsity=None, channels=((path, max(1, stay)),))
        return step.kept_units(self._flow, self._model, self._scores)

    @cached_property
    def _reads(self) -> Any:
        return reads_of(self._flow, list(self._kernels.values()))

    def _values(self, kept: Mask) -> dict[str, Values]:
        found = {}
        for path, reads in self._reads.items():
            if kept[units_read(self._reads, path)].all():
                continue
            kernels = zip(self._kernels[path].arrays(), reads, strict=True)
            zeroed = [without_channels(*one, kept) for one in kernels]
            others = values_of(self._costs.layers[path])[len(zeroed) :]
            found[path] = [*zeroed, *others]
        return found

    def _macs(self, kept: Mask) -> int | None:
        every = np.ones_like(kept)
        more = sum(one.of(kept) - one.of(every) for one in self._flow.macs)
        return None if self._costs.macs is None or math.isnan(more) else round(more)

    def _bytes(self, kept: Mask) -> Bytes:
        """Changes of the bytes in memory and of those packed."""
        widths, held, packed = Widths(self._flow, kept), 0, 0
        for entry in self._flow.layers.values():
            bound = {id(one.variable): one.variable for one in entry.bound.values()}
            axes = widths.axes(entry.layer)
            for name, variable in bound.items():
                if all(mask.all() for _, mask in axes[name]):
                    continue
                array = to_numpy(variable)
                narrow = take(array, axes[name])
                held += narrow.nbytes - array.nbytes
                dtype = str(variable.dtype)
                packed += array_bytes(narrow, dtype) - array_bytes(array, dtype)
        return held, packed

    def _narrow(self, kept: Mask) -> Mapping[str, Sequence[Any]]:
        """The narrower kernel layers by path; none if one is a part of another layer."""
        entries = [
            one for one in self._flow.layers.values() if one.path in self._kernels
        ]
        cut = [
            one
            for one in entries
            if not all(kept[bound.units].all() for bound in one.bound.values())
        ]
        # A part of another layer is called by that, as the projections of an attention.
        if any(0 not in one.inputs for one in cut):
            return {}
        narrowing = Narrowing(self._flow, kept)
        return {one.path: [narrowing(one.layer)] for one in cut}
