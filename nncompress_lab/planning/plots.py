"""A sensitivity as a picture: one small panel a unit, with shared axes."""

import importlib
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nncompress_lab.planning.sensitivity import Sensitivity

COLUMNS = 5  # of panels
HEIGHT, WIDTH = 1.7, 2.1  # of a panel in inches
LEAST = 1e-6  # of a divergence: what is less is drawn there


def plot(scan: "Sensitivity") -> Any:
    """Divergence against packed bytes, relative to those of the unit's own original.

    Args:
        scan: The table.

    Returns:
        The figure.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            "matplotlib is not installed and this needs it. Install it with "
            'pip install "nncompress-lab[lab]".'
        ) from error
    columns = min(COLUMNS, len(scan.units))
    lines = math.ceil(len(scan.units) / columns)
    figure, panels = pyplot.subplots(
        lines,
        columns,
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=(WIDTH * columns + 0.6, HEIGHT * lines + 0.9),
        layout="constrained",
    )
    for panel in panels.flat[len(scan.units) :]:
        panel.set_visible(False)
    for panel, unit in zip(panels.flat, scan.units, strict=False):
        _draw(panel, scan, unit)
    figure.supxlabel("packed bytes saved, % of the whole file", fontsize="small")
    figure.supylabel("divergence", fontsize="small")
    handles, labels = _legend(panels.flat[: len(scan.units)])
    figure.legend(handles, labels, loc="outside right upper", fontsize="x-small")
    return figure


def _draw(panel: Any, scan: "Sensitivity", unit: str) -> None:
    whole = scan.original.packed_bytes
    for option, label in enumerate(scan.labels):
        row = scan.of(unit, option)
        if row is not None:
            saved = -100 * row.packed_bytes / whole
            height = max(row.divergence, LEAST)
            panel.scatter([saved], [height], s=14, color=f"C{option % 10}", label=label)
    panel.set_title(unit, fontsize="x-small")
    panel.set_yscale("log")
    panel.set_xscale("symlog", linthresh=0.1)
    panel.tick_params(labelsize="xx-small")
    panel.grid(alpha=0.3)


def _legend(panels: Any) -> tuple[list[Any], list[str]]:
    """Each option once, though it is drawn in many panels."""
    found: dict[str, Any] = {}
    for panel in panels:
        handles, labels = panel.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    return list(found.values()), list(found)
