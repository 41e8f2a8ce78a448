"""What a notebook can ask of a lesson."""

import json
import re

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from nncompress_lab.course import Lesson, catalogue, kernel, progress
from nncompress_lab.course.exercises import lesson_02_pruning as pruning
from nncompress_lab.course.lesson import UNCHANGED


@pytest.fixture
def lesson():
    return Lesson("02")


def test_an_unknown_lesson_or_exercise_is_named(lesson):
    with pytest.raises(LookupError, match="no lesson '99'"):
        Lesson("99")
    with pytest.raises(LookupError, match=r"no exercise 'nothing'.*prune_below"):
        lesson.check("nothing", ...)


@pytest.mark.parametrize(
    ("cell", "stop", "said"),
    [
        ("why_no_smaller = b", NameError(name="b"), 'why_no_smaller = "b"'),
        ("why_no_smaller = None\nf()", UnboundLocalError(), "^None$"),
    ],
)
def test_a_letter_without_quotes_is_told_and_no_other_stop(
    cell, stop, said, lesson, monkeypatch
):
    monkeypatch.setattr("nncompress_lab.course.lesson.cells_run", lambda: [cell])

    assert re.search(said, repr(lesson._stopped(stop)))


def test_an_outcome_is_shown_and_recorded(lesson):
    card = lesson.check("why_no_smaller", "c")

    assert repr(card).startswith("✗ FAIL · Why is the file as large as before? · 0/1")
    assert "store" in card._repr_html_()
    record = progress.load()["02/why_no_smaller"]
    assert (record.status, record.mistake) == ("FAIL", "is_not_c")


def test_accept_hands_back_what_passes(lesson, capsys):
    def right(weights, threshold):
        return np.where(np.abs(weights) >= threshold, weights, 0)

    assert lesson.accept("prune_below", right) is right
    assert "PASS" in capsys.readouterr().out


def wrong(weights, threshold):
    return weights


class TestReference:
    def test_it_goes_on_for_what_does_not_pass_and_says_whose_it_is(
        self, lesson, capsys
    ):
        accepted = lesson.accept("prune_below", wrong)
        assert "Below, `prune_below` is the reference answer" in capsys.readouterr().out

        assert accepted(np.array([3.0, 0.1]), 0.5).tolist() == [3.0, 0.0]
        assert "not yours" in capsys.readouterr().out
        assert repr(accepted).startswith("The reference answer to `prune_below`")

    @pytest.mark.parametrize("same_session", [True, False])
    def test_it_earns_nothing_also_after_the_setup_cell_ran_again(
        self, lesson, same_session, capsys
    ):
        accepted = lesson.accept("prune_below", wrong)
        again = lesson if same_session else Lesson("02")

        assert "never graded" in repr(again.check("prune_below", accepted))
        still = again.accept("prune_below", accepted)
        assert "✗ FAIL" in capsys.readouterr().out
        assert still(np.array([0.1]), 0.5) == 0
        assert progress.load()["02/prune_below"].status == "FAIL"

    def test_the_librarys_own_function_is_not_graded_either(self, lesson):
        card = lesson.check("prune_below", pruning.prune_below.reference)

        assert "UNATTEMPTED" in repr(card)
        assert progress.load() == {}

    def test_an_answer_that_calls_it_fails(self, lesson, capsys):
        accepted = lesson.accept("prune_below", wrong)

        def borrowed(weights, threshold):
            return accepted(weights, threshold)

        assert "calls the reference answer" in repr(
            lesson.check("prune_below", borrowed)
        )

    def test_other_exercises_may_use_it(self, lesson, capsys):
        mask = lesson.accept("magnitude_mask", ...)
        capsys.readouterr()

        def masks(arrays, sparsity):
            flat = mask(np.concatenate([array.ravel() for array in arrays]), sparsity)
            ends = np.cumsum([array.size for array in arrays])[:-1]
            parts = np.split(flat, ends)
            return [
                part.reshape(array.shape)
                for part, array in zip(parts, arrays, strict=True)
            ]

        assert "PASS" in repr(lesson.check("global_masks", masks))
        assert capsys.readouterr().out == ""


