"""The table and the picture of `benchmarks/deep_compression.py`."""

from pathlib import Path
from statistics import mean, stdev
from typing import Any

# Han, Mao, Dally, "Deep Compression", ICLR 2016, table 1: ratio and error in per cent, on
# MNIST. https://arxiv.org/abs/1510.00149
HAN = {"lenet_300_100": (40, 1.58), "lenet5": (39, 0.74)}
NAMES = {"lenet_300_100": "LeNet-300-100", "lenet5": "LeNet-5", "resnet20": "ResNet-20"}
STEPS = {"pruned": "pruning", "coded": "codes", "packed": "entropy coding"}
PARTS = ("positions", "codes", "tables", "biases", "architecture")
Rows = list[dict[str, Any]]


def table(rows: Rows) -> str:
    """The measured rows as a Markdown table, one line for a model on a data set.

    Args:
        rows: As the benchmark keeps them.
    """
    lines = [
        "| data | model | seeds | dense error | error | file | ratio | Han et al. 2016 |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (data, model), same in groups(rows).items():
        ratio, error = HAN[model] if data == "MNIST" and model in HAN else (None, None)
        cells = [
            data,
            NAMES[model],
            str(len(same)),
            f"{_spread(errors(same, 'dense'))} %",
            f"{_spread(errors(same, last_stage(same[0])))} %",
            f"{_spread([row['packed_bytes'] for row in same], 0)} bytes",
            f"**{mean(ratios(same)):.0f}x**",
            f"{ratio}x, {error} %" if ratio else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def breakdown(rows: Rows) -> str:
    """By what factor each stage makes the models smaller, as a Markdown table."""
    lines = [
        "| data | model | weights kept | " + " | ".join(STEPS.values()) + " | all |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for (data, model), same in groups(rows).items():
        kept = mean(4 * row["kept"] / row["float32_bytes"] for row in same)
        factors = [f"{one:.1f}x" for one in factors_of(same).values()]
        cells = [data, NAMES[model], f"{100 * kept:.2f} %", *factors]
        lines.append(f"| {' | '.join(cells)} | {mean(ratios(same)):.0f}x |")
    return "\n".join(lines)


def groups(rows: Rows) -> dict[tuple[str, str], Rows]:
    """The rows by data set and model: MNIST first, and models in the order of `NAMES`."""
    found: dict[tuple[str, str], Rows] = {}
    for row in rows:
        found.setdefault((row["data"], row["model"]), []).append(row)
    models = list(NAMES)
    return dict(
        sorted(
            found.items(),
            key=lambda group: (group[0][0] != "MNIST", models.index(group[0][1])),
        )
    )


def last_stage(row: dict[str, Any]) -> str:
    """The stage whose model is packed."""
    return list(row["test"])[-1]


def errors(rows: Rows, stage: str) -> list[float]:
    """Errors on the test images after a stage, in per cent."""
    return [100 * (1 - row["test"][stage]) for row in rows]


def ratios(rows: Rows) -> list[float]:
    """Bytes of the float32 weights divided by those of the file."""
    return [row["float32_bytes"] / row["packed_bytes"] for row in rows]


def factors_of(rows: Rows) -> dict[str, float]:
    """The mean factor of each of `STEPS`; their product is about the mean ratio."""
    sizes = [
        {
            "dense": row["float32_bytes"],
            **row["steps"],
            "packed": row["packed_bytes"],
        }
        for row in rows
    ]
    return {
        after: mean(one[before] / one[after] for one in sizes)
        for before, after in zip(("dense", *STEPS), STEPS, strict=False)
    }


def figure(rows: Rows, path: Path) -> None:
    """Draw what each stage saves, and what the bytes of the files are for.

    Args:
        rows: As the benchmark keeps them.
        path: Of the picture; its suffix says the format.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "deep-compression"  # the same file for the same rows
    from matplotlib import pyplot as plt

    names = [f"{NAMES[model]}\n{data}" for data, model in groups(rows)]
    mpl.rcParams["xtick.labelsize"] = 8  # the names stand beside each other
    picture, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    _draw_factors(left, names, list(groups(rows).values()))
    _draw_parts(right, names, list(groups(rows).values()))
    path.parent.mkdir(exist_ok=True)
    picture.savefig(path, metadata={"Date": None})
    plt.close(picture)


def _draw_factors(axes: Any, names: list[str], same: list[Rows]) -> None:
    """On a logarithmic scale, factors that are multiplied lie on top of each other."""
    bottoms = [1.0] * len(names)
    for step, label in STEPS.items():
        tops = [
            bottom * factors_of(rows)[step]
            for bottom, rows in zip(bottoms, same, strict=True)
        ]
        heights = [top - bottom for top, bottom in zip(tops, bottoms, strict=True)]
        bars = axes.bar(names, heights, bottom=bottoms, label=label, width=0.6)
        texts = [f"{factors_of(rows)[step]:.1f}x" for rows in same]
        axes.bar_label(bars, texts, label_type="center", fontsize=8, color="white")
        bottoms = tops
    for place, (top, rows) in enumerate(zip(bottoms, same, strict=True)):
        ratio = f"{mean(ratios(rows)):.0f}x"  # the product of means is not quite it
        axes.text(place, top * 1.05, ratio, ha="center", weight="bold")
    axes.set_yscale("log")
    axes.set_ylim(1, 2.5 * max(bottoms))
    axes.set_ylabel("times smaller than float32 (logarithmic)")
    axes.set_title("What each stage saves", fontsize=10)
    axes.legend(fontsize=8, loc="upper left", ncols=3)


def _draw_parts(axes: Any, names: list[str], same: list[Rows]) -> None:
    bottoms = [0.0] * len(names)
    for part in PARTS:
        heights = [mean(row["parts"][part] for row in rows) / 1000 for rows in same]
        axes.bar(names, heights, bottom=bottoms, label=part, width=0.6)
        bottoms = [one + more for one, more in zip(bottoms, heights, strict=True)]
    axes.set_ylabel("kB")
    axes.set_title("What the bytes of the file say", fontsize=10)
    axes.set_ylim(0, 1.25 * max(bottoms))
    axes.legend(fontsize=8, loc="upper left", ncols=3)


def _spread(values: list[float], digits: int = 2) -> str:
    spread = f" ± {stdev(values):,.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):,.{digits}f}{spread}"
