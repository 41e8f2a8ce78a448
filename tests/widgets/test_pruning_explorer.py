"""The explorer, driven by the messages that a browser sends."""

import asyncio
import html
import re
import threading
import time

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.report.formats import size
from nncompress_widgets import Goal, PruningExplorer, control
from nncompress_widgets.source_code import source_of

LAYERS = ("conv", "hidden", "logits")


def images() -> ncl.Data:
    return tiny_models.context().validation


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)


@pytest.fixture
def model() -> keras.Model:
    return tiny_models.sequential()


@pytest.fixture
def explorer(model, eagerly) -> PruningExplorer:  # tracing graphs takes longer than all
    return PruningExplorer(model, images(), goal=Goal(zeros=0.8, accuracy_drop=1.0))


def drag(explorer: PruningExplorer, percent: int) -> None:
    explorer._view.slider.set_state({"value": percent})


def choose(explorer: PruningExplorer, target: str) -> None:
    options = [value for _, value in explorer._view.target.options]
    explorer._view.target.set_state({"index": options.index(target)})


def click(button) -> None:
    button._handle_custom_msg({"event": "click"}, [])


async def settle(explorer: PruningExplorer) -> None:
    """Wait for the threads, as the kernel's loop does: without being held up."""
    await asyncio.to_thread(explorer.wait)


def kernels(model: keras.Model) -> np.ndarray:
    return np.concatenate(
        [array.ravel() for layer in ncl.select(model) for array in layer.arrays()]
    )


def assert_it_shows_the_truth(explorer: PruningExplorer, model: keras.Model) -> None:
    pruned = explorer.setting(model)
    assert explorer.accuracy == measure.accuracy(pruned, images())
    assert explorer.nonzeros == measure.nonzeros(pruned)
    assert explorer.file_bytes == measure.file_sizes(pruned).keras
    assert explorer.packed_bytes == pytest.approx(
        measure.file_sizes(pruned).packed, abs=64
    )


@pytest.mark.parametrize("percent", [0, 30, 99])
def test_the_slider_prunes_the_whole_model(explorer, model, percent):
    drag(explorer, percent)

    fraction = percent / 100
    assert explorer.setting == ncl.MagnitudePruning(sparsity=fraction, scope="global")
    assert_it_shows_the_truth(explorer, model)


def test_the_layers_settings_apply_together(explorer, model):
    for layer, percent in zip(LAYERS, (10, 80, 0), strict=True):
        choose(explorer, layer)
        drag(explorer, percent)

    assert explorer.setting == ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.1, select=ncl.Selection(names=("conv",))),
        ncl.MagnitudePruning(sparsity=0.8, select=ncl.Selection(names=("hidden",))),
    )
    assert_it_shows_the_truth(explorer, model)


def test_every_target_keeps_its_own_sparsity(explorer):
    drag(explorer, 70)
    choose(explorer, "hidden")
    drag(explorer, 20)

    found = []
    for target in ("*", "conv", "hidden"):
        choose(explorer, target)
        found.append((explorer._view.slider.value, explorer.sparsity))

    assert found == [(70, 0.7), (0, 0.0), (20, 0.2)]


def test_a_typed_threshold_prunes_what_is_below_it(explorer, model):
    magnitudes = np.abs(kernels(model))
    threshold = float(np.quantile(magnitudes, 0.4)) + 1e-6

    explorer._view.threshold.set_state({"value": threshold})

    below = int((magnitudes < threshold).sum())
    assert round(explorer.sparsity * magnitudes.size) == below
    assert np.array_equal(kernels(explorer.setting(model)) == 0, magnitudes < threshold)
    assert explorer._view.slider.value == 40
    assert_it_shows_the_truth(explorer, model)


def test_a_sparsity_moves_the_threshold_between_pruned_and_kept(explorer, model):
    drag(explorer, 65)

    magnitudes = np.abs(kernels(model))
    kept = kernels(explorer.setting(model)) != 0
    assert magnitudes[~kept].max() <= explorer.threshold <= magnitudes[kept].min()
    assert explorer._view.threshold.value == pytest.approx(explorer.threshold, rel=1e-3)


def test_an_exact_percentage_can_be_typed(explorer):
    explorer._view.percent.set_state({"value": 62.5})

    assert explorer.sparsity == 0.625
    assert explorer._view.percent.value == 62.5


def test_a_slider_step_is_not_sent_back_to_the_slider(explorer, monkeypatch):
    # A corrected value would pull the handle back from where the user has it by now.
    sent = []
    monkeypatch.setattr(explorer._view.slider, "send_state", sent.append)
    monkeypatch.setattr(explorer._measure_later, "request", lambda: None)
    monkeypatch.setattr(explorer._weigh_later, "request", lambda: None)

    for percent in range(100):
        drag(explorer, percent)
        assert explorer.sparsity == percent / 100

    assert not sent