class TestBestOutcome:
    @pytest.mark.parametrize("blank", [..., "a"])
    def test_it_is_kept_and_every_card_says_so(self, lesson, blank):
        lesson.check("why_no_smaller", "b")

        card = repr(Lesson("02").check("why_no_smaller", blank))

        assert "1/1 points, kept" in card
        assert "An earlier answer of yours passed" in card
        assert progress.load()["02/why_no_smaller"].passed
        assert repr(Lesson("02").score()).startswith("Lesson 02: 1 of")

    def test_a_blank_copy_wipes_no_message_either(self, lesson):
        lesson.check("why_no_smaller", "a")
        lesson.check("why_no_smaller", ...)

        assert progress.load()["02/why_no_smaller"].mistake == "is_not_a"

    def test_the_latest_of_two_mistakes_is_kept(self, lesson):
        lesson.check("why_no_smaller", "a")
        lesson.check("why_no_smaller", "c")

        assert progress.load()["02/why_no_smaller"].mistake == "is_not_c"


@pytest.mark.parametrize(("notebook", "frozen"), [(True, 0), (True, 9), (False, 0)])
def test_garbage_is_looked_for_in_what_a_notebook_makes(monkeypatch, notebook, frozen):
    done = []
    monkeypatch.setattr(kernel, "shell", lambda: object() if notebook else None)
    monkeypatch.setattr(kernel.gc, "get_freeze_count", lambda: frozen)
    monkeypatch.setattr(kernel.gc, "freeze", lambda: done.append("freeze"))
    monkeypatch.setattr(kernel.gc, "collect", lambda: done.append("collect"))

    kernel.keep_what_is_imported()

    once = notebook and not frozen
    assert done == (["freeze", "collect"] if once else [])


class TestAnEditedCellThatWasNotRun:
    """The kernel sees what ran, so it can tell what did not run again."""

    @pytest.fixture
    def run(self, monkeypatch):
        shell = InteractiveShell()
        monkeypatch.setattr(kernel, "shell", lambda: shell)
        shell.user_ns["lesson"] = Lesson("02")

        def run(*cells):
            results = [shell.run_cell(cell, store_history=True) for cell in cells]
            return repr(results[-1].result)

        return run

    CHECK = "lesson.check('why_no_smaller', why_no_smaller)"

    def test_is_named(self, run):
        assert UNCHANGED not in run("why_no_smaller = 'a'", self.CHECK)
        assert UNCHANGED in run(self.CHECK)

    @pytest.mark.parametrize("answer", ["why_no_smaller = 'a'", "why_no_smaller='d'"])
    def test_is_not_suspected_where_it_was_run(self, answer, run):
        run("why_no_smaller = 'a'", self.CHECK)

        assert UNCHANGED not in run(answer, self.CHECK)

    def test_is_not_suspected_where_one_cell_does_both(self, run):
        run("why_no_smaller = 'a'", self.CHECK)

        assert UNCHANGED not in run(f"why_no_smaller = 'c'\n{self.CHECK}")


@pytest.mark.parametrize(
    ("cell", "defined"),
    [
        ("def answer(x):\n    return x", True),
        ("answer = lambda x: x", True),
        ("if True:\n    answer = 3", True),
        ("answer: float = 0.8", True),
        ("write(file); answer = file", True),
        ("other, answer = 1, 2", True),
        ("!ls\nanswer = 3", True),
        ("answer = lesson.accept('answer', answer)", False),
        ("answers = 3\nanswer_2 = 4\ndef answer_3(): pass", False),
        ("print(answer == 3)", False),
    ],
)
def test_a_cell_defines_an_answer_as_people_write_it(cell, defined):
    assert kernel.defines("answer", [cell]) is defined


