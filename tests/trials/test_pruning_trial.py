"""A pruning trial shows what the pass does, to the last bit."""

import itertools
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.stages import BATCH_SIZE
from nncompress_lab.trials.arrays.magnitudes import Magnitudes
from nncompress_lab.trials.goal import TOLERANCE, Goal, reached
from nncompress_lab.trials.pruning import WHOLE_MODEL, PruningTrial
from nncompress_lab.trials.trial import Trial

SPARSITIES = (0.0, 0.37, 0.999)


def trial_of(model: keras.Model) -> PruningTrial:
    return PruningTrial(model, tiny_models.context().validation)


def with_ties(model: keras.Model) -> keras.Model:
    """Round the weights so coarsely that any threshold falls among equal ones."""
    for weight in model.trainable_weights:
        weight.assign(np.round(5 * keras.ops.convert_to_numpy(weight)) / 5)
    return model


def kernel_zeros(model: keras.Model) -> int:
    return sum(
        int((array == 0).sum())
        for layer in ncl.select(model)
        for array in layer.arrays()
    )


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_the_weights_are_those_of_the_pass_and_the_counts_those_of_the_weights(
    build, ties
):
    model = with_ties(build()) if ties else build()
    trial = trial_of(model)

    choices = [{WHOLE_MODEL: sparsity} for sparsity in SPARSITIES]
    choices += [
        {path: sparsity}
        for path, sparsity in zip(
            trial.layers, itertools.cycle(SPARSITIES), strict=False
        )
    ]
    for choice in choices:
        pruned = trial.setting(choice)(model)

        counted = trial.counted(choice)
        assert counted["nonzeros"] == measure.nonzeros(pruned)
        assert counted["zeros"] == kernel_zeros(pruned) / trial.kernel_weights
        for scratch in (trial._measuring, trial._weighing):
            with scratch.under(choice) as copy:
                tiny_models.assert_same_weights(copy, pruned)


def test_the_layers_settings_apply_together():
    model = tiny_models.depthwise()
    trial = trial_of(model)
    sparsities = {
        path: 0.1 * number for number, path in enumerate(trial.layers, start=1)
    }

    tiny_models.assert_same_weights(
        trial.pruned(sparsities), trial.setting(sparsities)(model)
    )


def test_a_setting_leaves_nothing_of_the_one_before():
    model = tiny_models.sequential()
    trial = trial_of(model)

    trial.accuracy({WHOLE_MODEL: 0.99})

    tiny_models.assert_same_weights(trial.pruned({}), model)


def test_the_model_is_not_changed():
    model = tiny_models.residual()
    before = tiny_models.weights_of(model)

    trial_of(model).accuracy({WHOLE_MODEL: 0.9})

    assert all(map(np.array_equal, before, tiny_models.weights_of(model)))


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
def test_drops_says_how_many_weights_each_layer_loses(ties):
    model = tiny_models.every_layer()
    trial = trial_of(with_ties(model) if ties else model)
    before = {layer.path: layer.arrays() for layer in ncl.select(model)}

    drops = trial.drops({WHOLE_MODEL: 0.6})

    pruned = {
        layer.path: layer.arrays() for layer in ncl.select(trial.pruned({"*": 0.6}))
    }
    for path, arrays in before.items():
        lost = sum(
            int(((now == 0) & (old != 0)).sum())
            for now, old in zip(pruned[path], arrays, strict=True)
        )
        zeros = sum(int((old == 0).sum()) for old in arrays)
        assert max(drops[path] - zeros, 0) == lost
    assert sum(drops.values()) == round(0.6 * trial.kernel_weights)


def test_accuracy_and_bytes_are_those_of_the_library():
    model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
    trial = PruningTrial(model, data, examples=300)
    pruned = ncl.MagnitudePruning(sparsity=0.7, scope="global")(model)

    sizes, expected = trial.weighed({"*": 0.7}), measure.file_sizes(pruned)

    images = data.validation.take(300)
    assert trial.accuracy({"*": 0.7}) == measure.accuracy(pruned, images)
    assert trial.accuracy({}) == measure.accuracy(model, images)
    assert sizes["keras_bytes"] == expected.keras
    # The zip holds the time of day, which packs to a few bytes more or less.
    assert sizes["packed_bytes"] == pytest.approx(expected.packed, abs=64)


