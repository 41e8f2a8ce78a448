"""What a control knows about its settings: figures, and to which choice they belong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.trial import Measured, Trial
from nncompress_widgets.figures import (
    Tile,
    figure_tile,
    latency_tile,
    reestimated_tile,
    score_tile,
)

WEIGHED = ("keras_bytes", "packed_bytes", "latency_ms", "speedup", "latency_band")


@dataclass(frozen=True)
class Visit:
    """A setting whose score and cost are known.

    Args:
        choice: What the inputs said.
        score: On all examples.
        cost: What it costs, in the unit of the trail.
    """

    choice: Any
    score: float
    cost: float


@dataclass
class Outcome:
    """The newest figures of a control, which may lag behind its inputs.

    Args:
        trial: Where they come from.
        shown: Names of the figures to show beside the score.
        cost: The figure that a visit is drawn over.
    """

    trial: Trial[Any]
    shown: Sequence[str]
    cost: str = "packed_bytes"
    trail: list[Visit] = field(default_factory=list)

    def __post_init__(self) -> None:
        original = self.trial.original
        self.measured_of: Any = None
        self.measured = Measured(
            original[self.trial.metric.name], 0.0, self.trial.examples, original
        )
        self.weighed_of: Any = None
        self.weighed: Figures = {
            name: original[name] for name in WEIGHED if name in original
        }

    def final(self, choice: Any) -> Measured | None:
        """The score on all examples, if it is known for this choice."""
        whole = self.measured.examples == self.trial.examples
        return self.measured if whole and self.measured_of == choice else None

    def take_measured(self, choice: Any, measured: Measured) -> None:
        """Keep a score."""
        self.measured_of, self.measured = choice, measured
        weighed = self.weighed if self.weighed_of == choice else {}
        self._visit(choice, self.final(choice), weighed, now=choice)

    def take_weighed(
        self, choice: Any, weighed: Figures, measured: Measured | None, *, now: Any
    ) -> None:
        """Keep the bytes of a file, unless newer ones were there before.

        Args:
            choice: Whose file.
            weighed: The bytes.
            measured: The score of that choice, if it was known before the weighing.
            now: What the control shows; it may have moved on since.
        """
        if choice == now or self.weighed_of != now:
            self.weighed_of, self.weighed = choice, weighed
        self._visit(choice, measured or self.final(choice), weighed, now=now)

    def tiles(self, choice: Any) -> list[Tile]:
        """All figures, and which of them belong to the choice."""
        original = self.trial.original
        counted = self.trial.counted(choice)
        metric = self.trial.metric
        score = score_tile(
            metric,
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
            nothing: tuple[Figures, bool] = {}, False
            figures, current = next((one for one in known if name in one[0]), nothing)
            if name == "latency_ms":
                rest.append(latency_tile(figures, current=current))
            elif name == "reestimated":
                rest.append(
                    reestimated_tile(metric, figures, original, current=current)
                )
            else:
                rest.append(figure_tile(name, figures[name], original, current=current))
        return [score, *rest]

    def _visit(
        self, choice: Any, measured: Measured | None, weighed: Figures, *, now: Any
    ) -> None:
        """Put a setting at the end of the trail, but before the one that is shown."""
        costs = {**self.trial.counted(choice), **weighed}
        if measured is None or self.cost not in costs:
            return
        visit = Visit(choice, measured.score, costs[self.cost])
        late = choice != now
        rest = [one for one in self.trail if one.choice != choice]
        if late and len(rest) < len(self.trail):
            return
        at_end = len(rest) - (late and bool(rest) and rest[-1].choice == now)
        self.trail = [*rest[:at_end], visit, *rest[at_end:]]
