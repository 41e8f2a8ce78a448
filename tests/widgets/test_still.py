"""What a notebook stores of a control can be read without the control."""

import base64
import re
import xml.etree.ElementTree as ET

import tiny_models

from nncompress_widgets import PruningExplorer
from nncompress_widgets.figures import Tile
from nncompress_widgets.still import still

NAME = "{http://www.w3.org/2000/svg}"


def drawn(page: str) -> ET.Element:
    address = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)[1]
    return ET.fromstring(base64.b64decode(address))


def words(svg: ET.Element) -> str:
    return " ".join("".join(text.itertext()) for text in svg.iter(f"{NAME}text"))


def test_it_is_an_image_with_a_text_in_its_stead():
    page = still("a < b", "<svg/>", [], style="a > b {}", sentence='It "shows" <this>.')

    assert 'alt="It &quot;shows&quot; &lt;this&gt;."' in page
    assert "<figcaption>It &quot;shows&quot; &lt;this&gt;.</figcaption>" in page
    assert words(drawn(page)) == "a < b"


def test_only_figures_of_the_picture_are_in_it():
    figures = [Tile("new", "1", "note"), Tile("old", "2", "note", current=False)]

    assert words(drawn(still("t", "<svg/>", figures, style="", sentence="s"))) == (
        "t new 1 note"
    )


def test_a_control_stores_it_beside_its_sentence():
    explorer = PruningExplorer(
        tiny_models.sequential(), tiny_models.context().validation
    )

    bundle = explorer._repr_mimebundle_()

    svg = drawn(bundle["text/html"])
    assert "Magnitude pruning of sequential" in words(svg)
    assert f"Non-zeros {explorer.nonzeros} " in words(svg)
    assert svg.find(f".//{NAME}path") is not None
    assert bundle["text/plain"] == repr(explorer)
    assert "application/vnd.jupyter.widget-view+json" in bundle
