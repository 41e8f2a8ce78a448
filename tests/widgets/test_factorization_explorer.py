"""The factorization control, driven by the messages that a browser sends."""

import xml.etree.ElementTree as ET

import keras
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.trials import smaller
from nncompress_widgets import FactorizationExplorer, Goal, control


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)
    monkeypatch.setattr(smaller, "ROUNDS", 4)


@pytest.fixture
def model() -> keras.Model:
    return tiny_models.residual()


@pytest.fixture
def explorer(model, eagerly) -> FactorizationExplorer:
    images = tiny_models.context().validation
    return FactorizationExplorer(model, images, goal=Goal(macs=1, accuracy_drop=1))


def select(explorer: FactorizationExplorer, name: str, value: object) -> None:
    """Choose from one of the lists as the browser does."""
    widget = getattr(explorer._view, name)
    options = [one for _, one in widget.options]
    widget.set_state({"index": options.index(value)})


def slide(explorer: FactorizationExplorer, name: str, value: float) -> None:
    getattr(explorer._view, name).set_state({"value": value})


def drawn(explorer: FactorizationExplorer) -> ET.Element:
    return ET.fromstring(explorer._view.picture.value)


def boxes(explorer: FactorizationExplorer) -> list[float]:
    """The widths of the original's box and of those of the chain."""
    found = drawn(explorer).iter("rect")
    return [float(one.get("width")) for one in found if one.get("height") == "24"]


def inputs(explorer: FactorizationExplorer) -> list[str]:
    names = ("target", "method", "rank", "rank_out", "fraction")
    shown = explorer._view._row.children
    return [one for one in names if getattr(explorer._view, one) in shown]


def assert_it_shows_the_truth(explorer, model) -> None:
    explorer.wait()
    result = explorer.setting(model)
    assert explorer.accuracy == measure.accuracy(result, explorer.data)
    counted = explorer._trial.counted(explorer.choice)
    assert counted["macs"] == measure.macs(result)


def test_it_begins_with_one_layer_at_half_of_its_macs(explorer, model):
    path = explorer.target
    trial = explorer._trial

    assert path == trial.largest
    assert explorer.choice.keys() == {path}
    assert (explorer.rank, explorer.rank_out) == trial.half(path, "tucker2")
    assert inputs(explorer) == ["target", "method", "rank", "rank_out"]
    assert_it_shows_the_truth(explorer, model)


@pytest.mark.parametrize("method", ["spatial", "cp", "separable"])
def test_a_method_comes_with_ranks_of_its_own(explorer, model, method):
    select(explorer, "method", method)

    assert (explorer.rank,) == explorer._trial.half(explorer.target, method)
    assert explorer.setting.method == method
    assert inputs(explorer) == ["target", "method", "rank"]
    assert_it_shows_the_truth(explorer, model)
    slide(explorer, "rank", 1)
    assert explorer.setting.rank == 1
    assert_it_shows_the_truth(explorer, model)


def test_the_boxes_are_as_wide_as_the_macs(explorer):
    explorer.wait()
    whole, *chain = boxes(explorer)

    trial = explorer._trial
    made = trial.chain(explorer.target, next(iter(explorer.choice.values())))
    scale = whole / trial.layer_macs(explorer.target)
    assert len(chain) == 3
    for width, macs in zip(chain, made.link_macs, strict=True):
        assert width == pytest.approx(macs * scale, abs=2)
    assert len(list(drawn(explorer).iter("image"))) >= 4  # filters before and after


def test_beyond_break_even_the_layer_stays_and_the_picture_says_so(explorer, model):
    full = explorer._trial.full_ranks(explorer.target, "tucker2")
    slide(explorer, "rank", full[0])
    slide(explorer, "rank_out", full[1])
    explorer.wait()

    assert explorer.choice == {}
    assert explorer.setting == ncl.pipeline()
    assert "stays as it is" in drawn(explorer).get("aria-label")
    whole, *chain = boxes(explorer)
    assert sum(chain) > whole
    assert explorer.weight_error == pytest.approx(0, abs=1e-3)


def test_all_convolutions_share_a_method_and_a_fraction(explorer, model):
    select(explorer, "target", "*")
    slide(explorer, "fraction", 0.25)

    assert inputs(explorer) == ["target", "method", "fraction"]
    assert explorer.setting == ncl.Factorization("tucker2", rank=0.25)
    assert len(explorer.choice) > 1
    assert_it_shows_the_truth(explorer, model)


def test_as_it_is_leaves_the_model(explorer, model):
    select(explorer, "method", "none")
    explorer.wait()

    assert explorer.choice == {}
    assert explorer.accuracy == measure.accuracy(model, explorer.data)
    assert (explorer.weight_error, explorer.output_error) == (0, 0)


def test_layers_keep_their_settings_and_apply_together(explorer, model):
    first = explorer.target
    other = next(one for one in explorer._trial.layers if one != first)
    select(explorer, "target", other)
    assert explorer.method == "none"
    select(explorer, "method", "spatial")
    slide(explorer, "rank", 1)
    select(explorer, "target", first)

    assert explorer.method == "tucker2"
    assert explorer.choice.keys() == {first, other}
    assert_it_shows_the_truth(explorer, model)


def test_a_program_moves_it_and_is_told_what_does_not_fit(explorer):
    explorer.method, explorer.rank = "spatial", 2
    assert explorer.setting.rank == 2
    assert 0 < explorer.weight_error < 1
    assert 0 < explorer.output_error < 1

    with pytest.raises(ValueError, match=r"`rank` of .* from 1 to \d+.*rank=999"):
        explorer.rank = 999
    with pytest.raises(ValueError, match="no layer 'dense9'"):
        explorer.target = "dense9"
    assert explorer.rank == 2


def test_register_hands_in_the_setting_and_says_what_is_missing(explorer):
    registered = explorer.register()

    assert registered == explorer.setting == explorer.registered
    assert "MACs" in explorer._goal_panel._verdict.value


def test_the_stored_output_is_a_picture_with_its_sentence(explorer):
    bundle, metadata = explorer._repr_mimebundle_()

    sentence = bundle["text/plain"]
    assert sentence.startswith("FactorizationExplorer of ")
    assert "Tucker-2" in sentence
    assert metadata["image/png"]["alt"] == sentence
    assert "<img alt=" in bundle["text/html"]


def test_a_picture_is_greyed_while_another_is_made(explorer, monkeypatch):
    draw, picture, greyed = explorer._view.draw, explorer._view.picture, []

    def drawing(traits, choice):
        greyed.append("nncompress-behind" in picture._dom_classes)
        draw(traits, choice)

    monkeypatch.setattr(explorer._view, "draw", drawing)
    slide(explorer, "rank", explorer.rank + 1)
    explorer.wait()

    assert greyed == [True]
    assert "nncompress-behind" not in picture._dom_classes
