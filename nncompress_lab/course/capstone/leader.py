"""The leader line: a learner's files among what a committed script has measured."""

from typing import Any

from nncompress_lab.course import figures, measured as kept
from nncompress_lab.course.capstone.customers import Customer
from nncompress_lab.course.results import ORIGINAL, Row
from nncompress_lab.report import formats

Point = tuple[float, float, str]
BYTES = ("file, kB (log scale)", 1e-3)
MACS = ("million MACs for one image (log scale)", 1e-6)


def known_rows(customer: Customer) -> list[dict[str, Any]]:
    """What `benchmarks/capstone.py` has measured for a customer.

    Returns:
        A dict for each file with `name`, `file` (its ending), `bytes`, `accuracy` on the
        test images, and `MACs`, None where the file does not tell.
    """
    return [
        {name: row[name] for name in ("name", "file", "bytes", "accuracy", "MACs")}
        for row in kept.rows("capstone")
        if row["customer"] == customer.name and "hours" not in row
    ]


def leader_line(
    customer: Customer, file: Any = ..., *, rows: tuple[Row, ...] = ()
) -> None:
    """Draw accuracy against what a customer counts: the known, and the learner's own.

    Args:
        customer: Whose budget is the shaded corner.
        file: That was handed in; `...` draws none.
        rows: Of `lesson.table`: the packed files of other lessons are drawn where such
            files count. Their accuracy is that on the validation images.
    """
    by = "MACs" if customer.macs else "bytes"
    label, scale = MACS if customer.macs else BYTES
    groups: dict[str, list[Point]] = {"original": [], "measured before": []}
    for row in known_rows(customer):
        if row[by] is not None:
            is_original = row["name"].startswith("original")
            group = groups["original" if is_original else "measured before"]
            name = row["name"]
            if customer.macs:
                name += f", {formats.size(row['bytes'])}"
            group.append((scale * row[by], row["accuracy"], name))
    groups["from the docs"] = [
        (scale * row[by], row["accuracy"], row["name"])
        for row in kept.rows("capstone")
        if row["customer"] == customer.name and "hours" in row
    ]
    if ".ncz" in customer.kinds:
        earlier = [_point(row) for row in rows if _counts(row)]
        if earlier:
            groups["your table, validation"] = earlier
    mine = customer.delivered(file).file
    if mine is not None:
        figure = mine.macs if customer.macs else mine.size
        groups["your file"] = [(scale * (figure or 0), mine.accuracy, mine.name)]
    limit = (scale * customer.limits[by], customer.accuracy)
    figures.budget(
        f"{customer.name.capitalize()}: who is in the shaded corner meets the budget"
        f"{_unless(customer)}",
        {name: group for name, group in groups.items() if group},
        limit=limit,
        xlabel=label,
        ylabel="test accuracy",
    )


def _unless(customer: Customer) -> str:
    """What the picture does not show of a budget."""
    if customer.macs:
        return f", if its file has at most {formats.size(customer.size)}"
    return ", unless it is slower" if customer.raced else ""


def _counts(row: Row) -> bool:
    is_other = row.technique != ORIGINAL and row.lesson != "14"
    has_both = row.accuracy is not None and row.packed_bytes > 0
    return is_other and row.model == "LeNet-5" and has_both


def _point(row: Row) -> Point:
    return row.packed_bytes / 1000, row.accuracy or 0.0, ""
