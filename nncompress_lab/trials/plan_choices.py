"""What a scan says about all plans: which to take for a budget, and what to expect."""

from functools import cached_property
from typing import Final

import numpy as np

from nncompress_lab.planning.choices import (
    ChoiceFront,
    Choices,
    divergence_of,
    front_of,
    predicted,
    uniform_choices,
)
from nncompress_lab.planning.sensitivity import Sensitivity
from nncompress_lab.trials.figures import Figures

Choice = tuple[int | None, ...]
"""For each unit of a scan the index of its option; None leaves it as it is."""

LINE: Final = 80  # points of the line that a scan foretells


class PlanChoices:
    """The choices of packed bytes that a scan foretells.

    Args:
        scan: What `sensitivity` has measured.
    """

    def __init__(self, scan: Sensitivity) -> None:
        self.scan = scan
        self._front: ChoiceFront = front_of(scan)

    @property
    def unchanged(self) -> Choice:
        """The choice that leaves all units as they are."""
        return (None,) * len(self.scan.units)

    @property
    def bounds(self) -> tuple[int, int]:
        """Packed bytes of the smallest choice, and of the original."""
        return round(self._front.least), self.scan.original.packed_bytes

    @cached_property
    def middle(self) -> int:
        """Packed bytes of the option in the middle, on all units alike."""
        costs = sorted(self._bytes(one) for one in self._columns)
        return costs[len(costs) // 2]

    @cached_property
    def line(self) -> list[tuple[float, float]]:
        """Packed bytes, and changes of the metric, of the best choices of all budgets.

        Budgets are equally far apart as a scale of logarithms shows them: of choices that
        differ by a few bytes there are many among the smallest.
        """
        least, most = self.bounds
        budgets = np.geomspace(max(self._front.least, 1.0), max(least, most), LINE)
        choices = [self.within(budget) for budget in budgets]
        return [self.foretold(choice) for choice in dict.fromkeys(choices)]

    def within(self, budget: float, *, alike: bool = False) -> Choice:
        """The choice that changes the outputs least of those within a budget.

        Args:
            budget: Of packed bytes; the smallest choice is taken if none fits.
            alike: Whether all units have one option.
        """
        if not alike:
            return self._tuple(self._front.within(max(budget, self._front.least)))
        fitting = [one for one in self._columns if self._bytes(one) <= budget]
        if not fitting:
            return self._tuple(min(self._columns, key=self._bytes))
        return self._tuple(
            min(fitting, key=lambda choices: divergence_of(self.scan, choices))
        )

    def named(self, choice: Choice) -> dict[str, int | None]:
        """The options by the names of the units."""
        return dict(zip(self.scan.units, choice or self.unchanged, strict=True))

    def foretold(self, choice: Choice) -> tuple[float, float]:
        """Packed bytes, and the change of the metric."""
        return self._foretold(self.named(choice))

    def counted(self, choice: Choice) -> Figures:
        """Packed bytes and divergence, added up, and MACs where they are known."""
        point = predicted(self.scan, self.named(choice))
        return {
            "predicted_bytes": point.packed_bytes,
            "divergence": divergence_of(self.scan, self.named(choice)),
            **({} if point.macs is None else {"macs": point.macs}),
        }

    @cached_property
    def _columns(self) -> list[Choices]:
        """Each option on all units alike, and no option at all."""
        each = range(len(self.scan.options))
        columns = [uniform_choices(self.scan, number) for number in each]
        return [*columns, dict.fromkeys(self.scan.units)]

    def _tuple(self, choices: Choices) -> Choice:
        return tuple(choices[unit] for unit in self.scan.units)

    def _bytes(self, choices: Choices) -> int:
        return int(predicted(self.scan, choices).packed_bytes)

    def _foretold(self, choices: Choices) -> tuple[float, float]:
        point = predicted(self.scan, choices)
        return point.packed_bytes, point.metric - self.scan.original.metric
