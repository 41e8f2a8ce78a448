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


@pytest.mark.contract
def test_bits_are_the_entropy_and_push_to_the_code_that_costs_less():
    """Code 1 costs a bit, 0 and 3 cost two; nothing goes to code 2, which is not used."""
    places = np.array([0.2, 1.4, 0.8, 2.9] * 4, np.float32)
    places[3::8] = 0.0
    codes = np.rint(places)
    bits = ops.convert_to_numpy(bits_of_codes(ops.convert_to_tensor(places), 4))
    assert bits == pytest.approx(entropy_bits(codes), rel=0.02)

    gradient = gradient_of(lambda x: bits_of_codes(x, 4), places)

    shares = (np.array([6, 8, 0, 2]) + 0.02) / 16.08
    below = np.floor(places).astype(int)
    slopes = np.log2(shares[below]) - np.log2(shares[below + 1])
    np.testing.assert_allclose(gradient, slopes, rtol=1e-4)


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
    return entropy_bits(unpack_bits(q, bits=view.format.bits, count=count))


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
