"""A button that trains, one that stops it, and how far it is."""

import html
from collections.abc import Callable

import ipywidgets


class TrainingPanel:
    """The two buttons, a progress bar and a sentence; nothing without training images.

    Args:
        can_train: Whether there is anything to train on.
        tooltip: What the button trains.
    """

    def __init__(self, *, can_train: bool, tooltip: str) -> None:
        self.train = ipywidgets.Button(
            description="Train", icon="play", layout={"width": "auto"}, tooltip=tooltip
        )
        self.stop = ipywidgets.Button(
            description="Stop",
            icon="stop",
            disabled=True,
            layout={"width": "auto"},
            tooltip="End the training; what it has drawn stays",
        )
        self._progress = ipywidgets.FloatProgress(max=1.0, layout={"width": "280px"})
        self._progress.layout.visibility = "hidden"
        self._words = ipywidgets.HTML(layout={"min_height": "38px"})  # no jump
        buttons = ipywidgets.HBox([self.train, self.stop])
        self.widgets = [buttons, self._progress, self._words] if can_train else []

    def on_click(self, train: Callable[[], object], stop: Callable[[], object]) -> None:
        """Have these called when the user presses the buttons."""
        self.train.on_click(lambda _: train())
        self.stop.on_click(lambda _: stop())

    def begin(self) -> None:
        """Training has begun."""
        self.train.disabled, self.stop.disabled = True, False
        self._progress.value = 0.0
        self._progress.layout.visibility = "visible"
        self.say("Training; a setting that is moved meanwhile ends it.")

    def step(self, done: float) -> None:
        """So much of all of it is done, as a fraction."""
        self._progress.value = done

    def end(self) -> None:
        """Training is over, whatever came of it."""
        self.train.disabled, self.stop.disabled = False, True
        self._progress.layout.visibility = "hidden"
        self.say("")

    def say(self, words: str) -> None:
        """Show a sentence below."""
        self._words.value = (
            f'<div class="nncompress-note nncompress-beside" role="status">'
            f"{html.escape(words)}</div>"
        )
