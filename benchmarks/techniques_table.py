"""The tables of `benchmarks/techniques.py` and `tf_toolkit.py`, from the measured rows."""

from statistics import mean, stdev
from typing import Any

from nncompress_lab.measure.latency import Race

# Technique and setting of this library that does what one of the toolkit's does.
COUNTERPARTS = {
    "pruning": ("magnitude pruning", "80% zeros"),
    "clustering": ("codebook", "3 bits"),
}


def table(rows: list[dict[str, Any]], models: list[str]) -> str:
    """The measured rows as a Markdown table, one part a model.

    Args:
        rows: As the benchmark keeps them.
        models: Their names, in the order of the parts.
    """
    lines = []
    for name in models:
        of_model = [row for row in rows if row["model"] == name]
        if not of_model:
            continue
        first = next(row for row in of_model if row["technique"] == "original")
        lines += [
            f"### {name}: {100 * first['accuracy']:.2f} %, "
            f"{first['packed_bytes'] / 1e3:.0f} kB packed, "
            f"{first['macs'] / 1e6:.2f} M MACs",
            "",
            "| technique | setting | accuracy before | after recovery | packed | MACs "
            "| latency |",
            "|---|---|---:|---:|---:|---:|---:|",
        ]
        keys = dict.fromkeys((row["technique"], row["setting"]) for row in of_model)
        for technique, setting in [key for key in keys if key[0] != "original"]:
            same = [
                row
                for row in of_model
                if (row["technique"], row["setting"]) == (technique, setting)
            ]
            lines.append(_table_row(technique, setting, same, first))
        lines.append("")
    return "\n".join(lines)


def toolkit_table(toolkit: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    """The TensorFlow toolkit beside this library, after recovery, as a Markdown table.

    Args:
        toolkit: Rows of `tf_toolkit.py`.
        rows: Rows of `techniques.py`.
    """
    lines = [
        "| model | technique | toolkit | its file | packed | this library | packed |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in toolkit:
        if "accuracy" not in row:
            continue
        technique, setting = COUNTERPARTS[row["technique"].partition(",")[0]]
        ours = [
            one
            for one in rows
            if (one["model"], one["technique"]) == (row["model"], technique)
            and (one["setting"], one["stage"]) == (setting, "after")
        ]
        cells = [
            row["model"],
            row["technique"],
            f"{100 * row['accuracy']:.2f} %",
            f"{row['keras_bytes'] / 1e3:.0f} kB",
            f"{row['packed_bytes'] / 1e3:.0f} kB",
            _spread([100 * one["accuracy"] for one in ours]),
            f"{mean(one['packed_bytes'] for one in ours) / 1e3:.0f} kB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _table_row(
    technique: str, setting: str, same: list[dict[str, Any]], first: dict[str, Any]
) -> str:
    before = [100 * row["accuracy"] for row in same if row["stage"] == "before"]
    after = [100 * row["accuracy"] for row in same if row["stage"] == "after"]
    last = [row for row in same if row["stage"] == ("after" if after else "before")]
    if not last:
        return f"| {technique} | {setting} |" + " - |" * 5
    races = [row for row in same if row["stage"] == "latency"]
    packed = mean(row["packed_bytes"] for row in last)
    cells = [
        technique,
        setting,
        f"{before[0]:.2f} %" if before else "-",
        _spread(after) if after else "-",
        f"{packed / 1e3:.0f} kB",
        _ratio(first["macs"], last[0]["macs"]),
        _verdict(races[0]) if races else "-",
    ]
    return f"| {' | '.join(cells)} |"


def _spread(values: list[float]) -> str:
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread} %"


def _ratio(first: int, now: int | None) -> str:
    if now is None:
        return "-"
    return "same" if now == first else f"{first / now:.1f}x less"


def _verdict(row: dict[str, Any]) -> str:
    if row["speedup"] is None:
        return "-"
    return Race({"original": row["speedup"], "result": 1.0}, row["band"]).verdict(
        "result"
    )
