"""The control of plans, driven by the messages that a browser sends."""

import asyncio
import re
import threading
import xml.etree.ElementTree as ET

import keras
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_widgets import Goal, PlanExplorer, control, plan_explorer
from nncompress_widgets.plan_picture import _short, option_name, plan_svg

EIGHT, TWO = ncl.UniformQuantization(bits=8), ncl.UniformQuantization(bits=2)
PRUNED = ncl.pipeline(ncl.MagnitudePruning(sparsity=0.7), TWO)
OPTIONS = (TWO, EIGHT, PRUNED)


def images() -> ncl.Data:
    return tiny_models.context().validation


def small_model() -> keras.Model:
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dense(20, activation="relu", name="first"),
        keras.layers.Dense(4, name="logits"),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers], name="mlp")


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)


@pytest.fixture(scope="module")
def scanned() -> tuple[keras.Model, ncl.Sensitivity]:
    with tiny_models.eagerly():
        model = small_model()
        context = ncl.Context(validation=images(), calibration=images())
        return model, ncl.sensitivity(model, OPTIONS, context, progress=False)


@pytest.fixture
def explorer(scanned, eagerly) -> PlanExplorer:
    model, scan = scanned
    goal = Goal(packed_bytes=4000, accuracy_drop=1)
    return PlanExplorer(model, images(), scan=scan, goal=goal, answer="chosen")


def move(explorer: PlanExplorer, budget: int) -> None:
    explorer._view.budget.set_state({"value": budget})


