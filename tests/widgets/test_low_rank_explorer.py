"""The low-rank control, driven by the messages that a browser sends."""

import asyncio
import re
import threading
import xml.etree.ElementTree as ET

import keras
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.lowrank.arrays.rank import break_even_rank
from nncompress_widgets import Goal, LowRankExplorer, control

MOST = break_even_rank(30, 40)


def images() -> ncl.Data:
    return tiny_models.context().validation


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)


@pytest.fixture
def model() -> keras.Model:
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dense(40, activation="relu", name="first"),
        keras.layers.Dense(30, activation="relu", name="second"),
        keras.layers.Dense(4, name="logits"),
    ]
    return keras.Sequential([keras.Input((8, 8, 3)), *layers], name="mlp")


@pytest.fixture
def explorer(model, eagerly) -> LowRankExplorer:
    return LowRankExplorer(
        model, images(), goal=Goal(parameters=5000, accuracy_drop=1), answer="chosen"
    )


def of(name: str, rank: int) -> ncl.LowRank:
    return ncl.LowRank(rank=rank, select=ncl.Selection(names=(name,)))


def move(explorer: LowRankExplorer, rank: int) -> None:
    explorer._view.rank.set_state({"value": rank})


def select(explorer: LowRankExplorer, name: str) -> None:
    names = [one for _, one in explorer._view.target.options]
    explorer._view.target.set_state({"index": names.index(name)})


def words(explorer: LowRankExplorer) -> str:
    drawn = ET.fromstring(explorer._view.picture.value)
    return " ".join(one.text or "" for one in drawn.iter("text"))


def test_it_begins_with_the_largest_layer_at_half_of_its_break_even(explorer):
    assert explorer.target == "first"
    assert explorer.rank == (break_even_rank(192, 40) + 1) // 2
    assert explorer.setting == of("first", explorer.rank)


def test_the_slider_cuts_the_layer(explorer, model):
    move(explorer, 5)

    assert explorer.setting == of("first", 5)
    result = explorer.setting(model)
    assert explorer.accuracy == measure.accuracy(result, images())
    assert explorer._trial.counted(explorer.choice) == {
        "parameters": measure.parameters(result),
        "macs": measure.macs(result),
    }
    assert explorer.packed_bytes == pytest.approx(
        measure.file_sizes(result).packed, abs=100
    )
    assert "rank 5 of 40 keeps" in words(explorer)
    assert "two thin: 5 x (192 + 40) = 1,160" in words(explorer)
    assert "6.6x smaller" in words(explorer)
    assert explorer.weight_error == pytest.approx(
        (1 - explorer.energy) ** 0.5, rel=1e-3
    )
    assert 0 < explorer.output_error < 1


@pytest.mark.parametrize(
    ("rank", "said"),
    [
        (MOST, "0.8 % smaller"),
        (MOST + 1, "larger than before"),
        (30, "larger than before"),
    ],
)
def test_beyond_break_even_it_says_so_and_the_layer_stays(explorer, rank, said):
    explorer.target = "second"
    explorer.rank = rank

    assert said in words(explorer)
    assert f"break-even: {MOST}" in words(explorer)
    assert ("second" in explorer.choice) == (rank <= MOST)
    assert ("stays whole" in explorer._view.details.value) == (rank > MOST)


