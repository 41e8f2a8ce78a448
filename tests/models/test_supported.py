"""Foreign models: each operation works, has nothing to do, or says why it refuses."""

import pytest
from foreign_models import ZOO
from matrix import OPERATIONS, Cell, cell, page

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
    "strings": ("uniform", "distil", "ONNX"),
    "two in two out": ("tune",),
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
@pytest.mark.parametrize(("place", "name"), [*enumerate(BY_NAME)])
def test_no_operation_crashes(place, name):
    # A tenth of the table, each operation on every tenth model; the page's command makes
    # the whole in about ten minutes.
    some = list(OPERATIONS)[place % 10 :: 10]

    found = {one: cell(BY_NAME[name], one) for one in some}

    assert not {one: it.outcome for one, it in found.items() if it.crashed}


def test_the_page_counts_each_refusal_once_and_shows_crashes():
    cells = {
        (model, operation): Cell("OK")
        for model in ("one", "other")
        for operation in OPERATIONS
    }
    cells["one", "ONNX"] = Cell(
        "Layer 'lambda_3' (Lambda) is not covered. Build it anew."
    )
    cells["other", "ONNX"] = Cell("Layer 'lambda_8' (Lambda) is not covered.")
    cells["one", "fold"] = Cell("nothing to do")
    cells["one", "compare"] = Cell("no such attribute", crashed=True)

    lines = page(cells).splitlines()

    assert lines[-1] == "1. Layer 'lambda' (Lambda) is not covered."
    assert [line for line in lines if line.startswith("| one |")][2].split(" | ") == [
        *("| one", "✓", "✓", "1", "✓", "crash |"),
    ]
    assert sum("·" in line.split(" | ") for line in lines) == 1
