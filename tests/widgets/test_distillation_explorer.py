"""The distillation control, driven by the messages that a browser sends."""

import asyncio
import re
import threading
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.trials.student_training import HARD, LABELS, TAUGHT
from nncompress_widgets import DistillationExplorer, Goal, control
from nncompress_widgets.learning_curves import curves_svg


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)


def network(units: int) -> keras.Model:
    layers = [
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(units, activation="relu", name="hidden"),
        keras.layers.Dense(3, name="answers"),
    ]
    return keras.Sequential([keras.Input((6, 6, 1)), *layers], name=f"of_{units}")


@pytest.fixture
def data() -> ncl.Dataset:
    x = np.random.default_rng(0).random((24, 6, 6, 1), np.float32)
    part = ncl.Data(x, np.arange(24, dtype=np.int32) % 3)
    return ncl.Dataset("tiny", part, part, part, ("coat", "shirt", "bag"))


@pytest.fixture
def explorer(data, eagerly) -> DistillationExplorer:
    keras.utils.set_random_seed(5)
    return DistillationExplorer(
        network(16), network(4), data, Goal(others=0.5, balance=0.1), answer="chosen"
    )


def words(explorer: DistillationExplorer) -> str:
    drawn = ET.fromstring(explorer._view.picture.value)
    return " ".join(one.text or "" for one in drawn.iter("text"))


def widths(explorer: DistillationExplorer, kind: str) -> list[float]:
    drawn = ET.fromstring(explorer._view.picture.value)
    return [
        float(one.get("width"))
        for one in drawn.iter("rect")
        if one.get("class") == f"nncompress-{kind}"
    ]


def test_the_inputs_make_the_pass(explorer):
    view = explorer._view
    view.temperature.set_state({"value": 7.5})
    view.weight.set_state({"value": 60})

    student = explorer._trial.student
    assert explorer.setting == ncl.Distillation(
        student=student, epochs=5, temperature=7.5, student_loss_weight=0.6
    )
    view.loss.set_state({"index": 1})
    assert explorer.setting.loss == "mse"
    assert view.temperature.disabled
    view.loss.set_state({"index": 2})
    assert (explorer.setting.features, explorer.setting.loss) == (
        "hint",
        "soft_targets",
    )
    assert "features" in words(explorer)


def test_the_bars_melt_together_as_it_gets_warm(explorer):
    def spread() -> float:
        bars = widths(explorer, "clipped")[1:]  # the first one is of the legend
        return min(bars) / max(bars)

    spreads = []
    for warmth in (0.5, 2.0, 20.0):
        explorer.temperature = warmth
        spreads.append(spread())

    assert sorted(spreads) == spreads
    assert spreads[-1] > 0.9


def test_the_factor_is_seen(explorer):
    explorer.temperature = 4.0

    assert "The factor T² makes the teacher's pull 16 times as hard" in words(explorer)
    (with_factor,) = re.findall(r"teacher, times T² ([\d.e-]+)", words(explorer))
    (without,) = re.findall(r"teacher, without ([\d.e-]+)", words(explorer))
    assert float(with_factor) == pytest.approx(16 * float(without), rel=0.02)
    explorer.loss = "logits"
    assert "T²" not in words(explorer)


def test_images_are_chosen_and_the_label_is_marked(explorer):
    trial = explorer._trial
    for number in (1, 9, 24):
        explorer._view.image.set_state({"value": number})
        label = trial.data.y[trial.unsure_first[number - 1]]
        assert f"▸ {('coat', 'shirt', 'bag')[label]}" in words(explorer)
        assert explorer._view.strip.buttons.value == number


def test_a_press_on_an_image_of_the_strip_chooses_it(explorer):
    strip = explorer._view.strip
    strip.buttons.set_state({"index": 4})
    assert (explorer.image, explorer._view.image.value) == (5, 5)
    assert "Image 5 of 24" in words(explorer)
    first = strip.buttons.options
    assert [number for _, number in first] == list(range(1, 10))

    explorer.image = 24  # from a program, on the last page, which is not full
    assert [number for _, number in strip.buttons.options] == list(range(19, 25))
    assert strip.buttons.value == 24
    assert strip._style.value.count("background-image") == 6
    label = explorer._trial.data.y[explorer._trial.unsure_first[23]]
    name = explorer._trial.class_names[label]
    assert strip.buttons.tooltips[-1] == f"Image 24: {name}"
    strip.buttons.set_state({"index": 0})
    assert (explorer.image, strip.buttons.value) == (19, 19)
    explorer.temperature = 9.0  # leaves the images alone
    assert (explorer.image, strip.buttons.value) == (19, 19)


def test_inputs_that_are_no_images_have_no_strip(data, eagerly):
    rows = data.validation.x.reshape(24, 36)
    pair = [
        keras.Sequential([keras.Input((36,)), keras.layers.Dense(3)]) for _ in range(2)
    ]
    explorer = DistillationExplorer(*pair, ncl.Data(rows, data.validation.y))

    explorer.image = 3
    assert explorer._view.strip.widgets == []
    assert "Image 3 of 24, labelled class" in words(explorer)
    assert "<image" not in explorer._view.picture.value


