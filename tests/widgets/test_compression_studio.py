"""The control of pipelines, driven by the messages that a browser sends."""

import asyncio
import html
import re
import threading
import xml.etree.ElementTree as ET

import keras
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.report.formats import size
from nncompress_lab.report.metrics import ACCURACY
from nncompress_widgets import CompressionStudio, Goal, control
from nncompress_widgets.card_words import name_of, setting_of
from nncompress_widgets.code_panel import comments_of
from nncompress_widgets.studio_picture import Column, Fact, waterfall_svg

PRUNED = ncl.MagnitudePruning(sparsity=0.5)
FOUR = ncl.UniformQuantization(bits=4)
IMPOSSIBLE = ncl.ChannelPruning(macs=0.01)
TRAINED = ncl.FineTune(epochs=2)


def data() -> ncl.Context:
    return tiny_models.context()


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
def model() -> keras.Model:
    with tiny_models.eagerly():
        return small_model()


def made_of(model: keras.Model) -> CompressionStudio:
    goal = Goal(packed_bytes=3000, accuracy_drop=1)
    steps = [PRUNED, FOUR]
    return CompressionStudio(model, data(), goal=goal, steps=steps, answer="chosen")


@pytest.fixture
def studio(model, eagerly) -> CompressionStudio:
    return made_of(model)


@pytest.fixture(scope="module")
def resting(model) -> CompressionStudio:
    """One that nobody moves."""
    with tiny_models.eagerly():
        return made_of(model)


def picture(studio: CompressionStudio) -> ET.Element:
    return ET.fromstring(studio._view.picture.value)


def said(studio: CompressionStudio) -> str:
    return picture(studio).get("aria-label")


def cards(studio: CompressionStudio) -> list[str]:
    return [card.description for card in studio._view.cards]


def programs(studio: CompressionStudio) -> list[str]:
    found = re.findall(
        r"<code>(.*?)</code>", studio._code_panel.programs.value, re.DOTALL
    )
    return [html.unescape(one) for one in found]


def test_each_card_is_a_pass_and_the_figures_are_those_of_the_pipeline(resting, model):
    made = ncl.pipeline(PRUNED, FOUR)(model)

    assert cards(resting) == ["Prune\n50 % zeros", "Quantize\n4 bits"]
    assert resting.setting == ncl.pipeline(PRUNED, FOUR)
    assert resting.accuracy == measure.accuracy(made, data().validation)
    assert resting.packed_bytes == measure.file_sizes(made).packed
    pruned = measure.file_sizes(PRUNED(model)).packed
    assert f"Prune 50 % zeros: {size(pruned)}, " in said(resting)


def test_the_slider_the_switch_and_the_cards_answer_to_the_hand(studio):
    view = studio._view
    view.value.set_state({"index": view.value.options.index(("80 %", 0.8))})
    assert studio.steps == (ncl.MagnitudePruning(sparsity=0.8), FOUR)
    assert cards(studio)[0] == "Prune\n80 % zeros"

    view.cards[1].set_state({"value": True})
    assert studio.selected == 1
    assert [card.value for card in view.cards] == [False, True]
    assert (view.value.description, view.value.value) == ("Bits", 4)
    view.cards[1].set_state({"value": False})  # once more: it stays selected
    assert [card.value for card in view.cards] == [False, True]

    bits, places = view.value, view.value.options
    view.cards[0].set_state(
        {"value": True}
    )  # a slider given other options moves itself
    assert view._knobs.children[0] is view.value is not bits
    assert (view.value.description, view.value.value) == ("Zeros", 0.8)
    view.cards[1].set_state({"value": True})
    assert view.value is bits
    assert bits.options == places

    view.applied.set_state({"value": False})
    assert studio.on == (True, False)
    assert cards(studio)[1] == "Quantize\noff"
    assert "Quantize" not in said(studio)
    assert "not applied" in view.details.value
    studio.wait()
    assert studio.setting == ncl.pipeline(ncl.MagnitudePruning(sparsity=0.8))


