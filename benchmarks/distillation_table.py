"""The table of `benchmarks/distillation.py`, from the measured rows."""

from statistics import mean, stdev
from typing import Any


def table(rows: list[dict[str, Any]]) -> str:
    """The measured rows as a Markdown table: a line for each model and way.

    Args:
        rows: As the benchmark keeps them.
    """
    lines = [
        "| model | way | MACs | test accuracy | seeds |",
        "|---|---|---:|---:|---:|",
    ]
    for name, way in dict.fromkeys((row["model"], row["way"]) for row in rows):
        same = [row for row in rows if (row["model"], row["way"]) == (name, way)]
        found = [100 * row["accuracy"] for row in same]
        spread = f" ± {stdev(found):.2f}" if len(found) > 1 else ""
        lines.append(
            f"| {name} | {way} | {100 * same[0]['macs']:.1f} % "
            f"| {mean(found):.2f}{spread} % | {len(found)} |"
        )
    return "\n".join(lines)
