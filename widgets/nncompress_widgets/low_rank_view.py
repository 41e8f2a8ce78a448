"""What `LowRankExplorer` is made of on the page: inputs and pictures."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from nncompress_lab.trials.low_rank import Cut, LowRankTrial
from nncompress_lab.trials.replacing import Steps
from nncompress_widgets.low_rank_picture import low_rank_svg
from nncompress_widgets.rows import dropdown, follow, labelled, note


class LowRankView:
    """The widgets of a `LowRankExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: LowRankTrial) -> None:
        self._trial = trial
        self.cut: Cut | None = None
        self.errors: tuple[float, float | None] = 0.0, 0.0
        each = [
            (f"{path} ({trial.size(path):,} weights)", path) for path in trial.layers
        ]
        self.target = dropdown("Layer", each)
        self.rank = labelled(ipywidgets.IntSlider, "Rank", "400px", min=1)
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        self.inputs: list[ipywidgets.Widget] = [self.target, self.rank]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        follow(self, ("target", "rank"), call)

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        self.target.value = traits["target"]
        self.rank.max = self._trial.full_rank(traits["target"])
        self.rank.value = traits["rank"]

    def draw(self, traits: Mapping[str, Any], choice: Steps) -> None:
        """Bring the picture to a setting."""
        path, rank = traits["target"], traits["rank"]
        self.cut = cut = self._trial.cut(path, rank)
        self.errors = cut.weight_error, cut.output_error
        self.picture.value = low_rank_svg(cut, name=path)
        rows, columns = cut.matrix.shape
        words = (
            f"{path} becomes two layers: {path}_left from {rows:,} to {rank:,} numbers, "
            f"and {path}_right from {rank:,} to {columns:,}, with the bias."
            if path in choice
            else f"{path} stays whole: two thin layers save weights up to rank "
            f"{cut.break_even:,}."
        )
        others = [
            f"{one} at {step.rank:,}" for one, step in choice.items() if one != path
        ]
        words += f" Also cut: {', '.join(others)}." if others else ""
        self.details.value = note(words)
