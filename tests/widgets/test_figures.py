"""Tiles say a number, what it means, and whether it is still true."""

import pytest

from nncompress_lab.report.metrics import ACCURACY
from nncompress_lab.trials.figures import drop_in_words
from nncompress_lab.trials.trial import Measured
from nncompress_widgets.figures import (
    Tile,
    bytes_note,
    latency_tile,
    score_tile,
    tiles,
)


def test_text_is_no_markup():
    shown = tiles([Tile("a<b", "1 & 2", '"<i>"')])

    assert "a&lt;b" in shown
    assert "1 &amp; 2" in shown
    assert "<i>" not in shown


def test_an_old_number_says_in_words_that_it_is_old():
    old = tiles([Tile("accuracy", "90 %", "equal to the original", current=False)])

    assert "90 %" in old
    assert "of the setting before" in old
    assert "equal to the original" not in old
    assert "nncompress-stale" in old


@pytest.mark.parametrize(
    ("drop", "note"),
    [
        (0.335, "33.5 points below the original"),
        (-0.001, "0.1 points above the original"),
        (0.0, "equal to the original"),
    ],
)
def test_an_accuracy_is_compared_in_points(drop, note):
    assert drop_in_words(drop) == note


@pytest.mark.parametrize(
    ("now", "original", "note"),
    [
        (250_000, 1_000_000, "4.0x smaller than the original (1.00 MB)"),
        (1_500, 1_000, "1.5x larger than the original (1.00 kB)"),
        (1_000_100, 1_000_000, "as large as the original: why"),
    ],
)
def test_bytes_are_compared_as_a_ratio(now, original, note):
    assert bytes_note(now, original, if_equal=": why") == note


def test_an_accuracy_on_a_part_of_the_images_says_what_that_leaves_open():
    measured = Measured(score=0.9, drop=0.02, examples=250)

    part = score_tile(
        ACCURACY, measured, {"accuracy": 0.92}, examples=1000, current=True
    )
    whole = score_tile(
        ACCURACY, measured, {"accuracy": 0.92}, examples=250, current=True
    )

    assert (part.value, whole.value) == ("90.0 % ± 4", "90.0 %")
    assert part.note == "on the first 250 of 1,000 images"
    assert whole.note == "2.0 points below the original (92.0 %)"


@pytest.mark.parametrize(
    ("speedup", "note"),
    [
        (1.02, "no measurable change; noise ±3 %"),
        (1.98, "1.98x faster; noise ±3 %"),
        (0.5, "2.00x slower; noise ±3 %"),
    ],
)
def test_a_latency_comes_with_its_noise(speedup, note):
    figures = {"latency_ms": 0.1234, "speedup": speedup, "latency_band": 0.03}

    tile = latency_tile(figures, current=True)

    assert (tile.value, tile.note) == ("0.123 ms", note)
    assert latency_tile({}, current=False).value == "-"
