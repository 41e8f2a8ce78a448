"""Arrays of every kind that the packed file treats apart, the same on every machine."""

import math

import numpy as np

from nncompress_lab.packing.tensors import Layout, layout_of
from nncompress_lab.quantization.arrays.bitpacking import pack_bits


def chance(count: int, seed: int) -> np.ndarray:
    """Numbers in [0, 1) by SplitMix64: NumPy's generators may change, this cannot."""
    x = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)
    x *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2**53


def bell(count: int, seed: int) -> np.ndarray:
    """Numbers of about the normal distribution: sums of twelve."""
    return chance(12 * count, seed).reshape(12, count).sum(0) - 6


def weights(*shape: int, seed: int = 1) -> np.ndarray:
    return (bell(math.prod(shape), seed) * 0.05).astype(np.float32).reshape(shape)


def cubed(array: np.ndarray) -> np.ndarray:
    """By products: the last bit of a power is another one with AVX-512."""
    return array * array * array


def pruned(array: np.ndarray, sparsity: float, seed: int = 2) -> np.ndarray:
    free = chance(array.size, seed).reshape(array.shape) < sparsity
    return np.where(free, array.dtype.type(0), array)


def codes(*shape: int, bits: int, seed: int = 3) -> np.ndarray:
    count = math.prod(shape)
    middle = 2 ** (bits - 1)
    near = np.clip(np.round(bell(count, seed) * middle / 3) + middle, 0, 2**bits - 1)
    return near.astype(np.uint8).reshape(shape)


def dead(array: np.ndarray) -> np.ndarray:
    """Without most of its rows and some of its columns."""
    left = array.copy()
    left[:, ::4] = 0
    left[np.arange(len(left)) % 8 != 3] = 0
    return left


def unlike_numbers(dtype: str) -> np.ndarray:
    """Signed zeros, infinities, subnormals, NaN of several kinds, in a few copies."""
    kind = np.dtype(dtype)
    tiny = np.finfo(kind).smallest_subnormal
    usual = np.array([0.0, -0.0, np.inf, -np.inf, tiny, -tiny, 1.5, -1.5], kind)
    bits = f"uint{8 * kind.itemsize}"
    nans = np.array([np.nan, -np.nan], kind).view(bits)
    signalling = np.array([nans[0] ^ 1, nans[1] ^ 5], bits).view(kind)
    return np.tile(np.concatenate([usual, nans.view(kind), signalling]), 30)


def packed(symbols: np.ndarray, bits: int) -> tuple[np.ndarray, str, Layout]:
    return pack_bits(symbols, bits=bits), "uint8", Layout(symbols.shape[-1], bits)


def ordinary(array: np.ndarray) -> tuple[np.ndarray, str, Layout]:
    return array, array.dtype.name, layout_of(array.shape)


def small_arrays() -> dict[str, tuple[np.ndarray, str, Layout]]:
    """Array, type and layout by name; each in a moment."""
    floats = {
        "weights": weights(40, 30),
        "weights of half precision": weights(40, 30).astype("f2").astype("f4"),
        "pruned weights": pruned(weights(60, 40), 0.9),
        "pruned half": pruned(weights(60, 40), 0.9).astype("f2"),
        "doubles": cubed(weights(30, 20).astype("f8")),
        "few values": weights(7)[codes(50, 20, bits=3) % 7],
        "dead weights": dead(weights(80, 40)),
        "ones": np.ones(64, np.float32),
        "scalar": np.float32(-0.0).reshape(()),
        "empty": np.empty((0, 4), np.float32),
    }
    integers = {
        "int8": (codes(60, 50, bits=8).astype(np.int16) - 128).astype(np.int8),
        "pruned int8": pruned(codes(60, 50, bits=8).astype(np.int8), 0.95),
        "dead int8": dead(codes(96, 64, bits=8).astype(np.int8)),
        "int16": (weights(300) * 1e4).astype(np.int16),
        "int32": np.arange(-500, 500, dtype=np.int32) * 7,
        "int64": np.arange(300) ** 5 - 10**9,
        "uint32": (chance(200, 4) * 2**32).astype(np.uint32),
        "uint64": (chance(200, 4) * 2**53).astype(np.uint64) << np.uint64(11),
        "truths": chance(999, 5).reshape(37, 27) < 0.03,
        "far apart": (np.arange(5000) % 1900 == 1800).astype(np.int8),
        "one number": np.array([7], np.uint8),
    }
    arrays = {name: ordinary(one) for name, one in {**floats, **integers}.items()}
    for dtype in ("float16", "float32", "float64"):
        arrays[f"unlike numbers in {dtype}"] = ordinary(unlike_numbers(dtype))
    bfloat16 = (weights(300).view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    arrays["bfloat16"] = bfloat16, "bfloat16", Layout(1)
    for bits in range(1, 8):
        arrays[f"{bits} bits"] = packed(codes(45, 11, bits=bits), bits)
    # 37 columns do not divide what is stored, which is filled up to eight integers.
    arrays["pruned 4 bits"] = packed(pruned(codes(53, 37, bits=4), 0.9), 4)
    arrays["dead 3 bits"] = packed(dead(codes(101, 37, bits=3)), 3)
    return arrays


def large_arrays() -> dict[str, tuple[np.ndarray, str, Layout]]:
    """Arrays that are coded for speed: 2**18 symbols and more."""
    return {
        "large int8": ordinary(codes(1024, 300, bits=8).astype(np.int8)),
        "large pruned": ordinary(pruned(weights(1024, 300), 0.7)),
    }
