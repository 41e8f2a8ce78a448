"""A scanned row is what the pass does to that unit alone."""

import dataclasses

import keras
import numpy as np
import pass_settings
import pytest
import tasks
import tiny_models
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.errors import MissingContextError
from nncompress_lab.planning import proxy
from nncompress_lab.planning.chains import values_for
from nncompress_lab.planning.changes import Costs, LayerChanges, only_on, parts_of

QUANTIZED = ncl.UniformQuantization(bits=2)
TOGETHER = ncl.pipeline(ncl.MagnitudePruning(sparsity=0.5), ncl.GPTQ(bits=2))


def scanned(model, options, context=None, **settings):
    context = context or tiny_models.context()
    return ncl.sensitivity(model, options, context, progress=False, **settings)


def alone(option: ncl.Pass, unit: str) -> ncl.Pass:
    """What a row is a row of."""
    return ncl.pipeline(*(only_on(one, [unit]) for one in ncl.pipeline(option).passes))


def assert_are(rows, scan, model, context, results=None) -> None:
    """All figures of rows are those of real results."""
    data, objective = context.validation, context.objective
    before = measure.evaluate(model, data, objective)
    # The loss of evaluate is summed up in another order, and in float32.
    near = {"rel": 1e-4, "abs": 1e-4}
    for number, row in enumerate(rows):
        option = alone(scan.options[row.option], row.unit)
        result = results[number] if results else option(model, context)
        after = measure.evaluate(result, data, objective)
        assert row.loss == pytest.approx(after["loss"] - before["loss"], **near)
        difference = after[scan.metric] - before[scan.metric]
        assert row.metric == pytest.approx(difference, **near)
        divergence = measure.divergence(model, result, data, objective)
        assert row.divergence == pytest.approx(divergence, **near)
        held = measure.bytes_in_memory(result) - measure.bytes_in_memory(model)
        assert row.bytes == held
        if row.macs is not None:
            assert row.macs == measure.macs(result) - measure.macs(model)


@pytest.mark.contract
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("option", [QUANTIZED, TOGETHER], ids=["bits", "both"])
def test_a_row_is_the_pass_on_that_layer_alone(option):
    model, context = tiny_models.sequential(), tiny_models.context()
    data = context.validation
    weights = np.linspace(0, 1, len(data))
    context = ncl.Context.of(context, validation=(data.x, data.y, weights))

    scan = scanned(model, option, context)

    assert scan.units == ("conv", "hidden", "logits")
    assert_are(scan.rows[:2], scan, model, context)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ["siamese", "two outputs", "segmentation"])
def test_of_any_task(name):
    case = tasks.CASES[name]
    model, context = case.build(), case.context()

    scan = scanned(model, QUANTIZED, context)

    assert scan.metric == ("loss" if name == "two outputs" else case.figures[0])
    assert_are(scan.rows[:1], scan, model, context)


def assert_alone_and_together(model, option, paths) -> None:
    """What `independent` promises, to the last bit."""
    context, costs = tiny_models.context(), Costs(model)
    changes = LayerChanges(model, option, context, costs)
    for path in paths:
        result = alone(option, path)(model, context)
        parts = parts_of(costs.layers, result)[path].values()
        expected = values_for(costs.layers[path], list(parts))
        change = changes.change(path)
        for one, other in zip(change.values[path], expected, strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "option",
    [one for one in pass_settings.PASSES if getattr(one, "independent", False)],
    ids=lambda one: one.label,
)
def test_passes_are_as_independent_as_they_say(option):
    assert_alone_and_together(tiny_models.sequential(), option, ["conv"])


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("build", tiny_models.BUILDERS)
def test_layers_are_found_again_wherever_they_are(build):
    model, step = build(), ncl.MagnitudePruning(sparsity=0.5)
    treated = [path for path, why in step.explain(model).items() if why is None]

    assert_alone_and_together(model, step, treated[-1:])


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "option",
    [ncl.LowRank(rank=1), ncl.Factorization("cp", rank=1), ncl.LowRank(macs=0.5)],
    ids=lambda one: one.label,
)
def test_replaced_layers_are_judged_by_the_kernel_that_they_amount_to(option):
    model, context = tiny_models.residual(), tiny_models.context()

    scan = scanned(model, option)

    assert_are(scan.rows[1:2], scan, model, context)


