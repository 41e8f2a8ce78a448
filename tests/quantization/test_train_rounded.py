"""What every training through rounding promises, to integers and to codes."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops
from rounded_models import rounded_by

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.quantization.layers.stored import QuantizedKernels
from nncompress_lab.quantization.layers.train_rounded import with_stored_kernels

SHORT = {"epochs": 1, "batch_size": 16}
LONG = {"epochs": 20, "batch_size": 32, "learning_rate": 0.02}
STEPS = {
    "learned": ncl.QuantizationAwareTraining(bits=3, step_size="learned", **SHORT),
    "absmax": ncl.QuantizationAwareTraining(bits=4, symmetric=False, **SHORT),
    "table": ncl.CodebookAwareTraining(bits=3, **SHORT),
    "tables": ncl.CodebookAwareTraining(
        bits=2, granularity="per_group", group_size=16, **SHORT
    ),
}
each_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


@pytest.mark.parametrize(
    ("build", "step"),
    tiny_models.in_turn(tiny_models.BUILDERS, list(STEPS)),
    ids=lambda one: getattr(one, "__name__", one),
)
def test_what_is_stored_predicts_what_was_trained(build, step):
    rounded = rounded_by(STEPS[step], tiny_models.built(build))
    images = tiny_models.images()

    stored = with_stored_kernels(rounded)

    # The same numbers go through the same operations, in a graph that may be fused.
    np.testing.assert_allclose(
        ops.convert_to_numpy(stored(images, training=False)),
        ops.convert_to_numpy(rounded(images, training=False)),
        rtol=1e-5,
        atol=1e-6,
    )
    assert any(isinstance(one.layer, QuantizedKernels) for one in kernel_layers(stored))


@each_step
def test_kernels_train_and_zeros_stay(step, context):
    pruned = ncl.MagnitudePruning(sparsity=0.5)(tiny_models.residual())
    untrained = with_stored_kernels(rounded_by(step, pruned))
    outputs = ops.convert_to_numpy(untrained(context.validation.x, training=False))
    least_likely = outputs.argmin(axis=-1)  # so that no epoch is worse
    all_wrong = ncl.Data(context.validation.x, least_likely)

    result = step(pruned, replace(context, validation=all_wrong))

    for before, start, after in zip(
        kernel_layers(pruned),
        kernel_layers(untrained),
        kernel_layers(result),
        strict=True,
    ):
        kernel = after.arrays()[0]
        assert (kernel[before.arrays()[0] == 0] == 0).all()
        assert not np.array_equal(kernel, start.arrays()[0])


@pytest.fixture(scope="module")
def separated():
    """Points that a small network separates, and that network."""
    keras.utils.set_random_seed(7)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(512, 2)).astype(np.float32)
    data = ncl.Data(x, (np.hypot(*x.T) > 1.1).astype(np.int32))
    given = ncl.Context(train=data, validation=data, progress=False)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(16, "relu", name="first"),
            keras.layers.Dense(16, "relu", name="second"),
            keras.layers.Dense(2, name="logits"),
        ]
    )
    model = ncl.FineTune(**LONG)(model, given)
    assert ncl.measure.accuracy(model, data) > 0.95
    return model, given


COARSE = {"bits": 2, "granularity": "per_tensor"}


@pytest.mark.parametrize(
    ("kind", "afterwards", "teacher"),
    [
        (
            partial(ncl.QuantizationAwareTraining, step_size="learned", **COARSE),
            ncl.UniformQuantization(**COARSE),
            None,
        ),
        (
            partial(ncl.CodebookAwareTraining, bits=1),
            ncl.CodebookQuantization(bits=1),
            "context",
        ),
    ],
    ids=["integers", "codes of a teacher"],
)
def test_rounding_in_training_beats_rounding_afterwards(
    separated, kind, afterwards, teacher
):
    """At few bits; with a teacher even if the labels of the training say nothing."""
    model, given = separated
    taught = {}
    if teacher:
        mute = ncl.Data(given.train.x, np.zeros_like(given.train.y))
        taught = {"teacher": teacher, "student_loss_weight": 0.0}
        given = replace(given, train=mute, teacher=model)

    during = kind(**taught, **LONG)(model, given)

    accuracies = [
        ncl.measure.accuracy(one, given.validation)
        for one in (afterwards(model), during)
    ]
    assert accuracies[1] > accuracies[0] + 0.05


@pytest.fixture(scope="module")
def learned_by_heart():
    """A network that knows its examples, and the same examples with wrong labels."""
    given = tiny_models.context()
    given = replace(given, validation=given.train)
    keras.utils.set_random_seed(7)
    train = ncl.FineTune(epochs=20, batch_size=8, learning_rate=0.01, patience=20)
    model = train(tiny_models.sequential(), given)
    wrong = (given.train.y + 1) % model.output_shape[-1]
    return model, replace(given, train=ncl.Data(given.train.x, wrong))


HARMFUL = {**SHORT, "learning_rate": 0.03}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("step", "afterwards"),
    [
        (ncl.QuantizationAwareTraining(**HARMFUL), ncl.UniformQuantization()),
        (
            ncl.QuantizationAwareTraining(step_size="learned", **HARMFUL),
            ncl.UniformQuantization(clipping="mse"),
        ),
        (ncl.CodebookAwareTraining(**HARMFUL), ncl.CodebookQuantization()),
    ],
    ids=["absmax", "learned", "table"],
)
def test_training_that_only_harms_leaves_what_rounding_makes(
    learned_by_heart, step, afterwards
):
    model, misled = learned_by_heart

    result = step(model, misled)

    # Training draws from the generator of the dropout, which is no weight. A scale that
    # went through a compiled graph or a logarithm is a rounding away.
    for one, other in zip(
        result.get_weights(), afterwards(model).get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6)
