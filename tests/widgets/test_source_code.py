"""The code that is shown makes the very pass that it was written for."""

import sys
import types

import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_widgets import PruningExplorer
from nncompress_widgets.source_code import (
    answer_of,
    context_of,
    images_of,
    source_of,
    variable_of,
)

PASSES = [
    ncl.MagnitudePruning(sparsity=0.8, scope="global"),
    ncl.MagnitudePruning(threshold=1e-05),
    ncl.MagnitudePruning(sparsity=0.1 + 0.2, select=ncl.Selection(names=("a/b", "c"))),
    ncl.MagnitudePruning(sparsity=0.5, select=ncl.Selection(names=('it\'s a "\\"',))),
    ncl.pipeline(),
    ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.5, select=ncl.Selection(skip_last=1)),
        ncl.MagnitudePruning(sparsity=0.25),
    ),
    ncl.ChannelPruning(
        criterion="taylor",
        channels=(*((f"block{n}_mlp1", 10 * n + 3) for n in range(7)),),
    ),
]


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.label)
def test_the_code_makes_the_pass(step):
    source = source_of(step)

    line = source.split("compressed = ")[1].removesuffix("(model)")
    assert eval(line, {"ncl": ncl}) == step  # the expression is our own
    assert source.startswith("import nncompress_lab as ncl\n")


def test_no_line_of_the_code_is_longer_than_a_cell_shows():
    long = PASSES[-1]
    for source in (source_of(long), source_of(ncl.pipeline(long, long))):
        assert max(map(len, source.splitlines())) <= 88

    assert len(answer_of(PASSES[0], "chosen").splitlines()) == 3


def test_what_a_pass_does_comes_before_where_it_does_it():
    source = source_of(PASSES[2])

    assert source.index("sparsity=") < source.index("select=")


@pytest.fixture
def notebook(monkeypatch):
    """The variables of a notebook, as IPython knows them."""
    names: dict[str, object] = {}
    shell = types.SimpleNamespace(user_ns=names)
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return names


def test_the_users_own_names_are_found(notebook):
    model, data = object(), ncl.Data(np.zeros((5, 2)), np.zeros(5))
    notebook.update({"_3": model, "net": model, "clothes": data})

    assert variable_of(model) == "net"
    assert variable_of(object()) is None
    assert images_of(data, 5) == "clothes"
    assert images_of(data, 3) == "clothes.take(3)"


def test_of_a_data_set_the_validation_images_are_named(notebook):
    parts = [ncl.Data(np.zeros((count, 2)), np.zeros(count)) for count in (9, 4, 2)]
    notebook["clothes"] = ncl.Dataset("clothes", *parts, class_names=("a", "b"))

    assert images_of(notebook["clothes"], 4) == "clothes.validation"
    assert images_of(notebook["clothes"], 3) == "clothes.validation.take(3)"


def test_what_a_variable_holds_has_a_name_too(notebook):
    model, other = object(), object()
    data = ncl.Data(np.zeros((5, 2)), np.zeros(5))
    notebook |= {
        "Out": {3: model},  # gone when the kernel is
        "_7": types.SimpleNamespace(model=other),
        "numpy": types.ModuleType("numpy"),
        "result": types.SimpleNamespace(model=model, _private=other),
        "models": {"small": other, (1, 2): object()},
        "parts": [data],
    }

    assert variable_of(model) == "result.model"
    assert variable_of(other) == 'models["small"]'
    assert images_of(data, 3) == "parts[0].take(3)"
    notebook["net"] = model
    assert variable_of(model) == "net"


def test_of_a_control_with_a_name_the_model_has_one(notebook):
    model = tiny_models.sequential()
    notebook["explorer"] = PruningExplorer(model, tiny_models.context().validation)

    assert variable_of(model) == "explorer.model"


def test_the_users_model_is_never_assigned_to():
    step = ncl.MagnitudePruning(sparsity=0.5)
    model = tiny_models.sequential()
    names = {"compressed": model, "mine": tiny_models.context().validation}

    exec(source_of(step, model="compressed", images="mine"), names)

    assert names["compressed"] is model
    assert ncl.measure.nonzeros(names["compressed_again"]) < ncl.measure.nonzeros(model)


def test_a_pass_that_needs_data_gets_it(notebook):
    calibration = ncl.ActivationQuantization()
    whole = ncl.data.fashion_mnist()
    notebook |= {"clothes": whole, "mine": whole.train}

    assert context_of(object(), 512) is None
    for data in (whole, whole.train):
        context = context_of(data, 512)
        source = source_of(calibration, model="net", context=context)
        assert f"(net, {context})" in source
        made = eval(context, {"ncl": ncl, **notebook})  # our own
        assert np.array_equal(made.calibration.x, whole.train.x[:512])
    assert "Context" not in source_of(PASSES[0], context=context)


def test_outside_a_notebook_there_are_no_names(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)

    assert variable_of(object()) is None


def test_an_answer_is_code_that_runs_by_itself():
    step = ncl.MagnitudePruning(sparsity=0.5)
    names: dict[str, object] = {}

    exec(answer_of(step, "chosen", comments=["accuracy 90 %"]), names)

    assert names["chosen"] == step
