"""Lesson 14: what fits a budget, what a measurement is worth, and all exercises."""

from collections.abc import Mapping
from typing import Any

from nncompress_lab.course.draws import generator
from nncompress_lab.course.exercise import Exercise, Option, call, choice, require
from nncompress_lab.course.exercises.lesson_14_files import (
    phone_file,
    server_file,
    station_file,
)
from nncompress_lab.course.wording import in_words

Row = Mapping[str, Any]


def _fits(row: Row, limits: Mapping[str, float]) -> bool:
    for name, limit in limits.items():
        figure = row[name]
        if figure is None:
            return False
        if (figure < limit) if name == "accuracy" else (figure > limit):
            return False
    return True


fits = Exercise(
    "fits",
    title="What fits a budget",
    points=1,
    hints=(
        "Go through `limits.items()`: for each name there is a limit, and `row[name]` is "
        "the figure.",
        "All figures but the accuracy are to be at most the limit.",
        "Return False at the first figure that is None or beyond its limit, and True after "
        "the loop.",
    ),
    reference=_fits,
)


def _said(answer: Any, row: dict[str, Any], limits: dict[str, Any]) -> bool:
    found = call(answer, row, limits)
    require(
        str(found) in {"True", "False"},
        f"Return True or False. Received: {in_words(found)}.",
    )
    return bool(found)


_ROW = {"name": "a", "file": ".ncz", "bytes": 100, "accuracy": 0.9, "MACs": 7000}


@fits.check
def takes_what_meets_all_limits(answer):
    limits = {"bytes": 150, "accuracy": 0.8}
    require(
        _said(answer, _ROW, limits),
        "A file of 100 bytes with an accuracy of 0.9 fits a budget of 150 bytes and an "
        "accuracy of at least 0.8. More accuracy than was asked for is no fault.",
    )


@fits.check
def asks_for_accuracy(answer):
    require(
        not _said(answer, _ROW, {"bytes": 150, "accuracy": 0.95}),
        "An accuracy of 0.9 does not meet a limit of at least 0.95, however small the file "
        "is.",
    )


@fits.check
def asks_for_every_limit(answer):
    for limits in (
        {"MACs": 5000, "accuracy": 0.8, "bytes": 150},
        {"accuracy": 0.8, "MACs": 9000, "bytes": 90},
        {"MACs": 6999},
        {"bytes": 99, "accuracy": 0.95},
    ):
        require(
            not _said(answer, _ROW, limits),
            f"One missed limit is enough: {_ROW['bytes']} bytes, {_ROW['MACs']} MACs and "
            f"an accuracy of {_ROW['accuracy']} do not fit {limits}.",
        )


@fits.check
def takes_what_meets_a_limit_to_the_byte(answer):
    limits = {"bytes": 100, "accuracy": 0.9, "MACs": 7000}
    require(
        _said(answer, _ROW, limits),
        "A budget of 100 bytes is met by 100 bytes, and one of 0.9 by 0.9: at most and at "
        "least include the limit.",
    )


@fits.check
def asks_for_nothing_else(answer):
    require(
        _said(answer, {**_ROW, "MACs": None}, {"bytes": 150, "accuracy": 0.8}),
        "Who sets no limit for the MACs does not ask for them, known or not.",
    )


@fits.check
def takes_nothing_that_was_not_measured(answer):
    for name in ("MACs", "bytes", "accuracy"):
        limits = {"bytes": 150, "accuracy": 0.8, "MACs": 9000}
        require(
            not _said(answer, {**_ROW, name: None}, limits),
            f"With None for the {name} nobody knows whether that limit is met: an offer "
            "stands on what was measured.",
        )


@fits.check
def says_what_the_rule_says(answer):
    random = generator(51)
    for _ in range(40):
        row = {
            "name": "b",
            "file": ".onnx",
            "bytes": int(random.integers(50, 60)),
            "accuracy": float(random.integers(85, 95)) / 100,
            "MACs": int(random.integers(50, 60)),
        }
        limits = {"accuracy": 0.89, "bytes": 57, "MACs": 57}
        expected = _fits(row, limits)
        require(
            _said(answer, row, limits) == expected,
            f"{row} and the budget {limits}: {expected} is right.",
        )


what_is_known = choice(
    "what_is_known",
    title="What do you promise?",
    hints=(
        "How far apart are 40 measurements of files that are all equally good?",
        "What would the file that was best on these images show on new ones?",
    ),
    options={
        "a": Option(
            "The accuracy of the file that passed, as it was measured.",
            "Look at the figure: among equally good files the luckiest lies above what all "
            "of them are worth, and it was taken because it does.",
        ),
        "b": Option(
            "At least the limit: the check has said so.",
            "The check has looked at 2,000 images. A file that is a little worse passes on "
            "them now and then by luck, and of 40 attempts one will.",
        ),
        "c": Option(
            "A bit less than was measured, give or take more than a point; new images "
            "would tell.",
            "Yes. 2,000 images leave more than a point open, and to take the best of many "
            "on one set of images uses that up in one direction. So choose on validation "
            "images, open the test images once, and promise what new ones confirm.",
            right=True,
        ),
        "d": Option(
            "Nothing: no measurement can be trusted.",
            "It can, within what its number of images leaves open, if they were not those "
            "by which the file was chosen.",
        ),
    },
)

EXERCISES = (fits, station_file, phone_file, server_file, what_is_known)
