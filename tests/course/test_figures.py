"""Pictures of the lessons: transparent, with alt text, in every front end."""

import base64
from io import BytesIO

import matplotlib.image
import numpy as np
import pytest

from nncompress_lab.course import figures
from nncompress_lab.course.figures import style

PIXELS = np.linspace(0, 1, 3 * 28 * 28).reshape(3, 28, 28)
MATRIX = np.array([[0.1, -0.9], [0.0, 0.5], [1.0, 0.25]], dtype=np.float32)
BY_NAME = {"a": 3.0, "b": 1.0}
DRAWN = {
    "images": lambda: figures.images("T", PIXELS, ["x", "y\nz", "w"], framed=[1]),
    "matrices": lambda: figures.matrices("T", before_it=MATRIX, after=MATRIX),
    "bars": lambda: figures.bars("T", BY_NAME | {"c": 1724.3}, "MB", marked=["a"]),
    "panels": lambda: figures.panels("T", {"MACs": BY_NAME, "ms": BY_NAME}),
    "shares": lambda: figures.shares("T", {"bytes": BY_NAME, "MACs": BY_NAME}),
    "times": lambda: figures.times("T", np.array([1.0, 1.5, 7.0])),
    "dots": lambda: figures.dots(
        "T", {"mean": np.ones(3)}, "ratio", truth=("right", 1)
    ),
    "curves": lambda: figures.curves(
        "T", {"a": [0.9, 0.2]}, [0.1, 0.5], xlabel="x", ylabel="y", level=("all", 0.9)
    ),
    "points": lambda: figures.points(
        "T",
        {"original": [(9, 0.9, "all")], "mine": [(1, 0.8, "4 bits")]},
        xlabel="kB",
        ylabel="accuracy",
    ),
    "budget": lambda: figures.budget(
        "T",
        {"original": [(9, 0.9, "all")], "your file": [(1, 0.8, "a.ncz")]},
        limit=(2, 0.85),
        xlabel="kB",
        ylabel="accuracy",
    ),
    "staircase": lambda: figures.staircase(
        "T", np.array([0.2, -0.9]), np.array([-1.0, 0, 1])
    ),
    "levels": lambda: figures.levels("T", {"even": (MATRIX, np.array([-1.0, 0, 1]))}),
    "sliding_kernel": lambda: figures.sliding_kernel("T", image=5, kernel=3),
    "cells": lambda: figures.cells("T", {"free": (MATRIX, np.array([-0.9, 0, 0.5]))}),
    "rounds": lambda: figures.rounds("T", [np.arange(2), np.ones(2)], [0.5, 0.25]),
    "code_counts": lambda: figures.code_counts("T", {"even": np.array([3, 1, 0])}),
    "intervals": lambda: figures.intervals(
        "T", {"pruned": [0.9, 0.91, 0.92]}, "accuracy", level=("all", 0.93)
    ),
    "rates": lambda: figures.rates("T", {"even": [(2, 0.5), (3, 0.25)]}),
    "grid": lambda: figures.grid(
        "T", MATRIX[1:] ** 2, ["a", "b"], ["2 bits", "3"], unit="nats", marked=[1, 0]
    ),
}
SAID = {
    "images": "Images: x, y z, w",
    "matrices": "before_it: 0.1 -0.9, 0 0.5, 1 0.25; after",
    "bars": "a 3, b 1, c 1,724 (MB)",
    "panels": "MACs: a 3, b 1; ms",
    "shares": "bytes: a 75, b 25",
    "times": "fastest 1.0, mean 3.2",
    "dots": "right 1; mean 1.00 to 1.00",
    "curves": "all: 0.90; a: 0.20 at 0.5",
    "points": "all 0.900 at 9, 4 bits 0.800 at 1",
    "budget": "below 2 and above 0.85, all 0.900 at 9, a.ncz 0.800 at 1",
    "staircase": "0.2 becomes 0, -0.9 becomes -1",
    "levels": "even: 3 of 3 levels used",
    "sliding_kernel": "3 x 3 places",
    "cells": "free: -0.9, 0, 0.5",
    "rounds": "Error 0.5000 before, 0.2500 after 1 rounds",
    "code_counts": "even: 75.0%, 25.0%, 0.0%",
    "intervals": "all 0.930; pruned 0.910 ± 0.025",
    "rates": "even: 0.5 at 2.00, 0.25 at 3.00",
    "grid": "a: 2 bits 0, 3 0.25; b: 2 bits 1, 3 0.062; marked: a 3, b 2 bits (nats)",
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_transparent_and_says_what_it_shows(name, monkeypatch):
    shown = []
    monkeypatch.setattr(style, "show", shown.append)
    DRAWN[name]()

    bundle, metadata = shown[0]._repr_mimebundle_()
    pixels = matplotlib.image.imread(BytesIO(base64.b64decode(bundle["image/png"])))
    assert pixels[0, 0, 3] == 0
    assert np.unique(pixels[..., :3]).size > 2
    assert SAID[name] in bundle["text/plain"]
    assert bundle["text/plain"].startswith("T. ")
    assert metadata["image/png"]["alt"] == bundle["text/plain"]
    assert 'alt="T. ' in bundle["text/html"]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were shown, as Matplotlib has them."""
    figures_drawn = []
    monkeypatch.setattr(style, "Picture", lambda figure, alt: figure)
    monkeypatch.setattr(style, "show", figures_drawn.append)
    return figures_drawn


def test_the_cells_of_all_matrices_have_one_size(drawn):
    thin, row = np.ones((4, 1)), np.ones((1, 3))
    figures.matrices("T", left=thin, right=row, product=thin @ row)

    sizes = [axis.transData.transform([(0, 0), (1, 1)]) for axis in drawn[0].axes]
    cells = np.abs([one[1] - one[0] for one in sizes])
    assert np.allclose(cells, cells[0], rtol=0.1)
    assert [axis.get_ylim() for axis in drawn[0].axes] == 3 * [(3.5, -0.5)]


def test_a_line_to_compare_dots_with_is_named(drawn):
    figures.dots("T", {"files": np.ones(3)}, "accuracy", truth=("worth", 0.885))

    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["worth: 0.885"]


def test_names_of_points_in_one_place_do_not_cover_each_other(drawn):
    here = [(262.0, 0.913, name) for name in ("dense1 at rank 48", "your choice")]
    groups = {"original": [(735.0, 0.919, "original")], "this lesson": here}
    figures.points("T", groups, xlabel="kB", ylabel="accuracy")

    boxes = [text.get_window_extent() for text in drawn[0].axes[0].texts]
    assert len(boxes) == 3
    assert not any(
        one.overlaps(other) for one in boxes for other in boxes if one is not other
    )


def test_a_mean_beside_the_line_that_it_is_compared_with_is_written_aside(drawn):
    groups = {"far": [0.4, 0.41], "below": [0.89, 0.9], "above": [0.91, 0.92]}
    figures.intervals("T", groups, "accuracy", level=("all", 0.905))

    (axis,) = drawn[0].axes
    sides = [text.get_ha() for text in axis.texts if "±" in text.get_text()]
    assert sides == ["center", "right", "left"]
