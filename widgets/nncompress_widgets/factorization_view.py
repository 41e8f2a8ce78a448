"""What `FactorizationExplorer` is made of on the page: inputs and pictures."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import ipywidgets

from nncompress_lab import Factorization
from nncompress_lab.trials.factorization import FactorizationTrial
from nncompress_lab.trials.figures import percent
from nncompress_lab.trials.replacing import Steps
from nncompress_widgets.factorization_picture import factorization_svg
from nncompress_widgets.plot import nothing_svg
from nncompress_widgets.rows import (
    dropdown,
    follow,
    labelled,
    layer_options,
    note,
    row_of,
)

WHOLE_MODEL: Final = "*"
AS_IT_IS: Final = "none"
TUCKER: Final = "tucker2"
METHODS: Final[Mapping[str, str]] = {
    "as it is": AS_IT_IS,
    "Tucker-2": TUCKER,
    "spatial": "spatial",
    "CP": "cp",
    "separable": "separable",
}
INPUTS: Final = ("target", "method", "rank", "rank_out", "fraction")


def step_of(settings: Mapping[str, Any], target: str) -> Factorization | None:
    """The pass for one target; None leaves it as it is."""
    method, rank = settings["method"], settings["rank"]
    if method == AS_IT_IS:
        return None
    if target == WHOLE_MODEL:
        return Factorization(method, rank=settings["fraction"])
    both = rank, settings["rank_out"]
    return Factorization(method, rank=both if method == TUCKER else rank)


class FactorizationView:
    """The widgets of a `FactorizationExplorer`, and how they are filled.

    Args:
        trial: What the figures come from.
    """

    def __init__(self, trial: FactorizationTrial) -> None:
        self._trial = trial
        self.errors: tuple[float, float | None] = 0.0, 0.0
        self.target = dropdown(
            "Factorize",
            layer_options("All convolutions", trial.layers, trial.size),
        )
        self.method = dropdown("As", list(METHODS.items()))
        self.rank = labelled(ipywidgets.IntSlider, "Rank", "280px", min=1)
        self.rank_out = labelled(ipywidgets.IntSlider, "Output rank", "280px", min=1)
        self.fraction = labelled(
            ipywidgets.FloatSlider, "Part of the ranks", "320px", min=0.05, max=0.95
        )
        self.fraction.step = 0.05
        self.picture = ipywidgets.HTML()
        self.details = ipywidgets.HTML()
        self._row = row_of()
        self.inputs: list[ipywidgets.Widget] = [self._row]

    def on_change(self, call: Callable[[str, Any], None]) -> None:
        """Have `call(trait name, value)` called when the user moves something."""
        follow(self, INPUTS, call)

    def show(self, traits: Mapping[str, Any]) -> None:
        """Bring the inputs to a setting."""
        target, method = traits["target"], traits["method"]
        able: set[str] = {*METHODS.values()}
        if target != WHOLE_MODEL:
            able = {AS_IT_IS, *self._trial.methods(target)}
        options = [(words, one) for words, one in METHODS.items() if one in able]
        if list(self.method.options) != options:
            self.method.options = options
        for name in ("target", "method", "fraction"):
            getattr(self, name).value = traits[name]
        shown = ["target", "method"]
        if method != AS_IT_IS and target == WHOLE_MODEL:
            shown.append("fraction")
        elif method != AS_IT_IS:
            full = self._trial.full_ranks(target, method)
            names = ("rank", "rank_out")[: len(full)]
            for name, most in zip(names, full, strict=True):
                getattr(self, name).max = most
                getattr(self, name).value = traits[name]
            self.rank.description = "Input rank" if len(full) > 1 else "Rank"
            shown += names
        self._row.children = [getattr(self, name) for name in shown]

    def draw(self, traits: Mapping[str, Any], choice: Steps) -> None:
        """Bring the picture to a setting."""
        target = traits["target"]
        path = self._trial.largest if target == WHOLE_MODEL else target
        step = step_of(traits, target)
        if step is None or step.method not in self._trial.methods(path):
            self.errors = 0.0, 0.0
            self.picture.value = nothing_svg(f"{path} stays as it is: one layer.")
            words = f"{path} loses nothing."
        else:
            chain = self._trial.chain(path, step)
            self.picture.value = factorization_svg(
                chain,
                self._trial.kernel(path),
                name=path,
                macs=self._trial.layer_macs(path),
            )
            self.errors = self._trial.errors(path, chain.kernel)
            words = self._said(path)
        others = [one for one in choice if one != path]
        words += f" Also factorized: {_listed(others)}." if others else ""
        self.details.value = note(words)

    def _said(self, path: str) -> str:
        weights, outputs = self.errors
        words = f"Error of {path}: weights {percent(weights)}"
        if outputs is not None:
            words += f", outputs on {self._trial.seen} real images {percent(outputs)}"
        return f"{words}, both of their norm."


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{len(names)} other layers"
