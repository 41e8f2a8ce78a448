"""Narrower heads: products of a lower rank."""

import numpy as np
import pytest

from nncompress_lab.distillation.arrays.heads import nearest_products

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("m", "size", "n"), [(5, 4, 6), (3, 8, 7), (6, 4, 2)])
def test_what_is_left_out_is_what_the_smallest_singular_values_say(m, size, n):
    left, right = RNG.normal(size=(2, m, size)), RNG.normal(size=(2, size, n))
    singular = np.linalg.svd(left @ right, compute_uv=False)

    for rank in range(1, min(m, size, n) + 1):
        narrow, short = nearest_products(left, right, rank=rank)

        assert narrow.shape == (2, m, rank)
        assert short.shape == (2, rank, n)
        error = np.square(left @ right - narrow @ short).sum(axis=(1, 2))
        expected = np.square(singular[:, rank:]).sum(axis=1)
        np.testing.assert_allclose(error, expected, atol=1e-9)  # Eckart-Young
        np.testing.assert_allclose(
            np.square(narrow).sum(axis=(1, 2)), np.square(short).sum(axis=(1, 2))
        )
