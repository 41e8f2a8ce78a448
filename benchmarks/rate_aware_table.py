"""The table of `benchmarks/rate_aware.py` in Markdown."""

from typing import Any


def table(rows: list[dict[str, Any]]) -> str:
    """For each model and way the packed bytes, the divergence and the test accuracy.

    Args:
        rows: As the benchmark keeps them; those of a model are brought together.
    """
    models = list(dict.fromkeys(one["model"] for one in rows))
    lines = [
        "| model | way | packed | divergence | test accuracy |",
        "|---|---|---:|---:|---:|",
    ]
    lines.extend(
        f"| {one['model']} | {one['way']} | {one['packed_bytes'] / 1e3:.1f} kB "
        f"| {one['divergence']:.4f} | {100 * one['test']:.2f} % |"
        for one in sorted(rows, key=lambda one: models.index(one["model"]))
    )
    return "\n".join(lines)
