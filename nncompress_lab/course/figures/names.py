"""Names beside points, where they cover nothing."""

from collections.abc import Sequence
from typing import Any, Final

Point = tuple[float, float, str]

_MARK: Final = 4  # pixels from the middle of a mark to its edge
# Where a name may stand, in points from its mark: right or left of it, up or down.
_PLACES: Final = [
    (side * 7, up, "left" if side > 0 else "right")
    for up in (5, -11, 17, -23, 29)
    for side in (1, -1)
]


def write_names(axis: Any, points: Sequence[tuple[Point, str]]) -> None:
    """Write each name where it covers neither a mark nor another name, if there is room."""
    marks = [axis.transData.transform(point[:2]) for point, _ in points]
    taken: list[Any] = []
    for (x, y, name), color in sorted(points):
        for across, up, side in _PLACES if name else ():
            text = axis.annotate(
                name,
                (x, y),
                (across, up),
                textcoords="offset points",
                ha=side,
                fontsize=8,
                color=color,
            )
            box = text.get_window_extent()
            inside = axis.bbox.x0 <= box.x0 and box.x1 <= axis.bbox.x1 + 20
            covers = any(box.padded(_MARK).contains(*mark) for mark in marks) or any(
                box.overlaps(other) for other in taken
            )
            if inside and not covers:
                taken.append(box)
                break
            if (across, up, side) != _PLACES[-1]:
                text.remove()
