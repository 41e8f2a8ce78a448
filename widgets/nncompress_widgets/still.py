"""A control as one picture, for pages in which nothing can be moved."""

import base64
import html
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from nncompress_widgets.figures import NOT_YET, Tile
from nncompress_widgets.raster import png_of

WIDTH = 760
_TOP, _ROOM = 32, 40  # above the picture, and above and below it together
_LEAST = 230  # pixels that the figures need
_FIGURES = 470  # where the figures begin, right of the picture
_LINE = 40  # letters of a note
# Legible on white and on black, because no page tells a picture its colours.
_STYLE = """
svg { color: #7a7a7a; }
text { fill: #7a7a7a; font-family: sans-serif; font-size: 12px; }
.nncompress-grid { stroke: #7a7a7a; stroke-opacity: 0.3; }
.nncompress-range {
  fill: #7a7a7a; fill-opacity: 0.08; stroke: #7a7a7a; stroke-opacity: 0.6;
}
.title { font-size: 14px; font-weight: bold; }
.value { font-size: 15px; font-weight: bold; }
"""


@dataclass(frozen=True)
class Still:
    """What a notebook stores of a control; it needs nothing else from the page.

    Args:
        svg: The picture and its figures.
        style: The style sheet that they are drawn with.
        sentence: What the control shows; the text below the picture and in its stead.
    """

    svg: str
    style: str
    sentence: str

    @property
    def page(self) -> str:
        """A figure with an image, as HTML."""
        drawn = base64.b64encode(self.svg.encode()).decode()
        words = html.escape(self.sentence)
        return (
            f'<figure><img alt="{words}" src="data:image/svg+xml;base64,{drawn}" '
            f'style="max-width: 100%"><figcaption>{words}</figcaption></figure>'
        )

    @property
    def png(self) -> str:
        """The same in base64, for pages that show neither HTML nor SVG."""
        return base64.b64encode(png_of(self.svg, style=self.style + _STYLE)).decode()


def still(
    title: str, picture: str, figures: Iterable[Tile], *, style: str, sentence: str
) -> Still:
    """Put the picture of a control and its figures beside each other.

    Args:
        title: Of the control.
        picture: Its picture, an `<svg>` element.
        figures: Those that belong to the picture; others, and those that are not known
            yet, are left out: nothing follows on a page.
        style: The style sheet that the picture is drawn with.
        sentence: What the control shows.
    """
    parts = [f'<text class="title" x="4" y="18">{html.escape(title)}</text>']
    parts.append(f'<g transform="translate(0 {_TOP})">{picture}</g>')
    found = re.search(r'height="([\d.]+)"', picture)
    height = _ROOM + (float(found[1]) if found else _LEAST)
    y = 50
    for tile in figures:
        if tile.current and tile.value != NOT_YET:
            y = _add(parts, tile, y)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" '
        f'viewBox="0 0 {WIDTH} {height:g}"><style>{html.escape(style)}{_STYLE}</style>'
        f"{''.join(parts)}</svg>"
    )
    return Still(svg, style, sentence)


def _add(parts: list[str], tile: Tile, y: int) -> int:
    """Append a figure at a height, and return that of the next."""
    words = html.escape(f"{tile.label} {tile.value}")
    parts.append(f'<text class="value" x="{_FIGURES}" y="{y}">{words}</text>')
    for line in textwrap.wrap(tile.note, _LINE):
        y += 16
        parts.append(f'<text x="{_FIGURES}" y="{y}">{html.escape(line)}</text>')
    return y + 28
