"""A button that trains one epoch, how far it is, and what it brought back."""

import html
from collections.abc import Callable

import ipywidgets

from nncompress_lab.report.metrics import Metric
from nncompress_lab.trials.figures import points, score_in_words


class EpochPanel:
    """The button, a progress bar and a sentence; nothing without training images.

    Args:
        metric: What the score is.
        can_train: Whether there is anything to train on.
    """

    def __init__(self, metric: Metric, *, can_train: bool) -> None:
        self._metric = metric
        self.button = ipywidgets.Button(
            description="Train one epoch",
            icon="refresh",
            layout={"width": "max-content"},
            tooltip="Train the narrow model on the training images, once through",
        )
        self._progress = ipywidgets.FloatProgress(max=1.0, layout={"width": "280px"})
        self._progress.layout.visibility = "hidden"
        self._words = ipywidgets.HTML()
        self.widgets = [self.button, self._progress, self._words] if can_train else []

    def on_click(self, call: Callable[[], object]) -> None:
        """Have `call()` called when the user presses the button."""
        self.button.on_click(lambda _: call())

    def begin(self) -> None:
        """Training has begun."""
        self.button.disabled = True
        self._progress.value = 0.0
        self._progress.layout.visibility = "visible"
        self._say("Training; a setting that is moved meanwhile ends it.")

    def step(self, done: float) -> None:
        """So much of the epoch is done, as a fraction."""
        self._progress.value = done

    def end(self) -> None:
        """Training is over, whatever came of it."""
        self.button.disabled = False
        self._progress.layout.visibility = "hidden"
        self._say("")

    def show(self, before: float | None, after: float | None) -> None:
        """Say what an epoch brought back to the setting; None while that is not known."""
        if self.button.disabled:
            return
        words = ""
        if after is not None:
            words = f"After one epoch: {score_in_words(self._metric, after)}"
            if before is not None:
                words += f", {self._change(before, after)} than before it"
            words += "."
        self._say(words)

    def _change(self, before: float, after: float) -> str:
        if not self._metric.is_fraction:
            return self._metric.change(before, after).replace("same", "no better")
        return f"{points(abs(after - before))} {'more' if after >= before else 'less'}"

    def _say(self, words: str) -> None:
        self._words.value = (
            f'<div class="nncompress-note nncompress-beside" role="status">'
            f"{html.escape(words)}</div>"
        )
