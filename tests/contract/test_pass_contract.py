"""What every pass promises, on every tiny model and every backend."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab.passes import Pass

PASSES: tuple[Pass, ...] = (
    ncl.MagnitudePruning(sparsity=0.5),
    ncl.MagnitudePruning(sparsity=0.8, scope="global"),
    ncl.MagnitudePruning(threshold=0.05),
    ncl.ScorePruning(sparsity=0.5),
    ncl.NMPruning(n=2, m=4),
    ncl.OptimalBrainPruning(sparsity=0.5),
    # At once, before gradients differ by a rounding: a mask is all or nothing.
    ncl.GradualPruning(sparsity=0.5, curve="constant", epochs=1, batch_size=16),
    ncl.ChannelPruning(sparsity=0.5),
    ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.9, scope="global"), ncl.RemoveDeadChannels()
    ),
    ncl.UniformQuantization(bits=8),
    ncl.UniformQuantization(bits=4, granularity="per_group", group_size=8),
    ncl.UniformQuantization(bits=3, granularity="per_tensor", symmetric=False),
    ncl.UniformQuantization(bits=4, clipping="mse"),
    ncl.pipeline(
        ncl.UniformQuantization(bits=8), ncl.ActivationQuantization(calibration="mse")
    ),
    ncl.GPTQ(bits=4),
    ncl.pipeline(
        ncl.FoldBatchNorm(),
        ncl.EqualizeRanges(),
        ncl.UniformQuantization(bits=4, granularity="per_tensor"),
        ncl.CorrectBias(),
    ),
    ncl.CodebookQuantization(bits=3),
    ncl.CodebookQuantization(
        bits=2, table="normal_float", granularity="per_group", group_size=16
    ),
    ncl.pipeline(
        ncl.CodebookQuantization(bits=2),
        ncl.FineTuneCodebook(epochs=1, batch_size=16),
    ),
    # So slow that no weight crosses to the next integer in one run and not in another.
    ncl.QuantizationAwareTraining(
        bits=3,
        activation_bits=8,
        step_size="learned",
        epochs=1,
        batch_size=16,
        learning_rate=1e-7,
    ),
    ncl.CodebookAwareTraining(bits=2, epochs=1, batch_size=16, learning_rate=1e-7),
    ncl.ShortFloats(significant_bits=8, values=4),
    ncl.FoldBatchNorm(),
    ncl.FineTune(epochs=1, batch_size=16),
    ncl.Distillation(loss="decoupled", features="hint", epochs=1, batch_size=16),
    ncl.LowRank(rank=2),
    ncl.LowRank(macs=0.5),
    ncl.LowRank(energy=0.6, data_aware=True),
    ncl.Factorization("tucker2", rank=2),
    ncl.Factorization("spatial", parameters=0.6, data_aware=True),
    ncl.Factorization("cp", energy=0.5),
    ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), ncl.UniformQuantization(bits=4)),
    ncl.pipeline(),
)

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("eagerly")]


def models_for(number: int, step: Pass) -> list[Any]:
    """All tiny models on TensorFlow; of what trains, those that differ most in it.

    On other backends every third of the pairs: each pass meets one model at least, each
    model a third of the passes.
    """
    models = list(tiny_models.BUILDERS)
    if "train" in step.needs:
        models = [tiny_models.residual, tiny_models.nested, tiny_models.transformer]
    if keras.backend.backend() == "tensorflow":
        return models
    return [build for place, build in enumerate(models) if (number + place) % 3 == 0]


@dataclass
class Case:
    """A pass, a model before and after it, and the model's state before."""

    step: Pass
    model: keras.Model
    config: dict[str, Any]
    weights: list[np.ndarray]
    result: keras.Model


@pytest.fixture(
    scope="module",
    params=[
        (build, step)
        for number, step in enumerate(PASSES)
        for build in models_for(number, step)
    ],
    ids=lambda pair: f"{pair[0].__name__}-{pair[1].label}",
)
def case(request) -> Case:
    build, step = request.param
    model = tiny_models.randomize_statistics(build())
    config, weights = model.get_config(), tiny_models.weights_of(model)
    with tiny_models.eagerly():
        result = step(model, tiny_models.context())
    return Case(step, model, config, weights, result)


def outputs(model: keras.Model) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(tiny_models.images(), training=False))


def test_the_model_that_goes_in_is_bit_equal_afterwards(case):
    after = tiny_models.weights_of(case.model)

    assert json.dumps(case.model.get_config()) == json.dumps(case.config)
    for one, other in zip(case.weights, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_result_is_an_uncompiled_model_of_the_same_interface(case):
    assert not case.result.compiled
    assert case.result.name == case.model.name
    assert case.result.input_shape == case.model.input_shape
    assert case.result.output_shape == case.model.output_shape
    assert np.isfinite(outputs(case.result)).all()


def test_the_result_shares_no_variable_with_the_model(case):
    before = {id(variable) for variable in case.model.variables}

    assert not before & {id(variable) for variable in case.result.variables}


def test_the_saved_file_predicts_equal_arrays(case, tmp_path: Path):
    case.result.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(outputs(loaded), outputs(case.result))


def test_twice_the_same_input_gives_twice_the_same_model(case):
    if "train" in case.step.needs and case.model.name != "residual":
        return  # one model is enough to show that a seed fixes the order of the data
    again = case.step(case.model, tiny_models.context())
    # Threads sum gradients in any order, and Adam moves a weight by up to 1e-3 in its
    # first step and 3.2e-3 in its second ((1 - beta_1) / sqrt(1 - beta_2) times its
    # rate), however small the gradient is: twice that between two runs.
    tolerance = 8.4e-3 if "train" in case.step.needs else 0

    for one, other in zip(
        tiny_models.weights_of(case.result), tiny_models.weights_of(again), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


def keeps_its_layers(step: Pass) -> bool:
    """Whether a pass puts neither two layers in place of one nor rounding before them."""
    adding = ncl.ActivationQuantization, ncl.Factorization, ncl.LowRank
    return not any(
        isinstance(one, adding) or getattr(one, "activation_bits", None)
        for one in ncl.pipeline(step).passes
    )


def test_no_layer_is_lost(case):
    if not keeps_its_layers(case.step):
        return  # what stands for a layer is then held by the outputs, in its own tests
    expected = len(case.model.layers)
    if any(
        isinstance(one, ncl.FoldBatchNorm) for one in ncl.pipeline(case.step).passes
    ):
        expected -= sum(
            isinstance(layer, keras.layers.BatchNormalization)
            for layer in case.model.layers
        )

    assert len({id(layer) for layer in case.result.layers}) == expected


def calls_by_layer(model: keras.Model) -> dict[str, int]:
    config = keras.Model(model.inputs, model.outputs).get_config()
    return {one["name"]: len(one["inbound_nodes"]) for one in config["layers"]}


def test_layers_that_are_shared_stay_shared(case):
    before, after = calls_by_layer(case.model), calls_by_layer(case.result)

    # A pass may remove layers and add others; what is still there is used as before.
    for name in before.keys() & after.keys():
        assert after[name] == before[name]
