"""The quantization control, driven by the messages that a browser sends."""

import asyncio
import html
import re
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest
import tiny_models
import traitlets

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.models.kernels import kernel_layers
from nncompress_widgets import Goal, QuantizationExplorer, control


def images() -> ncl.Data:
    return tiny_models.context().validation


def context() -> ncl.Context:
    return ncl.Context(calibration=images())


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch) -> None:
    monkeypatch.setattr(control, "AT_REST", 0.05)


@pytest.fixture
def model() -> keras.Model:
    return tiny_models.sequential()


@pytest.fixture
def explorer(model, eagerly) -> QuantizationExplorer:
    return QuantizationExplorer(model, images(), goal=Goal(snr_db=20, accuracy_drop=1))


def select(explorer: QuantizationExplorer, name: str, value: object) -> None:
    """Choose from one of the lists as the browser does."""
    widget = getattr(explorer._view, name)
    options = [one for _, one in widget.options]
    widget.set_state({"index": options.index(value)})


def kernels(model: keras.Model) -> list[np.ndarray]:
    return [array for one in kernel_layers(model) for array in one.arrays()]


def drawn(explorer: QuantizationExplorer) -> ET.Element:
    return ET.fromstring(explorer._view.picture.value)


def words(explorer: QuantizationExplorer) -> str:
    return " ".join(one.text or "" for one in drawn(explorer).iter("text"))


def assert_it_shows_the_truth(explorer, model) -> None:
    result = explorer.setting(model, context())
    assert explorer.accuracy == measure.accuracy(result, images())
    # Keras numbers all tensors of a session, and the file holds these names.
    sizes = measure.file_sizes(result)
    assert explorer.file_bytes == pytest.approx(sizes.keras, abs=400)
    assert explorer.packed_bytes == pytest.approx(sizes.packed, abs=100)


@pytest.mark.parametrize("bits", [2, 8])
def test_the_slider_quantizes_the_whole_model(explorer, model, bits):
    select(explorer, "bits", bits)

    assert explorer.setting == ncl.UniformQuantization(bits=bits)
    assert_it_shows_the_truth(explorer, model)


def test_every_list_changes_the_setting(explorer, model):
    select(explorer, "granularity", "per_group")
    select(explorer, "range", (False, "percentile"))

    expected = ncl.UniformQuantization(
        bits=4,
        granularity="per_group",
        group_size=32,
        symmetric=False,
        clipping="percentile",
        percentile=99.9,
    )
    assert explorer.setting == expected
    select(explorer, "range", (True, "absmax"))
    select(explorer, "granularity", "per_tensor")
    assert explorer.setting == ncl.UniformQuantization(bits=4, granularity="per_tensor")
    assert_it_shows_the_truth(explorer, model)


def test_the_layers_settings_apply_together(explorer, model):
    select(explorer, "target", "hidden")
    assert explorer.setting == ncl.pipeline()
    assert "stays as it is" in words(explorer)
    select(explorer, "bits", 3)
    select(explorer, "target", "conv")
    select(explorer, "bits", 6)
    select(explorer, "range", (True, "mse"))

    assert explorer.setting == ncl.pipeline(
        ncl.UniformQuantization(
            bits=6, clipping="mse", select=ncl.Selection(names=("conv",))
        ),
        ncl.UniformQuantization(bits=3, select=ncl.Selection(names=("hidden",))),
    )
    assert_it_shows_the_truth(explorer, model)


def test_every_target_keeps_its_own_settings(explorer):
    select(explorer, "range", (False, "mse"))
    select(explorer, "target", "hidden")
    select(explorer, "bits", 2)

    found = []
    for target in ("*", "conv", "hidden"):
        select(explorer, "target", target)
        view = explorer._view
        found.append((view.bits.value, view.range.value, explorer.symmetric))
    assert found == [
        (4, (False, "mse"), False),
        (32, (True, "absmax"), True),
        (2, (True, "absmax"), True),
    ]


def test_activations_are_rounded_as_the_pass_rounds_them(explorer, model):
    select(explorer, "view", "activations")
    assert "stays floats" in words(explorer)
    select(explorer, "activations", "mse")

    assert explorer.setting == ncl.pipeline(
        ncl.ActivationQuantization(calibration="mse"), ncl.UniformQuantization(bits=4)
    )
    assert "256 levels" in words(explorer)
    assert_it_shows_the_truth(explorer, model)


def test_activations_have_as_many_bits_as_the_slider_says(model):
    explorer = QuantizationExplorer(model, images(), goal=Goal(activation_bits=4))
    verdict = explorer._goal_panel._verdict
    explorer._view.activation_bits.set_state({"value": 4})
    explorer.wait()
    assert explorer.setting == ncl.UniformQuantization(bits=4)  # they are floats yet
    explorer.register()
    assert "activations have 32 bits, 28 bits more than allowed" in verdict.value

    select(explorer, "view", "activations")
    select(explorer, "bits", 32)
    select(explorer, "activations", "percentile")

    assert explorer.setting == ncl.ActivationQuantization(
        bits=4, calibration="percentile"
    )
    assert "16 levels" in words(explorer)
    assert "rounded to 4 bits" in explorer._view.details.value
    assert "floats, activations of 4 bits, signal to noise no error" in repr(explorer)
    assert_it_shows_the_truth(explorer, model)
    explorer.register()
    assert "✓ Goal met" in verdict.value
    for bits in (1, 9):
        with pytest.raises(traitlets.TraitError):
            explorer.activation_bits = bits
    assert explorer._view.activation_bits.value == explorer.activation_bits == 4