def test_from_python_the_figures_are_there_at_once(explorer, model):
    async def cell() -> None:
        explorer.target = "hidden"
        explorer.sparsity = 0.9
        assert_it_shows_the_truth(explorer, model)
        explorer.threshold = 0.1
        assert_it_shows_the_truth(explorer, model)

    asyncio.run(cell())

    assert explorer._view.target.value == "hidden"


def test_of_a_drag_only_the_last_value_is_measured(explorer, model, monkeypatch):
    measured = []
    of = explorer._trial.measured
    monkeypatch.setattr(
        explorer._trial,
        "measured",
        lambda choice: measured.append(choice) or of(choice),
    )
    nonzeros, thresholds = set(), set()

    async def drag_quickly() -> None:
        for percent in range(1, 90, 2):  # never the 50 that was measured before
            drag(explorer, percent)
            nonzeros.add(explorer.nonzeros)
            thresholds.add(explorer.threshold)
            assert "nncompress-stale" in explorer._figures.value
        await settle(explorer)

    asyncio.run(drag_quickly())

    assert measured[-1] == {"*": 0.89}
    assert len(measured) < 10  # one, but for a machine that halts in the middle
    assert len(nonzeros) == len(thresholds) == 45  # these follow each step
    assert "nncompress-stale" not in explorer._figures.value
    assert_it_shows_the_truth(explorer, model)


def test_nothing_slow_runs_on_the_event_loop(explorer, monkeypatch):
    slow, trial = [], explorer._trial

    def watched(name):
        of = getattr(trial, name)

        def watch(choice):
            slow.append((name, threading.current_thread() is threading.main_thread()))
            return of(choice)

        return watch

    for name in ("measured", "weighed"):
        monkeypatch.setattr(trial, name, watched(name))

    async def move() -> None:
        drag(explorer, 71)
        click(explorer._goal_panel.button)
        await settle(explorer)

    asyncio.run(move())

    assert ("weighed", False) in slow
    assert not any(on_main for _, on_main in slow)


def test_overtaken_work_is_dropped_between_two_batches(explorer, monkeypatch):
    trial = explorer._trial
    of, seen = trial.measured, []

    def measured(choice):
        for one in of(choice):
            seen.append(choice)
            yield one  # the control has moved on when it looks at this
            if choice == {"*": 0.71}:
                pytest.fail("nobody needs a further batch of a setting that is gone")

    def overtaken(choice):
        drag(explorer, 72)
        return measured(choice)

    monkeypatch.setattr(explorer._measure_later, "request", lambda: None)
    monkeypatch.setattr(explorer._weigh_later, "request", lambda: None)
    drag(explorer, 71)
    monkeypatch.setattr(trial, "measured", overtaken)
    explorer._measure()
    monkeypatch.setattr(trial, "measured", measured)
    explorer._measure()

    assert seen == [{"*": 0.71}, {"*": 0.72}]


def test_an_error_after_a_drag_is_shown_and_a_later_move_clears_it(
    explorer, monkeypatch
):
    def fail(_choice) -> float:
        raise MemoryError("1 < 2 GB")

    async def move(percent: int) -> None:
        drag(explorer, percent)
        await settle(explorer)

    with monkeypatch.context() as patched:
        patched.setattr(explorer._trial, "measured", fail)
        asyncio.run(move(71))
    shown = explorer._message.value
    stale = "nncompress-stale" in explorer._figures.value
    asyncio.run(move(72))

    assert "MemoryError: 1 &lt; 2 GB" in shown
    assert 'role="alert"' in shown
    assert stale
    assert explorer._message.value == ""


def test_an_error_without_a_loop_and_on_a_click_is_shown_too(explorer, monkeypatch):
    def fail(_choice) -> float:
        raise RuntimeError("lost")

    monkeypatch.setattr(explorer._trial, "measured", fail)

    drag(explorer, 71)
    assert "RuntimeError: lost" in explorer._message.value
    explorer._message.value = ""
    click(explorer._goal_panel.button)
    assert "RuntimeError: lost" in explorer._message.value
    assert not explorer._goal_panel._verdict.value
    with pytest.raises(RuntimeError, match="lost"):
        explorer.sparsity = 0.3


def test_the_button_registers_a_pass_that_makes_the_same_model(explorer, model):
    assert explorer.registered is None
    drag(explorer, 85)

    click(explorer._goal_panel.button)

    assert explorer.registered == ncl.MagnitudePruning(sparsity=0.85, scope="global")
    zeros = (kernels(explorer.registered(model)) == 0).mean()
    assert zeros == pytest.approx(0.85, abs=1e-3)
    verdict = explorer._goal_panel._verdict.value
    assert "✓ Goal met" in verdict
    assert "85.0 % of the kernel weights are zero" in verdict
    assert "This setting is registered" in verdict


