"""Factors from a random start against the best ones, of whatever spectrum."""

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab.lowrank.arrays.svd import low_rank_factors

SIZE, RANK = 240, 30
INDEX = 1.0 + np.arange(SIZE)
SPECTRA = {
    "noise": np.linspace(2, 0, SIZE),  # about that of a Gaussian matrix
    "trained": 5 * INDEX**-0.5 + 0.3 * np.sqrt(np.maximum(1 - INDEX / SIZE, 0)),
    "slow": INDEX**-0.3,
    "fast": INDEX**-2.0,
    "very fast": 0.7**INDEX,
    "cliff": np.where(INDEX <= RANK, 1.0, 0.1),
    "flat": np.ones(SIZE),
    "few": np.where(INDEX <= RANK // 2, 1.0, 0.0),
    "zeros": np.zeros(SIZE),
}


def orthonormal(rows, seed):
    generator = np.random.default_rng(seed)
    return np.linalg.qr(generator.normal(size=(rows, SIZE)))[0]


def matrix_with(values, shape=(SIZE, SIZE), seed=0):
    rows, columns = shape
    return (orthonormal(rows, seed) * values) @ orthonormal(columns, seed + 1).T


def randomized(matrix, rank=RANK, **settings):
    return low_rank_factors(matrix, rank=rank, method="randomized", **settings)


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("rank", [1, RANK, SIZE // 3])
def test_the_error_is_nearly_the_smallest_possible(name, rank):
    values = SPECTRA[name]

    product = randomized(matrix_with(values), rank).product()

    error = np.linalg.norm(matrix_with(values) - product)
    smallest = np.linalg.norm(values[rank:])
    # What the docstring says; below it is rounding in float32.
    assert error <= 1.02 * smallest + 1e-5 * np.linalg.norm(values)


@pytest.mark.parametrize("shape", [(SIZE, 400), (400, SIZE)])
@pytest.mark.parametrize("size", [1e-18, 1.0, 1e18])
def test_any_shape_and_size_has_such_factors(shape, size):
    matrix = (matrix_with(SPECTRA["trained"], shape) * size).astype(np.float32)
    before = matrix.copy()

    factors = randomized(matrix)

    assert factors.left.shape == (shape[0], RANK)
    assert factors.right.shape == (RANK, shape[1])
    assert factors.left.dtype == factors.right.dtype == np.float32
    error = np.linalg.norm((matrix - factors.product()) / size)
    assert error <= 1.02 * np.linalg.norm(SPECTRA["trained"][RANK:])
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("shape", [(SIZE, 400), (400, SIZE)])
def test_with_inputs_it_is_the_error_of_the_outputs_that_is_small(shape):
    matrix = matrix_with(SPECTRA["slow"], shape)
    mixed = np.random.default_rng(5).normal(size=(900, shape[0]))
    x = mixed * np.geomspace(1, 0.01, shape[0])
    moment = x.T @ x

    def lost(factors):
        return np.linalg.norm(x @ (matrix - factors.product()))

    best = lost(low_rank_factors(matrix, rank=RANK, second_moment=moment))

    assert lost(randomized(matrix, second_moment=moment)) <= 1.02 * best
    assert lost(randomized(matrix)) > 1.05 * best


def test_no_eigenvectors_of_the_whole_are_computed(monkeypatch):
    exact, sizes = np.linalg.eigh, []
    monkeypatch.setattr(
        np.linalg, "eigh", lambda gram: sizes.append(len(gram)) or exact(gram)
    )

    randomized(matrix_with(SPECTRA["noise"]))

    assert sizes
    assert max(sizes) < SIZE / 2


def test_a_seed_decides_about_the_factors_and_nothing_else_does():
    matrix = matrix_with(SPECTRA["noise"])

    first, again, other = (randomized(matrix, seed=seed) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first.product(), again.product())
    assert not np.array_equal(first.product(), other.product())


def test_where_nothing_would_be_saved_the_factors_are_the_exact_ones():
    matrix, rank = matrix_with(SPECTRA["noise"]), SIZE // 3 + 1

    np.testing.assert_array_equal(
        randomized(matrix, rank).product(),
        low_rank_factors(matrix, rank=rank).product(),
    )


@pytest.mark.parametrize(
    ("matrix", "settings", "message"),
    [
        (np.eye(4), {"rank": 5}, "1 to 4"),
        (np.full((9, 9), np.nan), {"rank": 1}, "finite"),
        (np.eye(4), {"rank": 1, "method": "random"}, "'exact', 'randomized'"),
    ],
)
def test_what_makes_no_sense_is_refused(matrix, settings, message):
    with pytest.raises(ValueError, match=message):
        low_rank_factors(matrix, **{"method": "randomized", **settings})


def test_the_pass_takes_the_seed_of_its_context():
    dense = keras.layers.Dense(60, name="dense")
    model = keras.Sequential([keras.Input((64,)), dense])
    kernel = keras.ops.convert_to_numpy(dense.kernel)

    def product(seed):
        step = ncl.LowRank(rank=7, method="randomized")
        thin = step(model, ncl.Context(seed=seed))
        left, right = (keras.ops.convert_to_numpy(one.kernel) for one in thin.layers)
        return left @ right

    expected = randomized(kernel, 7, seed=1).product()
    np.testing.assert_array_equal(product(1), expected)
    assert not np.array_equal(product(2), expected)
