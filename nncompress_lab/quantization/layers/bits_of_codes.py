"""What codes take in an entropy-coded file, as a number that training can make small."""

from typing import Any, Final

import numpy as np
from keras import ops

from nncompress_lab.quantization.arrays.rate_distortion import UNUSED
from nncompress_lab.quantization.layers.fake_quantize import straight_through

# Places that a row or a column is taken to hold beside its own, filled as all others are:
# from few places nobody knows how many will be taken, and to say so costs bits, too.
PRIOR: Final = 8.0
LEAST: Final = 1e-6  # of a share, and of what is missing to 1, that float32 tells apart
BIT: Final = float(np.log(2))  # in nats


def bits_of_codes(places: Any, codes: int) -> Any:
    """Bits of all codes together, coded as the packed file does.

    The code that is used most is free space. Each other one costs `-log2` of how likely
    its place is taken, by what its row and its column hold, and `-log2` of how often the
    code is used among the others. So codes go where others are: into few rows and columns,
    while those that hold next to nothing are cleared.

    They are the bits of the codes that the places are rounded to. The gradient by a place
    is what the code above it costs more than the one below it: that of the mean bits if
    each place were rounded up as often as it is near to the code above.

    Args:
        places: Floats from 0 to `codes - 1`, each between two codes; the last axis counts
            columns, all others together rows.
        codes: How many there are, at least 2.

    Returns:
        A scalar, in bits, with a gradient by `places`; how often codes are used is taken as
        given.

    References:
        Chou, Lookabaugh, Gray, "Entropy-constrained vector quantization", IEEE Transactions
        on Acoustics, Speech, and Signal Processing 1989 (the sum of loss and bits).
        https://doi.org/10.1109/29.17498
        Oktay, Ballé, Singh, Shrivastava, "Scalable Model Compression by Entropy Penalized
        Reparameterization", ICLR 2020 (in training). https://arxiv.org/abs/1906.06624
    """
    places = ops.reshape(places, (-1, places.shape[-1]))
    fixed = ops.stop_gradient(places)
    used = ops.cast(ops.round(fixed), "int32")
    counts = ops.segment_sum(
        ops.ones_like(ops.reshape(fixed, (-1,))),
        ops.reshape(used, (-1,)),
        num_segments=codes,
    )
    common = ops.argmax(counts)
    other = ops.cast(ops.arange(codes) != common, "float32")
    likely = other * (counts + UNUSED) / ops.sum(other * (counts + UNUSED))
    prices = -ops.log(ops.where(other > 0, likely, 1.0)) / BIT
    taken = ops.cast(used != ops.cast(common, "int32"), "float32")
    dearer = _price_of_places(taken)
    below = ops.cast(ops.clip(ops.floor(fixed), 0, codes - 2), "int32")
    slopes = ops.take(prices[1:] - prices[:-1], below)
    slopes += ops.take(other[1:] - other[:-1], below) * dearer
    # Free space costs -log2(1 - p), and log2((1 - p) / p) is what is dearer.
    free = ops.sum(ops.softplus(-dearer * BIT)) / BIT
    bits = free + ops.sum(taken * dearer) + ops.sum(counts * prices)
    return straight_through(bits, ops.sum(slopes * places))


def _price_of_places(taken: Any) -> Any:
    """What a taken place costs more than a free one, shape `(rows, columns)`, in bits.

    Its odds are those of all places, times what those of its row and of its column are
    larger.
    """
    rows, columns = taken.shape
    share = (ops.sum(taken) + UNUSED) / (rows * columns + 2 * UNUSED)
    of_rows = (ops.sum(taken, axis=1, keepdims=True) + PRIOR * share) / (
        columns + PRIOR
    )
    of_columns = (ops.sum(taken, axis=0, keepdims=True) + PRIOR * share) / (
        rows + PRIOR
    )
    return _dearer(of_rows) + _dearer(of_columns) - _dearer(share)


def _dearer(share: Any) -> Any:
    share = ops.clip(share, LEAST, 1 - LEAST)
    return (ops.log(1 - share) - ops.log(share)) / BIT
