"""Trials of stored kernels show what the pass does, to the last bit."""

import itertools
import math

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.quantization.arrays.codebook import learn_codebook
from nncompress_lab.quantization.layers.fake_quantize import FakeQuantize
from nncompress_lab.trials.arrays.lloyd import lloyd_rounds
from nncompress_lab.trials.arrays.noise import Noise, entropy
from nncompress_lab.trials.arrays.staircase import Staircase
from nncompress_lab.trials.codebook import CodebookTrial
from nncompress_lab.trials.kernels import KEPT, Choice
from nncompress_lab.trials.quantization import QuantizationTrial, one_scale

STEPS = (
    ncl.UniformQuantization(bits=2),
    ncl.UniformQuantization(bits=3, granularity="per_group", group_size=4),
    ncl.UniformQuantization(bits=4, granularity="per_tensor", symmetric=False),
    ncl.UniformQuantization(bits=5, clipping="percentile", percentile=95.0),
    ncl.UniformQuantization(bits=8, clipping="mse", symmetric=False),
    ncl.CodebookQuantization(bits=2),
    ncl.CodebookQuantization(bits=3, table="normal_float", granularity="per_channel"),
)
ACTIVATIONS = (
    ncl.ActivationQuantization(),
    ncl.ActivationQuantization(bits=4, calibration="percentile", percentile=99.0),
    ncl.ActivationQuantization(bits=3, calibration="mse", symmetric=True),
)


def trial_of(model: keras.Model) -> QuantizationTrial:
    return QuantizationTrial(model, tiny_models.context().validation)


def context() -> ncl.Context:
    return ncl.Context(calibration=tiny_models.context().validation)


def kernels(model: keras.Model) -> list[np.ndarray]:
    return [array for one in kernel_layers(model) for array in one.arrays()]


def assert_it_is_the_pass(trial, choice, model) -> None:
    result = trial.setting(choice)(model, context())
    images = tiny_models.context().validation
    assert trial.accuracy(choice) == measure.accuracy(result, images)
    with trial._scratch(choice.activations).under(Choice(choice.steps)) as copy:
        for ours, theirs in zip(kernels(copy), kernels(result), strict=True):
            assert ours.tobytes() == theirs.tobytes()
    if choice.activations is None:
        assert trial.counted(choice)["memory_bytes"] == measure.bytes_in_memory(result)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_the_weights_and_bytes_are_those_of_the_pass(build):
    model = build()
    trial = trial_of(model)
    each = dict(zip(trial.layers, itertools.cycle(STEPS), strict=False))

    for choice in (Choice({"*": STEPS[1]}), Choice({"*": STEPS[5]}), Choice(each)):
        assert_it_is_the_pass(trial, choice, model)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("build", "rounds", "steps"),
    [
        (tiny_models.sequential, ACTIVATIONS[1], {}),
        (tiny_models.residual, ACTIVATIONS[2], {"*": STEPS[3]}),
        (tiny_models.transformer, ACTIVATIONS[0], {"attention/query": STEPS[2]}),
        (tiny_models.nested, ACTIVATIONS[0], {"*": STEPS[0]}),
    ],
)
def test_with_rounded_activations_they_are_too(build, rounds, steps):
    model = build()

    assert_it_is_the_pass(trial_of(model), Choice(steps, rounds), model)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("rounds", [None, ACTIVATIONS[0]])
def test_the_file_is_that_of_the_passs_result(rounds):
    model = tiny_models.sequential()
    choice = Choice({"conv": STEPS[1], "hidden": STEPS[5]}, rounds)
    trial = trial_of(model)

    found = trial.weighed(choice)

    expected = measure.file_sizes(trial.setting(choice)(model, context()))
    # Keras numbers all tensors of a session, and the file holds these names.
    assert found["keras_bytes"] == pytest.approx(expected.keras, abs=400)
    assert found["packed_bytes"] == pytest.approx(expected.packed, abs=100)


