"""A matrix is drawn pixel by pixel, in the page and in the stored picture."""

import base64
import re
from io import BytesIO

import matplotlib.image
import numpy as np
import pytest

from nncompress_widgets.heat import NEGATIVE, POSITIVE, heat
from nncompress_widgets.plot import picture
from nncompress_widgets.raster import PIXELS, png_of

MATRIX = np.array([[1.0, -1.0, 0.0], [0.5, 0.0, -4.0]])


def pixels(png: bytes) -> np.ndarray:
    return np.round(255 * matplotlib.image.imread(BytesIO(png), format="png"))


def test_signs_are_colours_and_magnitudes_their_strength():
    element = heat(MATRIX, (0, 0, 30, 20), reach=1.0)

    shown = pixels(base64.b64decode(re.search(r"base64,([^\"]+)", element)[1]))

    assert shown[..., 3].tolist() == [[255, 255, 0], [128, 0, 255]]
    assert tuple(shown[0, 0, :3]) == POSITIVE
    assert tuple(shown[0, 1, :3]) == NEGATIVE


@pytest.mark.parametrize("shape", [(1, 1), (96, 97), (800, 500)])
def test_a_large_matrix_is_thinned_out(shape):
    element = heat(np.ones(shape), (0, 0, 30, 20), reach=0.0)

    shown = pixels(base64.b64decode(re.search(r"base64,([^\"]+)", element)[1]))

    assert max(shown.shape) <= 96
    assert (shown[..., 3] == 255).all()


def test_the_stored_picture_has_it_in_its_place():
    element = heat(MATRIX, (100, 40, 30, 20), reach=1.0)

    shown = pixels(png_of(picture([element], height=80, label="a"), style=""))

    def at(x, y):
        return tuple(shown[round(PIXELS * y), round(PIXELS * x)])

    assert at(105, 45) == (*POSITIVE, 255)
    assert at(115, 45) == (*NEGATIVE, 255)
    assert at(125, 45)[3] == at(95, 45)[3] == at(105, 65)[3] == 0
    assert shown.shape[:2] == (120, 660)
