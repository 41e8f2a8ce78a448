"""What a notebook stores of a control can be read without the control."""

import base64
import re
import xml.etree.ElementTree as ET
from io import BytesIO

import matplotlib.image
import numpy as np
import pytest
import tiny_models

from nncompress_widgets import PruningExplorer
from nncompress_widgets.figures import Tile, latency_tile
from nncompress_widgets.raster import PIXELS, png_of
from nncompress_widgets.still import still

NAME = "{http://www.w3.org/2000/svg}"


def drawn(page: str) -> ET.Element:
    address = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)[1]
    return ET.fromstring(base64.b64decode(address))


def words(svg: ET.Element) -> str:
    return " ".join("".join(text.itertext()) for text in svg.iter(f"{NAME}text"))


def test_it_is_an_image_with_a_text_in_its_stead():
    sentence = 'It "shows" <this>.'
    page = still("a < b", "<svg/>", [], style="a > b {}", sentence=sentence).page

    assert 'alt="It &quot;shows&quot; &lt;this&gt;."' in page
    assert "<figcaption>It &quot;shows&quot; &lt;this&gt;.</figcaption>" in page
    assert words(drawn(page)) == "a < b"


def test_only_figures_of_the_picture_are_in_it():
    figures = [
        Tile("new", "1", "note"),
        Tile("old", "2", "note", current=False),
        latency_tile({}, current=True),  # nothing is measured on a page
    ]

    page = still("t", "<svg/>", figures, style="", sentence="s").page
    assert words(drawn(page)) == "t new 1 note"


def test_a_control_stores_it_beside_its_sentence():
    explorer = PruningExplorer(
        tiny_models.sequential(), tiny_models.context().validation
    )

    bundle, metadata = explorer._repr_mimebundle_()

    assert metadata == {"image/png": {"alt": repr(explorer)}}
    assert pixels(base64.b64decode(bundle["image/png"])).shape == (405, 1140, 4)
    svg = drawn(bundle["text/html"])
    assert "Magnitude pruning of sequential" in words(svg)
    assert f"Non-zeros {explorer.nonzeros} " in words(svg)
    assert svg.find(f".//{NAME}path") is not None
    assert bundle["text/plain"] == repr(explorer)
    assert "application/vnd.jupyter.widget-view+json" in bundle


def pixels(png: bytes) -> np.ndarray:
    return matplotlib.image.imread(BytesIO(png), format="png")


@pytest.mark.parametrize(
    "shape",
    [
        '<rect class="nncompress-blue" x="20" y="10" width="10" height="5"/>',
        '<path class="nncompress-blue" d="M20 10h10v5h-10z"/>',
        '<path class="nncompress-blue" d="M20 10L30 10L30 15L20 15z"/>',
        '<g transform="translate(20 10)"><rect class="nncompress-blue" x="0" y="0" '
        'width="10" height="5"/></g>',
        '<svg x="20" y="10" width="10" height="5" viewBox="120 10 10 5"><rect '
        'class="nncompress-blue" x="0" y="0" width="400" height="40"/></svg>',
    ],
    ids=["rect", "steps", "corners", "moved", "window"],
)
def test_a_shape_is_in_its_place_and_in_its_colour(shape):
    style = ".nncompress-blue { fill: var(--jp-brand-color1, #0000ff); stroke: none; }"
    picture = f'<svg xmlns="{NAME[1:-1]}" width="60" height="30">{shape}</svg>'

    drawn = pixels(png_of(picture, style=style))

    blue = np.argwhere((drawn == (0, 0, 1, 1)).all(axis=2)) / PIXELS
    assert blue.min(axis=0) == pytest.approx([10, 20], abs=1)
    assert blue.max(axis=0) == pytest.approx([15, 30], abs=1)
    assert drawn[0, 0, 3] == 0  # transparent


@pytest.mark.parametrize(
    "shape",
    [
        '<line class="nncompress-dashed" x1="5" x2="55" y1="15" y2="15"/>',
        '<polyline class="nncompress-dashed" points="5,5 55,25"/>',
        '<circle class="nncompress-dashed" cx="30" cy="15" r="5"/>',
        '<text x="30" y="20" text-anchor="middle">$5 &lt; 6 $</text>',
    ],
)
def test_lines_and_words_are_drawn(shape):
    style = ".nncompress-dashed { stroke: currentColor; stroke-dasharray: 4 3; }"
    picture = f'<svg xmlns="{NAME[1:-1]}" width="60" height="30">{shape}</svg>'

    assert pixels(png_of(picture, style=style))[..., 3].any()


def test_the_lines_behind_a_picture_stay_faint_on_every_page():
    style = ".nncompress-grid { stroke: var(--jp-border-color2, #e0e0e0); }"
    line = '<line class="nncompress-grid" x1="0" x2="400" y1="20" y2="20"/>'
    svg = f'<svg viewBox="0 0 400 60" width="400" height="60">{line}</svg>'
    kept = still("t", svg, [], style=style, sentence="s")

    drawn = pixels(base64.b64decode(kept.png))[60:]  # below the title
    assert 0 < drawn[..., 3].max() < 0.5  # nearly white lines would glare on black


@pytest.mark.parametrize("page", [0.0, 1.0], ids=["black", "white"])
def test_words_on_a_marked_part_of_a_picture_can_be_read_on_every_page(page):
    area = '<rect class="nncompress-range" x="0" y="0" width="99" height="99"/>'
    svg = f'<svg viewBox="0 0 99 99">{area}</svg>'
    style = ".nncompress-range { fill: #bdbdbd; fill-opacity: 0.35; }"
    kept = still("t", svg, [], style=style, sentence="s")

    *color, alpha = pixels(base64.b64decode(kept.png))[100, 100]
    words, behind = 0x7A / 255, alpha * color[0] + (1 - alpha) * page
    light, dark = sorted(((0.05 + one**2.2) for one in (words, behind)), reverse=True)
    assert alpha > 0  # it is marked
    assert light / dark > 3.7  # of 4.3 on white and 4.9 on black
