"""The tables of `benchmarks/plan.py`, from the measured rows."""

from statistics import mean, stdev
from typing import Any

NAMES = {"quantization": "rounding to nearest", "gptq": "GPTQ", "trained": "trained"}


def table(rows: list[dict[str, Any]]) -> str:
    """The measured rows as Markdown: uniform settings beside plans of as many bytes.

    Args:
        rows: As the benchmark keeps them.
    """
    parts = [
        _compared([one for one in rows if one["part"] in {"before", "after"}]),
        _listed([one for one in rows if one["part"] in {"together", "small"}]),
    ]
    return "\n\n".join(part for part in parts if part)


def _compared(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | technique | bytes of | uniform | plan | won | packed, plan |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    fields = ("part", "model", "techniques", "setting")
    for key in dict.fromkeys(tuple(row[one] for one in fields) for row in rows):
        same = [row for row in rows if tuple(row[one] for one in fields) == key]
        uniform, plan = (
            [row for row in same if row["kind"] == kind and "test" in row]
            for kind in ("uniform", "plan")
        )
        if not uniform or not plan:
            continue
        _, model, technique, setting = key
        won = mean(r["test"] for r in plan) - mean(r["test"] for r in uniform)
        cells = [
            model,
            NAMES[technique],
            setting,
            _accuracy(uniform),
            _accuracy(plan),
            f"{won:+.2f}",
        ]
        cells += [_bytes(plan, uniform)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _listed(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    lines = [
        "| model | plan of | budget | test accuracy | packed | CPU |",
        "|---|---|---|---:|---:|---:|",
    ]
    for row in rows:
        found = "test" in row
        cells = [
            row["model"],
            row["techniques"],
            row["setting"],
            f"{row['test']:.2f} %" if found else "does not fit",
            f"{row['packed_bytes'] / 1e3:.1f} kB" if found else "-",
            f"{row['cpu_minutes']:.1f} min",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _accuracy(rows: list[dict[str, Any]]) -> str:
    values = [row["test"] for row in rows]
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread} %"


def _bytes(plan: list[dict[str, Any]], uniform: list[dict[str, Any]]) -> str:
    size, before = (
        mean(row["packed_bytes"] for row in rows) for rows in (plan, uniform)
    )
    return f"{size / 1e3:.1f} kB ({100 * (size / before - 1):+.1f} %)"
