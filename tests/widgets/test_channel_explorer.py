"""The control of channels, driven by the messages that a browser sends."""

import asyncio
import html
import re
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest
import tiny_models
from trials.test_channel_trial import dataset

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.trials.channel_widths import Filters, Width
from nncompress_lab.trials.channels import ChannelTrial
from nncompress_widgets import ChannelExplorer, Goal, control
from nncompress_widgets.channel_picture import channels_svg
from nncompress_widgets.channel_view import names_of_bars

WITH_GROUPS = [one for one in tiny_models.BUILDERS if one is not tiny_models.shared]


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    times = {"latency_ms": 0.1, "speedup": 2.0, "latency_band": 0.03}
    monkeypatch.setattr(control, "AT_REST", 0.05)
    monkeypatch.setattr(
        ChannelTrial, "_times", lambda *_: times
    )  # a race takes a second


@pytest.fixture
def model() -> keras.Model:
    return tiny_models.randomize_statistics(tiny_models.residual())


@pytest.fixture
def explorer(model, eagerly) -> ChannelExplorer:
    return ChannelExplorer(model, dataset(), goal=Goal(macs=20_000, accuracy_drop=1))


def select(explorer: ChannelExplorer, name: str, value: object) -> None:
    """Choose from one of the lists as the browser does."""
    widget = getattr(explorer._view, name)
    options = [one for _, one in widget.options]
    widget.set_state({"index": options.index(value)})


def drag(explorer: ChannelExplorer, name: str, value: int) -> None:
    getattr(explorer._view, name).set_state({"value": value})


def drawn(explorer: ChannelExplorer) -> ET.Element:
    return ET.fromstring(explorer._view.picture.value)


def kinds(explorer: ChannelExplorer) -> list[str]:
    return [one.get("class", "") for one in drawn(explorer).iter("rect")]


def assert_it_shows_the_truth(explorer, model) -> None:
    context = ncl.Context.of(dataset())
    result = explorer.setting(model, context)
    validation = dataset().validation
    assert explorer.accuracy == measure.accuracy(result, validation)
    counted = explorer._trial.counted(explorer.choice)
    assert counted["macs"] == measure.macs(result)
    assert counted["parameters"] == result.count_params()
    assert explorer.packed_bytes == pytest.approx(
        measure.file_sizes(result).packed, abs=100
    )


def test_one_slider_is_the_budget_of_the_whole_model(explorer, model):
    drag(explorer, "macs", 70)

    assert explorer.setting == ncl.ChannelPruning(macs=0.7)
    assert_it_shows_the_truth(explorer, model)


@pytest.mark.usefixtures("eagerly")
def test_the_widths_of_all_layers_apply_together():
    model = tiny_models.sequential()
    explorer = ChannelExplorer(model, dataset())
    first, second = explorer._trial.layers
    select(explorer, "target", first)
    assert explorer.setting == ncl.ChannelPruning(channels=())
    drag(explorer, "channels", 3)
    select(explorer, "target", second)
    drag(explorer, "channels", 2)
    select(explorer, "criterion", "l2")

    assert explorer.setting == ncl.ChannelPruning(
        channels=((first, 3), (second, 2)), criterion="l2"
    )
    assert_it_shows_the_truth(explorer, model)
    select(explorer, "target", first)
    assert explorer._view.channels.value == 3
    select(explorer, "target", "*")
    assert explorer.setting == ncl.ChannelPruning(macs=0.5, criterion="l2")


def test_multiples_leave_no_setting_that_cannot_be(explorer):
    select(explorer, "target", explorer._trial.layers[0])
    drag(explorer, "channels", 1)
    select(explorer, "round_to", 16)
    assert explorer.setting == ncl.ChannelPruning(channels=(), round_to=16)
    select(explorer, "round_to", 1)
    select(explorer, "target", "*")
    drag(explorer, "macs", 1)
    select(explorer, "round_to", 16)

    assert explorer.macs == explorer._trial.least_macs(16)
    assert explorer._message.value == ""


def test_at_most_four_inputs_are_seen_at_once(explorer):
    for target in ("*", explorer._trial.layers[0]):
        select(explorer, "target", target)
        assert len(explorer._view._row.children) == 4


def test_the_picture_has_a_bar_for_each_layer_and_marks_what_moves_together(explorer):
    widths = explorer._trial.widths(explorer.choice)
    tied = [one for one in widths if one.group == widths[0].group]
    select(explorer, "target", explorer._trial.layers[0])
    drag(explorer, "channels", 2)

    assert kinds(explorer).count("nncompress-range") == len(widths)
    assert kinds(explorer).count("nncompress-tick-key") == len(tied) > 1
    assert kinds(explorer).count("nncompress-tied-0") == len(tied)
    images = list(drawn(explorer).iter("image"))
    channels = explorer._trial.channels(explorer.target)
    assert len(images) == channels
    gone = kinds(explorer).count("nncompress-pruned") - 1  # and the bar of the classes
    assert gone == channels - 2
    assert f"2 of {channels} stay" in drawn(explorer).get("aria-label")
    assert "One colour is cut together" in explorer._view._words.value