def test_the_layers_ranks_apply_together(explorer, model):
    move(explorer, 5)
    select(explorer, "second")
    assert explorer.rank == 30  # whole, until it is cut
    move(explorer, 3)

    assert explorer.setting == ncl.pipeline(of("first", 5), of("second", 3))
    assert explorer.accuracy == measure.accuracy(explorer.setting(model), images())
    assert "Also cut: first at 5." in explorer._view.details.value
    select(explorer, "first")
    assert explorer.rank == 5


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rank", 41, "from 1 to 40. Received: rank=41"),
        ("rank", 0, "trait"),
        ("target", "dense", "It has: first, second, logits"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_moves(explorer, name, value, said):
    before = repr(explorer)

    with pytest.raises(Exception, match=re.escape(said)):
        setattr(explorer, name, value)

    assert repr(explorer) == before


def test_it_registers_what_meets_the_goal_and_says_what_misses_it(explorer):
    explorer.rank = 33
    explorer.register()
    assert "more than allowed" in explorer._goal_panel._verdict.value

    explorer.rank = 5
    assert explorer.register() == explorer.registered == of("first", 5)
    assert "Goal met" in explorer._goal_panel._verdict.value
    assert "chosen = ncl.LowRank(rank=5" in explorer._code_panel.programs.value
    assert "MACs an image" in explorer._code_panel.programs.value


def test_the_trail_goes_over_macs_and_the_latency_comes_at_rest(explorer):
    explorer.rank = 5

    assert "accuracy over MACs an image" in explorer._trail.value
    assert (
        explorer._outcome.trail[-1].cost
        == explorer._trial.counted(explorer.choice)["macs"]
    )
    assert "noise ±" in explorer._figures.value


@pytest.mark.usefixtures("eagerly")
def test_nothing_runs_on_the_event_loop(explorer, monkeypatch):
    threads = set()
    measured, cut = explorer._trial.measured, explorer._trial.cut
    for name, method in (("measured", measured), ("cut", cut)):

        def noted(*given, method=method):
            threads.add(threading.current_thread())
            return method(*given)

        monkeypatch.setattr(explorer._trial, name, noted)

    async def by_hand():
        move(explorer, 7)
        await asyncio.to_thread(explorer.wait)

    asyncio.run(by_hand())

    assert threads
    assert threading.main_thread() not in threads
    assert "rank 7 of 40" in words(explorer)


def test_the_stored_picture_and_sentence_say_where_it_stands(explorer):
    explorer.rank = 5

    assert repr(explorer).startswith(
        "LowRankExplorer of mlp: first at rank 5 of 40, 2,554 parameters, validation"
    )
    bundle, metadata = explorer._repr_mimebundle_()
    assert metadata == {"image/png": {"alt": repr(explorer)}}
    assert "<img" in bundle["text/html"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", [tiny_models.sequential, tiny_models.depthwise])
def test_it_works_for_other_models(build):
    explorer = LowRankExplorer(build(), images())

    for path in explorer._trial.layers[::2]:
        explorer.target = path
        explorer.rank = 1
        assert f"Singular values of {path}" in words(explorer)


def test_a_file_that_is_weighed_late_leaves_the_trail_in_its_order(
    explorer, monkeypatch
):
    monkeypatch.setattr(explorer._weigh_later, "request", lambda: None)
    move(explorer, 3)
    weigh = explorer._trial.weighed

    def moved_on(choice):
        monkeypatch.setattr(explorer._trial, "weighed", weigh)
        move(explorer, 4)
        return weigh(choice)

    monkeypatch.setattr(explorer._trial, "weighed", moved_on)
    explorer._weigh()

    ranks = [one.choice["first"].rank for one in explorer._outcome.trail]
    assert ranks[-2:] == [3, 4]
    assert "nncompress-here" in explorer._trail.value


def test_a_file_that_is_weighed_late_does_not_replace_the_newer_one(
    explorer, monkeypatch
):
    weigh, begun, moved = explorer._trial.weighed, threading.Event(), threading.Event()
    monkeypatch.setattr(explorer._weigh_later, "request", lambda: None)
    move(explorer, 3)

    def slow(choice):
        begun.set()
        assert moved.wait(20)
        return weigh(choice)

    monkeypatch.setattr(explorer._trial, "weighed", slow)
    late = threading.Thread(target=explorer._weigh)
    late.start()
    assert begun.wait(20)
    monkeypatch.setattr(explorer._trial, "weighed", weigh)
    explorer.rank = 4
    moved.set()
    late.join()

    assert "nncompress-stale" not in explorer._figures.value
    assert explorer.packed_bytes == weigh(explorer.choice)["packed_bytes"]
    assert [one.choice["first"].rank for one in explorer._outcome.trail][-2:] == [3, 4]