@pytest.mark.contract
@pytest.mark.usefixtures("eagerly")
def test_coupled_channels_go_together():
    model, context = tiny_models.residual(), tiny_models.context()
    group = max(ncl.channel_groups(model), key=lambda one: len(one.made_by))
    assert len(group.made_by) > 1

    scan = scanned(model, ncl.ChannelPruning(sparsity=0.5))

    row = next(one for one in scan.rows if set(group.made_by) <= set(one.layers))
    assert row.divergence > 0
    kept = ncl.ChannelPruning(channels=((row.unit, group.channels // 2),))
    assert_are([row], scan, model, context, [kept(model, context)])
    assert any("go with those of" in one.reason for one in scan.notes)


@pytest.mark.usefixtures("eagerly")
def test_normalizations_are_measured_anew_under_each_option():
    model, context = tiny_models.residual(), tiny_models.context()
    options = [ncl.MagnitudePruning(sparsity=0.8), ncl.LowRank(rank=1)]

    scan = scanned(model, options, reestimate=True)

    plain = scanned(model, options)
    assert scan.original == plain.original
    assert [row.divergence for row in scan.rows] != [
        one.divergence for one in plain.rows
    ]
    rows = scan.rows[::5]
    passes = [alone(options[row.option], row.unit) for row in rows]
    results = [
        ncl.pipeline(one, ncl.ReestimateBatchNorm())(model, context) for one in passes
    ]
    assert_are(rows, scan, model, context, results)


@dataclasses.dataclass(frozen=True)
class Halving(ncl.LayerPass):
    """A pass of one's own that says nothing about itself."""

    def transform(self, model: keras.Model, context: ncl.Context) -> keras.Model:
        changed = ncl.copy_model(model)
        for one in self.treated(changed):
            one.assign([array / 2 for array in one.arrays()])
        return changed


class Own(keras.Model):
    """A model of one's own class."""

    def __init__(self, units: int = 4, **settings) -> None:
        super().__init__(**settings)
        self.hidden = layers.Dense(units, activation="relu")
        self.out = layers.Dense(3)

    def call(self, inputs):
        return self.out(self.hidden(inputs))

    def get_config(self):
        return {"units": 4}


@pytest.mark.usefixtures("eagerly")
def test_passes_and_models_of_ones_own():
    model = Own()
    model(tasks.FLAT)
    data = ncl.Data(tasks.FLAT, tasks.YES)
    context = ncl.Context(validation=data)

    scan = scanned(model, Halving(), data, proxy="fisher")

    assert scan.units == ("hidden", "out")
    assert all(row.proxy > 0 for row in scan.rows)
    assert scan.rows[0].macs is None
    assert_are(scan.rows[:1], scan, model, context)


@pytest.mark.usefixtures("eagerly")
def test_masked_positions_count_as_keras_counts_them():
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True, name="hidden")(tokens)
    model = keras.Model(tokens, layers.Dense(9)(x))
    inputs = np.where(np.arange(5) < 3, tasks.TOKENS, 0).astype("int32")
    data = ncl.Data(inputs, np.roll(inputs, -1, axis=1))
    context = ncl.Context(validation=data)

    scan = scanned(model, QUANTIZED, data)

    assert_are(scan.rows[1:], scan, model, context)


@pytest.mark.usefixtures("eagerly")
def test_a_layer_that_is_left_alone_has_a_reason_and_no_row():
    model = tiny_models.sequential()
    pruned = ncl.MagnitudePruning(sparsity=0.5)(model)
    options = [
        ncl.UniformQuantization(bits=4, select="conv"),
        ncl.MagnitudePruning(sparsity=0.5),
        ncl.Factorization("tucker2", rank=1),
    ]

    scan = scanned(pruned, options)

    reasons = {(one.unit, one.option): one.reason for one in scan.notes}
    assert reasons["hidden", 0] == str(ncl.Skip.NOT_SELECTED)
    assert reasons["conv", 1] == "it stays as it is"
    assert "Conv2D" in reasons["hidden", 2]
    assert len(scan.notes) + len(scan.rows) == 3 * len(options)
    # Labels are read where the layer is said.
    assert scan.labels[0] == "UniformQuantization(bits=4)"


@pytest.mark.usefixtures("eagerly")
def test_a_budget_that_one_layer_cannot_meet_is_no_end():
    # Of the whole model's budget of 0.3, one layer would take all.
    options = [ncl.LowRank(macs=0.2), ncl.LowRank(macs=0.3)]

    scan = scanned(tiny_models.sequential(), options)

    assert {(one.unit, one.option) for one in scan.rows} == {
        ("hidden", 0),
        ("conv", 1),
        ("hidden", 1),
    }
    assert "macs=0.2" in next(one.reason for one in scan.notes if one.unit == "logits")


@pytest.mark.usefixtures("eagerly")
def test_proxies_and_times():
    options = [ncl.UniformQuantization(bits=2), ncl.LowRank(rank=1)]

    scan = scanned(tiny_models.sequential(), options, proxy="fisher", latency=True)

    assert -1 <= scan.rank_correlation <= 1
    assert all(one.proxy > 0 for one in scan.rows)
    assert scan.original.latency_ms > 0
    times = {(one.unit, one.option): one.latency_ms for one in scan.rows}
    assert times["hidden", 0] == 0  # as many multiplications as before
    assert times["hidden", 1] != 0


@pytest.mark.usefixtures("eagerly")
def test_the_fisher_proxy_is_half_the_weighed_square_of_the_change(monkeypatch):
    weights = np.array([[1.0], [3.0]])
    monkeypatch.setattr(proxy, "kernel_fisher", lambda *_: {"out": [weights]})
    entry = keras.Input((2,))
    model = keras.Model(entry, layers.Dense(1, use_bias=False, name="out")(entry))
    kernel = model.get_layer("out").get_weights()[0]
    context = ncl.Context(validation=(np.ones((2, 2), np.float32), np.ones((2, 1))))

    (row,) = scanned(model, Halving(), context, proxy="fisher").rows

    expected = 0.5 * np.sum(weights * (kernel / 2) ** 2)
    assert row.proxy == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_what_cannot_be_scanned_is_refused_with_a_remedy():
    model, context = tiny_models.sequential(), tiny_models.context()
    integers = ncl.UniformQuantization(bits=4)(model)

    with pytest.raises(ValueError, match="dequantized"):
        scanned(integers, ncl.MagnitudePruning(sparsity=0.5))
    with pytest.raises(TypeError, match="goes layer by layer"):
        scanned(model, ncl.FineTune(epochs=1))
    with pytest.raises(ValueError, match="by itself"):
        scanned(model, ncl.pipeline(ncl.ChannelPruning(sparsity=0.5), QUANTIZED))
    with pytest.raises(ValueError, match="`sparsity`"):
        scanned(model, ncl.ChannelPruning(macs=0.5))
    with pytest.raises(ValueError, match="twice"):
        scanned(model, [QUANTIZED, QUANTIZED])
    with pytest.raises(ValueError, match="at least one option"):
        scanned(model, [])
    with pytest.raises(MissingContextError, match="validation"):
        scanned(model, QUANTIZED, ncl.Context(train=context.train))
    with pytest.raises(MissingContextError, match="calibration"):
        scanned(model, ncl.GPTQ(bits=2), ncl.Context(validation=context.validation))
    with pytest.raises(ValueError, match="fisher"):
        scanned(model, QUANTIZED, proxy="hessian")


@pytest.mark.usefixtures("eagerly")
def test_a_pipeline_of_named_inputs_is_read_once():
    case, read = tasks.CASES["siamese"], []
    one, other = case.x

    def batches():
        read.append(1)
        for start in (0, 12):
            part = slice(start, start + 12)
            yield {"one": one[part], "other": other[part]}, case.y[part]

    model = case.build()
    data = ncl.Data(batches)

    scan = scanned(model, ncl.GPTQ(bits=2), data)

    assert len(read) <= 2  # to judge by, and more to calibrate on
    whole = ncl.Context(validation=(case.x, case.y), calibration=(case.x, case.y))
    arrays = scanned(model, ncl.GPTQ(bits=2), whole)
    assert [row.divergence for row in scan.rows] == pytest.approx(
        [row.divergence for row in arrays.rows]
    )


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_short_floats_are_weighed_as_such(dtype):
    model = measure.in_dtype(tiny_models.sequential(), dtype)

    (row,) = scanned(model, ncl.UniformQuantization(bits=2, select="hidden")).rows

    result = ncl.UniformQuantization(bits=2, select="hidden")(model)
    held = measure.bytes_in_memory(result) - measure.bytes_in_memory(model)
    packed = measure.file_sizes(result).packed - measure.file_sizes(model).packed
    assert row.bytes == held
    assert row.packed_bytes == pytest.approx(packed, abs=200)  # its names in the index
