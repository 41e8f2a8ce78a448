"""Parameters, zeros and bytes against counts made by hand."""

import keras
import numpy as np
import pytest
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure

every_model = pytest.mark.parametrize(
    "build", tiny_models.BUILDERS, ids=lambda one: one.__name__
)


def dense(units: int, inputs: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(units, bias_initializer="ones", name="dense"),
        ]
    )


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    """A compiled model with the state of its optimizer."""
    keras.utils.set_random_seed(7)
    model = dense(40, inputs=100)
    model.compile("adam", "mse", jit_compile=False)
    model.fit(np.ones((4, 100)), np.ones((4, 40)), verbose=0)
    return model


@every_model
def test_parameters_are_those_that_keras_counts(build):
    model = tiny_models.built(build)

    assert measure.parameters(model) == model.count_params()


@pytest.mark.parametrize(
    ("build", "step"),
    tiny_models.in_turn(
        tiny_models.BUILDERS,
        [
            ncl.UniformQuantization(bits=8),
            ncl.UniformQuantization(bits=3, granularity="per_group", group_size=7),
            ncl.UniformQuantization(bits=4, symmetric=False),
        ],
    ),
    ids=lambda one: getattr(one, "label", None) or one.__name__,
)
def test_a_weight_stored_as_an_integer_is_still_one_parameter(build, step):
    model = tiny_models.built(build)

    quantized = step(model)

    assert measure.parameters(quantized) == measure.parameters(model)


def test_a_layer_that_is_used_twice_has_its_parameters_once():
    model = tiny_models.shared()

    by_hand = (3 * 3 * 3) * 3 + 3 + (8 * 8 * 3) * 4 + 4
    assert measure.parameters(model) == by_hand


def test_the_statistics_of_a_normalization_are_parameters():
    model = tiny_models.residual()

    stem = (3 * 3 * 3) * 6 + 4 * 6
    conv = (3 * 3 * 6) * 6 + 6 + 4 * 6
    assert measure.parameters(model) == stem + conv + 6 * 4 + 4


def test_nonzeros_after_pruning_are_exact():
    model = dense(6, inputs=10)

    pruned = ncl.MagnitudePruning(sparsity=0.7)(model)

    # of 60 weights 42 are zero; the 6 biases are ones
    assert measure.nonzeros(pruned) == (60 - 42) + 6


def test_quantizing_a_pruned_model_adds_no_nonzero():
    pruned = ncl.MagnitudePruning(sparsity=0.7)(dense(6, inputs=10))

    quantized = ncl.UniformQuantization(bits=8)(pruned)

    assert measure.nonzeros(quantized) <= (60 - 42) + 6


def test_the_nonzeros_of_a_quantized_layer_are_those_of_its_decoded_kernel():
    model = dense(2, inputs=20)
    kernel = np.full((20, 2), 0.001)  # rounds to 0 in steps of 1 / 127
    kernel[3], kernel[7] = 1.0, -1.0
    model.layers[0].kernel.assign(kernel)

    quantized = ncl.UniformQuantization(bits=8)(model)

    assert measure.nonzeros(quantized) == 2 * 2 + 2


def test_floats_take_four_bytes():
    model = dense(6, inputs=10)

    assert measure.bytes_in_memory(model) == 4 * (10 * 6 + 6)


BYTES = {
    # integers, a float32 scale for each of 6 outputs, float32 biases
    "8 bits": (ncl.UniformQuantization(bits=8), 60 + 4 * 6 + 4 * 6),
    # below 8 bits, 60 weights are packed like 64: by eights into whole bytes
    "4 bits": (ncl.UniformQuantization(bits=4), 64 * 4 // 8 + 4 * 6 + 4 * 6),
    "3 bits": (ncl.UniformQuantization(bits=3), 64 * 3 // 8 + 4 * 6 + 4 * 6),
    # a zero point of one byte with each scale
    "8 bits, affine": (
        ncl.UniformQuantization(bits=8, symmetric=False),
        60 + 4 * 6 + 1 * 6 + 4 * 6,
    ),
    "8 bits, one scale": (
        ncl.UniformQuantization(bits=8, granularity="per_tensor"),
        60 + 4 * 1 + 4 * 6,
    ),
    # two groups of 5 inputs for each output
    "8 bits, groups": (
        ncl.UniformQuantization(bits=8, granularity="per_group", group_size=5),
        60 + 4 * (2 * 6) + 4 * 6,
    ),
}


@pytest.mark.parametrize(("step", "by_hand"), BYTES.values(), ids=BYTES)
def test_integers_take_their_bits_and_the_scales(step, by_hand):
    model = dense(6, inputs=10)

    quantized = step(model)

    assert measure.bytes_in_memory(quantized) == by_hand


@every_model
def test_the_bytes_of_floats_are_four_times_the_parameters(build):
    model = tiny_models.built(build)

    assert measure.bytes_in_memory(model) == 4 * model.count_params()


def test_a_compiled_model_measures_like_an_uncompiled_one(trained):
    compiled = measure.file_sizes(trained)

    uncompiled = measure.file_sizes(ncl.copy_model(trained))

    # Slack for the length of numbers in the JSON; the optimizer would add 32,320 bytes.
    assert abs(compiled.keras - uncompiled.keras) <= 200


def test_the_file_of_a_compiled_model_also_holds_the_optimizer(trained, tmp_path):
    trained.save(tmp_path / "trained.keras")

    saved = (tmp_path / "trained.keras").stat().st_size

    # Adam keeps two float32 for each of the 100 * 40 + 40 weights.
    assert saved >= measure.file_sizes(trained).keras + 2 * 4 * (100 * 40 + 40)


def test_the_measured_size_is_that_of_the_saved_file(tmp_path):
    model = dense(40, inputs=100)
    ncl.save_model(model, tmp_path / "model.keras")

    saved = (tmp_path / "model.keras").stat().st_size

    # Slack for the length of names and dates in the JSON.
    assert abs(measure.file_sizes(model).keras - saved) <= 200


def test_pruning_leaves_the_keras_file_as_large_as_it_was():
    model = dense(40, inputs=100)

    pruned = measure.file_sizes(ncl.MagnitudePruning(sparsity=0.9)(model))

    # A .keras file stores its members; slack for the length of names in the JSON.
    assert abs(pruned.keras - measure.file_sizes(model).keras) <= 200


def test_the_packed_size_is_that_of_the_packed_file(tmp_path):
    pruned = ncl.MagnitudePruning(sparsity=0.5)(dense(40, inputs=100))

    sizes = measure.file_sizes(pruned)

    assert sizes.packed == ncl.pack(pruned, tmp_path / "model.ncz")
    assert sizes.packed <= sizes.keras


def test_packing_pays_off_when_nearly_all_weights_are_zero():
    pruned = ncl.MagnitudePruning(sparsity=0.95)(dense(200, inputs=500))

    sizes = measure.file_sizes(pruned)

    # Of 20 floats (80 bytes) one is left: its 4 bytes, up to 8 for where it is and 4 for
    # the rest of the file are 16 of 80.
    assert sizes.packed < 16 / 80 * sizes.keras


def test_measuring_sizes_leaves_the_model_as_it_was(trained):
    before = tiny_models.weights_of(trained)

    measure.file_sizes(trained)

    assert trained.compiled
    for old, new in zip(before, tiny_models.weights_of(trained), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_file_of_a_model_that_is_not_built_is_not_measured():
    with pytest.raises(ncl.UnsupportedModelError, match="never built"):
        measure.file_sizes(keras.Sequential([keras.layers.Dense(2)]))