@pytest.mark.parametrize("view", ["levels", "channels", "activations"])
def test_at_most_four_inputs_are_seen_at_once(explorer, view):
    select(explorer, "view", view)

    assert len(explorer._view._row.children) <= 4
    assert explorer._view.target in explorer._view._row.children


def test_the_picture_shows_the_steps_and_what_is_clipped(explorer):
    explorer.granularity, explorer.bits = "per_tensor", 2
    whole = drawn(explorer)
    explorer.clipping, explorer.percentile = "percentile", 50.0
    cut = drawn(explorer)

    stairs = [one.find("path[@class='nncompress-stairs']") for one in (whole, cut)]
    assert [one.get("d").count("H") for one in stairs] == [3, 3]  # -1, 0 and 1
    assert "nncompress-clipped-error" not in ET.tostring(whole, "unicode")
    assert "nncompress-clipped-error" in ET.tostring(cut, "unicode")
    assert "scale 0." in words(explorer)
    assert "are clipped" in cut.get("aria-label")


def test_one_click_shows_one_scale_beside_a_scale_for_each_channel(explorer, model):
    select(explorer, "target", "hidden")
    select(explorer, "bits", 4)
    select(explorer, "view", "channels")

    both = []
    for granularity in ("per_tensor", "per_channel"):
        step = ncl.UniformQuantization(bits=4, granularity=granularity)
        before, after = (kernels(one)[1].astype(float) for one in (model, step(model)))
        noise = np.sum((before - after) ** 2)
        both.append(f"{10 * np.log10(np.sum(before**2) / noise):.1f} dB")
    assert all(one in words(explorer) for one in both)
    assert explorer.granularity == "per_channel"  # looking changes nothing


def test_from_python_the_figures_are_there_at_once(explorer, model):
    async def cell() -> None:
        explorer.bits, explorer.symmetric = 3, False
        assert_it_shows_the_truth(explorer, model)
        explorer.group_size, explorer.granularity = 8, "per_group"
        assert_it_shows_the_truth(explorer, model)

    asyncio.run(cell())

    assert explorer._view.bits.value == 3
    assert explorer.setting.group_size == 8
    assert explorer.snr_db == pytest.approx(
        explorer._trial.kernels.noise(explorer.choice).figures["snr_db"]
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("target", "conv9", "no layer 'conv9'"),
        ("bits", 9, "from 2 to 8"),
        ("bits", 1, "from 2 to 8"),
        ("granularity", "per_row", "per_row"),
        ("clipping", "largest", "largest"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(explorer, name, value, message):
    setting = explorer.setting

    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)

    assert explorer.setting == setting


def test_a_goal_in_decibels_is_judged(explorer):
    explorer.bits = 2
    explorer.register()
    missed = explorer._goal_panel._verdict.value
    explorer.bits = 8
    explorer.register()

    assert "signal-to-noise ratio of the kernels is" in missed
    assert "dB too few" in missed
    assert "✓ Goal met" in explorer._goal_panel._verdict.value


def test_a_goal_on_zeros_is_refused(model):
    with pytest.raises(ValueError, match=r"Received: zeros\. It has: .*snr_db"):
        QuantizationExplorer(model, images(), goal=Goal(zeros=0.5))


def test_the_code_that_is_shown_makes_the_model_that_is_shown(explorer, model):
    select(explorer, "target", "hidden")
    select(explorer, "bits", 3)

    panel = explorer._code_panel.programs.value
    source = html.unescape(re.search('data-nncompress-code="(.*?)">', panel)[1])
    names = {"model": model}
    exec(source, names)
    with explorer._trial._measuring.under(explorer.choice) as copy:
        for ours, theirs in zip(
            kernels(copy), kernels(names["compressed"]), strict=True
        ):
            assert np.array_equal(ours, theirs)


def test_its_text_and_its_picture_are_stored(explorer):
    explorer.bits = 5

    bundle, _ = explorer._repr_mimebundle_()

    assert bundle["text/plain"] == (
        "QuantizationExplorer of sequential: 5 bits per channel, signal to noise "
        f"{explorer.snr_db:.1f} dB, validation accuracy {100 * explorer.accuracy:.0f} %."
        " Run this cell to move the slider."
    )
    assert bundle["image/png"]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", tiny_models.WIDELY)
def test_it_takes_every_model_that_can_be_quantized(build):
    explorer = QuantizationExplorer(build(), images())

    for target in (explorer._trial.layers[0], explorer._trial.layers[-1]):
        for view in ("levels", "channels"):
            select(explorer, "view", view)
            select(explorer, "target", target)
            select(explorer, "bits", 3)
            assert drawn(explorer) is not None