def test_the_bars_that_can_be_cut_are_those_that_are_named():
    uncut = [Width(f"norm{number}", 8, 8, None) for number in range(9)]
    cut = [Width(path, 8, 4, group) for path, group in [("q", 0), ("k", 0), ("mlp", 1)]]

    assert names_of_bars(uncut + cut) == [
        "Bars: 10 q, 12 mlp.",
        "Grey ones cannot be cut.",
    ]
    assert names_of_bars(cut * 2) == []  # few bars have their names below
    assert names_of_bars(cut * 3) == ["Bars: 1 q, 3 mlp."]


@pytest.mark.parametrize("count", [1, 6, 7, 22, 60, 130])
def test_the_names_or_numbers_of_any_number_of_bars_do_not_meet(count):
    widths = [Width(f"layer{number}", 8, 4, number // 2) for number in range(count)]
    filters = Filters(np.ones((3, 2, 2)), np.array([True, True, False]), 3)

    svg = ET.fromstring(channels_svg(widths, filters, path="layer0", marked=True))

    below = [one for one in svg.iter("text") if one.get("y") == "167.0"]
    places = [float(one.get("x")) for one in below]
    names = count <= 6
    assert [one.text for one in below][:1] == ["layer0" if names else "1"]
    assert len(below) == count or not names
    assert (np.diff(places) >= 19).all()


def test_from_python_the_figures_are_there_at_once(explorer, model):
    async def cell() -> None:
        explorer.macs = 0.6
        assert_it_shows_the_truth(explorer, model)
        explorer.criterion = "taylor"
        assert_it_shows_the_truth(explorer, model)

    asyncio.run(cell())

    assert explorer._view.macs.value == 60
    tiles = explorer._figures.value
    assert "ONNX Runtime" in tiles
    assert "BatchNorm measured again" in tiles
    assert "nncompress-stale" not in tiles


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("target", "conv9", "no layer 'conv9'"),
        ("macs", 0.0, r"must be in \(0, 1\]"),
        ("macs", 1e-6, "cannot keep this budget"),
        ("channels", 2, "`channels` for a layer. Received channels while"),
        ("criterion", "random", "is one of l1, l2, taylor"),
        ("round_to", 0, "at least 1"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(explorer, name, value, message):
    setting = explorer.setting

    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)

    assert explorer.setting == setting


def test_the_button_trains_the_narrow_model_and_says_what_came_back(explorer):
    explorer._view.epoch.button.click()

    assert 0 <= explorer.trained_accuracy <= 1
    assert "After one epoch" in explorer._view.epoch._words.value
    assert explorer._view.epoch.button.disabled is False
    drag(explorer, "macs", 80)
    assert "After one epoch" not in explorer._view.epoch._words.value


def test_training_ends_when_the_control_moves_on(explorer, monkeypatch):
    heard = []

    def trained(choice, on_step):
        on_step(0.5)
        heard.append(explorer._view.epoch._progress.value)
        explorer.macs = 0.9
        on_step(0.6)

    monkeypatch.setattr(explorer._trial, "trained", trained)
    explorer._view.epoch.button.click()

    assert heard == [0.5]
    assert explorer.trained_accuracy is None
    assert explorer._message.value == ""


@pytest.mark.usefixtures("eagerly")
def test_without_training_images_there_is_no_button(model):
    explorer = ChannelExplorer(model, dataset().validation)

    assert explorer._view.epoch.button not in explorer._view.details.children
    with pytest.raises(ValueError, match="needs training images"):
        explorer.train()


def test_a_goal_in_macs_is_judged(explorer):
    explorer.register()
    assert explorer.registered == explorer.setting
    whole = explorer._trial.original["macs"]
    with pytest.raises(ValueError, match="Received: zeros"):
        ChannelExplorer(explorer.model, dataset(), goal=Goal(zeros=0.5))
    assert ("Goal met" in explorer._goal_panel._verdict.value) == (
        explorer._trial.counted(explorer.choice)["macs"] <= 20_000 < whole
    )


def test_the_code_that_is_shown_makes_the_model_that_is_shown(explorer, model):
    explorer.target = explorer._trial.layers[0]
    explorer.channels = 2

    panel = explorer._code_panel.programs.value
    source = html.unescape(re.search('data-nncompress-code="(.*?)">', panel)[1])
    names = {"model": model}
    exec(source, names)
    expected = explorer.setting(model)
    for ours, theirs in zip(
        names["compressed"].get_weights(), expected.get_weights(), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_its_text_and_its_picture_are_stored(explorer):
    bundle, _ = explorer._repr_mimebundle_()

    assert bundle["text/plain"].startswith("ChannelExplorer of residual: ")
    assert "channels by l1, validation accuracy" in bundle["text/plain"]
    assert bundle["image/png"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", WITH_GROUPS, ids=lambda one: one.__name__)
def test_it_takes_every_model_with_channels_that_can_be_cut(build):
    explorer = ChannelExplorer(build(), dataset().validation)

    select(explorer, "target", explorer._trial.layers[-1])
    drag(explorer, "channels", 1)

    assert drawn(explorer) is not None
    assert explorer._message.value == ""


def test_a_trait_that_a_program_sets_is_drawn_once(explorer, monkeypatch):
    drawn, draw = [], explorer._view.draw

    def counted(traits, choice):
        drawn.append(choice)
        draw(traits, choice)

    monkeypatch.setattr(explorer._view, "draw", counted)
    explorer.macs = 0.6
    explorer.criterion = "l2"

    assert [one.criterion for one in drawn] == ["l1", "l2"]