def test_a_setting_that_misses_the_goal_is_registered_and_told(explorer):
    drag(explorer, 20)  # that is 148 of 742 weights

    assert explorer.register() == explorer.registered == explorer.setting

    assert "✗ Goal not met" in explorer._goal_panel._verdict.value
    assert "60.1 points too few" in explorer._goal_panel._verdict.value


def test_the_verdict_says_when_the_control_has_moved_on(explorer):
    explorer.register()
    registered = explorer.registered

    drag(explorer, 77)
    moved = explorer._goal_panel._verdict.value
    drag(explorer, 50)

    assert "has moved on" in moved
    assert explorer.registered == registered
    assert "This setting is registered" in explorer._goal_panel._verdict.value


def test_registering_right_after_a_drag_judges_the_new_setting(model):
    explorer = PruningExplorer(model, images(), goal=Goal(zeros=0.6, accuracy_drop=1))

    async def drag_and_click() -> None:
        drag(explorer, 61)
        click(explorer._goal_panel.button)
        assert "Measuring" in explorer._goal_panel._verdict.value
        await settle(explorer)

    asyncio.run(drag_and_click())

    assert explorer.registered.sparsity == 0.61
    assert "✓ Goal met" in explorer._goal_panel._verdict.value
    assert explorer.accuracy == measure.accuracy(explorer.setting(model), images())


def test_without_a_goal_there_is_nothing_to_click_but_python_can_register(model):
    explorer = PruningExplorer(model, images())

    assert not explorer._goal_panel.rows
    assert explorer.register() == explorer.setting


@pytest.mark.parametrize("target", ["*", "conv"])
def test_the_code_that_is_shown_makes_the_model_that_is_shown(explorer, model, target):
    choose(explorer, target)
    drag(explorer, 43)

    panel = explorer._code_panel.programs.value
    source = html.unescape(re.search('data-nncompress-code="(.*?)">', panel)[1])
    assert source in html.unescape(panel)  # the same text to read
    names = {"model": model}
    exec(source, names)
    shown = explorer._trial.pruned(explorer.choice)
    assert np.array_equal(kernels(names["compressed"]), kernels(shown))


def test_the_code_can_be_shown_and_hidden(explorer):
    assert explorer._code_panel.programs.layout.display == "none"

    explorer._code_panel.button.set_state({"value": True})
    assert explorer._code_panel.programs.layout.display is None
    explorer._code_panel.button.set_state({"value": False})
    assert explorer._code_panel.programs.layout.display == "none"


def test_its_text_is_a_sentence(explorer):
    drag(explorer, 75)

    assert repr(explorer) == (
        "PruningExplorer of sequential: 74.9 % of 742 kernel weights zero, validation "
        f"accuracy {100 * explorer.accuracy:.0f} %. Run this cell to move the slider."
    )
    # What an unrun notebook shows, and what is compared when it is run again.
    assert explorer._repr_mimebundle_()[0]["text/plain"] == repr(explorer)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", tiny_models.WIDELY)
def test_it_takes_every_model_that_can_be_pruned(build):
    model = build()
    explorer = PruningExplorer(model, images())

    for target, percent in (("*", 99), (explorer._trial.layers[-1], 30)):
        choose(explorer, target)
        drag(explorer, percent)
        assert_it_shows_the_truth(explorer, model)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("target", "conv9", "no layer 'conv9'"),
        ("sparsity", 1.5, "must be in"),
        ("threshold", -0.1, "must be finite and at least 0"),
        ("threshold", 1e3, "must leave at least one weight"),
        ("sparsity", 0.9999, "must leave at least one weight"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(explorer, name, value, message):
    setting = explorer.setting

    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)

    assert explorer.setting == setting


def test_a_typed_100_per_cent_leaves_one_weight(explorer):
    for target in ("conv", "hidden", "*"):
        choose(explorer, target)
        explorer._view.percent.set_state({"value": 100.0})

        magnitudes = explorer._trial.magnitudes(target)
        assert magnitudes.size - round(explorer.sparsity * magnitudes.size) == 1
        drag(explorer, 99)
        assert magnitudes.size - round(explorer.sparsity * magnitudes.size) >= 1


def test_a_goal_on_a_figure_that_pruning_does_not_change_is_refused(model):
    with pytest.raises(ValueError, match=r"Received: macs\. It has: .*zeros"):
        PruningExplorer(model, images(), goal=Goal(macs=1000))