def test_measuring_tells_what_it_knows_so_far():
    data = ncl.data.fashion_mnist().validation.take(2 * BATCH_SIZE + 100)
    model = ncl.zoo.lenet_300_100()
    pruned = ncl.MagnitudePruning(sparsity=0.95, scope="global")(model)
    trial: Trial = PruningTrial(model, data)

    found = list(trial.measured({"*": 0.95}))

    counts = [BATCH_SIZE, 2 * BATCH_SIZE, len(data)]
    assert [one.examples for one in found] == counts
    assert found[0].margin > found[1].margin > found[2].margin > 0
    for one, count in zip(found, counts, strict=True):
        before, after = (measure.accuracy(m, data.take(count)) for m in (model, pruned))
        assert one.score == after
        assert one.drop == pytest.approx(before - after)


def test_measuring_does_not_wait_for_weighing():
    trial = trial_of(tiny_models.sequential())

    with trial._weighing.under({"*": 0.5}):
        assert 0 <= trial.accuracy({"*": 0.9}) <= 1


def test_a_choice_that_is_changed_afterwards_is_measured_anew():
    trial = PruningTrial(
        ncl.zoo.lenet_300_100(), ncl.data.fashion_mnist(), examples=100
    )
    choice = {WHOLE_MODEL: 0.0}
    before = trial.accuracy(choice)

    choice[WHOLE_MODEL] = 0.98

    assert trial.accuracy(choice) < before


def test_a_data_sets_validation_images_are_used_and_never_its_test_images():
    data = ncl.data.fashion_mnist()

    trial = PruningTrial(ncl.zoo.lenet5(pretrained=False), data)

    assert len(trial.data) == 1000
    assert np.array_equal(trial.data.x, data.validation.x[:1000])