@pytest.mark.usefixtures("eagerly")
def test_a_choice_leaves_nothing_of_the_one_before():
    model = tiny_models.sequential()
    trial = trial_of(model)

    for choice in (Choice({"*": STEPS[0]}), Choice({"conv": STEPS[5]}), Choice()):
        trial.accuracy(choice)

    with trial._measuring.under(Choice()) as copy:
        tiny_models.assert_same_weights(copy, model)


def test_the_last_settings_of_a_layer_are_kept_and_no_more():
    kernels = trial_of(tiny_models.sequential()).kernels

    def held(bits):
        return kernels.stored(Choice({"*": ncl.UniformQuantization(bits=bits)}), "conv")

    first, *others = [held(bits) for bits in range(2, 2 + KEPT)]

    assert held(2) is first
    held(8)
    assert held(3) is others[0]
    assert held(2) is not first


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("step", STEPS)
def test_the_noise_is_that_of_the_weights(step):
    model = tiny_models.sequential()
    (*_, last) = trial_of(model).measured(Choice({"*": step}))

    before, after = kernels(model), kernels(step(model))
    signal = sum(np.sum(one.astype(float) ** 2) for one in before)
    error = sum(
        np.sum((one.astype(float) - other) ** 2)
        for one, other in zip(before, after, strict=True)
    )
    assert last.more["snr_db"] == pytest.approx(10 * math.log10(signal / error))
    assert 0 < last.more["entropy"] <= step.bits


def test_a_bit_more_is_worth_six_decibels():
    weights = np.random.default_rng(0).uniform(-1, 1, (100, 100)).astype(np.float32)
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100)])
    model.layers[0].kernel.assign(weights)
    kernel = QuantizationTrial(
        model, ncl.Data(np.ones((2, 100), np.float32), np.zeros(2, int))
    ).kernels

    found = [
        kernel.noise(Choice({"*": ncl.UniformQuantization(bits=bits)})).figures[
            "snr_db"
        ]
        for bits in (6, 7, 8)
    ]

    assert np.diff(found) == pytest.approx([6.02, 6.02], abs=0.2)


def test_without_an_error_the_ratio_is_infinite_and_floats_have_no_code():
    assert Noise.of_floats([np.ones(3)]).figures == {"snr_db": math.inf, "entropy": 32}
    assert Noise.of(np.ones(3), np.zeros(3), np.zeros(3, int)).figures == {
        "snr_db": 0.0,
        "entropy": 0.0,
    }


