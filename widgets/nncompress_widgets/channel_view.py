"""What `ChannelExplorer` is made of on the page: inputs and picture."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets

from nncompress_lab import ChannelPruning
from nncompress_lab.trials.channel_widths import Width
from nncompress_lab.trials.channels import ChannelTrial
from nncompress_lab.trials.kernels import WHOLE_MODEL
from nncompress_widgets.channel_picture import (
    MOST_FILTERS,
    are_numbered,
    channels_svg,
    numbered,
)
from nncompress_widgets.epoch_panel import EpochPanel
from nncompress_widgets.rows import dropdown, follow, labelled, note, row_of

ROUND_TO = (1, 4, 8, 16)
_CRITERIA = {
    "l1": "sum of magnitudes (l1)",
    "l2": "root of squares (l2)",
    "taylor": "change of the loss (taylor)",
    "batch_norm": "gamma of BatchNorm",
}
_SHOWN = 8  # layers that a sentence names


class ChannelView:
    """The widgets of a `ChannelExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: ChannelTrial) -> None:
        self._trial = trial
        self.target = dropdown("Cut", self._targets())
        # Whole per cents: a slider rounds any other value to its steps and sends that
        # back as if the user had moved it.
        self.macs = labelled(ipywidgets.IntSlider, "MACs kept, %", "400px", min=1)
        self.channels = labelled(ipywidgets.IntSlider, "Channels", "400px", min=1)
        self.criterion = dropdown(
            "Least first by",
            [(_CRITERIA[one], one) for one in trial.criteria],
        )
        self.round_to = dropdown(
            "Multiples of",
            [(str(one), one) for one in ROUND_TO],
        )
        self.picture = ipywidgets.HTML()
        self.epoch = EpochPanel(trial.metric, can_train=trial.can_train)
        self._words = ipywidgets.HTML()
        self.details = ipywidgets.VBox([self._words, *self.epoch.widgets])
        self._row = row_of()
        self.inputs = [self._row]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        follow(self, ("target", "channels", "criterion", "round_to"), call)
        self.macs.observe(lambda change: call("macs", change["new"] / 100), "value")

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        target = traits["target"]
        self.target.value = target
        self.criterion.value = traits["criterion"]
        self.round_to.value = traits["round_to"]
        amount = self.macs
        if target == WHOLE_MODEL:
            # From the smallest whole per cent that can be kept: no move is refused.
            least = self._trial.least_macs(traits["round_to"])
            self.macs.min = min(int(100 * least) + 1, self.macs.max)
            self.macs.value = max(round(100 * traits["macs"]), self.macs.min)
        else:
            amount = self.channels
            self.channels.max = self._trial.channels(target)
            self.channels.value = traits["channels"]
        self._row.children = [self.target, amount, self.criterion, self.round_to]

    def draw(self, traits: Mapping[str, Any], choice: ChannelPruning) -> None:
        """Bring the picture to a setting."""
        target = traits["target"]
        path = self._trial.layers[0] if target == WHOLE_MODEL else target
        widths = self._trial.widths(choice)
        self.picture.value = channels_svg(
            widths,
            self._trial.filters(choice, path, most=MOST_FILTERS),
            path=path,
            marked=target != WHOLE_MODEL,
        )
        words = " ".join([*_ties(widths), *names_of_bars(widths)])
        self._words.value = note(words)

    def _targets(self) -> list[tuple[str, str]]:
        each = []
        for path, group in self._trial.groups.items():
            more = len(group.made_by) - 1
            tied = f" and {more} tied to it" if more else ""
            each.append((f"{path}{tied} ({group.channels} channels)", path))
        return [("Whole model (one budget)", WHOLE_MODEL), *each]


def _ties(widths: Sequence[Width]) -> list[str]:
    """Which bars have one colour."""
    groups = [found for _, found in numbered(widths)]
    if not groups:
        return ["No addition ties layers together."]
    said = ", ".join(
        " + ".join(
            str(place) if are_numbered(widths) else widths[place - 1].path
            for place in found
        )
        for found in groups[:_SHOWN]
    )
    return [f"One colour is cut together: {said}."]


def names_of_bars(widths: Sequence[Width]) -> list[str]:
    """Which layers the bars that can be cut stand for, one of each colour."""
    if not are_numbered(widths):
        return []
    places: dict[int, int] = {}
    for place, one in enumerate(widths, start=1):
        if one.group is not None:
            places.setdefault(one.group, place)
    shown = [f"{place} {widths[place - 1].path}" for place in places.values()]
    more = "" if len(shown) <= _SHOWN else f" … {shown[-1]}"
    is_whole = all(one.group is not None for one in widths)
    grey = [] if is_whole else ["Grey ones cannot be cut."]
    return [f"Bars: {', '.join(shown[:_SHOWN])}{more}.", *grey]