def drawn(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def framed(explorer: PlanExplorer) -> int:
    picture = drawn(explorer._view.picture.value)
    return sum(one.get("class") == "nncompress-planned" for one in picture.iter("rect"))


def test_the_slider_plans_and_the_figures_are_those_of_the_passes(explorer, scanned):
    model, scan = scanned
    least, most = explorer._trial.choices.bounds
    for budget in (least + 10, (least + most) // 2):
        move(explorer, budget)

        assert explorer.budget == explorer._view.budget.value
        assert explorer.choice == explorer._trial.choices.within(explorer.budget)
        made = explorer.setting(model)
        assert explorer.accuracy == measure.accuracy(made, images())
        assert explorer.packed_bytes == pytest.approx(
            measure.file_sizes(made).packed, abs=100
        )
        assert framed(explorer) == len(scan.units) == 2
    assert f"{explorer.budget:,} bytes" in explorer._view.picture.value


def test_one_setting_for_all_layers_is_a_column(explorer):
    explorer.budget = explorer._trial.choices.middle
    explorer._view.alike.set_state({"index": 1})

    assert explorer.alike
    assert len(set(explorer.choice)) == 1
    assert explorer.setting == OPTIONS[explorer.choice[0]]  # no layer is named
    assert "ncl.plan" not in explorer._code_panel.programs.value
    assert "one setting for all layers" in repr(explorer)


def test_the_cells_say_what_they_are(explorer, scanned):
    _, scan = scanned
    picture = drawn(explorer._view.picture.value)
    titles = [one.text for one in picture.iter("title")]

    row = scan.of("first", 2)
    said = f"first, {scan.labels[2]}: {row.divergence:.2g} nats"
    assert any(title.startswith(said) for title in titles)
    assert sum("as it is" in title for title in titles) == 2
    words = [one.text for one in picture.iter("text")]
    assert {"bits", "zeros", "70 %", "as is", "first", "logits"} <= set(words)


def test_registered_is_the_plan_and_the_goal_is_judged_by_the_real_file(explorer):
    move(explorer, explorer._trial.choices.bounds[1])
    explorer._goal_panel.button.click()
    assert "Goal not met" in explorer._goal_panel._verdict.value

    move(explorer, explorer._trial.choices.bounds[0] + 50)
    setting = explorer.register()

    assert setting == explorer.registered == explorer.setting
    assert "Goal met" in explorer._goal_panel._verdict.value


def test_the_code_asks_for_the_plan_with_the_users_own_names(explorer, monkeypatch):
    names = {
        id(explorer.model): "net",
        id(explorer.data): "few",
        id(explorer.scan): "s",
    }
    for module in ("plan_code", "source_code"):
        monkeypatch.setattr(
            f"nncompress_widgets.{module}.variable_of", lambda one: names.get(id(one))
        )
    move(explorer, 3000)
    program = explorer._code_panel.programs.value

    budget = f"{explorer.budget:_}"
    assert f"chosen = ncl.plan(net, ncl.Budget(packed_bytes={budget})" in program
    assert "ncl.Context(validation=few, calibration=few), scan=s)" in program
    assert "compressed = plan.passes(net)" in program


def test_without_a_name_for_the_scan_the_code_has_its_options(explorer):
    program = re.search(
        r"<code>(.*?)</code>", explorer._code_panel.programs.value, re.DOTALL
    )
    code = program[1].replace("&quot;", '"')
    namespace = {"model": explorer.model, "data": explorer.data}

    compile(code, "<program>", "exec")
    options = re.search(r"techniques=(\[\[.*\]\])", code, re.DOTALL)
    assert tuple(eval(options[1], {"ncl": ncl, **namespace})[0]) == OPTIONS


def test_the_line_and_the_square_are_what_the_scan_foretells(explorer):
    move(explorer, explorer._trial.choices.middle)
    trail = drawn(explorer._trail.value)
    kinds = [one.get("class") for one in trail.iter()]

    assert "nncompress-foretold" in kinds
    assert "nncompress-foretold-here" in kinds
    size, accuracy = explorer._trial.foretold(explorer.choice)
    assert f"{100 * accuracy:.1f} %" in explorer._view.details.value
    assert size <= explorer.budget


def test_it_scans_by_itself_in_a_thread_and_says_how_far_it_is(eagerly, monkeypatch):
    go, threads, said = threading.Event(), [], []
    run = plan_explorer.PlanTrial.run_scan

    def waiting(trial, heard):
        def listen(done, cells):
            go.wait(30)
            threads.append(threading.current_thread())
            heard(done, cells)
            said.append(explorer._view.picture.value)

        run(trial, listen)

    monkeypatch.setattr(plan_explorer.PlanTrial, "run_scan", waiting)

    async def front_end():
        made = PlanExplorer(small_model(), images(), options=OPTIONS[:2])
        assert made.scan is None
        assert "not done yet" in repr(made)
        assert made._view.budget.disabled
        made.budget = 3000  # is planned for when the scan is done
        return made

    explorer = asyncio.run(front_end())
    go.set()
    explorer.wait()

    assert threading.main_thread() not in threads
    assert "Measuring each layer alone: 25 %" in said[0]
    assert explorer.scanned == 1
    assert explorer.choice == explorer._trial.choices.within(3000)
    assert not explorer._view.budget.disabled


def test_an_error_of_the_scan_is_shown(eagerly, monkeypatch):
    def fails(trial, heard):
        raise ValueError("no layer")

    monkeypatch.setattr(plan_explorer.PlanTrial, "run_scan", fails)
    explorer = PlanExplorer(small_model(), images(), options=OPTIONS[:1])

    assert "no layer" in explorer._message.value


def test_a_budget_below_a_byte_is_refused(explorer):
    with pytest.raises(ValueError, match="at least 1 byte"):
        explorer.budget = 0


def test_a_stored_picture_has_alt_text_and_says_it_in_words(explorer):
    bundle, metadata = explorer._repr_mimebundle_()

    assert metadata["image/png"]["alt"] == bundle["text/plain"] == repr(explorer)
    assert "PlanExplorer of mlp: a setting for each layer" in bundle["text/plain"]
    label = drawn(explorer._view.picture.value).get("aria-label")
    assert "first " in label
    assert "logits " in label


@pytest.mark.parametrize(
    ("option", "name"),
    [
        (TWO, "2 bits"),
        (PRUNED, "70 % zeros + 2 bits"),
        (ncl.GPTQ(bits=3), "3 GPTQ"),
        (ncl.CodebookQuantization(bits=4), "4 codebook"),
        (ncl.LowRank(rank=0.25), "0.25 rank"),
        (ncl.ChannelPruning(sparsity=0.5), "50 % channels off"),
        (ncl.MagnitudePruning(threshold=0.1), "Magnitude"),
    ],
)
def test_options_have_short_names(option, name):
    assert option_name(option) == name


@pytest.mark.parametrize(
    ("divergence", "short"),
    [(1.25, "1.2"), (0.35, ".35"), (0.0276, ".028"), (0.0044, "4e-3"), (0.0, "0")],
)
def test_numbers_fit_into_their_cells(divergence, short):
    assert _short(divergence) == short


def test_many_layers_keep_the_picture_legible():
    picture = drawn(plan_svg(None, OPTIONS, (), rows=90, done=0.5))
    assert 500 < float(picture.get("height")) < 900
    assert "50 %" in picture.get("aria-label")
