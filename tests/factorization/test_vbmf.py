"""Variational Bayes against matrices whose rank is known."""

import numpy as np
import pytest

from nncompress_lab.factorization.arrays.vbmf import vbmf_rank


def planted(shape, rank, noise, seed=0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    left = generator.normal(size=(shape[0], rank))
    right = generator.normal(size=(rank, shape[1]))
    return left @ right + noise * generator.normal(size=shape)


@pytest.mark.parametrize("shape", [(40, 40), (30, 200), (200, 30), (64, 576)])
@pytest.mark.parametrize("rank", [1, 4, 10])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_rank_under_moderate_noise_is_found(shape, rank, seed):
    assert vbmf_rank(planted(shape, rank, noise=0.3, seed=seed)) == rank


@pytest.mark.parametrize("seed", range(8))
def test_noise_alone_has_rank_0(seed):
    assert vbmf_rank(np.random.default_rng(seed).normal(size=(50, 90))) == 0


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_neither_scale_nor_orientation_matters(scale):
    matrix = planted((40, 70), 6, noise=0.5)

    assert vbmf_rank(scale * matrix) == vbmf_rank(matrix) == vbmf_rank(matrix.T) == 6


def test_signal_that_drowns_in_noise_is_not_counted():
    # The largest singular value of the noise is about sqrt(100) + sqrt(100) = 20 (Bai,
    # Yin 1993); a signal of half that length is below the threshold.
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(100, 100))
    direction = np.full((100, 1), 0.1)

    assert vbmf_rank(noise + 10 * direction @ direction.T) == 0
    assert vbmf_rank(noise + 80 * direction @ direction.T) == 1


def test_a_matrix_of_low_rank_without_noise_has_its_rank():
    assert vbmf_rank(planted((30, 40), 5, noise=0.0)) == 5


def test_zeros_have_rank_0():
    assert vbmf_rank(np.zeros((3, 4))) == 0


@pytest.mark.parametrize(
    "matrix", [np.zeros(3), np.zeros((0, 3)), np.full((2, 2), np.nan)]
)
def test_what_is_no_finite_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match="finite matrix"):
        vbmf_rank(matrix)