def test_a_card_moves_along_the_row_and_order_matters(studio):
    studio.wait()
    right = studio.packed_bytes
    assert studio._view.earlier.disabled
    studio._view.later.click()
    studio.wait()

    assert studio.steps == (FOUR, PRUNED)
    assert studio.selected == 1
    assert studio._view.later.disabled
    assert "0 % of the weights" in studio._view.details.value
    assert studio.packed_bytes > right

    studio.shift(-1)
    assert studio.steps == (PRUNED, FOUR)
    assert studio.packed_bytes == right


def test_a_program_sets_cards_and_switches(studio, model):
    studio.on = (False, True)
    assert studio.accuracy == measure.accuracy(FOUR(model), data().validation)
    assert studio.packed_bytes == measure.file_sizes(FOUR(model)).packed

    studio.steps = [ncl.pipeline(FOUR), PRUNED, PRUNED]
    assert studio.on == (True, True, True)
    assert len(studio._view.cards) == 3
    studio.on = (False,) * 3
    assert studio.setting == ncl.pipeline()
    assert studio.packed_bytes == studio._trial.original["packed_bytes"]
    assert "nothing" in repr(studio)


@pytest.mark.parametrize(
    ("trait", "value", "error", "words"),
    [
        ("on", (True,), ValueError, "each of the 2 cards"),
        ("on", (1, 0), ValueError, "True or False"),
        ("selected", 2, ValueError, "from 0 to 1"),
        ("steps", [], ValueError, "at least one step"),
        ("steps", [ncl.FineTune], TypeError, "Write its arguments in brackets"),
    ],
)
def test_what_cannot_be_is_refused(resting, trait, value, error, words):
    with pytest.raises(error, match=words):
        setattr(resting, trait, value)


def test_the_code_runs_by_itself_and_makes_the_same_model(resting, model):
    answer, program = programs(resting)
    assert "# original: accuracy" in answer
    assert "packed" in answer

    names: dict[str, object] = {}
    exec(answer, names)
    assert names["chosen"] == resting.setting == ncl.pipeline(PRUNED, FOUR)

    names = {"model": model}
    exec(program, names)
    assert "ncl.pipeline(" in program
    made = resting._trial.made(resting.choice)
    tiny_models.assert_same_weights(made, names["compressed"])


def test_the_code_says_so_where_a_setting_is_not_measured_yet(resting):
    *_, said = comments_of(resting._outcome, (FOUR, FOUR))
    assert said == "this setting: not measured yet"


def test_a_training_gets_the_users_own_data_in_the_code(model, eagerly, monkeypatch):
    own = data()
    names = {"net": model, "mine": own}
    for module in ("source_code", "code_panel"):
        monkeypatch.setattr(
            f"nncompress_widgets.{module}.variable_of",
            lambda one: next((name for name in names if names[name] is one), None),
        )
    studio = CompressionStudio(model, own, steps=[PRUNED, TRAINED])

    (program,) = programs(studio)
    assert "(net, mine)" in program

    run: dict[str, object] = dict(names)
    exec(program, run)
    made = studio._trial.made(studio.choice)
    tiny_models.assert_same_weights(made, run["compressed"])


def test_registered_is_the_pipeline_and_the_goal_is_judged(studio):
    studio.on = (False, False)
    studio._goal_panel.button.click()
    assert "Goal not met" in studio._goal_panel._verdict.value

    studio.on = (True, True)
    assert studio.register() == studio.registered == ncl.pipeline(PRUNED, FOUR)
    assert "Goal met" in studio._goal_panel._verdict.value
    assert sum("threshold" in one.get("class", "") for one in picture(studio)) == 2


def test_a_training_that_is_overtaken_ends_and_the_next_setting_is_measured(
    model, eagerly
):
    began, go, threads = threading.Event(), threading.Event(), []

    async def front_end():
        studio = CompressionStudio(model, data(), steps=[PRUNED, TRAINED])
        heard = studio._trial.heard

        def listen(steps, done):
            if 0 < done < 1:
                threads.append(threading.current_thread())
                began.set()
                go.wait(30)
            heard(steps, done)

        studio._trial.heard = listen
        view = studio._view
        view.value.set_state({"index": 10})  # trains on a thread
        assert await asyncio.to_thread(began.wait, 30)
        assert re.search(r"Prune 10 % zeros: \d.*; Fine-tune .*: not", said(studio))
        assert view.picture.value.count("nncompress-progress") == 2
        view.cards[1].set_state({"value": True})
        view.applied.set_state({"value": False})
        go.set()
        return studio

    studio = asyncio.run(front_end())
    studio.wait()

    assert threading.main_thread() not in threads
    assert len(threads) == 1  # it was not trained to its end
    assert studio.on == (True, False)
    assert studio.accuracy is not None
    assert "nncompress-progress" not in studio._view.picture.value
    assert not studio._message.value


