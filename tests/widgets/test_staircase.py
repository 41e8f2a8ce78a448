"""The picture of a staircase keeps its words inside itself, wherever the weights lie."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from nncompress_lab.trials.arrays.staircase import Staircase
from nncompress_widgets.plot import WIDTH
from nncompress_widgets.staircase import staircase_svg

LETTER = 6.5  # width of a letter, about


@pytest.mark.parametrize("shift", [-3.0, -0.9, 0.0, 0.5, 0.9, 3.0])
@pytest.mark.parametrize("words", ["scale 0.0517", "256 levels, 0.000371 apart"])
@pytest.mark.parametrize("bits", [2, 4])
def test_the_words_beside_a_step_are_inside_the_picture(shift, words, bits):
    weights = shift + np.linspace(-1, 1, 101)
    levels = np.linspace(min(weights[0], 0), max(weights[-1], 0), 2**bits)

    svg = ET.fromstring(
        staircase_svg(Staircase.of(weights, levels), scale=words, caption="", label="")
    )

    (shown,) = (one for one in svg.findall("text") if one.text == words)
    start, width = float(shown.get("x")), LETTER * len(words)
    if shown.get("text-anchor") == "end":
        start -= width
    assert 0 <= start <= start + width <= WIDTH