def test_several_threads_get_the_accuracy_of_their_own_setting():
    trial = PruningTrial(
        ncl.zoo.lenet_300_100(), ncl.data.fashion_mnist(), examples=100
    )
    settings = [{WHOLE_MODEL: sparsity} for sparsity in (0.0, 0.9, 0.95, 0.98)]
    expected = [trial.accuracy(setting) for setting in settings]
    assert len(set(expected)) > 2
    found: dict[int, list[float]] = {}

    def measure_often(number: int) -> None:
        found[number] = [trial.accuracy(settings[number]) for _ in range(5)]

    threads = [
        threading.Thread(target=measure_often, args=(number,)) for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {number: [expected[number]] * 5 for number in range(4)}


@pytest.mark.parametrize("values", [[3.0, -1.0, 0.5, -0.25], [1.0, 1.0, -1.0, 2.0]])
def test_magnitudes_below_a_threshold_are_counted(values):
    magnitudes = Magnitudes([np.array(values, np.float32)])
    expected = np.abs(values)

    for threshold in (0.0, 0.25, 0.5, 0.9, 1.0, 2.5, 9.0):
        assert magnitudes.count_below(threshold) == (expected < threshold).sum()
        assert magnitudes.count_up_to(threshold) == (expected <= threshold).sum()
    for count in range(1, 4):
        assert magnitudes.threshold_at(count) == sorted(expected)[count]


def test_the_threshold_that_drops_all_is_above_all():
    magnitudes = Magnitudes([np.array([0.5, -2.0])])

    assert magnitudes.count_below(magnitudes.threshold_at(2)) == 2


@pytest.mark.parametrize("size", [1, 7, 500, 4321])
def test_a_fraction_gives_back_its_count(size):
    magnitudes = Magnitudes([np.ones(size)])

    for count in range(0, size, 13):
        assert round(magnitudes.fraction_of(count) * size) == count


def test_a_fraction_is_as_short_as_can_be():
    assert Magnitudes([np.ones(430_500)]).fraction_of(344_400) == 0.8


def test_a_histogram_counts_every_weight_once():
    weights = np.random.default_rng(0).standard_t(2, 10_000)

    histogram = Magnitudes([weights]).histogram()

    inside = np.abs(weights) <= histogram.edges[-1]
    assert histogram.counts.sum() == inside.sum()
    assert histogram.outside == (~inside).sum() == 10
    assert histogram.edges[len(histogram.counts) // 2] == 0.0
    assert np.allclose(histogram.edges, -histogram.edges[::-1])


def test_a_kernel_of_zeros_has_a_histogram():
    histogram = Magnitudes([np.zeros(9)]).histogram()

    assert histogram.counts.sum() == 9
    assert histogram.edges[-1] > histogram.edges[0]


@pytest.mark.parametrize("weights", [[], [1.0, np.nan], [np.inf]])
def test_weights_that_cannot_be_ranked_are_refused(weights):
    with pytest.raises(ValueError, match=r"Only finite weights .* Received"):
        Magnitudes([np.array(weights)])


@pytest.mark.parametrize(
    ("sparsities", "message"),
    [
        ({"conv9": 0.5}, r"no layer 'conv9' .* conv, hidden, logits"),
        ({"conv": 1.0}, "must be in"),
        ({"*": 0.5, "conv": 0.5}, "Received both"),
    ],
)
def test_a_wrong_setting_is_refused(sparsities, message):
    trial = trial_of(tiny_models.sequential())

    for ask in (trial.setting, trial.drops, trial.accuracy, trial.pruned):
        with pytest.raises(ValueError, match=message):
            ask(sparsities)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(None, 28, 28, 1\).*\(16, 8, 8, 3\)"):
        PruningTrial(ncl.zoo.lenet5(), tiny_models.context().validation)


def test_labels_that_fit_no_output_are_refused():
    data = ncl.Data(tiny_models.images(), np.zeros((4, 3), np.float32))

    with pytest.raises(ValueError, match="class indices"):
        PruningTrial(tiny_models.sequential(), data)


@pytest.mark.parametrize("data", [None, tiny_models.images()])
def test_something_else_than_data_is_refused(data):
    with pytest.raises(TypeError, match=r"needs images with labels.*Received"):
        PruningTrial(tiny_models.sequential(), data)


def test_a_model_without_kernels_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    data = ncl.Data(np.ones((2, 4), np.float32), np.zeros(2, np.int32))

    with pytest.raises(ncl.UnsupportedModelError, match="no kernel that can be pruned"):
        PruningTrial(model, data)


def test_something_else_than_a_model_is_refused():
    with pytest.raises(ncl.UnsupportedModelError, match="Received: an object of type"):
        PruningTrial("lenet5.keras", tiny_models.context().validation)


@pytest.mark.parametrize(
    ("zeros", "drop", "lacks"),
    [
        (0.8, 0.02, []),
        (0.95, -0.01, []),
        (0.8 - 1 / 430_500, 0.02, []),
        (0.8, 0.921 - 0.901, []),
        (0.79, 0.02, ["1.0 points too few"]),
        (0.8, 0.021, ["0.1 points more than allowed"]),
        (0.5, 0.1, ["30.0 points too few", "8.0 points more than allowed"]),
    ],
)
def test_a_goal_says_what_is_missing(zeros, drop, lacks):
    figures = {"zeros": zeros, "accuracy_drop": drop}

    found = Goal(zeros=0.8, accuracy_drop=0.02).shortfalls(figures)

    assert len(found) == len(lacks)
    assert all(map(str.endswith, found, lacks))


@pytest.mark.parametrize(
    ("goal", "figures", "lacks"),
    [
        (Goal(packed_bytes=20_000), {"packed_bytes": 20_000}, ()),
        (
            Goal(packed_bytes=20_000),
            {"packed_bytes": 25_000},
            ("the packed file has 25.0 kB, 5.00 kB more than allowed",),
        ),
        (
            Goal(macs=1_000_000),
            {"macs": 1_000_001},
            ("an example takes 1,000,001 MACs, 1 more than allowed",),
        ),
        (
            Goal(accuracy_drop=0.0),
            {"accuracy_drop": 0.004},
            (
                "the accuracy is 0.4 points below the original, "
                "0.4 points more than allowed",
            ),
        ),
    ],
)
def test_a_goal_bounds_any_figure(goal, figures, lacks):
    assert goal.shortfalls(figures) == lacks


def test_one_example_too_many_is_never_within_the_tolerance():
    assert reached("accuracy_drop", 0.02 + TOLERANCE / 2, 0.02)
    assert not reached("accuracy_drop", 0.02 + 1 / 50_000, 0.02)


@pytest.mark.parametrize(
    ("bounds", "name"),
    [({"zeros": 80}, "zeros"), ({"zeros": 0.8, "accuracy_drop": 2}, "accuracy_drop")],
)
def test_a_goal_in_per_cent_is_refused(bounds, name):
    with pytest.raises(ValueError, match=rf"Received: {name}=.*write 0\.02"):
        Goal(**bounds)


@pytest.mark.parametrize("bounds", [{}, {"sparsity": 0.8}])
def test_a_goal_of_unknown_figures_is_refused(bounds):
    with pytest.raises(
        TypeError, match=r"Received: (none|sparsity)\. There are: zeros"
    ):
        Goal(**bounds)


def test_a_goal_is_a_value():
    assert Goal(zeros=0.8) == Goal(zeros=0.8) != Goal(zeros=0.7)
    assert repr(Goal(zeros=0.8, macs=5)) == "Goal(zeros=0.8, macs=5)"


def test_the_arithmetic_needs_no_keras():
    module = "nncompress_lab.trials.arrays.magnitudes"
    program = f"import sys; sys.modules['keras'] = None; import {module}"

    subprocess.run([sys.executable, "-c", program], check=True)