def test_where_progress_cannot_be_written_one_card_warns_and_all_work(
    lesson, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    beneath_a_file = str(tmp_path / "file" / "progress.json")
    monkeypatch.setenv(progress.ENVIRONMENT_VARIABLE, beneath_a_file)

    first = repr(lesson.check("why_no_smaller", "b"))
    cards = [lesson.check("why_no_smaller", ...), lesson.predict({"bytes": 3})]

    assert "PASS" in first
    assert "cannot be written" in first
    assert "until the notebook's kernel stops" in first
    assert "cannot be written" not in repr(cards)
    assert repr(lesson.score()).startswith("Lesson 02: 1 of")
    assert "bytes: you said 3" in repr(lesson.compare_predictions({"bytes": 4}))


def test_hints_go_on_to_the_solution(lesson):
    assert 'lesson.hint("prune_below", 2)' in repr(lesson.hint("prune_below"))
    assert 'lesson.solution("prune_below")' in repr(lesson.hint("prune_below", 3))
    with pytest.raises(LookupError, match="hints 1 to 3"):
        lesson.hint("prune_below", 4)


def test_a_solution_is_code_that_passes(lesson):
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


def test_predictions_survive_a_restart_and_a_blank_copy(lesson):
    lesson.predict({"bytes": "smaller", "zeros": 0.5})

    later = Lesson("02")
    later.predict({"bytes": ..., "zeros": ...})

    compared = repr(later.compare_predictions({"bytes": "same", "zeros": 0.9}))
    assert "bytes: you said smaller, measured same" in compared
    assert "zeros: you said 0.5, measured 0.9" in compared
    assert "nothing yet" in repr(Lesson("00").predict({"bytes": ...}))


def test_the_score_counts_what_passed(lesson):
    lesson.check("why_no_smaller", "b")

    text = repr(lesson.score())
    assert text.startswith("Lesson 02: 1 of 16 points")
    assert "UNATTEMPTED" in text


def test_cards_show_what_a_learner_wrote_as_text(lesson):
    html = lesson.check("why_no_smaller", "<b>b</b>")._repr_html_()

    assert "<b>b" not in html
    assert "<code>lesson.hint(" in html


def test_the_bar_of_a_stored_card_needs_no_variable_of_the_theme(lesson):
    html = lesson.check("why_no_smaller", "b")._repr_html_()

    fixed, themed = re.findall(r"border-left:4px solid ([^;]+);", html)
    assert re.fullmatch("#[0-9a-f]{6}", fixed)
    assert themed.startswith("var(--jp-")
    assert fixed in themed


def test_a_failing_card_shows_the_seed_that_draws_its_inputs_again(lesson):
    def no_abs(arrays, sparsity):
        flat = np.concatenate([array.ravel() for array in arrays])
        kept = np.ones(flat.size, dtype=bool)
        kept[np.argsort(flat, kind="stable")[: round(sparsity * flat.size)]] = False
        parts = np.split(kept, np.cumsum([array.size for array in arrays])[:-1])
        return [p.reshape(a.shape) for p, a in zip(parts, arrays, strict=True)]

    card = repr(lesson.check("global_masks", no_abs))
    (seed,) = re.findall(r"`seed=(\d+)`", card)

    assert repr(lesson.check("global_masks", no_abs, seed=int(seed))) == card


def test_the_last_card_names_what_comes_next():
    assert "Next: lesson 01, Measure before" in repr(Lesson("00").score())
    assert "last lesson" in repr(Lesson(catalogue.lessons()[-1].id).score())


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
    def test_a_damaged_file_is_no_progress_and_is_kept_beside_the_new_one(
        self, content, progress_file
    ):
        beside = progress_file.with_name("progress.damaged-1.json")
        beside.write_text("an older one")
        progress_file.write_text(content)
        assert progress.load() == {}

        progress.save("00", "one", progress.Record("PASS"))
        progress.save("00", "two", progress.Record("PASS"))
        assert progress.load()["00/one"].status == "PASS"
        assert beside.read_text() == "an older one"
        kept = {path.name for path in progress_file.parent.glob("[!.]*")}
        assert kept == {beside.name, "progress.damaged-2.json", progress_file.name}
        assert (progress_file.parent / "progress.damaged-2.json").read_text() == content

    def test_of_a_damaged_file_what_can_be_read_goes_on(self, progress_file):
        progress_file.write_text('{"checks": {"a/b": 1, "a/c": {"status": "PASS"}}}')

        progress.save("00", "one", progress.Record("PASS"))

        assert set(progress.load()) == {"a/c", "00/one"}

    def test_without_the_variable_it_lies_in_jupyters_folder(
        self, monkeypatch, tmp_path
    ):
        monkeypatch.delenv(progress.ENVIRONMENT_VARIABLE)
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))

        assert progress.path() == tmp_path / "nncompress_lab" / "progress.json"
