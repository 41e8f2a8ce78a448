"""Cards name a cause only where the number shows it, and values in a few words."""

import ast
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from nncompress_lab.course import exercises
from nncompress_lab.course.wording import because, in_words

SOURCES = sorted(Path(exercises.__file__).parent.glob("lesson_*.py"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5, "0.5"),
        ("b", "'b'"),
        (np.zeros((2, 3)), "an array of shape (2, 3)"),
        (
            [np.zeros(2), np.zeros((1, 3))],
            "a list of 2 arrays of the shapes (2,), (1, 3)",
        ),
        ([np.zeros(2)] * 9, "a list of 9 arrays"),
        (keras.ops.zeros((2, 3)), "a tensor of shape (2, 3)"),
        (keras.Sequential(name="net"), "a model, 'net'"),
        ([object(), Path, object()], "a list of object, type and object"),
        ((object(),) * 5, "a tuple of 5 objects"),
        (Path, "the class Path"),
        (np.zeros(2).sum, "the function sum itself (to call it takes brackets)"),
        ("x" * 200, "an object of the type str"),
        (object(), "an object of the type object"),
    ],
)
def test_a_value_is_told_in_a_few_words(value, words):
    assert in_words(value) == words


def test_a_cause_is_named_only_where_its_number_is_received():
    causes = {3: "`len` counts rows.", 0.5: "Upside down."}

    assert because(3, causes) == " `len` counts rows."
    assert because(0.5, causes) == " Upside down."
    assert because(4, causes) == ""


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_messages_mark_nothing_with_asterisks(source):
    texts = [
        node.value
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]

    assert [text for text in texts if re.search(r"\*[a-z]+( [a-z]+)*\*", text)] == []
