"""What passes promise each other."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.models.kernels import (
    kernel_layers,
    other_variables,
    weighted_layers,
)

pytestmark = pytest.mark.contract

QUANTIZATIONS = (
    ncl.UniformQuantization(bits=8),
    ncl.UniformQuantization(bits=2),
    ncl.UniformQuantization(bits=8, symmetric=False),
    ncl.CodebookQuantization(bits=2),
    ncl.CodebookQuantization(bits=4, table="normal_float"),
    ncl.CodebookQuantization(bits=3, table="power_of_two", granularity="per_channel"),
    ncl.UniformQuantization(
        bits=5, granularity="per_group", group_size=7, symmetric=False
    ),
)


def outputs(model: keras.Model) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(tiny_models.images(), training=False))


def zeros_of(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {
        layer.path: [array == 0 for array in layer.arrays()]
        for layer in kernel_layers(model)
    }


@cache
def pruned_from(build: Callable[[], keras.Model]) -> keras.Model:
    return ncl.MagnitudePruning(sparsity=0.6)(tiny_models.built(build))


def every_model(function):
    builders = tiny_models.BUILDERS
    return pytest.mark.parametrize("build", builders, ids=lambda b: b.__name__)(
        function
    )


@pytest.mark.parametrize(
    ("build", "quantization"),
    tiny_models.in_turn(tiny_models.BUILDERS, QUANTIZATIONS, each=3),
    ids=lambda one: getattr(one, "label", None) or one.__name__,
)
def test_quantization_keeps_every_zero(build, quantization):
    pruned = pruned_from(build)

    quantized = quantization(pruned)

    zeros = zeros_of(quantized)
    for path, masks in zeros_of(pruned).items():
        for before, after in zip(masks, zeros[path], strict=True):
            assert after[before].all()


@pytest.mark.parametrize(
    "build", [tiny_models.nested, tiny_models.depthwise, tiny_models.transformer]
)
def test_fine_tuning_keeps_every_zero_and_trains_the_rest(build, context):
    original = build()
    before_training = outputs(original)
    pruned = ncl.MagnitudePruning(sparsity=0.6)(original)

    least_likely = outputs(pruned).argmin(axis=-1)  # so that no epoch is worse
    all_wrong = ncl.Data(tiny_models.images(), least_likely)

    tuned = ncl.FineTune(epochs=2, batch_size=8, learning_rate=0.01)(
        pruned, replace(context, validation=all_wrong)
    )

    trained = {layer.path: layer.arrays() for layer in kernel_layers(tuned)}
    for layer in kernel_layers(pruned):
        for before, after in zip(layer.arrays(), trained[layer.path], strict=True):
            assert (after[before == 0] == 0).all()
            assert (after != before).any()
            assert not np.signbit(after[before == 0]).any()  # -0.0 does not pack
    np.testing.assert_array_equal(outputs(original), before_training)


@every_model
def test_pruning_drops_the_exact_number_of_weights_from_each_kernel(build):
    model = tiny_models.built(build)

    pruned = ncl.MagnitudePruning(sparsity=0.7, scope="layer", select="*")(model)

    for layer in kernel_layers(pruned):
        for array in layer.arrays():
            assert np.count_nonzero(array == 0) == round(0.7 * array.size)
            assert not np.signbit(array[array == 0]).any()  # -0.0 does not pack


@every_model
def test_biases_and_normalization_weights_are_never_touched(build):
    model = tiny_models.built(build)
    step = ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.9), ncl.UniformQuantization(bits=2)
    )

    result = step(model)

    after = dict(weighted_layers(result))
    for path, layer in weighted_layers(model):
        for one, other in zip(
            other_variables(layer), other_variables(after[path]), strict=True
        ):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
            )


@every_model
def test_folding_normalization_leaves_the_outputs(build):
    model = tiny_models.built(build)

    folded = ncl.FoldBatchNorm()(model)

    # The products are the same up to the order of float32 roundings.
    np.testing.assert_allclose(
        outputs(folded),
        outputs(model),
        rtol=2e-4,
        atol=1e-4,
    )


@every_model
def test_dequantized_predicts_as_the_quantized_model(build):
    quantized = ncl.UniformQuantization(bits=4)(tiny_models.built(build))

    floats = ncl.dequantized(quantized)

    assert not any("Quantized" in type(layer).__name__ for layer in floats.layers)
    # The same numbers go through the same operations, in a graph that may be fused.
    np.testing.assert_allclose(
        outputs(floats),
        outputs(quantized),
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_pipeline_checks_what_it_needs_before_any_work():
    class Explodes(ncl.Pass):
        def transform(self, model, context):
            raise AssertionError("work began")

    step = ncl.pipeline(Explodes(), ncl.FineTune())

    with pytest.raises(ncl.MissingContextError, match="train and validation"):
        step(tiny_models.sequential())


def test_pipelines_are_flat_and_their_needs_are_a_union():
    a, b, c = ncl.MagnitudePruning(sparsity=0.5), ncl.FineTune(), ncl.FoldBatchNorm()

    assert ncl.pipeline(a, ncl.pipeline(b, c)) == ncl.pipeline(a, b, c)
    assert ncl.pipeline(a, c).needs == frozenset()
    assert ncl.pipeline(a, b).needs == {"train", "validation"}


def test_no_pass_may_use_the_test_data(context):
    class Cheats(ncl.Pass):
        @property
        def needs(self):
            return frozenset({"test"})

        def transform(self, model, context):
            return model

    with pytest.raises(TypeError, match=r"needs \['test'\], which no pass may use"):
        Cheats()(tiny_models.sequential(), context)


def test_a_pipeline_gives_its_passes_the_original_model(context):
    seen = []

    class Looks(ncl.Pass):
        def transform(self, model, context):
            seen.append(context.original)
            return model

    model = tiny_models.sequential()

    ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), Looks())(model, context)

    assert seen == [model]


@pytest.mark.parametrize("wrong", [ncl.FineTune, "FineTune", None])
def test_a_pipeline_takes_only_passes(wrong):
    with pytest.raises(TypeError, match="A pipeline is made of passes"):
        ncl.pipeline(wrong)


def test_two_passes_of_one_name_from_two_modules_are_refused():
    with pytest.raises(TypeError, match="already a pass named FineTune"):
        type("FineTune", (ncl.Pass,), {"transform": None, "__module__": "elsewhere"})
