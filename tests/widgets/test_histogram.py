"""The picture is well-formed, to scale, and can be read without seeing it."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from nncompress_lab.trials.arrays.magnitudes import Magnitudes
from nncompress_widgets.histogram import histogram_svg
from nncompress_widgets.plot import round_step

WEIGHTS = np.linspace(-0.31, 0.31, 5000)


def picture(threshold: float, weights=WEIGHTS) -> ET.Element:
    histogram = Magnitudes([weights]).histogram()
    return ET.fromstring(
        histogram_svg(histogram, threshold=threshold, name="dense<1>", pruned="50.0 %")
    )


def windows(svg: ET.Element) -> dict[str, float]:
    """Widths of the parts that are drawn in each colour."""
    widths: dict[str, float] = {"kept": 0.0, "pruned": 0.0}
    for window in svg.findall("svg"):
        kind = window.find("path").get("class").removeprefix("nncompress-")
        widths[kind] += float(window.get("width"))
    return widths


def test_it_says_in_a_sentence_what_it_shows():
    svg = picture(0.05)

    assert svg.get("role") == "img"
    assert svg.get("aria-label") == (
        "Histogram of the weights of dense<1>, from -0.31 to 0.31. The 50.0 % with a "
        "magnitude below 0.05 are pruned."
    )


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 1.0])
def test_the_pruned_part_is_as_wide_as_the_threshold_says(part):
    reach = float(Magnitudes([WEIGHTS]).histogram().edges[-1])

    widths = windows(picture(part * reach))

    assert widths["pruned"] / (widths["kept"] + widths["pruned"]) == pytest.approx(
        part, abs=0.002
    )


def test_a_threshold_beyond_the_picture_is_told():
    svg = picture(2.0)

    assert windows(svg)["kept"] == 0
    assert any("beyond the picture" in (text.text or "") for text in svg.iter("text"))


def test_no_threshold_line_is_drawn_when_nothing_is_pruned():
    lines = [line.get("class") for line in picture(0.0).iter("line")]

    assert "nncompress-threshold" not in lines


def test_heights_grow_with_the_square_root_of_the_count():
    # Nine weights in one bar and four in another: 3 to 2.
    svg = picture(0.0, np.repeat([-0.9, 0.9], [9, 4]))

    heights = {
        float(part.split("v")[1].split("h")[0])
        for part in svg.find("svg/path").get("d").split("M")[1:]
    }
    assert min(heights) / max(heights) == pytest.approx(1.5, abs=0.01)


def test_few_weights_and_zeros_can_be_drawn():
    assert picture(0.0, np.zeros(3)) is not None
    assert picture(0.5, np.ones(1)) is not None


@pytest.mark.parametrize(
    ("longest", "step"), [(0.17, 0.1), (0.2, 0.2), (7.0, 5.0), (0.00999, 0.005)]
)
def test_steps_are_round(longest, step):
    assert round_step(longest) == pytest.approx(step)
