"""A plan end to end on a tiny model, from a sensitivity made by hand."""

import json
from dataclasses import replace

import pytest
import tasks
from plans import BITS, OPTIONS, UNITS, context, hand_made, original

import nncompress_lab as ncl
from nncompress_lab.errors import CompressionError, MissingContextError
from nncompress_lab.testing import tiny_models

pytestmark = pytest.mark.usefixtures("eager_module")


@pytest.fixture(scope="module")
def scan(model):
    return hand_made(model, hurts={"logits": 50})


@pytest.fixture(scope="module")
def made(model, scan):
    return ncl.plan(model, ncl.Budget(ratio=2), context(model), scan=scan)


@pytest.mark.contract
def test_a_plan_fits_its_budget_really(model, made):
    result = made.passes(model, context(model))

    assert ncl.packed_bytes(result) == made.verified.packed_bytes
    assert made.verified.packed_bytes <= ncl.packed_bytes(model) / 2
    assert made.misses == []


def test_a_plan_is_measured_on_the_validation_data(model, made):
    result = made.passes(model, context(model))
    data = context(model).validation

    assert made.verified.metric == ncl.measure.accuracy(result, data)
    assert made.original.metric == 1.0  # the labels are the model's own answers


def test_a_plan_is_never_worse_than_one_option_for_all(model, scan):
    wrong = hand_made(model, hurts={"conv": 1e4})  # such as no scan would find
    size = ncl.packed_bytes(OPTIONS[1](model))

    made = ncl.plan(model, ncl.Budget(packed_bytes=size), context(model), scan=wrong)

    uniform = ncl.measure.accuracy(OPTIONS[1](model), context(model).validation)
    assert made.verified.metric >= uniform
    assert OPTIONS[1].label in [one.name for one in made.candidates]


@pytest.mark.parametrize("fixed", [-60, 60])
def test_a_sum_that_is_wrong_is_repaired(model, fixed):
    scan = hand_made(model, fixed=fixed)
    limit = round(0.45 * scan.original.packed_bytes)

    made = ncl.plan(model, ncl.Budget(packed_bytes=limit), context(model), scan=scan)

    assert made.verified.packed_bytes <= limit
    assert abs(made.predicted.packed_bytes - made.verified.packed_bytes) > 100


def test_a_budget_that_no_choice_meets_is_refused_with_the_least(model, scan):
    with pytest.raises(
        CompressionError, match=r"smallest model of those tried costs \d"
    ):
        ncl.plan(model, ncl.Budget(packed_bytes=200), context(model), scan=scan)


def test_a_drop_alone_gives_the_smallest_model_that_keeps_it(model, scan):
    strict, loose = (
        ncl.plan(model, ncl.Budget(max_drop=drop), context(model), scan=scan)
        for drop in (0.0, 1.0)
    )

    assert strict.verified.metric == strict.original.metric
    assert loose.verified.packed_bytes < strict.verified.packed_bytes
    assert set(loose.choices.values()) == {OPTIONS[0].label}


def test_a_file_as_small_as_a_drop_allows_is_no_larger_than_with_one_option(model):
    wrong = hand_made(model, hurts={"conv": 1e4})
    four = OPTIONS[1](model)
    lost = 1.0 - ncl.measure.accuracy(four, context(model).validation)

    made = ncl.plan(model, ncl.Budget(max_drop=lost), context(model), scan=wrong)

    assert made.verified.packed_bytes <= ncl.packed_bytes(four)
    assert made.misses == []


def test_where_divergences_lose_too_much_the_loss_has_its_say(model, scan):
    size = ncl.packed_bytes(OPTIONS[1](model))
    budgets = [ncl.Budget(packed_bytes=size, max_drop=drop) for drop in (1.0, 0.0)]

    met, missed = (
        ncl.plan(model, budget, context(model), scan=scan) for budget in budgets
    )

    assert "plan by the loss" not in [one.name for one in met.candidates]
    assert "plan by the loss" in [one.name for one in missed.candidates]
    best = max(one.point.metric for one in missed.candidates)
    assert missed.verified.metric == best
    assert missed.misses


def test_other_costs_are_limited_too(model, scan):
    size = original(model).keras_bytes

    made = ncl.plan(
        model, ncl.Budget(keras_bytes=size - 1500), context(model), scan=scan
    )

    assert made.verified.keras_bytes <= size - 1500


