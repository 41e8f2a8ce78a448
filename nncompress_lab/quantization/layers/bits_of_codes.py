"""What codes take in an entropy-coded file, as a number that training can make small."""

from typing import Any

import numpy as np
from keras import ops

from nncompress_lab.quantization.arrays.rate_distortion import UNUSED
from nncompress_lab.quantization.layers.fake_quantize import straight_through


def bits_of_codes(places: Any, codes: int) -> Any:
    """Bits of all codes together, of which each costs `-log2` how often it is used.

    They are those of the codes that the places are rounded to. The gradient by a place is
    what the code above it costs more than the one below it: that of the mean bits if each
    place were rounded up as often as it is near to the code above.

    Args:
        places: Floats of any shape from 0 to `codes - 1`, each between two codes.
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
    places = ops.reshape(places, (-1,))
    fixed = ops.stop_gradient(places)
    used = ops.cast(ops.round(fixed), "int32")
    counts = ops.segment_sum(ops.ones_like(fixed), used, num_segments=codes)
    likely = (counts + UNUSED) / ops.sum(counts + UNUSED)
    prices = -ops.log(likely) / float(np.log(2))
    below = ops.cast(ops.clip(ops.floor(fixed), 0, codes - 2), "int32")
    slopes = ops.take(prices[1:] - prices[:-1], below)
    return straight_through(ops.sum(counts * prices), ops.sum(slopes * places))
