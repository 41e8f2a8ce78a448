"""What the lessons say: nothing in prose that a cell of its section does not show."""

import re

import pytest
from course.answers import cells_of

from nncompress_lab.course import build
from nncompress_lab.course.exercises import (
    lesson_02_pruned_models,
    lesson_03_channels,
    lesson_04_uniform_quantization,
    lesson_05_integers,
    lesson_06_codebooks,
    lesson_07_low_rank,
    lesson_08_factorization,
    lesson_09_teaching,
    lesson_10_in_the_loop,
    lesson_11_deep_compression,
    lesson_12_planning,
    lesson_13_transformers,
)

# Sweeping words are true of what was printed just now, or they are not written.
CLAIMS = re.compile(r"\b(same|never|not one|always|exactly)\b", re.IGNORECASE)
LESSONS = [pytest.param(source, id=source.stem) for source in build.sources()]


def sections(source):
    """The cells from one heading to the next, each with the tags of its code."""
    found = [("", [], [])]
    for cell in cells_of(source):
        if cell.cell_type != "markdown":
            found[-1][2].append(cell)
            continue
        for block in re.split(r"^(?=#+ )", cell.source, flags=re.MULTILINE):
            if block.startswith("#"):
                found.append((block.splitlines()[0], [], []))
            found[-1][1].append(block)
    return found


def is_printed_check(cell):
    return "check" in cell.metadata.get("tags", ()) and "print(" in cell.source


@pytest.mark.parametrize("source", LESSONS)
def test_a_sweeping_word_stands_beside_a_printed_check(source):
    unsupported = [
        f"{heading}: {word}"
        for heading, prose, code in sections(source)
        for word in CLAIMS.findall("\n".join(prose))
        if not any(map(is_printed_check, code))
    ]

    assert unsupported == []


@pytest.mark.parametrize("source", LESSONS)
def test_models_are_called_unpruned_or_original_not_dense(source):
    text = "\n".join(cell.source for cell in cells_of(source))

    assert re.findall(r"\bdense\b(?!_|\()", text) == []


@pytest.mark.parametrize("source", LESSONS)
def test_pictures_are_drawn_in_the_shared_style(source):
    assert "matplotlib" not in source.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", LESSONS)
def test_what_a_prediction_asks_for_is_hidden_from_the_student_only(source):
    predicting = [cell for cell in cells_of(source) if "lesson.predict(" in cell.source]
    hidden = [
        cell
        for cell in cells_of(source)
        if "predicted" in cell.metadata.get("tags", ())
    ]

    assert predicting
    assert any("compare_predictions" in cell.source for cell in hidden)


@pytest.mark.parametrize(
    ("lesson", "goal"),
    [
        ("02", lesson_02_pruned_models.GOAL),
        ("03", lesson_03_channels.GOAL),
        ("04", lesson_04_uniform_quantization.GOAL),
        ("05", lesson_05_integers.GOAL),
        ("06", lesson_06_codebooks.GOAL),
        ("07", lesson_07_low_rank.GOAL),
        ("08", lesson_08_factorization.GOAL),
        ("09", lesson_09_teaching.GOAL),
        ("10", lesson_10_in_the_loop.GOAL),
        ("11", lesson_11_deep_compression.GOAL),
        ("12", lesson_12_planning.GOAL),
        ("13", lesson_13_transformers.GOAL),
    ],
)
def test_the_control_and_the_check_have_one_goal(lesson, goal):
    (source,) = (each for each in build.sources() if each.name.startswith(lesson))
    told = source.read_text(encoding="utf-8").replace("_", "")

    assert f"goal={goal!r}".replace("_", "") in told
