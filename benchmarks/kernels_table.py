"""The table of `benchmarks/kernels.py` in Markdown, a line a kernel and peer."""

from typing import Any

HEAD = (
    "| kernel | s | beside | s | ours is | our error beside theirs |",
    "|---|---:|---|---:|---:|---:|",
)


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each kernel and peer, the peer to beat first.

    Args:
        rows: The figures of `results/kernels.json`.
    """
    lines = [*HEAD]
    before = None
    for row in rows:
        first = row["row"] != before
        before = row["row"]
        cells = [
            row["name"] if first else "",
            f"{row['seconds']:.3g}" if first else "",
            row["peer"],
            f"{row['peer_seconds']:.3g}",
            _speed(row["times_faster"]),
            _error(row["error"], row["peer_error"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _speed(times: float) -> str:
    if times >= 1:
        return f"{times:.3g}x faster"
    return f"{1 / times:.3g}x slower"


def _error(ours: float, theirs: float) -> str:
    """By how much our error is above theirs, or below."""
    if not ours:
        return "none"
    if not theirs:
        return f"{ours:.1e}, theirs 0"
    percent = 100 * (ours / theirs - 1)
    if abs(percent) < 0.05:
        return "within 0.05 %"
    return f"{percent:+.1f} %"
