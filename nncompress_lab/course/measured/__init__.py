"""Measurements that lessons show and do not repeat, made by scripts in benchmarks/."""

import json
from pathlib import Path
from typing import Any


def rows(name: str) -> list[dict[str, Any]]:
    """The rows that a benchmark has measured.

    Args:
        name: Of the benchmark, for example `"equal_macs"`.

    Raises:
        LookupError: If the package holds no such measurements.

    Example:
        >>> sorted({row["way"] for row in rows("equal_macs")})[:3]
        ['Tucker-2', 'channel pruning', 'low rank']
    """
    path = Path(__file__).with_name(f"{name}.json")
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in path.parent.glob("*.json")))
        raise LookupError(f"There are no measurements {name!r}. There are: {known}.")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))[
        "figures"
    ]
    return found
