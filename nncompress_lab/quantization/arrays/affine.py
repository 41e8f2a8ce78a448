"""Uniform quantization: `real = scale * (q - zero_point)`.

This direction of `scale` holds everywhere in the library: it is positive and it
multiplies the integers. (Keras's own `kernel_scale` is the inverse.) Storey 1: NumPy only,
but for the parameters of a range, which layers compute with `keras.ops`.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nncompress_lab.quantization.arrays.bitpacking import cast

Floats = npt.NDArray[Any]
Codes = npt.NDArray[np.int8] | npt.NDArray[np.uint8]

MIN_BITS, MAX_BITS = 2, 8
_PIECE = 2**18  # weights that are rounded at a time
LARGEST = np.finfo(np.float32).max / 2  # beyond it a decoded weight could overflow


class AffineParams(NamedTuple):
    """What turns integers into real numbers: `real = scale * (q - zero_point)`.

    Both arrays broadcast against the weights: an axis along which the parameters are
    shared has length 1.
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.uint8]


def integer_range(*, bits: int, symmetric: bool) -> tuple[int, int]:
    """The smallest and largest stored integer, `(qmin, qmax)`.

    Symmetric ranges leave out the lowest integer, so that they mirror around 0: 8 bits
    give -127..127, 2 bits -1..1. Affine ranges start at 0: 8 bits give 0..255.

    Args:
        bits: Width of the integers, 2 to 8.
        symmetric: Whether the range mirrors around 0.

    Raises:
        ValueError: If `bits` is not a whole number from 2 to 8.

    Example:
        >>> integer_range(bits=4, symmetric=True), integer_range(bits=4, symmetric=False)
        ((-7, 7), (0, 15))
    """
    check_bits(bits)
    bits = int(bits)  # a NumPy integer of 8 bits would overflow
    if symmetric:
        return -(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def affine_params(
    weights: Floats,
    *,
    bits: int,
    symmetric: bool = True,
    axis: int | tuple[int, ...] | None = None,
) -> AffineParams:
    """Scale and zero point with which `weights` just fit into `bits`-bit integers.

    Symmetric: the largest magnitude becomes `qmax`, the zero point is 0. Affine: the
    range from the smallest to the largest weight, widened to hold 0, becomes 0..qmax.
    In both, a weight of 0 is exactly representable, so pruned weights stay zero. Where
    all weights are 0 the scale is 1.

    Args:
        weights: Array of any shape. It is not changed.
        bits: Width of the integers, 2 to 8.
        symmetric: Whether the zero point is fixed at 0.
        axis: The axes that share one scale; None shares it over the whole array. For a
            kernel of shape `(in, out)`, `axis=0` gives one scale an output channel.

    Returns:
        Scale and zero point, of the shape of `weights` with length 1 along `axis`.

    Raises:
        ValueError: If `bits` is not 2 to 8, or a weight is not finite or beyond half of
            the largest float32.

    Example:
        >>> affine_params(np.array([-1.0, 0.5]), bits=8).scale
        array([0.00787402], dtype=float32)

    References:
        Jacob et al., "Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference", CVPR 2018, section 2.1.
        https://arxiv.org/abs/1712.05877
    """
    weights = finite_weights(weights)
    lowest = weights.min(axis=axis, keepdims=True)
    highest = weights.max(axis=axis, keepdims=True)
    return params_of_range(lowest, highest, bits=bits, symmetric=symmetric)


def params_of_range(
    lowest: Floats, highest: Floats, *, bits: int, symmetric: bool = True
) -> AffineParams:
    """Scale and zero point with which a range just fits into `bits`-bit integers.

    Args:
        lowest: The lower end of each range; above 0 it counts as 0.
        highest: The upper end, of the same shape; below 0 it counts as 0.
        bits: Width of the integers, 2 to 8.
        symmetric: Whether the zero point is fixed at 0; the larger end then decides.

    Returns:
        Scale and zero point of the shape of the ends. Where both are 0 the scale is 1.

    Raises:
        ValueError: If `bits` is not 2 to 8.

    Example:
        >>> scale, zero_point = params_of_range(
        ...     np.array([-1.0]), np.array([2.0]), bits=2, symmetric=False
        ... )
        >>> scale, zero_point
        (array([1.], dtype=float32), array([1], dtype=uint8))
    """
    _, qmax = integer_range(bits=bits, symmetric=symmetric)
    scale, zero_point = scale_and_zero_point(
        lowest, highest, qmax=qmax, symmetric=symmetric
    )
    return AffineParams(scale, zero_point.astype(np.uint8))


def scale_and_zero_point(
    lowest: Any, highest: Any, *, qmax: int, symmetric: bool, xp: Any = np
) -> tuple[Any, Any]:
    """The parameters that `params_of_range` returns, both of them floats.

    Args:
        lowest: As there.
        highest: As there.
        qmax: The largest integer.
        symmetric: As there.
        xp: `numpy` or `keras.ops`.
    """
    lowest, highest = xp.minimum(lowest, 0.0), xp.maximum(highest, 0.0)
    width = xp.maximum(-lowest, highest) if symmetric else highest - lowest
    scale = cast(width / np.float32(qmax), "float32", xp=xp)
    # All-zero weights, and ones so small that their scale is not a normal float32.
    usable = scale >= float(np.finfo(np.float32).tiny)
    scale = xp.where(usable, scale, xp.ones_like(scale))
    if symmetric:
        return scale, xp.zeros_like(scale)
    return scale, xp.clip(xp.round(-lowest / scale), 0, qmax)


def quantize(
    weights: Floats, params: AffineParams, *, bits: int, symmetric: bool = True
) -> Codes:
    """Round weights to the nearest representable integer.

    Halves go to the even integer, as in NumPy and IEEE 754. Values beyond the range
    are set to its end. Inside it the error is at most `scale / 2`.

    Args:
        weights: Array of any shape. It is not changed.
        params: As `affine_params` returns them; they broadcast against `weights`.
        bits: Width of the integers, 2 to 8.
        symmetric: As in `affine_params`.

    Returns:
        Integers of the shape of `weights`: int8 if symmetric, uint8 if affine.

    Raises:
        ValueError: If `bits` is not 2 to 8, or a weight is not finite or beyond half of
            the largest float32.

    Example:
        >>> weights = np.array([-1.0, 0.5])
        >>> quantize(weights, affine_params(weights, bits=8), bits=8)
        array([-127,   64], dtype=int8)
    """
    qmin, qmax = integer_range(bits=bits, symmetric=symmetric)
    weights = finite_weights(weights)
    codes: Codes = np.empty(weights.shape, np.dtype("int8" if symmetric else "uint8"))
    scale, zero_point, weights = np.broadcast_arrays(*params, weights)
    for some in _pieces(codes.shape):
        steps = np.asarray(weights[some] / scale[some])
        np.rint(steps, out=steps)
        steps += zero_point[some]
        codes[some] = np.clip(steps, qmin, qmax, out=steps)
    return codes


def _pieces(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Parts of an array along its longest axis, of some hundred thousand entries."""
    axis = int(np.argmax(shape)) if shape else 0
    step = max(1, _PIECE * max(shape, default=1) // max(1, math.prod(shape)))
    for start in range(0, max(shape, default=0), step):
        yield (slice(None),) * axis + (slice(start, start + step),)
    if not shape:
        yield ()


def dequantize(codes: Codes, params: AffineParams) -> npt.NDArray[np.float32]:
    """The real numbers that stored integers stand for.

    Args:
        codes: As `quantize` returns them.
        params: The same that they were quantized with.

    Returns:
        `scale * (codes - zero_point)` as float32, of the shape of `codes`.

    Example:
        >>> weights = np.array([-1.0, 0.5])
        >>> params = affine_params(weights, bits=8)
        >>> dequantize(quantize(weights, params, bits=8), params)
        array([-1.      ,  0.503937], dtype=float32)
    """
    shifted = codes.astype(np.float32) - params.zero_point.astype(np.float32)
    return params.scale * shifted


def split_groups(matrix: Floats, *, group_size: int) -> Floats:
    """Cut the rows of a matrix into groups that are to share a scale.

    The last group is filled up with zeros. `axis=1` of the result is what
    `affine_params` then takes.

    Args:
        matrix: Shape `(rows, channels)`.
        group_size: Rows a group, at least 1.

    Returns:
        Shape `(groups, group_size, channels)`.

    Raises:
        ValueError: If `group_size` is below 1.

    Example:
        >>> split_groups(np.array([[1.0], [2.0], [3.0]]), group_size=2)[..., 0]
        array([[1., 2.],
               [3., 0.]])
    """
    check_group_size(group_size)
    rows, channels = matrix.shape
    groups = -(-rows // group_size)
    if groups * group_size == rows:  # a view, of what may be most of a model
        return matrix.reshape(groups, group_size, channels)
    filled = np.zeros((groups * group_size, channels), matrix.dtype)
    filled[:rows] = matrix
    return filled.reshape(groups, group_size, channels)


def check_bits(bits: object) -> None:
    """Raise a `ValueError` unless `bits` is a whole number from 2 to 8."""
    if not isinstance(bits, int | np.integer) or not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(
            f"`bits` is the width of the stored integers and must be a whole number "
            f"from {MIN_BITS} to {MAX_BITS}. Received: bits={bits!r}."
        )


def check_group_size(group_size: object) -> None:
    """Raise a `ValueError` unless `group_size` is a whole number from 1."""
    if not isinstance(group_size, int | np.integer) or group_size < 1:
        raise ValueError(
            "`group_size` is how many weights share a scale and must be a whole number, "
            f"at least 1. Received: group_size={group_size!r}. Common values are 32, 64 "
            "and 128."
        )


def check_symmetric(symmetric: object) -> None:
    """Raise a `TypeError` unless `symmetric` is a bool."""
    if not isinstance(symmetric, bool):
        raise TypeError(
            f"`symmetric` must be True or False. Received: symmetric={symmetric!r}."
        )


def finite_weights(weights: Floats) -> npt.NDArray[np.float32]:
    """Weights as float32.

    Raises:
        ValueError: If one is not finite or beyond half of the largest float32.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is reported below
        weights = np.asarray(weights, np.float32)
    # Both are NaN if one of the weights is.
    if weights.size and not -LARGEST <= weights.min() <= weights.max() <= LARGEST:
        usable = np.abs(weights) <= LARGEST
        raise ValueError(
            "Weights must be finite, and at most half of the largest float32, to be "
            f"quantized. Received: {weights.size - np.count_nonzero(usable)} of "
            f"{weights.size} entries of an array of shape {weights.shape} are NaN, "
            "infinite or larger. Train the model again, or find the layer that diverged."
        )
    return weights
