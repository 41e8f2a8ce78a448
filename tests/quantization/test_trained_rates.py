"""The price of bits in training: what they are, where they push, and what comes out."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops
from rounded_models import rounded_by

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.quantization.arrays.bitpacking import unpack_bits
from nncompress_lab.quantization.layers.bits_of_codes import bits_of_codes
from nncompress_lab.quantization.layers.rounded import RoundedKernels
from nncompress_lab.training.gradients import gradient_of

RATE = 1e-3
SHORT = {"epochs": 3, "batch_size": 16, "rate": RATE, "learning_rate": 0.03}
STEPS = {
    "learned": ncl.QuantizationAwareTraining(bits=3, step_size="learned", **SHORT),
    "absmax": ncl.QuantizationAwareTraining(bits=4, symmetric=False, **SHORT),
    "table": ncl.CodebookAwareTraining(bits=3, **SHORT),
    "tables": ncl.CodebookAwareTraining(bits=2, granularity="per_channel", **SHORT),
}
each_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def entropy_bits(codes):
    _, counts = np.unique(codes, return_counts=True)
    return float(-(counts * np.log2(counts / codes.size)).sum())


def likely_taken(taken):
    """How likely each place is: odds of all, times those of its row and its column."""
    share = (taken.sum() + 0.02) / (taken.size + 0.04)
    odds = share / (1 - share)
    for axis in (0, 1):
        shares = taken.sum(axis, keepdims=True) + 8 * share
        shares /= taken.shape[axis] + 8
        odds = odds * shares / (1 - shares) / (share / (1 - share))
    return odds / (1 + odds)


def coded_bits(codes):
    """Of a matrix: where the codes are that are not the most common one, and which."""
    values, counts = np.unique(codes, return_counts=True)
    taken = codes != values[counts.argmax()]
    likely = likely_taken(taken)
    where = -np.log2(np.where(taken, likely, 1 - likely)).sum()
    return float(where + entropy_bits(codes[taken]))


@pytest.mark.contract
def test_bits_are_the_entropy_where_rows_and_columns_say_nothing():
    shares = [0.1, 0.6, 0.0, 0.3]
    codes = np.random.default_rng(0).choice(4, (96, 64), p=shares).astype(np.float32)

    bits = float(ops.convert_to_numpy(bits_of_codes(ops.convert_to_tensor(codes), 4)))

    assert bits == pytest.approx(coded_bits(codes), rel=1e-3)
    # What rows and columns hold by chance is taken for something: 1 % of the bits.
    assert 0.98 * entropy_bits(codes) < bits < entropy_bits(codes)


@pytest.mark.contract
def test_rows_and_columns_without_codes_cost_next_to_nothing():
    codes = np.zeros((96, 64), np.float32)
    codes[::4, :16] = np.random.default_rng(0).integers(0, 4, (24, 16))

    bits = float(ops.convert_to_numpy(bits_of_codes(ops.convert_to_tensor(codes), 4)))

    assert bits == pytest.approx(coded_bits(codes), rel=1e-3)
    assert bits < 1.3 * entropy_bits(codes[::4, :16]) < 0.7 * entropy_bits(codes)


@pytest.mark.contract
def test_bits_push_to_the_code_that_costs_less_and_out_of_empty_columns():
    """Code 1 is free space; the others cost bits, and more where there are few."""
    places = np.array([[0.2, 1.4], [0.8, 1.1], [0.0, 0.9], [2.9, 1.2]], np.float32)
    taken = np.rint(places) != 1

    gradient = gradient_of(lambda x: bits_of_codes(x, 4), places)

    likely = likely_taken(taken)
    prices = -np.log2(np.array([2.02, np.nan, 0.02, 1.02]) / 3.06)
    each = prices + np.log2((1 - likely) / likely)[..., None]
    each[..., 1] = 0
    below = np.floor(places).astype(int)[..., None]
    slopes = np.take_along_axis(each, below + 1, 2) - np.take_along_axis(each, below, 2)
    np.testing.assert_allclose(gradient, slopes[..., 0], rtol=1e-4)
    assert each[0, 1, 0] > each[0, 0, 0] + 1  # nothing else is taken in its column


@each_step
def test_the_loss_counts_the_bits_of_what_is_stored(step):
    model = rounded_by(step, ncl.MagnitudePruning(sparsity=0.5)(tiny_models.residual()))
    layers = [
        one.layer
        for one in kernel_layers(model)
        if isinstance(one.layer, RoundedKernels)
    ]

    stored = step.stored(model)

    bits = [bits_stored(stored.get_layer(one.name)) for one in layers]
    priced = [float(ops.convert_to_numpy(one)) for one in model.losses]
    # A code that is not used counts as a fiftieth of one.
    assert priced == pytest.approx([RATE * one for one in bits], rel=0.02)
    assert len(priced) == len(layers) > 2


def bits_stored(layer):
    view, stored = layer.views["kernel"], layer.stored_kernel("kernel")
    count = int(np.prod(view.grouped_shape))
    q = ops.convert_to_numpy(stored["q"])
    codes = unpack_bits(q, bits=view.format.bits, count=count)
    return coded_bits(codes.reshape(-1, view.channels))


@pytest.mark.contract
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "step",
    # So much that it outweighs the labels, whatever weights a backend begins with.
    [replace(STEPS[one], rate=10 * RATE) for one in ("learned", "table")],
    ids=["learned", "table"],
)
def test_a_rate_takes_bits_out_of_the_file(step, context):
    """And the epoch with the least loss is kept, though the labels ask for the start."""
    model = tiny_models.sequential()
    outputs = ops.convert_to_numpy(model(context.validation.x, training=False))
    right = ncl.Data(context.validation.x, outputs.argmax(axis=-1))

    result = step(model, replace(context, validation=right))

    assert bits_in(result) < 0.9 * bits_in(step.stored(step.rounded(model)))


def bits_in(model):
    return sum(bits_stored(one.layer) for one in kernel_layers(model))


def test_a_regularizer_of_the_layer_stays_and_a_copy_has_the_price():
    layer = keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.1))
    model = keras.Sequential([keras.Input((8,)), layer])
    kernel = ops.convert_to_numpy(layer.kernel)

    rounded = STEPS["table"].rounded(model)

    bits = bits_stored(STEPS["table"].stored(rounded).layers[-1])
    expected = RATE * bits + 0.1 * (kernel**2).sum()
    for one in (rounded, ncl.copy_model(rounded)):
        (loss,) = map(ops.convert_to_numpy, one.losses)
        assert loss == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("rate", [-1e-9, np.inf, np.nan])
def test_a_bit_is_worth_nothing_or_more(rate):
    with pytest.raises(ValueError, match="must be 0 or above"):
        ncl.CodebookAwareTraining(rate=rate)
