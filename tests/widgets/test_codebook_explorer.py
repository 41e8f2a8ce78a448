"""The codebook control, driven by the messages that a browser sends."""

import asyncio
import html
import re
import threading
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest
import tiny_models

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import kernel_layers
from nncompress_widgets import CodebookExplorer, Goal, control


def images() -> ncl.Data:
    return tiny_models.context().validation


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)


@pytest.fixture
def model() -> keras.Model:
    return tiny_models.sequential()


@pytest.fixture
def explorer(model, eagerly) -> CodebookExplorer:
    return CodebookExplorer(model, images(), goal=Goal(entropy=2, accuracy_drop=1))


def select(explorer: CodebookExplorer, name: str, value: object) -> None:
    """Choose from one of the lists as the browser does."""
    widget = getattr(explorer._view, name)
    options = [one for _, one in widget.options]
    widget.set_state({"index": options.index(value)})


def drawn(explorer: CodebookExplorer) -> ET.Element:
    return ET.fromstring(explorer._view.picture.value)


def words(explorer: CodebookExplorer) -> str:
    return " ".join(one.text or "" for one in drawn(explorer).iter("text"))


def values(explorer: CodebookExplorer) -> list[float]:
    """Where the ticks of the values are."""
    lines = drawn(explorer).findall("line[@class='nncompress-value']")
    return [float(one.get("x1")) for one in lines]


def assert_it_shows_the_truth(explorer, model) -> None:
    result = explorer.setting(model)
    assert explorer.accuracy == measure.accuracy(result, images())
    # Keras numbers all tensors of a session, and the file holds these names.
    sizes = measure.file_sizes(result)
    assert explorer.file_bytes == pytest.approx(sizes.keras, abs=400)
    assert explorer.packed_bytes == pytest.approx(sizes.packed, abs=100)


@pytest.mark.parametrize("bits", [1, 3])
def test_the_slider_gives_the_whole_model_so_many_values(explorer, model, bits):
    select(explorer, "bits", bits)

    assert explorer.setting == ncl.CodebookQuantization(bits=bits)
    assert len(values(explorer)) == 2**bits
    assert_it_shows_the_truth(explorer, model)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("normal_float", ncl.CodebookQuantization(bits=4, table="normal_float")),
        ("power_of_two", ncl.CodebookQuantization(bits=4, table="power_of_two")),
        (
            "even",
            ncl.UniformQuantization(bits=4, granularity="per_tensor", symmetric=False),
        ),
    ],
)
def test_every_table_is_a_pass(explorer, model, table, expected):
    select(explorer, "table", (table, True))

    assert explorer.setting == expected
    assert len(values(explorer)) == (15 if table == "power_of_two" else 16)
    assert_it_shows_the_truth(explorer, model)


@pytest.mark.usefixtures("eagerly")
def test_of_a_pruned_model_the_zeros_are_kept_or_not(model):
    pruned = ncl.MagnitudePruning(sparsity=0.5, scope="global")(model)
    explorer = CodebookExplorer(pruned, images())
    zeros = {}

    for keep in (True, False):
        select(explorer, "table", ("learned", keep))
        select(explorer, "bits", 3)
        assert explorer.setting == ncl.CodebookQuantization(bits=3, keep_zeros=keep)
        result = explorer.setting(pruned)
        zeros[keep] = measure.nonzeros(pruned) / measure.nonzeros(result)
        assert_it_shows_the_truth(explorer, pruned)

    assert zeros[True] == 1 > zeros[False]


def test_the_layers_settings_apply_together(explorer, model):
    select(explorer, "target", "hidden")
    assert "stays as it is" in words(explorer)
    select(explorer, "bits", 2)
    select(explorer, "target", "logits")
    select(explorer, "bits", 3)
    select(explorer, "granularity", "per_channel")

    assert "of 4 by its spread" in words(explorer)
    assert explorer.setting == ncl.pipeline(
        ncl.CodebookQuantization(bits=2, select=ncl.Selection(names=("hidden",))),
        ncl.CodebookQuantization(
            bits=3,
            granularity="per_channel",
            select=ncl.Selection(names=("logits",)),
        ),
    )
    assert_it_shows_the_truth(explorer, model)


@pytest.mark.parametrize("order", [("bits", "table"), ("table", "bits")])
def test_a_fixed_table_of_two_values_becomes_one_of_four(explorer, order):
    chosen = {"bits": 1, "table": ("normal_float", True)}

    for name in order:
        select(explorer, name, chosen[name])

    assert explorer.setting == ncl.CodebookQuantization(bits=2, table="normal_float")
    assert explorer._view.bits.value == explorer.bits == 2


