"""Foreign models: each operation works, has nothing to do, or says why it refuses."""

import re
from pathlib import Path

import pytest
from foreign_models import ZOO
from matrix import OPERATIONS, cell

PAGE = Path(__file__).parents[2] / "docs" / "supported.md"
# What differs most among the models, with what differs most among the operations.
FAST = {
    "lstm text": ("magnitude", "uniform", "ONNX"),
    "gpt": ("magnitude", "short floats"),
    "bert": ("magnitude", "ONNX"),
    "llama": ("uniform", "save, load"),
    "masked transformer": ("ONNX", "pack, unpack"),
    "mixed float16": ("uniform", "fold", "ONNX"),
    "preprocessing": ("channels", "ONNX"),
    "time distributed": ("uniform", "pack, unpack"),
    "recommender": ("uniform", "ONNX"),
    "operations": ("channels", "ONNX"),
    "weight standardized": ("magnitude", "fold"),
    "variational autoencoder": ("magnitude", "uniform"),
    "own block": ("magnitude", "uniform"),
    "subclassed": ("magnitude", "uniform"),
    "strings": ("uniform", "ONNX"),
}
BY_NAME = {one.name: one for one in ZOO}


@pytest.mark.parametrize(
    ("name", "operation"),
    [(name, one) for name, operations in FAST.items() for one in operations],
)
def test_nothing_crashes(name, operation):
    found = cell(BY_NAME[name], operation)

    assert not found.crashed, found.outcome
    assert found.outcome in {"OK", "nothing to do"} or len(found.outcome) > 40


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_no_operation_crashes(name):
    found = {one: cell(BY_NAME[name], one) for one in OPERATIONS}

    assert not {one: it.outcome for one, it in found.items() if it.crashed}


def test_the_page_has_a_row_for_each_model_and_a_column_for_each_operation():
    page = PAGE.read_text(encoding="utf-8")

    for name in BY_NAME:
        assert page.count(f"\n| {name} | ") == 3
    heads = re.findall(r"\| model \| (.*) \|", page)
    assert " | ".join(heads).split(" | ") == list(OPERATIONS)
    assert "crash |" not in page
