"""Measurements that lessons show: those of a committed script, whole and comparable."""

import importlib
from collections import Counter
from pathlib import Path

import pytest

from nncompress_lab.course import measured

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

ROWS = measured.rows("equal_macs")


def test_every_way_is_measured_as_often_and_the_original_once():
    for name in {row["model"] for row in ROWS}:
        runs = Counter(row["way"] for row in ROWS if row["model"] == name)
        assert runs.pop("original") == 1
        assert set(runs.values()) == {3}
        assert len(runs) == 5


def test_all_ways_have_nearly_half_of_the_macs():
    smaller = [row for row in ROWS if row["way"] != "original"]

    assert all(0.46 < row["macs"] <= 0.5 for row in smaller)
    assert all(0 < row["accuracy"] < 1 for row in ROWS)


def test_what_is_trained_in_the_loop_is_measured_with_three_seeds():
    rows = measured.rows("in_the_loop")
    trained = Counter(
        (row["way"], row["setting"])
        for row in rows
        if "trained" in row["way"] or "slowly" in row["way"]
    )

    assert set(trained.values()) == {3}
    assert {setting for _, setting in trained} == {0.95, 2, 3}
    assert all(0 < row["accuracy"] < 1 for row in rows)


def test_soft_labels_are_measured_with_three_seeds_beside_their_controls():
    rows = measured.rows("soft_labels")
    runs = Counter((row["data"], row["way"]) for row in rows)

    assert set(runs.values()) == {3}
    kinds = {"all labels", "200 labels", "no ankle boot", "no bag"}
    assert {kind for kind, way in runs if way == "labels only"} == kinds
    assert all(0 < row["accuracy"] < 1 for row in rows)
    left_out = [row for row in rows if row["data"].startswith("no ")]
    assert all(row.keys() >= {"of_class", "shift", "raised"} for row in left_out)


def test_what_lesson_11_shows_is_what_the_benchmark_has_measured(monkeypatch):
    """`python benchmarks/lesson_rows.py` writes it again."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    expected = importlib.import_module("lesson_rows").lesson_rows()["figures"]

    assert measured.rows("deep_compression") == expected
    assert {row["data"] for row in expected} == {"MNIST", "Fashion-MNIST"}
    assert all(sum(row["parts"].values()) == row["packed_bytes"] for row in expected)


def test_unknown_measurements_are_an_error_that_names_the_others():
    with pytest.raises(LookupError, match=r"no measurements 'equal'.*equal_macs"):
        measured.rows("equal")
