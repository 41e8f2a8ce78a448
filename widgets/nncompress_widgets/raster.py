"""An SVG picture of a control as a PNG, for pages that show no SVG.

Only what the pictures of controls are made of is understood: groups that are moved,
windows, rectangles, circles, lines, paths of straight lines, images, and text. Colours
come from the controls' own style sheet, with the values that it has outside JupyterLab.
"""

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Final

import numpy as np

PIXELS: Final = 1.5  # of the PNG for one of the SVG
_NEUTRAL: Final = "#7a7a7a"  # legible on white and on black
_RULE = re.compile(r"\.nncompress-([\w-]+)\s*\{([^}]*)\}")
_FALLBACK = re.compile(r"var\([^,]*,\s*([^)]*)\)")
_STEP = re.compile(r"([MLHVhvz])([^MLHVhvz]*)")
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}
Style = dict[str, str]


@dataclass(frozen=True)
class _Place:
    """Where the coordinates of an element begin, and what may be seen of it."""

    x: float = 0.0
    y: float = 0.0
    window: tuple[float, float, float, float] | None = None


def png_of(svg: str, *, style: str) -> bytes:
    """Draw an SVG with a transparent background.

    Args:
        svg: An `<svg>` element with a width and a height in pixels.
        style: The style sheet; rules for a single class count.

    Returns:
        The PNG.
    """
    from matplotlib.figure import Figure

    root = ET.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * PIXELS)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    rules = {name: _declared(body) for name, body in _RULE.findall(style)}
    for order, (element, place) in enumerate(_shapes(root, _Place())):
        kind = element.get("class", "").rpartition("nncompress-")[2]
        _draw(axes, element, place, rules.get(kind, {}), order)
    drawn = BytesIO()
    figure.savefig(drawn, transparent=True)
    return drawn.getvalue()


def _declared(body: str) -> Style:
    pairs = (line.split(":", 1) for line in body.split(";") if ":" in line)
    return {
        name.strip(): _FALLBACK.sub(r"\1", value)
        .strip()
        .replace("currentColor", _NEUTRAL)
        for name, value in pairs
    }


def _shapes(parent: ET.Element, place: _Place) -> Iterator[tuple[ET.Element, _Place]]:
    """What is drawn, in order, and where it belongs."""
    for element in parent:
        tag = element.tag.rpartition("}")[2]
        if tag == "g":
            moved = re.findall(r"-?[\d.]+", element.get("transform", "0 0"))
            x, y = float(moved[0]), float(moved[1])
            yield from _shapes(element, replace(place, x=place.x + x, y=place.y + y))
        elif tag == "svg":
            yield from _shapes(element, _inside(element, place))
        elif tag not in {"style", "title"}:
            yield element, place


def _inside(element: ET.Element, place: _Place) -> _Place:
    """A window shows its part of a picture at the size that it has there."""
    left, top, width, height = map(float, element.attrib["viewBox"].split())
    x = place.x + float(element.get("x", 0))
    y = place.y + float(element.get("y", 0))
    return _Place(x - left, y - top, (x, y, width, height))


def _draw(
    axes: Any, element: ET.Element, place: _Place, rule: Style, order: int
) -> None:
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    tag = element.tag.rpartition("}")[2]
    if tag == "text":
        _write(axes, element, place, rule, order)
        return
    if tag == "image":
        _paint(axes, element, place, order)
        return
    points, codes = _outline(tag, element.attrib)
    if not points:
        return
    fill = rule.get("fill", "none" if tag in {"line", "polyline"} else _NEUTRAL)
    stroke = rule.get("stroke", "none")
    patch = PathPatch(
        Path([(x + place.x, y + place.y) for x, y in points], codes),
        facecolor=_color(fill, rule.get("fill-opacity", "1")),
        edgecolor=_color(stroke, rule.get("stroke-opacity", "1")),
        linewidth=float(rule.get("stroke-width", 1)),
        zorder=order,
    )
    if dashes := rule.get("stroke-dasharray"):
        patch.set_linestyle((0, [float(one) for one in dashes.split()]))
    axes.add_patch(patch)
    if place.window:
        x, y, width, height = place.window
        patch.set_clip_path(Rectangle((x, y), width, height, transform=axes.transData))


def _write(
    axes: Any, element: ET.Element, place: _Place, rule: Style, order: int
) -> None:
    sizes = {"title": 14, "value": 15}
    kind = element.get("class", "")
    strong = kind in sizes or rule.get("font-weight") == "600"
    axes.text(
        float(element.get("x", 0)) + place.x,
        float(element.get("y", 0)) + place.y,
        "".join(element.itertext()).replace("$", r"\$"),
        ha=_ANCHORS[element.get("text-anchor", "start")],
        va="baseline",
        color=fill if (fill := rule.get("fill", "")).startswith("#") else _NEUTRAL,
        fontsize=sizes.get(kind, 11),
        fontweight="bold" if strong else "normal",
        zorder=order,
    )


def _paint(axes: Any, element: ET.Element, place: _Place, order: int) -> None:
    from matplotlib.image import imread

    content = base64.b64decode(element.attrib["href"].partition(",")[2])
    left, top = (
        float(element.attrib["x"]) + place.x,
        float(element.attrib["y"]) + place.y,
    )
    right = left + float(element.attrib["width"])
    bottom = top + float(element.attrib["height"])
    limits = axes.axis()  # which an image would set anew
    axes.imshow(
        imread(BytesIO(content), format="png"),
        extent=(left, right, bottom, top),
        interpolation="nearest",
        aspect="auto",
        zorder=order,
    )
    axes.axis(limits)


def _outline(tag: str, given: dict[str, str]) -> tuple[list[Any], list[int] | None]:
    """The corners of a shape, and how they are joined."""
    from matplotlib.path import Path

    number = {name: float(value) for name, value in given.items() if _is_number(value)}
    if tag == "line":
        return [(number["x1"], number["y1"]), (number["x2"], number["y2"])], None
    if tag == "rect":
        x, y = number["x"], number["y"]
        right, bottom = x + number["width"], y + number["height"]
        return [(x, y), (right, y), (right, bottom), (x, bottom), (x, y)], None
    if tag == "circle":
        circle = Path.circle((number["cx"], number["cy"]), number["r"])
        return np.asarray(circle.vertices).tolist(), np.asarray(circle.codes).tolist()
    if tag == "polyline":
        pairs = [pair.split(",") for pair in given["points"].split()]
        return [(float(x), float(y)) for x, y in pairs], None
    return _path(given["d"])


def _path(steps: str) -> tuple[list[Any], list[int]]:
    points: list[tuple[float, float]] = []
    codes: list[int] = []
    x = y = 0.0
    for step, rest in _STEP.findall(steps):
        numbers = [float(one) for one in re.findall(r"-?[\d.]+", rest)]
        if step in "ML":
            x, y = numbers
        elif step in "Hh":
            x = numbers[0] + (x if step == "h" else 0)
        elif step in "Vv":
            y = numbers[0] + (y if step == "v" else 0)
        points.append((x, y))
        codes.append({"M": 1, "z": 79}.get(step, 2))  # Path.MOVETO, CLOSEPOLY, LINETO
    return points, codes


def _color(color: str, opacity: str) -> Any:
    return color if color == "none" else (color, float(opacity))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[\d.]+", text) is not None
