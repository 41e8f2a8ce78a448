"""What a notebook can ask of a lesson."""

import json

import pytest

from nncompress_lab.course import Lesson, progress
from nncompress_lab.course.exercises import lesson_02_pruning as pruning


@pytest.fixture
def lesson():
    return Lesson("02")


def test_an_unknown_lesson_or_exercise_is_named(lesson):
    with pytest.raises(LookupError, match="no lesson '99'"):
        Lesson("99")
    with pytest.raises(LookupError, match=r"no exercise 'nothing'.*prune_below"):
        lesson.check("nothing", ...)


def test_an_outcome_is_shown_and_recorded(lesson):
    card = lesson.check("why_no_smaller", "c")

    assert repr(card).startswith("✗ FAIL · Why is the file as large as before? · 0/1")
    assert "store" in card._repr_html_()
    record = progress.load()["02/why_no_smaller"]
    assert (record.status, record.mistake) == ("FAIL", "is_not_c")


def test_accept_hands_back_what_passes(lesson, capsys):
    assert lesson.accept("why_no_smaller", "b") == "b"
    assert "PASS" in capsys.readouterr().out


def test_accept_hands_back_the_reference_for_what_does_not_pass(lesson, capsys):
    def wrong(weights, threshold):
        return weights

    accepted = lesson.accept("prune_below", wrong)

    assert accepted is pruning.prune_below.reference
    assert "goes on with the reference answer" in capsys.readouterr().out


def test_a_check_cell_that_runs_twice_says_the_same(lesson):
    accepted = lesson.accept("prune_below", lambda weights, threshold: weights)

    assert lesson.accept("prune_below", accepted) is accepted
    assert progress.load()["02/prune_below"].status == "FAIL"


def test_hints_go_on_to_the_solution(lesson):
    assert 'lesson.hint("prune_below", 2)' in repr(lesson.hint("prune_below"))
    assert 'lesson.solution("prune_below")' in repr(lesson.hint("prune_below", 3))
    with pytest.raises(LookupError, match="hints 1 to 3"):
        lesson.hint("prune_below", 4)


def test_a_solution_is_code_that_passes(lesson):
    import numpy as np

    namespace = {"np": np}
    exec(lesson.solution("prune_below"), namespace)

    assert "PASS" in repr(lesson.check("prune_below", namespace["prune_below"]))


def test_predictions_are_kept_and_never_marked(lesson):
    open_card = repr(lesson.predict({"bytes": ..., "speed": "same"}))
    assert "bytes: nothing yet" in open_card
    assert "Write your guess" in open_card
    lesson.predict({"bytes": "smaller"})

    compared = repr(lesson.compare_predictions({"bytes": "same", "other": 3}))
    assert "bytes: you said smaller, measured same" in compared
    assert "other: you said nothing yet, measured 3" in compared
    assert progress.load() == {}


def test_the_score_counts_what_passed(lesson):
    lesson.check("why_no_smaller", "b")

    text = repr(lesson.score())
    assert text.startswith("Lesson 02: 1 of 14 points")
    assert "UNATTEMPTED" in text


def test_cards_show_what_a_learner_wrote_as_text(lesson):
    html = lesson.check("why_no_smaller", "<b>b</b>")._repr_html_()

    assert "<b>b" not in html
    assert "<code>lesson.hint(" in html


class TestProgress:
    def test_records_are_kept_beside_each_other(self, progress_file):
        progress.save("00", "one", progress.Record("PASS", "Good."))
        progress.save("01", "two", progress.Record("FAIL", "Bad.", "is_bad"))

        assert progress.load() == {
            "00/one": progress.Record("PASS", "Good."),
            "01/two": progress.Record("FAIL", "Bad.", "is_bad"),
        }
        assert json.loads(progress_file.read_text())["version"] == 1

    def test_a_missing_file_is_no_progress(self):
        assert progress.load() == {}

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{",
            "[]",
            '{"checks": 3}',
            '{"checks": {"a": 1}}',
            '{"checks": {"a": {}}}',
        ],
    )
    def test_a_damaged_file_is_no_progress_and_can_be_written_again(
        self, content, progress_file
    ):
        progress_file.write_text(content)
        assert progress.load() == {}

        progress.save("00", "one", progress.Record("PASS"))
        assert progress.load()["00/one"].status == "PASS"

    def test_without_the_variable_it_lies_in_jupyters_folder(
        self, monkeypatch, tmp_path
    ):
        monkeypatch.delenv(progress.ENVIRONMENT_VARIABLE)
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))

        assert progress.path() == tmp_path / "nncompress_lab" / "progress.json"
