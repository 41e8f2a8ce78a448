"""Rounding the floats beside the kernels: how far they move, and what stays."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers, other_variables, to_numpy
from nncompress_lab.quantization.arrays.codebook import learn_codebook
from nncompress_lab.quantization.short_floats import rounded


def others(model: keras.Model) -> list[np.ndarray]:
    return [
        to_numpy(one)
        for layer in model.layers
        for one in other_variables(layer)
        if "float" in str(one.dtype)
    ]


@pytest.mark.parametrize("bits", [1, 4, 8, 11, 24])
def test_the_relative_error_is_within_the_bits(bits):
    array = np.random.default_rng(0).normal(size=1000).astype(np.float32) ** 5

    short = rounded(array, bits)

    assert (np.abs(short - array) <= np.abs(array) * 2.0**-bits).all()
    fractions = np.frexp(short)[0] * 2**bits
    np.testing.assert_array_equal(fractions, np.rint(fractions))


def test_eleven_bits_are_those_of_float16():
    array = np.random.default_rng(0).normal(size=1000).astype(np.float32)

    expected = array.astype(np.float16).astype(np.float32)

    normal = np.abs(array) >= np.finfo(np.float16).tiny  # below, float16 has fewer
    np.testing.assert_array_equal(rounded(array, 11)[normal], expected[normal])


@pytest.mark.parametrize("build", tiny_models.BUILDERS, ids=lambda one: one.__name__)
def test_float_kernels_stay_and_all_else_is_short(build):
    model = tiny_models.built(build)

    short = ncl.ShortFloats(significant_bits=5)(model)

    for one, other in zip(kernel_layers(model), kernel_layers(short), strict=True):
        for before, after in zip(one.arrays(), other.arrays(), strict=True):
            np.testing.assert_array_equal(before, after)
    for before, after in zip(others(model), others(short), strict=True):
        np.testing.assert_array_equal(after, rounded(before, 5))


def test_the_values_are_the_best_ones():
    model = tiny_models.randomize_statistics(tiny_models.sequential())
    model.get_layer("hidden").bias.assign(np.linspace(-1, 1, 10))

    short = ncl.ShortFloats(significant_bits=24, values=4)(model)

    bias = to_numpy(model.get_layer("hidden").bias)
    expected = learn_codebook(bias, size=4).decode()
    np.testing.assert_array_equal(to_numpy(short.get_layer("hidden").bias), expected)


def test_tables_are_rounded_and_codes_stay():
    pruned = ncl.MagnitudePruning(sparsity=0.5)(tiny_models.sequential())
    coded = ncl.CodebookQuantization(bits=3)(pruned)

    short = ncl.ShortFloats(significant_bits=4, values=2)(coded)

    for name in ("conv", "hidden"):
        before = coded.get_layer(name).stored_kernel("kernel")
        after = short.get_layer(name).stored_kernel("kernel")
        table = to_numpy(after["table"])
        np.testing.assert_array_equal(to_numpy(before["q"]), to_numpy(after["q"]))
        np.testing.assert_array_equal(table, rounded(to_numpy(before["table"]), 4))
        assert 0.0 in table


def test_the_packed_file_gets_smaller():
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(300)])
    model.layers[0].bias.assign(np.random.default_rng(0).normal(size=300))

    sizes = [
        ncl.packed_bytes(model),
        ncl.packed_bytes(ncl.ShortFloats(significant_bits=11)(model)),
        ncl.packed_bytes(ncl.ShortFloats(significant_bits=11, values=16)(model)),
    ]

    # 300 floats of 32, of at most 16 (5 of exponent, 11) and of 4 bits; tables beside.
    assert sizes[0] - sizes[1] > 300 * 1.5
    assert sizes[1] - sizes[2] > 300


def test_a_layer_that_is_not_known_is_left_alone():
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(2)])

    short = ncl.ShortFloats(significant_bits=2, values=2)(model)

    for before, after in zip(model.get_weights(), short.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    "settings", [{"significant_bits": 0}, {"significant_bits": 25}, {"values": 1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=f"`{next(iter(settings))}` must be"):
        ncl.ShortFloats(**settings)


def test_an_adapted_normalization_computes_with_what_is_stored(tmp_path):
    scale = keras.layers.Normalization()
    scale.adapt(np.random.default_rng(0).normal(3, 7, size=(100, 4)))
    model = keras.Sequential([keras.Input((4,)), scale])
    x = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)

    short = ncl.ShortFloats(significant_bits=4)(model)
    short.save(tmp_path / "short.keras")

    loaded = keras.saving.load_model(tmp_path / "short.keras")
    np.testing.assert_array_equal(short(x), loaded(x))
    assert np.any(np.asarray(short(x)) != np.asarray(model(x)))
