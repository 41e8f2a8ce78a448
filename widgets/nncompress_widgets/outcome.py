"""What a control knows about its settings: figures, and to which choice they belong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.trial import Measured, Trial
from nncompress_widgets.figures import Tile, accuracy_tile, figure_tile

WEIGHED = ("keras_bytes", "packed_bytes")


@dataclass(frozen=True)
class Visit:
    """A setting whose accuracy and bytes are known.

    Args:
        choice: What the inputs said.
        accuracy: On all examples, a fraction.
        packed_bytes: Of the packed file.
    """

    choice: Any
    accuracy: float
    packed_bytes: float


@dataclass
class Outcome:
    """The newest figures of a control, which may lag behind its inputs.

    Args:
        trial: Where they come from.
        shown: Names of the figures to show beside the accuracy.
    """

    trial: Trial[Any]
    shown: Sequence[str]
    trail: list[Visit] = field(default_factory=list)

    def __post_init__(self) -> None:
        original = self.trial.original
        self.measured_of: Any = None
        self.measured = Measured(
            original["accuracy"], 0.0, self.trial.examples, original
        )
        self.weighed_of: Any = None
        self.weighed: Figures = {name: original[name] for name in WEIGHED}

    def final(self, choice: Any) -> Measured | None:
        """The accuracy on all examples, if it is known for this choice."""
        whole = self.measured.examples == self.trial.examples
        return self.measured if whole and self.measured_of == choice else None

    def take_measured(self, choice: Any, measured: Measured) -> None:
        """Keep an accuracy."""
        self.measured_of, self.measured = choice, measured
        self._visit(choice, self.final(choice))

    def take_weighed(
        self, choice: Any, weighed: Figures, measured: Measured | None
    ) -> None:
        """Keep the bytes of a file.

        Args:
            choice: Whose file; the control may have moved on since.
            weighed: The bytes.
            measured: The accuracy of that choice, if it was known before the weighing.
        """
        self.weighed_of, self.weighed = choice, weighed
        self._visit(choice, measured or self.final(choice))

    def tiles(self, choice: Any) -> list[Tile]:
        """All figures, and which of them belong to the choice."""
        original = self.trial.original
        counted = self.trial.counted(choice)
        accuracy = accuracy_tile(
            self.measured,
            original,
            examples=self.trial.examples,
            current=self.measured_of == choice,
        )
        known = (
            (counted, True),
            (self.weighed, self.weighed_of == choice),
            (self.measured.more, self.measured_of == choice),
        )
        rest = []
        for name in self.shown:
            figures, current = next(one for one in known if name in one[0])
            rest.append(figure_tile(name, figures[name], original, current=current))
        return [accuracy, *rest]

    def _visit(self, choice: Any, measured: Measured | None) -> None:
        if measured is None or self.weighed_of != choice:
            return
        visit = Visit(choice, measured.accuracy, self.weighed["packed_bytes"])
        self.trail = [one for one in self.trail if one.choice != choice] + [visit]
