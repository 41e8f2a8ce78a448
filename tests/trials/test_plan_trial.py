"""A trial of plans shows what the passes do, and what the scan foretells."""

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import kernel_layers
from nncompress_lab.trials.plan import PlanTrial

TWO, FOUR = (ncl.UniformQuantization(bits=bits) for bits in (2, 4))
PRUNED = ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), FOUR)
OPTIONS = (TWO, FOUR, PRUNED)

pytestmark = pytest.mark.usefixtures("eagerly")


def trial_of(model: keras.Model, options=OPTIONS, **settings) -> PlanTrial:
    data = tiny_models.context().validation
    trial = PlanTrial(model, data, options=options, **settings)
    trial.run_scan(lambda done, cells: None)
    return trial


@pytest.fixture(scope="module")
def planned() -> tuple[keras.Model, PlanTrial]:
    """A model and its trial; nothing of a trial changes when it is asked."""
    with tiny_models.eagerly():
        model = tiny_models.sequential()
        return model, trial_of(model)


def kernels(model: keras.Model) -> dict[str, np.ndarray]:
    return {one.path: one.arrays()[0] for one in kernel_layers(model)}


@pytest.mark.parametrize("build", [tiny_models.residual, tiny_models.shared])
def test_a_choice_equals_the_result_of_its_passes(build):
    model = build()
    trial = trial_of(model)
    units = len(trial.choices.scan.units)
    choice = tuple((None, 0, 1, 2)[(place + 1) % 4] for place in range(units))

    result = trial.setting(choice)(model)

    with trial._measuring.under(choice) as copy:
        for path, kernel in kernels(copy).items():
            assert kernel.tobytes() == kernels(result)[path].tobytes()
    assert trial.accuracy(choice) == measure.accuracy(result, trial.data)
    sizes = measure.file_sizes(result)
    assert trial.weighed(choice) == {
        "keras_bytes": sizes.keras,
        "packed_bytes": sizes.packed,
    }


def test_from_one_choice_to_the_next_nothing_is_left_behind(planned):
    model, trial = planned
    units = len(trial.choices.scan.units)

    for choice in [(0,) * units, (None,) * (units - 1) + (2,), (), (1,) * units]:
        with trial._measuring.under(choice) as copy:
            found = kernels(copy)
        for path, kernel in kernels(trial.setting(choice)(model)).items():
            assert found[path].tobytes() == kernel.tobytes()


def test_what_looks_at_all_layers_together_is_applied_as_it_is():
    model = tiny_models.sequential()
    everywhere = ncl.MagnitudePruning(sparsity=0.7, scope="global")
    trial = trial_of(model, options=[everywhere, FOUR])
    units = len(trial.choices.scan.units)
    choice = (1,) + (0,) * (units - 1)

    made = trial.setting(choice)(model)

    *_, last = trial.measured(choice)
    assert last.score == measure.accuracy(made, trial.data)
    assert last.examples == trial.examples


def test_behind_a_pass_that_replaces_layers_the_new_ones_are_meant():
    model = tiny_models.sequential()
    thin = ncl.pipeline(ncl.LowRank(rank=2), ncl.UniformQuantization(bits=8))
    trial = trial_of(model, options=[thin])
    choice = tuple(0 for _ in trial.choices.scan.units)

    made = trial.made(choice)

    assert trial.accuracy(choice) == measure.accuracy(made, trial.data)
    assert all(not one.is_float for one in kernel_layers(made))


def test_more_bytes_never_move_the_outputs_more_and_the_sum_keeps_to_the_budget(
    planned,
):
    _, trial = planned
    least, most = trial.choices.bounds
    budgets = np.linspace(least, most, 9)

    found = [trial.counted(trial.choices.within(budget)) for budget in budgets]

    divergences = [one["divergence"] for one in found]
    assert divergences == sorted(divergences, reverse=True)
    for budget, one in zip(budgets, found, strict=True):
        assert one["predicted_bytes"] <= budget + 0.5
    assert trial.choices.within(0) == trial.choices.within(least)
    assert set(trial.choices.within(most)) == {None}


def test_alike_is_one_option_for_all_and_no_better_than_a_plan(planned):
    _, trial = planned
    for budget in (*trial.choices.bounds, trial.choices.middle):
        alike, best = (
            trial.choices.within(budget, alike=each) for each in (True, False)
        )

        assert len(set(alike)) == 1
        # The smallest file may be one that no column has: then the next one is taken.
        fits = trial.counted(alike)["predicted_bytes"] <= budget
        moved = [trial.counted(one)["divergence"] for one in (best, alike)]
        assert moved[0] <= moved[1] or not fits


def test_without_a_scan_it_is_the_model_as_it_came():
    model = tiny_models.sequential()
    trial = PlanTrial(model, tiny_models.context().validation)

    assert trial.setting(()) == ncl.pipeline()
    assert trial.counted(())["divergence"] == 0
    assert trial.line() == []
    assert trial.original["packed_bytes"] == pytest.approx(
        measure.file_sizes(model).packed, abs=100
    )


def test_a_scan_of_another_model_is_refused(planned):
    scan = planned[1].choices.scan

    with pytest.raises(ValueError, match="of another model"):
        PlanTrial(tiny_models.residual(), tiny_models.context().validation, scan=scan)


def test_who_listens_to_a_scan_can_end_it():
    trial = PlanTrial(tiny_models.sequential(), tiny_models.context().validation)
    heard = []

    def listen(done: int, cells: int) -> None:
        heard.append((done, cells))
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trial.run_scan(listen)
    assert [done for done, _ in heard] == [1, 2]
    assert trial.choices is None