@pytest.mark.parametrize("count", [1, 2, 7, 256])
def test_the_entropy_of_even_codes_is_their_width(count):
    codes = np.tile(np.arange(count) - count // 2, 3)

    assert entropy(codes) == pytest.approx(math.log2(count))


@pytest.mark.parametrize("step", STEPS[:5])
@pytest.mark.parametrize("path", ["conv", "hidden"])
def test_a_part_shows_the_levels_that_its_weights_are_rounded_to(step, path):
    trial = trial_of(tiny_models.sequential())

    part = trial.part(Choice({"*": step}), path)

    decoded = trial.kernels.stored(Choice({"*": step}), path).decoded[0]
    levels = part.staircase.levels.astype(np.float32)
    assert part.staircase.histogram.counts.sum() == part.weights
    assert len(levels) == (2**step.bits - 1 if step.symmetric else 2**step.bits)
    assert np.diff(part.staircase.levels) == pytest.approx(part.scale, rel=1e-4)
    assert part.scales[part.place] == np.float32(part.scale)
    if step.granularity == "per_tensor":
        assert np.isin(decoded, levels).all()
    assert np.isin(0, levels)


def test_only_what_lies_beyond_the_levels_is_clipped():
    weights = np.array([-3.0, -1.4, 0.2, 1.5, 1.6, 2.0])

    staircase = Staircase.of(weights, np.array([-1.0, 0.0, 1.0]))

    assert staircase.clipped == 3
    assert [level for *_, level in staircase.treads()] == [-1, 0, 1]
    assert Staircase.of(np.zeros(3), np.zeros(1)).clipped == 0


@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_channels_have_the_levels_that_their_weights_are_rounded_to(
    granularity, symmetric
):
    step = one_scale(ncl.UniformQuantization(bits=3, symmetric=symmetric), granularity)
    model = tiny_models.sequential()

    channels = trial_of(model).channels(step, "hidden")

    (decoded,) = [one for one in kernel_layers(step(model)) if one.path == "hidden"]
    for channel, column in enumerate(decoded.arrays()[0].T):
        assert np.isin(column, channels.levels[channel].astype(np.float32)).all()
    same = (channels.levels == channels.levels[0]).all()
    assert same == (granularity == "per_tensor")


@pytest.mark.parametrize("rounds", ACTIVATIONS)
def test_the_range_of_the_inputs_is_that_of_the_pass(rounds):
    model = tiny_models.sequential()
    trial = trial_of(model)
    result = rounds(model, context())

    assert trial.input_staircase(None, "conv") is None
    for path in trial.layers:
        levels = trial.input_staircase(rounds, path).levels
        (layer,) = [
            one
            for one in result.layers
            if isinstance(one, FakeQuantize) and one.name.startswith(path)
        ]
        assert levels[1] - levels[0] == pytest.approx(float(layer.scale), rel=1e-5)
        assert np.isclose(levels, 0).any()


@pytest.mark.parametrize("step", [*STEPS[4:], ncl.UniformQuantization(bits=3)])
@pytest.mark.parametrize("path", ["conv", "hidden"])
def test_a_table_part_has_the_values_that_its_weights_take(step, path):
    trial = CodebookTrial(tiny_models.sequential(), tiny_models.context().validation)
    choice = Choice({"*": step})

    part = trial.part(choice, path)

    values = part.staircase.levels.astype(np.float32)
    decoded = trial.kernels.stored(choice, path).decoded[0]
    assert part.staircase.histogram.counts.sum() == len(part.weights)
    assert np.isin(values[part.codes], decoded).all()
    assert part.error == pytest.approx(
        np.mean((part.weights - values[part.codes]) ** 2)
    )
    assert part.count == (1 if step.granularity == "per_tensor" else decoded.shape[-1])
    assert trial.part(choice, path) is part
    assert trial.part(Choice(), path) is None


@pytest.mark.parametrize("size", [1, 2, 5, 16, 256])
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
def test_rounds_of_k_means_only_get_better_and_end_above_the_optimum(size, scale):
    weights = scale * np.random.default_rng(0).normal(0, 1, 900).astype(np.float32)

    rounds = lloyd_rounds(weights, size=size)

    errors = np.array([one.error for one in rounds])
    assert (np.diff(errors) <= 1e-9 * scale**2).all()
    assert np.ptp(np.diff(rounds[0].table)) <= 1e-6 * scale if size > 1 else True
    for one in (rounds[0], rounds[-1]):
        nearest = np.abs(weights[:, None].astype(float) - one.table).min(axis=1)
        assert one.error == pytest.approx(np.mean(nearest**2), rel=1e-6, abs=1e-12)
        assert (np.diff(one.table) >= 0).all()
    best = learn_codebook(weights, size=size).decode().astype(float)
    assert errors[-1] >= np.mean((weights - best) ** 2) * (1 - 1e-6)


@pytest.mark.parametrize(
    "weights", [np.zeros(4), np.ones(1), np.array([1.0, 1.0, 2.0])]
)
def test_k_means_of_few_distinct_weights_ends(weights):
    rounds = lloyd_rounds(weights, size=4)

    assert rounds[-1].error == pytest.approx(0)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"conv9": STEPS[0]}, r"no layer 'conv9' .* conv, hidden, logits"),
        ({"*": STEPS[0], "conv": STEPS[0]}, "Received both"),
    ],
)
def test_a_wrong_choice_is_refused(steps, message):
    trial = trial_of(tiny_models.sequential())

    for ask in (trial.setting, trial.accuracy):
        with pytest.raises(ValueError, match=message):
            ask(Choice(steps))


def test_a_model_without_kernels_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    data = ncl.Data(np.ones((2, 4), np.float32), np.zeros(2, np.int32))

    with pytest.raises(ncl.UnsupportedModelError, match="no kernel that can be quant"):
        QuantizationTrial(model, data)
