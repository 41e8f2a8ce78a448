"""Leading eigenvectors against all of them, and the certificate against wrong ones."""

import numpy as np
import pytest

from nncompress_lab.lowrank.arrays import eigenvectors
from nncompress_lab.lowrank.arrays.eigenvectors import leading_eigenvectors

SIZE, COUNT = 256, 32


@pytest.fixture(autouse=True)
def _krylov_spaces_for_small_matrices(monkeypatch):
    monkeypatch.setattr(eigenvectors, "SMALLEST", SIZE)


def matrix_with(values, seed=0):
    generator = np.random.default_rng(seed)
    left, right = (
        np.linalg.qr(generator.normal(size=(len(values), len(values))))[0]
        for _ in range(2)
    )
    return (left * values) @ right


@pytest.fixture(scope="module")
def spectra():
    index = 1.0 + np.arange(SIZE)
    noisy = 5 * index**-0.5 + 0.3 * np.sqrt(np.maximum(1 - index / SIZE, 0))
    return {
        "noisy": noisy,
        "slow": index**-0.3,
        "fast": index**-2.0,
        "cliff": np.where(index <= COUNT, 1.0, 0.1),
        "flat": np.ones(SIZE),
        "few": np.where(index <= COUNT // 2, 1.0, 0.0),
    }


@pytest.mark.parametrize("name", ["noisy", "slow", "fast", "cliff", "flat", "few"])
@pytest.mark.parametrize("size", [1e-15, 1.0])
def test_what_is_left_out_is_the_smallest_possible(spectra, name, size):
    matrix = matrix_with(spectra[name] * size)
    gram = matrix.T @ matrix

    values, vectors = leading_eigenvectors(gram, count=COUNT)

    squares = spectra[name] ** 2
    left = (np.linalg.norm(matrix - matrix @ vectors @ vectors.T) / size) ** 2
    # The documented 0.1 % of the root; the rest is rounding in float32 and float64.
    assert left <= squares[COUNT:].sum() * 1.002 + 1e-12 * squares.sum()
    kept = values.sum() / size**2
    np.testing.assert_allclose(kept, squares[:COUNT].sum(), rtol=1e-3)


def test_a_spectrum_like_that_of_a_trained_layer_needs_no_other_vectors(
    spectra, monkeypatch
):
    matrix = matrix_with(spectra["noisy"])

    def all_of_them(_gram):
        raise AssertionError("all eigenvectors were computed")

    eigh = np.linalg.eigh
    monkeypatch.setattr(
        np.linalg, "eigh", lambda a: eigh(a) if len(a) < SIZE else all_of_them(a)
    )

    values, _ = leading_eigenvectors(matrix.T @ matrix, count=COUNT)

    np.testing.assert_allclose(values, spectra["noisy"][:COUNT] ** 2, rtol=1e-3)


def test_twice_the_same_matrix_gives_twice_the_same_vectors(spectra):
    matrix = matrix_with(spectra["slow"])
    gram = matrix.T @ matrix

    first, second = (leading_eigenvectors(gram, count=COUNT) for _ in range(2))

    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("wrong", ["the first is missing", "they are turned"])
def test_wrong_vectors_have_no_certificate(spectra, wrong):
    matrix = matrix_with(spectra["slow"])
    gram = matrix.T @ matrix
    values, vectors = (one[..., ::-1] for one in np.linalg.eigh(gram))

    def certified(take):
        kept = vectors[:, take]
        if wrong == "they are turned" and take.start:
            kept = np.linalg.qr(kept + 0.05 * vectors[:, COUNT + 1 : 2 * COUNT + 1])[0]
        theirs = np.einsum("ij,ij->j", kept, gram @ kept)
        residual = gram @ kept - kept * theirs
        return eigenvectors._certified(
            gram.astype(np.float32),
            theirs,
            kept.astype(np.float32),
            residual.astype(np.float32),
        )

    assert values[0] > values[COUNT]
    assert certified(slice(0, COUNT))
    assert not certified(slice(1, COUNT + 1))
