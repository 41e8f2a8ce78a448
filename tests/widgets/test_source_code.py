"""The code that is shown makes the very pass that it was written for."""

import pytest

import nncompress_lab as ncl
from nncompress_widgets.source_code import source_of

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
]


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.label)
def test_the_code_makes_the_pass(step):
    source = source_of(step)

    line = source.split("compressed = ")[1].removesuffix("(model)")
    assert eval(line, {"ncl": ncl}) == step  # the expression is our own
    assert source.startswith("import nncompress_lab as ncl\n")
