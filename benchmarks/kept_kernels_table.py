"""The table of `benchmarks/kept_kernels.py` in Markdown."""

from typing import Any

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "torch"}


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each model and technique: times of float32, kept and decoded anew.

    Below it stands how much of a difference is noise.

    Args:
        rows: The figures of `results/kept_kernels.json`.
    """
    taken = [name for name in BACKENDS if any(row["backend"] == name for row in rows)]
    head = ["model", "stored as", *(BACKENDS[name] for name in taken)]
    lines = [_line(head), "|---|---|" + "---:|" * len(taken)]
    cells = {(row["model"], row["technique"], row["backend"]): row for row in rows}
    for model, technique in dict.fromkeys(key[:2] for key in cells):
        each = [cells.get((model, technique, name)) for name in taken]
        lines.append(_line([model, technique, *map(_cell, each)]))
    twins = (max(row["twin"], 1 / row["twin"]) for row in rows)
    noise = f"The same float32 model, timed twice, differs by up to {max(twins):.2f}x."
    return "\n".join([*lines, "", noise])


def _cell(row: dict[str, Any] | None) -> str:
    return "-" if row is None else f"{row['kept']:.2f}x, {row['decoded']:.2g}x"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
