"""The tables of `benchmarks/nnc_standard.py` in Markdown."""

from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
LOSSES = (0.3, 1.0)  # points
OF_AGREEMENT = (5.0,)  # of 200 squares: one of them is half a point


def comparison(rows: Rows) -> str:
    """For each file of NNCodec the bytes of one of this library that diverges as much.

    Of EfficientNet-Lite0 the accuracy is how often it agrees with the float network.

    Args:
        rows: As the benchmark keeps them.
    """
    lines = [
        "| model | way | bytes | divergence | accuracy | a rate at that divergence |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines.extend(
        f"| {one['model']} | {one['way']} | {one['bytes'] / 1e3:.1f} kB "
        f"| {one['divergence']:.4f} | {100 * _figure(one):.2f} % "
        f"| {_beside(one, of_model)} |"
        for of_model in _by_model(rows)
        for one in of_model
    )
    return "\n".join(lines)


def smallest(rows: Rows) -> str:
    """The smallest files of both that lose little."""
    lines = [
        "| model | loss of at most | this library | NNCodec | fewer bytes |",
        "|---|---:|---:|---:|---:|",
    ]
    for of_model in _by_model(rows):
        for loss in OF_AGREEMENT if "same" in of_model[0] else LOSSES:
            least = _figure(of_model[0]) - loss / 100
            good = [one for one in of_model if _figure(one) >= least]
            ours, theirs = (
                min(
                    (one for one in good if kind in one["way"]),
                    key=lambda one: one["bytes"],
                    default=None,
                )
                for kind in ("rate", "NNCodec")
            )
            fewer = 1 - ours["bytes"] / theirs["bytes"] if ours and theirs else None
            lines.append(
                f"| {of_model[0]['model']} | {loss:g} points | {_named(ours)} "
                f"| {_named(theirs)} | {'-' if fewer is None else f'{fewer:.0%}'} |"
            )
    return "\n".join(lines)


def bytes_at(divergence: float, of_model: Rows) -> float | None:
    """Bytes at a divergence, between the two nearest rates; None beyond all of them.

    Args:
        divergence: Above 0.
        of_model: The rows of one model.
    """
    rated = sorted(
        (one["divergence"], one["bytes"]) for one in of_model if "rate" in one["way"]
    )
    if not rated or not rated[0][0] <= divergence <= rated[-1][0]:
        return None
    x, y = np.log(np.array(rated).T)
    return float(np.exp(np.interp(np.log(divergence), x, y)))


def _figure(one: dict[str, Any]) -> float:
    """How often it is right or, without labels enough, says what the float model says."""
    found: float = one.get("same", one["accuracy"])
    return found


def _named(one: dict[str, Any] | None) -> str:
    return f"{one['bytes'] / 1e3:.1f} kB ({one['way']})" if one else "-"


def _beside(one: dict[str, Any], of_model: Rows) -> str:
    if "rate" in one["way"]:
        return ""
    found = bytes_at(one["divergence"], of_model)
    if found is None:
        return "-"
    return f"{found / 1e3:.1f} kB, {found / one['bytes'] - 1:+.0%}"


def _by_model(rows: Rows) -> list[Rows]:
    names = dict.fromkeys(one["model"] for one in rows)
    return [[one for one in rows if one["model"] == name] for name in names]
