"""Tables of many sets at once: each as good as the best one found alone."""

import numpy as np
import pytest

from nncompress_lab.quantization.arrays.codebook import learned_table
from nncompress_lab.quantization.arrays.many_codebooks import learned_tables


def error(weights: np.ndarray, table: np.ndarray) -> float:
    distances = weights[:, None].astype(np.float64) - table[None]
    return float(np.square(distances).min(axis=1).sum())


@pytest.mark.parametrize(
    ("rows", "size"), [(5, 2), (9, 8), (40, 3), (64, 16), (6, 16), (300, 4)]
)
@pytest.mark.parametrize("kind", ["floats", "ties", "zeros", "one value"])
def test_each_table_is_the_best_one(rows, size, kind):
    random = np.random.default_rng(rows + size)
    columns = random.normal(size=(rows, 12)).astype(np.float32)
    if kind == "ties":
        columns = np.round(columns, 1)
    elif kind == "zeros":
        columns[random.random(columns.shape) < 0.5] = 0
        columns[:, 3] = 0
    elif kind == "one value":
        columns[:] = 0.25
    held = random.integers(1, rows + 1, size=12)

    tables = learned_tables(columns, held, size=size)

    assert (np.diff(tables, axis=1) >= 0).all()
    for number, count in enumerate(held):
        weights, table = columns[:count, number], tables[number]
        best = error(weights, learned_table(weights, size=size))
        # Errors are compared in float32, of sums that are larger than they are.
        assert error(weights, table) <= best * (1 + 1e-5) + 1e-6 * (weights**2).sum()
        assert 0 in table or weights.all()


def test_what_fills_up_a_column_shapes_no_table():
    columns = np.array([[1.0], [2.0], [99.0], [-99.0]])

    tables = learned_tables(columns, np.array([2]), size=2)

    np.testing.assert_array_equal(tables, [[1.0, 2.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(bad):
    columns = np.ones((9, 4))
    columns[2, 1] = bad

    with pytest.raises(ValueError, match="must be finite"):
        learned_tables(columns, np.full(4, 9), size=4)
