"""Tiles say a number, what it means, and whether it is still true."""

import pytest

from nncompress_widgets.figures import Tile, accuracy_note, bytes_note, tiles


def test_text_is_no_markup():
    shown = tiles([Tile("a<b", "1 & 2", '"<i>"')])

    assert "a&lt;b" in shown
    assert "1 &amp; 2" in shown
    assert "<i>" not in shown


def test_an_old_number_says_in_words_that_it_is_old():
    old = tiles([Tile("accuracy", "90 %", "equal to dense", current=False)])

    assert "90 %" in old
    assert "of the setting before" in old
    assert "equal to dense" not in old
    assert "nncompress-stale" in old


@pytest.mark.parametrize(
    ("drop", "note"),
    [
        (0.335, "33.5 points below dense"),
        (-0.001, "0.1 points above dense"),
        (0.0, "equal to dense"),
    ],
)
def test_an_accuracy_is_compared_in_points(drop, note):
    assert accuracy_note(drop) == note


@pytest.mark.parametrize(
    ("now", "dense", "note"),
    [
        (250_000, 1_000_000, "4.0x smaller than dense (1 MB)"),
        (1_500, 1_000, "1.5x larger than dense (1 kB)"),
        (1_000_100, 1_000_000, "as large as dense: why"),
    ],
)
def test_bytes_are_compared_as_a_ratio(now, dense, note):
    assert bytes_note(now, dense, if_equal=": why") == note
