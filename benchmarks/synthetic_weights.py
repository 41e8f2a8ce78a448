"""Weights that are like those of trained layers, of any size."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def trained_like(count: int, seed: int = 0) -> Array:
    """Gaussian weights whose scale varies, so that the tails are heavy as in training."""
    generator = np.random.default_rng(seed)
    blocks = -(-count // 4096)
    scales = np.exp(0.5 * generator.standard_normal(blocks)).astype(np.float32)
    weights = generator.standard_normal((blocks, 4096), dtype=np.float32)
    weights *= 0.02 * scales[:, None]
    return weights.reshape(-1)[:count].copy()


def decaying_matrix(size: int) -> Array:
    """A matrix whose singular values fall like those of a trained layer, with noise."""
    generator = np.random.default_rng(1)
    rank = size // 8
    left = generator.standard_normal((size, rank), dtype=np.float32)
    left *= (1 + np.arange(rank, dtype=np.float32)) ** -0.5
    right = generator.standard_normal((rank, size), dtype=np.float32)
    noise = generator.standard_normal((size, size), dtype=np.float32)
    return left @ right / np.sqrt(size) + 0.05 * noise