def test_yes_or_no_has_two_bars(data, eagerly):
    def single(units: int) -> keras.Model:
        layers = [keras.layers.Flatten(), keras.layers.Dense(units, "relu")]
        last = keras.layers.Dense(1, "sigmoid")
        return keras.Sequential([keras.Input((6, 6, 1)), *layers, last])

    part = ncl.Data(data.validation.x, data.validation.y % 2)
    explorer = DistillationExplorer(single(8), single(2), part)

    assert ["class 0" in words(explorer), "class 1" in words(explorer)] == [True, True]
    assert len(widths(explorer, "clipped")) == 1 + 2  # the first is of the legend


def test_a_goal_is_judged_without_any_training(explorer):
    explorer.temperature, explorer.student_loss_weight = 12.0, 0.5
    explorer._goal_panel.button.click()

    assert explorer.registered == explorer.setting
    assert "✓ Goal met" in explorer._goal_panel._verdict.value
    explorer.student_loss_weight = 0.0
    explorer.register()
    assert "the weaker term has 0.0 %" in explorer._goal_panel._verdict.value


def test_the_button_trains_three_students_and_draws_their_curves(explorer, data):
    explorer._trial._epochs = 1
    before = explorer.accuracy
    explorer._view.training.train.click()

    result = explorer.setting(explorer.model, ncl.Context.of(data, progress=False))
    assert list(explorer.curves) == [LABELS, HARD, TAUGHT]
    assert {len(curve) for curve in explorer.curves.values()} == {1}
    assert explorer.accuracy == measure.accuracy(result, data.validation)
    assert "after the training" in explorer.sentence
    assert all(way in explorer._trail.value for way in (LABELS, HARD, TAUGHT))
    assert not explorer._view.training.train.disabled
    explorer.temperature = 9.0
    assert explorer.accuracy == before
    assert "before the training" in explorer.sentence


@pytest.mark.parametrize("how", ["stopped", "moved on"])
def test_a_training_ends_when_it_is_stopped_or_the_control_moves_on(
    explorer, monkeypatch, how
):
    threads, begun, go_on = [], threading.Event(), threading.Event()

    def trained(choice, heard):
        threads.append(threading.current_thread())
        heard(LABELS, 0.5, (0.25,))
        begun.set()
        go_on.wait(10)
        heard(LABELS, 1.0, (0.25, 0.5))
        raise AssertionError("It went on.")

    monkeypatch.setattr(explorer._trial, "trained", trained)

    async def by_hand() -> None:
        explorer._view.training.train.click()
        await asyncio.to_thread(begun.wait, 10)
        if how == "stopped":
            explorer._view.training.stop.click()
        else:
            explorer._view.temperature.set_state({"value": 9.0})
        go_on.set()
        await asyncio.to_thread(explorer.wait)

    asyncio.run(by_hand())

    assert threads != [threading.main_thread()]
    assert explorer.curves == {LABELS: (0.25,)}  # what it has drawn stays
    assert not explorer._view.training.train.disabled
    assert explorer._view.training.stop.disabled
    assert explorer._message.value == ""


def test_single_data_has_nothing_to_train_on(data, eagerly):
    alone = DistillationExplorer(network(16), network(4), data.validation)

    assert alone._view.details.children == ()
    with pytest.raises(ValueError, match="needs training images"):
        alone.train()
    assert "class 0" in words(alone)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", 0.0, "must be above 0"),
        ("student_loss_weight", 1.5, "must be in [0, 1]"),
        ("loss", "hinge", "one of soft_targets, logits, features. Received: 'hinge'"),
        ("image", 25, "from 1 to 24. Received: 25"),
        ("target", "dense", "The only target is '*'"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_moves(explorer, name, value, said):
    before = repr(explorer)

    with pytest.raises(Exception, match=re.escape(said)):
        setattr(explorer, name, value)

    assert repr(explorer) == before


def test_the_code_names_the_student(explorer):
    explorer.temperature = 6.0

    code = explorer._code_panel.programs.value
    assert (
        "chosen = ncl.Distillation(student=student, epochs=5, temperature=6.0)" in code
    )


def test_a_stored_page_shows_a_picture(explorer):
    bundle, about = explorer._repr_mimebundle_()

    assert bundle["image/png"]
    assert "labels with 10.0 % of the loss" in about["image/png"]["alt"]


def test_curves_have_words_before_and_after_a_training():
    nothing = curves_svg({}, [], epochs=5, teacher=0.9)
    some = curves_svg(
        {"labels only": (0.7, 0.5)}, [(0.6,)], epochs=2, teacher=0.9, expected=0.2
    )

    assert "no student has been trained yet" in nothing
    assert "labels only 70.0 %" in ET.fromstring(some).get("aria-label")
    assert some.count("<polyline") == 2
    ring = ET.fromstring(some).find("circle[@class='nncompress-ring']")
    assert ring is not None
    (level,) = [
        one.get("y1")
        for one in ET.fromstring(some).iter("line")
        if one.get("class") == "nncompress-threshold"
    ]
    assert ring.get("cy") == level  # the teacher, before any epoch
    assert "expected" in some
