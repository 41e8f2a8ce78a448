"""A report: the figures of every stage, and the forms in which they can be had."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult

from nncompress_lab.report import formats, tables
from nncompress_lab.report.figures import Figures
from nncompress_lab.report.verdict import verdict


@dataclass(frozen=True)
class Report(Figures):
    """The figures of a model at every stage of its compression, in every form.

    A terminal shows it as a table with `print(report)` or rich's `print`, a notebook
    as HTML.

    Args:
        stages: The first is what the others are compared with.
        layers: What became of each layer between the first stage and the last.
        setup: How it was measured.
        remarks: What the passes left alone and why, and what they ask for, in sentences.
    """

    @property
    def verdict(self) -> str:
        """The last stage against the first, in one line of words; empty for one stage."""
        return verdict(self)

    def to_json(self) -> str:
        """Everything as a JSON object: verdict, stages, layers, setup, any remarks."""
        figures = dataclasses.asdict(self)
        if not self.remarks:
            del figures["remarks"]
        return json.dumps({"verdict": self.verdict, **figures}, indent=2)

    def to_dataframe(self) -> Any:
        """The stages as a pandas DataFrame, one row a stage, indexed by name.

        Raises:
            ImportError: If pandas is not installed.
        """
        return formats.dataframe([dataclasses.asdict(one) for one in self.stages])

    def layers_to_dataframe(self) -> Any:
        """The layers as a pandas DataFrame, one row a layer, indexed by path.

        Raises:
            ImportError: If pandas is not installed.
        """
        return formats.dataframe([dataclasses.asdict(one) for one in self.layers])

    def to_markdown(self) -> str:
        """The table in GitHub's Markdown."""
        return formats.markdown(self)

    def to_latex(self) -> str:
        """The table as a LaTeX tabular; it needs the package booktabs."""
        return formats.latex(self)

    def plot(self, ax: Any = None) -> Any:
        """Draw accuracy against packed bytes, one point a stage.

        Args:
            ax: Matplotlib axes to draw on; None makes new ones.

        Returns:
            The axes.

        Raises:
            ImportError: If matplotlib is not installed.
            ValueError: If the report has no accuracy.
        """
        return formats.plot(self, ax)

    def __str__(self) -> str:
        return tables.text(self)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        yield from tables.stages(self, width=options.max_width)

    def layers_table(self) -> Any:
        """The layers as a table for rich's `print`."""
        return tables.layers(self)

    def _repr_html_(self) -> str:
        return formats.html_table(self)