def test_a_plan_is_a_recipe_that_can_be_read_and_edited(made, tmp_path):
    path = tmp_path / "plan.json"
    made.save(path)

    assert ncl.load_recipe(path) == made.passes
    about = json.loads(path.read_text())["plan"]
    assert about["budget"] == {"ratio": 2}
    assert about["choices"] == dict(made.choices)
    assert about["verified"]["packed_bytes"] == made.verified.packed_bytes

    made.save(path, recover=True)
    assert ncl.load_recipe(path) == made.recovering()


def test_a_plan_reads_well(made):
    text, page = str(made), made._repr_html_()

    for said in (*UNITS, "predicted", "verified", "ratio=2", *made.choices.values()):
        assert said in text
        assert said in page or "'" in said
    assert "before any training" in text
    assert repr(made).startswith("Plan for 'sequential': ")


def test_a_plan_that_misses_says_so(made):
    missed = replace(made, budget=ncl.Budget(packed_bytes=10))

    assert "Not met: " in str(missed)


def test_compress_carries_a_plan_out(model, made):
    result = ncl.compress(model, replace(made, epochs=1), context=context(model))

    names = [type(step).__name__ for step in result.recipe.passes]
    assert names == ["QuantizationAwareTraining"]
    assert result.plan.recovered
    assert result.plan.verified.packed_bytes == ncl.packed_bytes(result.model)
    assert result.plan.misses == []


def test_without_data_to_train_on_a_plan_is_applied(model, made):
    result = ncl.compress(model, made, context=replace(context(model), train=None))

    assert result.recipe == made.passes
    assert not result.plan.recovered


def test_a_plan_that_misses_after_training_is_made_anew(model, made, monkeypatch):
    """Training that makes a file larger than it was."""
    grows = ncl.pipeline(*made.passes.passes[:1])
    monkeypatch.setattr(
        type(made), "recovering", lambda self: _padded(self, made, grows)
    )

    result = ncl.compress(model, made, context=context(model))

    assert result.plan.misses == []
    assert result.plan.budget == made.budget
    assert result.plan.choices != made.choices


def _padded(plan, first, _grows):
    """The passes of the first plan without storing, of later ones as they are."""
    return ncl.pipeline() if plan.choices == first.choices else plan.passes


def test_a_plan_goes_alone(model, made):
    with pytest.raises(TypeError, match=r"plan\.passes in its place"):
        ncl.compress(model, made, ncl.FineTune(), context=context(model))


def test_a_plan_needs_validation_data(model, scan):
    with pytest.raises(MissingContextError, match="chosen on validation data"):
        ncl.plan(model, ncl.Budget(ratio=2), ncl.Context(), scan=scan)


def test_a_plan_scans_by_itself(model):
    options = [ncl.UniformQuantization(bits=bits) for bits in BITS]

    made = ncl.plan(
        model, ncl.Budget(ratio=2), context(model), techniques=[options], examples=32
    )

    assert made.verified.packed_bytes <= made.original.packed_bytes / 2
    assert made.scan.options == tuple(options)


@pytest.mark.parametrize("task", ["siamese", "two outputs", "regression"])
def test_a_plan_is_for_any_task(task):
    case = tasks.CASES[task]
    model, options = (
        case.build(),
        [ncl.UniformQuantization(bits=bits) for bits in (2, 8)],
    )
    data = case.context()

    made = ncl.plan(
        model, ncl.Budget(ratio=1.01), data, techniques=[options], examples=8
    )

    result = made.passes(model, data)
    assert ncl.packed_bytes(result) == made.verified.packed_bytes
    figures = ncl.measure.evaluate(result, data.validation)
    assert made.verified.metric == pytest.approx(figures[made.metric])


def test_fewer_macs_are_planned_with_ranks(model):
    limit = round(0.9 * ncl.measure.macs(model))
    ranks = [ncl.LowRank(rank=rank) for rank in (1, 2, 4)]

    made = ncl.plan(
        model, ncl.Budget(macs=limit), context(model), techniques=[ranks], examples=16
    )

    assert ncl.measure.macs(made.passes(model, context(model))) == made.verified.macs
    assert made.verified.macs <= limit


def test_normalizations_are_measured_anew():
    model = tiny_models.residual()
    prune = [ncl.MagnitudePruning(sparsity=0.8)]

    made = ncl.plan(
        model, ncl.Budget(ratio=1.1), context(model), techniques=[prune], examples=8
    )

    assert made.passes.passes[-1] == ncl.ReestimateBatchNorm()
    assert isinstance(made.recovering().passes[-1], ncl.FineTune)