def test_an_error_of_a_pass_is_shown_and_what_comes_before_is_measured(studio):
    studio._by_hand(
        lambda: studio._deal([(PRUNED, True), (IMPOSSIBLE, True)], selected=1)
    )

    assert "ValueError" in studio._message.value
    assert studio.stages[1].measured is not None
    assert "Channels 1 % MACs: not measured yet" in said(studio)
    studio._by_hand(lambda: studio._deal([(PRUNED, True)], selected=0))
    assert not studio._message.value


def test_a_stored_picture_has_alt_text_and_says_it_in_words(resting):
    bundle, metadata = resting._repr_mimebundle_()

    assert metadata["image/png"]["alt"] == bundle["text/plain"] == repr(resting)
    words = "CompressionStudio of mlp: prune 50 % zeros, then quantize 4 bits; "
    assert bundle["text/plain"].startswith(words)


def test_a_stored_picture_has_the_bytes_after_each_pass(studio):
    drawn, _ = studio.stored

    for stage in studio.stages:
        assert size(stage.weighed["packed_bytes"]) in drawn


@pytest.mark.parametrize(
    ("step", "name", "setting"),
    [
        (PRUNED, "Prune", "50 % zeros"),
        (ncl.ChannelPruning(sparsity=0.25), "Channels", "25 % off"),
        (ncl.LowRank(rank=0.25), "Low rank", "25 % rank"),
        (ncl.LowRank(rank=16), "Low rank", "rank 16"),
        (ncl.CodebookQuantization(bits=1), "Codebook", "1 bit"),
        (ncl.FineTune(epochs=1), "Fine-tune", "1 epoch"),
        (ncl.FoldBatchNorm(), "Fold BN", ""),
        (ncl.OptimalBrainPruning(sparsity=0.5), "OptimalBrain", "50 % zeros"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_cards_have_few_words(step, name, setting):
    assert (name_of(step), setting_of(step)) == (name, setting)


def bars(columns: list[Column]) -> list[tuple[str, float]]:
    svg = ET.fromstring(waterfall_svg(columns, ACCURACY, {}))
    rects = [one for one in svg.iter("rect") if "range" not in one.get("class")]
    return [
        (one.get("class").removeprefix("nncompress-"), float(one.get("height")))
        for one in rects
    ]


def column(size: float | None, score: float | None, *, current: bool = True) -> Column:
    return Column("Prune", "", Fact(size, current), Fact(score, current))


def test_equal_factors_are_equally_high_and_what_is_worse_has_another_colour():
    drawn = bars([column(8000, 0.9), column(4000, 0.8), column(2000, 0.9)])

    (first, fall), (second, again), lost, won = drawn
    assert (first, second) == ("kept", "kept")
    assert fall == pytest.approx(again, abs=0.2)
    assert (lost[0], won[0]) == ("clipped", "kept")
    assert lost[1] == pytest.approx(won[1], abs=0.2)


def test_old_figures_are_pale_and_unknown_ones_are_a_gap():
    drawn = bars([column(8000, 0.9), column(4000, None, current=False)])
    assert [kind for kind, _ in drawn] == ["next"]


def test_what_is_measured_on_a_part_of_the_examples_says_so():
    columns = [column(8000, 0.9), Column("Prune", "", Fact(), Fact(0.8, True, True))]
    assert waterfall_svg(columns, ACCURACY, {}).count("≈ 80.0 %") == 2


@pytest.mark.parametrize("count", [1, 12])
def test_any_number_of_cards_fits(count):
    columns = [column(9000 / n, 0.9 - n / 50) for n in range(1, count + 1)]
    svg = ET.fromstring(waterfall_svg(columns, ACCURACY, {"packed_bytes": 10}))
    edges = [float(one.get("x")) for one in svg.iter("rect")]
    assert len(edges) == 2 * (count - 1)
    assert all(52 <= one <= 428 for one in edges)
