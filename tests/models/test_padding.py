"""Padding is no input: what it holds has no say in ranges, moments and mean outputs."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.models.layer_calls import layer_calls

pytestmark = pytest.mark.contract

TOKENS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [6, 7, 8, 1, 2]])
CONTEXT = ncl.Context(calibration=TOKENS, progress=False)


def texts():
    """Masked tokens, a Dense and attention, whose projections see the same mask."""
    keras.utils.set_random_seed(3)
    ids = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True, name="embedding")(ids)
    x = layers.Dense(8, name="dense", use_bias=True)(x)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    return keras.Model(ids, x)


def with_padding(model, value):
    """A copy whose padding is embedded as this value."""
    copy = ncl.copy_model(model)
    table = copy.get_layer("embedding").embeddings
    array = keras.ops.convert_to_numpy(table).copy()
    array[0] = value
    table.assign(array)
    return copy


@pytest.mark.parametrize(
    "step",
    [
        ncl.ActivationQuantization(select=["dense", "attention/*"]),
        ncl.ActivationQuantization(select=["dense"], calibration="percentile"),
        ncl.GPTQ(bits=3, select=["dense", "attention/*"]),
        ncl.GPTQ(bits=3, select=["dense"], inputs="float"),
        ncl.ScorePruning(0.5, select=["dense", "attention/*"]),
        ncl.OptimalBrainPruning(0.5, select=["dense", "attention/*"]),
        ncl.LowRank(rank=2, data_aware=True, select=["dense"]),
        ncl.pipeline(
            ncl.UniformQuantization(bits=3, select=["dense", "attention/*"]),
            ncl.CorrectBias(),
        ),
    ],
    ids=lambda one: one.label,
)
def test_what_is_padding_has_no_say(step):
    model = texts()

    results = [step(with_padding(model, value), CONTEXT) for value in (0.0, 100.0)]

    same = [
        [one for one in tiny_models.weights_of(result) if one.shape != (9, 8)]
        for result in results
    ]
    for one, other in zip(*same, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_positions_are_left_out_and_what_has_no_mask_is_taken_whole():
    model = texts()
    named = {one.path: one for one in kernel_layers(model)}
    wanted = [named["dense"], named["attention/value"]]

    calls = list(layer_calls(model, wanted, TOKENS))

    real = int((TOKENS != 0).sum())
    assert [call.seen.shape for call in calls] == [(real, 8), (real, 8)]
    assert [call.zeroed.shape for call in calls] == [(3, 5, 8), (3, 5, 8)]
    assert not calls[0].zeroed[TOKENS == 0].any()
    (whole,) = layer_calls(model, [named["embedding"]], TOKENS)
    assert whole.mask is None
    assert whole.seen is whole.inputs


def test_a_batch_of_padding_alone_is_no_error():
    context = ncl.Context(calibration=np.zeros((2, 5), int), progress=False)
    step = ncl.ActivationQuantization(select="dense")

    assert step(texts(), context).output_shape == (None, 5, 8)