def test_k_means_is_watched_round_by_round(explorer):
    setting = explorer.setting
    select(explorer, "view", "kmeans")
    even, errors = values(explorer), []
    for number in range(explorer._view.round.max + 1):
        explorer._view.play.set_state({"value": number})
        errors.append(int(re.search(r"squared error (\d+) %", words(explorer))[1]))
        assert explorer._view.round.value == explorer.round == number

    assert np.diff(even) == pytest.approx(np.diff(even).mean(), abs=0.2)
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == 100 > errors[-1]
    assert explorer.setting == setting  # looking changes nothing


def test_a_round_beyond_the_last_is_the_last(explorer):
    explorer.view, explorer.round = "kmeans", 10_000

    last = explorer._view.round.max
    assert explorer._view.round.value == last
    assert f"round {last} of {last}" in words(explorer)


@pytest.mark.parametrize("view", ["values", "kmeans"])
def test_at_most_four_inputs_are_seen_at_once(explorer, view):
    select(explorer, "view", view)

    assert len(explorer._view._row.children) <= 4


def test_it_says_what_the_codes_hold_and_what_even_spacing_loses(explorer):
    shown = explorer._view.details.value
    assert re.search(r"Squared error: 0\.\d\d times that of even spacing", shown)
    assert re.search(r"hold 3\.\d\d bits of entropy each and are stored in 4", shown)
    tile = explorer._figures.value
    assert f"{explorer._outcome.measured.more['entropy']:.2f} bits" in tile


def test_a_goal_on_entropy_is_judged(explorer):
    explorer.register()
    missed = explorer._goal_panel._verdict.value
    explorer.bits = 2
    explorer.register()

    assert "more than allowed" in missed
    assert "✓ Goal met: the entropy of the codes is" in (
        explorer._goal_panel._verdict.value.replace("</b>", "")
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("target", "conv9", "no layer 'conv9'"),
        ("bits", 9, "from 1 to 8"),
        ("bits", 0, "from 1 to 8"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(explorer, name, value, message):
    setting = explorer.setting

    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)

    assert explorer.setting == setting


def test_the_code_that_is_shown_makes_the_model_that_is_shown(explorer, model):
    select(explorer, "table", ("even", True))

    panel = explorer._code_panel.programs.value
    names = {"model": model}
    exec(html.unescape(re.search('data-nncompress-code="(.*?)">', panel)[1]), names)
    with explorer._trial._measuring.under(explorer.choice) as copy:
        for ours, theirs in zip(
            kernel_layers(copy), kernel_layers(names["compressed"]), strict=True
        ):
            assert all(map(np.array_equal, ours.arrays(), theirs.arrays()))


def test_its_text_and_its_picture_are_stored(explorer):
    bundle, _ = explorer._repr_mimebundle_()

    entropy = explorer._outcome.measured.more["entropy"]
    assert bundle["text/plain"] == (
        f"CodebookExplorer of sequential: 16 values (learned), entropy {entropy:.1f} "
        f"bits, validation accuracy {100 * explorer.accuracy:.0f} %. Run this cell to "
        "move the slider."
    )
    assert bundle["image/png"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", tiny_models.WIDELY)
def test_it_takes_every_model_that_can_be_quantized(build):
    explorer = CodebookExplorer(build(), images())

    select(explorer, "target", explorer._trial.layers[0])
    for view in ("values", "kmeans"):
        select(explorer, "view", view)
        select(explorer, "bits", 2)
        assert drawn(explorer) is not None


def test_nothing_slow_runs_on_the_event_loop(explorer, monkeypatch):
    ran = []
    for holder, name in (
        (explorer._view, "draw"),
        (explorer._trial, "measured"),
        (explorer._trial, "weighed"),
    ):
        of = getattr(holder, name)

        def watched(*arguments, of=of, name=name):
            on_main = threading.current_thread() is threading.main_thread()
            ran.append((name, on_main))
            return of(*arguments)

        monkeypatch.setattr(holder, name, watched)

    async def move() -> None:
        select(explorer, "bits", 3)
        await asyncio.to_thread(explorer.wait)

    asyncio.run(move())

    assert {("draw", False), ("measured", False), ("weighed", False)} == set(ran)
    assert len(values(explorer)) == 8