def test_a_goal_in_bytes_is_judged_by_a_real_file(model):
    explorer = PruningExplorer(model, images(), goal=Goal(packed_bytes=100))

    explorer.register()

    packed = measure.file_sizes(explorer.setting(model)).packed
    assert size(packed) in explorer._goal_panel._verdict.value


@pytest.mark.parametrize("figure", ["accuracy", "nonzeros", "file_bytes", "registered"])
def test_figures_are_read_only(explorer, figure):
    with pytest.raises(Exception, match="read-only"):
        setattr(explorer, figure, 1)


def test_a_goal_of_another_type_is_refused(model):
    with pytest.raises(TypeError, match=r"must be a Goal.*Received: 0\.8"):
        PruningExplorer(model, images(), goal=0.8)


def test_the_accuracy_of_lenet5_is_there_within_a_blink():
    model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
    explorer = PruningExplorer(model, data)
    of_original = measure.accuracy(model, data.validation.take(1000))
    assert explorer._trial.original["accuracy"] == of_original

    seconds = []
    for percent in (60, 70, 80):
        start = time.perf_counter()
        explorer._move(lambda one=percent: explorer._follow("sparsity", one / 100))
        explorer._measure()
        seconds.append(time.perf_counter() - start)

    # 55 ms on two quiet cores; the rest is room for the other workers of the tests.
    assert min(seconds) < 0.5


def test_the_code_measures_what_the_control_measured(explorer, model, capsys):
    drag(explorer, 70)

    source = source_of(explorer.setting, model="net", images="mine")
    exec(source, {"net": model, "mine": images()})

    assert capsys.readouterr().out == f"accuracy: {explorer.accuracy:.1%}\n"


def test_the_code_says_what_was_measured_and_on_what(explorer):
    drag(explorer, 70)

    program = html.unescape(explorer._code_panel.programs.value)
    zeros = f"{100 * explorer._trial.counted(explorer.choice)['zeros']:.1f} % zeros"
    assert f"# {explorer._trial.name}, seed 0, accuracy on 16 validation" in program
    assert f"# this setting: accuracy {100 * explorer.accuracy:.1f} %" in program
    assert zeros in program


def test_a_lessons_answer_is_code_of_its_own(model):
    explorer = PruningExplorer(model, images(), answer="chosen_pruning")
    drag(explorer, 30)

    panel = explorer._code_panel.programs.value
    answer = re.search(
        'data-nncompress-code="([^"]*)" data-nncompress-exercise="chosen_pruning">',
        panel,
    )[1]
    names: dict[str, object] = {}
    exec(html.unescape(answer), names)
    assert names["chosen_pruning"] == explorer.setting
    assert "Insert as my answer" in panel


@pytest.mark.parametrize(
    ("typed", "says"),
    [("100", "less than expected"), ("0,0 %", "more than expected"), ("", "")],
)
def test_what_the_user_expects_is_compared_with_what_is_measured(explorer, typed, says):
    drag(explorer, 40)  # some images of 16 are right, and some are not

    explorer._expectation.field.set_state({"value": typed})

    words = explorer._expectation.widgets[1].value
    assert says in words
    assert (f"{100 * explorer.accuracy:.1f} %" in words) == bool(typed)
    assert ("nncompress-expected" in explorer._trail.value) == bool(typed)


@pytest.mark.parametrize("typed", ["many", "850", "-1"])
def test_an_expectation_that_is_no_percentage_is_told(explorer, typed):
    explorer._expectation.field.set_state({"value": typed})

    assert "from 0 to 100, such as 85" in explorer._expectation.widgets[1].value
    assert "nncompress-expected" not in explorer._trail.value


def test_an_expectation_is_compared_only_with_the_setting_that_is_shown(
    explorer, monkeypatch
):
    monkeypatch.setattr(explorer._measure_later, "request", lambda: None)
    explorer._expectation.field.set_state({"value": "50"})

    drag(explorer, 41)

    assert "expected" not in explorer._expectation.widgets[1].value


def test_a_setting_that_is_left_while_its_file_is_weighed_is_in_the_trail(
    explorer, monkeypatch
):
    drag(explorer, 40)
    weigh = explorer._trial.weighed
    monkeypatch.setattr(explorer._weigh_later, "request", lambda: None)
    drag(explorer, 41)

    def moved_on(choice):
        if choice == {"*": 0.41}:
            drag(explorer, 42)
        return weigh(choice)

    monkeypatch.setattr(explorer._trial, "weighed", moved_on)
    explorer._weigh()

    assert [visit.choice["*"] for visit in explorer._outcome.trail] == [0.5, 0.4, 0.41]
    assert explorer._outcome.trail[-1].score == explorer._trial.accuracy({"*": 0.41})
    assert explorer._figures.value.count("nncompress-stale") == 2  # both are bytes
