"""Codebook quantization of models, and the training of the tables."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.quantization.arrays.codebook import learn_codebook


def table_and_codes(model: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    stored = model.get_layer(name).stored_kernel("kernel")
    return tuple(keras.ops.convert_to_numpy(stored[part]) for part in ("table", "q"))


def test_the_learned_table_is_the_best_one():
    model = tiny_models.sequential()
    kernel = keras.ops.convert_to_numpy(model.get_layer("hidden").kernel)

    result = ncl.CodebookQuantization(bits=3)(model)

    decoded = keras.ops.convert_to_numpy(result.get_layer("hidden").kernel)
    np.testing.assert_array_equal(decoded, learn_codebook(kernel, size=8).decode())


def test_a_learned_table_is_nearer_than_evenly_spaced_values():
    model = tiny_models.sequential()

    def error(step: ncl.Pass) -> float:
        after = kernel_layers(step(model))
        return sum(
            float(np.square(one - other).sum())
            for layer, result in zip(kernel_layers(model), after, strict=True)
            for one, other in zip(layer.arrays(), result.arrays(), strict=True)
        )

    uniform = ncl.UniformQuantization(bits=3, granularity="per_tensor", symmetric=False)

    assert error(ncl.CodebookQuantization(bits=3)) < 0.8 * error(uniform)


def test_one_bit_of_a_pruned_kernel_is_zero_and_one_other_value():
    pruned = ncl.MagnitudePruning(sparsity=0.5)(tiny_models.sequential())

    result = ncl.CodebookQuantization(bits=1)(pruned)

    kernel = keras.ops.convert_to_numpy(result.get_layer("hidden").kernel)
    assert np.unique(kernel).size == 2
    assert 0.0 in kernel


def test_a_layer_whose_tables_take_more_than_they_save_is_left_alone():
    step = ncl.CodebookQuantization(bits=8, granularity="per_channel")
    model = tiny_models.sequential()

    assert set(step.explain(model).values()) == {ncl.Skip.WOULD_GROW}
    assert type(step(model).get_layer("hidden")) is keras.layers.Dense


def test_training_moves_the_values_and_neither_codes_nor_zeros(context):
    pruned = ncl.MagnitudePruning(sparsity=0.5)(tiny_models.sequential())
    coded = ncl.CodebookQuantization(bits=3)(pruned)

    tuned = ncl.FineTuneCodebook(epochs=2, batch_size=16)(coded, context)

    for name in ("conv", "hidden", "logits"):
        before, codes = table_and_codes(coded, name)
        after, same = table_and_codes(tuned, name)
        np.testing.assert_array_equal(codes, same)
        assert (after[before == 0] == 0).all()
        assert (after != before).any()
    assert "hidden/kernel_table" not in {one.path for one in tuned.trainable_variables}


def test_one_table_for_all_groups_trains_and_keeps_zeros(context):
    pruned = ncl.MagnitudePruning(sparsity=0.5)(tiny_models.sequential())
    coded = ncl.CodebookQuantization(
        bits=4, table="normal_float", granularity="per_group", group_size=8
    )(pruned)

    tuned = ncl.FineTuneCodebook(epochs=1, batch_size=16)(coded, context)

    for before, after in zip(kernel_layers(pruned), kernel_layers(tuned), strict=True):
        for one, other in zip(before.arrays(), after.arrays(), strict=True):
            assert not other[one == 0].any()
    table, _ = table_and_codes(tuned, "hidden")
    assert table.shape == (1, 16)
    assert (table != table_and_codes(coded, "hidden")[0]).any()


def test_a_value_moves_by_the_sum_of_the_gradients_of_its_weights(context):
    """Plain gradient descent on a table, beside the gradient of the float kernel."""
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4, use_bias=False, name="logits")]
    )
    x = context.train.x[:16].reshape(16, -1)[:, :6]
    coded = ncl.CodebookQuantization(bits=2)(model)
    # What it says least: nothing is worse, so that the start is not returned.
    data = ncl.Data(x, coded.predict(x, verbose=0).argmin(axis=-1))
    floats = ncl.dequantized(coded)
    settings = {"epochs": 1, "batch_size": 16, "learning_rate": 0.1, "optimizer": "sgd"}
    given = ncl.Context(train=data, validation=data, progress=False)

    table = table_and_codes(ncl.FineTuneCodebook(**settings)(coded, given), "logits")[0]
    trained = ncl.FineTune(**settings)(floats, given)

    before = keras.ops.convert_to_numpy(floats.get_layer("logits").kernel)
    steps = keras.ops.convert_to_numpy(trained.get_layer("logits").kernel) - before
    start = table_and_codes(coded, "logits")[0][0]
    sums = [steps[before == value].sum() for value in start]
    # float32 sums of a few numbers in another order
    np.testing.assert_allclose(table[0] - start, sums, rtol=1e-4, atol=1e-6)


def test_a_model_without_tables_is_refused(context):
    with pytest.raises(ValueError, match="Apply CodebookQuantization first"):
        ncl.FineTuneCodebook(epochs=1)(tiny_models.sequential(), context)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "kmeans"}, "`table` must be one of"),
        ({"bits": 0}, "whole number from 1 to 8"),
        ({"bits": 1, "table": "normal_float"}, "2 to 8 bits"),
        ({"granularity": "per_row"}, "`granularity` must be one of"),
        ({"group_size": 8}, "belongs to granularity"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ncl.CodebookQuantization(**settings)
