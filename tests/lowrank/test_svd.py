"""Truncated factors against Eckart and Young, with NumPy's full SVD as the oracle."""

import numpy as np
import pytest

from nncompress_lab.lowrank.arrays import eigenvectors
from nncompress_lab.lowrank.arrays.svd import (
    Spectrum,
    energy_by_rank,
    low_rank_factors,
)

SHAPES = [(30, 20), (20, 30), (25, 25), (40, 1), (1, 40)]


def matrix_of(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def best_error(matrix, rank):
    values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    return float(np.sqrt((values[rank:] ** 2).sum()))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_the_error_is_the_tail_of_the_singular_values(shape, share):
    matrix = matrix_of(shape)
    rank = max(1, round(share * min(shape)))

    factors = low_rank_factors(matrix, rank=rank)

    assert factors.left.shape == (shape[0], rank)
    assert factors.right.shape == (rank, shape[1])
    error = np.linalg.norm(matrix - factors.product())
    # An eigenvalue of the Gram matrix is exact to 1e-16 of the largest one.
    assert error == pytest.approx(best_error(matrix, rank), abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_full_rank_reproduces_the_matrix(shape):
    matrix = matrix_of(shape)

    product = low_rank_factors(matrix, rank=min(shape)).product()

    np.testing.assert_allclose(product, matrix, atol=1e-10)


@pytest.mark.parametrize("shape", [*SHAPES, (1200, 1100)])
def test_a_matrix_decomposed_once_has_the_factors_of_every_rank(shape, monkeypatch):
    matrix, decomposed = matrix_of(shape, np.float32), []
    exact = np.linalg.eigh

    def counted(gram):
        decomposed.append(gram.shape)
        return exact(gram)

    ranks = sorted({1, min(shape) // 3 or 1, min(shape)})
    expected = [low_rank_factors(matrix, rank=rank) for rank in ranks]
    monkeypatch.setattr(eigenvectors.np.linalg, "eigh", counted)
    spectrum = Spectrum(matrix)
    found = [spectrum.factors(rank) for rank in ranks]

    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.left, other.left)
        np.testing.assert_array_equal(one.right, other.right)
    assert decomposed.count((min(shape),) * 2) == 1  # others are of Krylov spaces


def test_float32_loses_no_more_than_its_rounding():
    matrix = matrix_of((200, 100), np.float32)

    factors = low_rank_factors(matrix, rank=12)

    assert factors.left.dtype == factors.right.dtype == np.float32
    error = np.linalg.norm(matrix - factors.product())
    assert error == pytest.approx(best_error(matrix, 12), rel=1e-5)


def test_both_factors_carry_the_same_share():
    factors = low_rank_factors(matrix_of((50, 30)), rank=5)

    lengths = (
        np.linalg.norm(factors.left, axis=0),
        np.linalg.norm(factors.right, axis=1),
    )
    np.testing.assert_allclose(*lengths, rtol=1e-10)


def test_a_matrix_of_lower_rank_is_kept_exactly_and_without_nan():
    matrix = np.outer(np.arange(1.0, 7), np.arange(4.0))

    product = low_rank_factors(matrix, rank=3).product()

    np.testing.assert_allclose(product, matrix, atol=1e-7)


def test_zeros_have_factors_of_zeros():
    factors = low_rank_factors(np.zeros((5, 4)), rank=2)

    assert not factors.product().any()
    assert np.isfinite(factors.left).all()


def test_the_matrix_is_not_changed():
    matrix = matrix_of((6, 8))
    before = matrix.copy()

    low_rank_factors(matrix, rank=2)
    energy_by_rank(matrix)

    assert np.array_equal(matrix, before)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_energy_is_that_of_the_singular_values(shape):
    matrix = matrix_of(shape)
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2

    energy = energy_by_rank(matrix)

    np.testing.assert_allclose(energy, np.cumsum(squares) / squares.sum(), atol=1e-12)
    assert energy[-1] == 1


def test_every_rank_keeps_zeros_whole():
    assert energy_by_rank(np.zeros((3, 5))).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("rank", [0, 4, -1])
def test_a_rank_out_of_range_is_refused(rank):
    with pytest.raises(ValueError, match="1 to 3"):
        low_rank_factors(np.ones((3, 5)), rank=rank)


@pytest.mark.parametrize(
    "matrix",
    [
        np.ones(3),
        np.ones((3, 3, 1, 2)),
        np.ones((2, 2), dtype=np.int64),
        np.array([[np.nan, 1.0]]),
        np.ones((0, 3)),
    ],
    ids=["bias", "convolution", "integers", "nan", "empty"],
)
def test_what_is_no_matrix_of_floats_is_refused(matrix):
    with pytest.raises(ValueError, match="matrix"):
        low_rank_factors(matrix, rank=1)


def inputs_of(count, features, seed=5):
    """Inputs of different sizes that depend on each other."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(count, features)) @ matrix_of((features, features))
    return mixed * np.geomspace(1, 0.01, features)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [100, 5], ids=["all inputs", "few inputs"])
def test_with_inputs_the_error_of_the_outputs_is_the_tail_of_theirs(shape, count):
    matrix, x = matrix_of(shape), inputs_of(count, shape[0])
    rank = max(1, min(shape) // 4)

    factors = low_rank_factors(matrix, rank=rank, second_moment=x.T @ x)

    error = np.linalg.norm(x @ (matrix - factors.product()))
    plain = low_rank_factors(matrix, rank=rank).product()
    size = np.linalg.norm(x @ matrix)
    # Roots of eigenvalues: 1e-16 of the largest square is 1e-8 of the norm.
    assert error == pytest.approx(best_error(x @ matrix, rank), abs=1e-6 * size)
    assert error <= np.linalg.norm(x @ (matrix - plain)) + 1e-6 * size


@pytest.mark.parametrize("shape", SHAPES)
def test_with_inputs_the_energy_is_that_of_the_outputs(shape):
    matrix, x = matrix_of(shape), inputs_of(60, shape[0])
    squares = np.linalg.svd(x @ matrix, compute_uv=False) ** 2

    energy = energy_by_rank(matrix, second_moment=x.T @ x)

    expected = np.cumsum(squares[: min(shape)]) / squares.sum()
    np.testing.assert_allclose(energy, expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(30, 20), (20, 30)])
def test_white_inputs_change_nothing(shape):
    matrix = matrix_of(shape)

    product = low_rank_factors(matrix, rank=3, second_moment=np.eye(shape[0])).product()

    np.testing.assert_allclose(
        product, low_rank_factors(matrix, rank=3).product(), atol=1e-10
    )


@pytest.mark.parametrize("shape", [(30, 20), (20, 30)])
def test_inputs_of_zeros_have_finite_factors(shape):
    nothing = np.zeros((shape[0], shape[0]))

    factors = low_rank_factors(matrix_of(shape), rank=3, second_moment=nothing)

    assert np.isfinite(factors.product()).all()
    assert energy_by_rank(matrix_of(shape), second_moment=nothing)[0] == 1


@pytest.mark.parametrize("moment", [np.eye(4), np.ones(5), np.full((5, 5), np.nan)])
def test_a_second_moment_of_another_shape_is_refused(moment):
    with pytest.raises(ValueError, match=r"second moment .* \(5, 5\)"):
        low_rank_factors(np.ones((5, 4)), rank=1, second_moment=moment)


def test_half_precision_is_computed_in_full():
    matrix = matrix_of((60, 40), np.float16) * np.float16(300)

    factors = low_rank_factors(matrix, rank=10)

    assert factors.left.dtype == factors.right.dtype == np.float16
    exact = factors.left.astype(float) @ factors.right.astype(float)
    # Factors are rounded to 11 bits, and ten products are summed.
    error = np.linalg.norm(matrix.astype(float) - exact)
    assert error == pytest.approx(best_error(matrix, 10), rel=1e-4)


def test_rows_and_columns_of_zeros_stay_zeros_without_a_sign():
    matrix = matrix_of((12, 9))
    matrix[3], matrix[:, 5] = 0, 0

    factors = low_rank_factors(matrix, rank=4)

    zeros = [factors.left[3], factors.right[:, 5]]
    np.testing.assert_allclose(zeros, 0, atol=1e-12)
    for part in (factors.left, factors.right):
        assert not np.signbit(part[part == 0]).any()  # -0.0 does not pack


@pytest.mark.parametrize("size", [1e-18, 1e18])
def test_tiny_and_huge_weights_have_the_same_factors(size):
    matrix = matrix_of((30, 20), np.float32)

    product = low_rank_factors(matrix * np.float32(size), rank=5).product()

    expected = low_rank_factors(matrix, rank=5).product()
    np.testing.assert_allclose(product / size, expected, atol=1e-5)
