"""The table that travels through the lessons: kept, shown, drawn, and the best of it."""

import json
from pathlib import Path

import pytest

from nncompress_lab.course import progress, results
from nncompress_lab.course.figures import style
from nncompress_lab.course.results import Row, best_rows, load
from nncompress_lab.course.results_table import ResultsTable
from nncompress_lab.report.figures import Figures, Setup, Stage

SETUP = Setup("images", "a runtime", 1, 1, 0.04, "a machine", "versions")


def stage(name, accuracy, packed, latency=None):
    return Stage(name, accuracy, 10, 9, 40, 100, packed, 20, latency)


REPORT = Figures(
    (
        stage("original", 0.92, 700, 0.1),
        stage("4 bits", 0.915, 160, 0.08),
        stage("3 bits", 0.855, 100),
    ),
    (),
    SETUP,
)


def added(lesson="04", model="LeNet-5", technique="uniform quantization"):
    return ResultsTable(lesson).add(REPORT, model=model, technique=technique)


def test_rows_hold_what_the_report_measured_and_survive_a_restart():
    added()

    original, four, three = ResultsTable("05").rows
    assert (original.technique, original.latency_ms, original.noise_band) == (
        "original",
        0.1,
        0.04,
    )
    assert (four.setting, four.accuracy, four.packed_bytes) == ("4 bits", 0.915, 160)
    assert (three.latency_ms, three.noise_band) == (None, None)


def test_an_empty_table_says_how_it_fills():
    table = ResultsTable("14")

    assert "each lesson adds" in repr(table)
    assert repr(table) in table._repr_html_()


def test_a_row_that_is_measured_again_takes_the_place_of_the_old_one():
    added()
    better = Figures((REPORT.stages[0], stage("4 bits", 0.93, 150)), (), SETUP)
    ResultsTable("04").add(better, model="LeNet-5", technique="uniform quantization")

    rows = {row.setting: row for row in load()}
    assert len(rows) == 3
    assert rows["4 bits"].packed_bytes == 150


def test_lessons_stand_in_order_and_the_running_one_in_bold():
    added("04")
    table = added("02", technique="magnitude pruning")

    assert [row.lesson for row in table.rows] == ["02"] * 3 + ["04"] * 3
    assert table._repr_html_().count("font-weight:600") == 3 * 10
    assert repr(table).splitlines()[2].startswith("02  LeNet-5  magnitude pruning")


def test_each_stage_may_have_its_technique_and_others_are_left_out():
    table = added(technique={"3 bits": "codebook"})

    assert [(row.technique, row.setting) for row in table.rows] == [
        ("original", "original"),
        ("codebook", "3 bits"),
    ]


def test_stages_may_be_models_of_their_own():
    names = {stage.name: stage.name for stage in REPORT.stages}
    table = added(model=names, technique=dict.fromkeys(names, "original"))

    assert [(row.model, row.technique) for row in table.rows] == [
        ("original", "original"),
        ("4 bits", "original"),
        ("3 bits", "original"),
    ]


def test_an_unknown_stage_is_named():
    with pytest.raises(
        LookupError, match=r"no stage .5 bits.*original, 4 bits, 3 bits"
    ):
        added(technique={"5 bits": "codebook"})


def test_the_scatter_tells_this_lessons_points_from_earlier_ones(monkeypatch):
    shown = []
    monkeypatch.setattr(style, "show", shown.append)
    added("02", technique="magnitude pruning")
    table = added("04")
    table.scatter(model="LeNet-5")

    assert shown[0].alt.startswith("LeNet-5: the upper left corner")
    assert shown[0].alt.count("original 0.920 at 0.7") == 1
    assert shown[0].alt.count("4 bits 0.915 at 0.16") == 2


def test_the_best_row_is_the_smallest_of_those_that_lose_at_most_a_point():
    rows = added().rows
    assert [row.setting for row in best_rows(rows)] == ["4 bits"]
    hard = [row for row in rows if row.setting != "4 bits"]
    assert [row.setting for row in best_rows(hard)] == ["3 bits"]


def test_the_file_lies_beside_the_progress_and_bad_rows_are_left_out():
    added()
    file = results.path()
    assert file.parent == progress.path().parent
    content = json.loads(file.read_text(encoding="utf-8"))
    content["rows"] += [{"lesson": 4}, 7, {"unknown": 1}]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert len(load()) == 3

    file.write_text("{", encoding="utf-8")
    assert load() == ()


def test_a_place_that_cannot_be_written_keeps_the_rows_in_the_kernel(monkeypatch):
    monkeypatch.setenv(
        progress.ENVIRONMENT_VARIABLE, str(Path("/dev/null/progress.json"))
    )

    assert len(added().rows) == 3


def test_a_row_is_known_by_lesson_model_technique_and_setting():
    row = Row("04", "m", "t", "s", None, 1, 2, 3, None)
    assert row.key == ("04", "m", "t", "s")
