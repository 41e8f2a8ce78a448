"""The tab that trains while it prunes, driven as a browser and as a program do."""

import asyncio
import xml.etree.ElementTree as ET

import pytest
import tiny_models
from trials.test_channel_trial import dataset

import nncompress_lab as ncl
from nncompress_lab.trials.over_time import OverTimeTrial
from nncompress_widgets import Goal, PruningExplorer
from nncompress_widgets.over_time import OverTime

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def explorer() -> PruningExplorer:
    goal = Goal(zeros=0.4, accuracy_drop=1)
    model = tiny_models.sequential()
    explorer = PruningExplorer(
        model, dataset(), goal=goal, answer="chosen_schedule", trains=True
    )
    explorer.over_time.sparsity = 0.5
    explorer.over_time.epochs = 2
    return explorer


@pytest.fixture
def tab(explorer) -> OverTime:
    return explorer.over_time


def drawn(tab: OverTime) -> ET.Element:
    return ET.fromstring(tab.picture)


def test_a_lesson_on_pruning_at_once_sees_that_tab_first_and_makes_no_other():
    explorer = PruningExplorer(
        tiny_models.sequential(), dataset(), goal=Goal(zeros=0.4), answer="chosen"
    )

    assert explorer._tabs.selected_index == 0
    assert explorer._goal_panel.goal is not None
    assert "over_time" not in vars(explorer)
    explorer._tabs.selected_index = 1
    assert "Over time" in explorer.sentence
    assert explorer.over_time._goal.goal is None


def test_training_fills_the_replay_and_the_slider_moves_through_it(tab):
    assert tab.accuracy is None
    assert tab._view.moment.disabled

    replay = tab.train()

    assert tab.accuracy == replay.figures["accuracy"]
    assert tab.moment == len(replay.moments) - 1
    assert tab._view.moment.max == tab.moment
    tab._view.moment.value = 0
    assert tab.moment == 0
    assert "After 0 of" in drawn(tab).get("aria-label", "")


def test_a_setting_that_moves_on_makes_the_figures_old_and_keeps_the_replay(tab):
    replay = tab.train()

    tab._view.sparsity.value = 30.0

    assert tab.setting.sparsity == 0.3
    assert tab.accuracy is None
    assert tab.replay is replay
    assert not tab.tiles[0].current
    tab._view.sparsity.value = 50.0
    assert tab.accuracy == replay.figures["accuracy"]


def test_lists_and_traits_say_the_same_pass(tab):
    tab._view.schedule.value = ("constant", "layer")

    expected = ncl.GradualPruning(
        sparsity=0.5, curve="constant", scope="layer", epochs=2, end=0.0
    )
    assert tab.setting == expected
    tab.curve, tab.scope = "cubic", "global"
    assert tab._view.schedule.value == ("cubic", "global")


def test_register_trains_what_was_not_trained_and_judges_it(explorer, tab):
    setting = tab.register()

    assert explorer.registered == setting == tab.setting
    assert "Goal met" in tab._goal._verdict.value
    assert "chosen_schedule = ncl.GradualPruning(" in tab._code.programs.value


def test_stop_ends_a_training_and_keeps_what_was_seen(tab, monkeypatch):
    heard = tab._heard

    def stop_soon(setting, so_far):
        tab._view.stop.click()
        heard(setting, so_far)

    monkeypatch.setattr(tab, "_heard", stop_soon)
    tab._view.train.click()

    assert len(tab.replay.moments) == 2
    assert tab.accuracy is None
    assert tab._view.stop.disabled
    assert not tab._view.train.disabled


def test_a_browser_trains_on_a_thread_of_its_own(tab):
    async def press() -> bool:
        tab._view.train.click()
        at_once = tab.accuracy is None  # the click does not wait
        await asyncio.to_thread(tab.wait)
        return at_once

    assert asyncio.run(press())
    assert tab.accuracy is not None


def test_without_training_images_the_button_is_off():
    images = dataset().validation
    explorer = PruningExplorer(tiny_models.sequential(), images)

    tab = explorer.over_time

    assert tab._view.train.disabled
    with pytest.raises(ValueError, match="needs training images"):
        tab.train()


def test_at_most_four_inputs_are_visible_at_once(tab):
    view = tab._view
    inputs = (view.sparsity, view.schedule, view.epochs, view.moment)
    shown = [one for row in view.rows for one in row.children]

    assert len(inputs) == 4
    assert all(one in shown for one in inputs[:3])


def test_the_stored_picture_is_that_of_the_tab(explorer):
    bundle, _ = explorer._repr_mimebundle_()

    assert "Over time" in bundle["text/plain"]
    assert bundle["image/png"]


def test_the_trial_is_told_the_figures_that_are_known(explorer):
    assert isinstance(explorer.over_time.trial, OverTimeTrial)
    assert explorer.over_time.trial.original == explorer._trial.original
