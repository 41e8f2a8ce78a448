"""What follows on a training after which a plan misses its budget."""

from dataclasses import dataclass, replace
from typing import Any

import keras
import pytest
from plans import OPTIONS, context, hand_made

import nncompress_lab as ncl
from nncompress_lab.planning.carrying_out import TRIES, carried_out
from nncompress_lab.planning.choices import divergence_of

TWO, FOUR, EIGHT = OPTIONS

pytestmark = pytest.mark.usefixtures("eager_module")


@dataclass(frozen=True)
class Result:
    """What trainings that are made up come to, and what was asked for."""

    model: keras.Model
    passes: ncl.Pass
    plan: Any = None


def upside_down(model: keras.Model) -> keras.Model:
    """As large, and no answer is right."""
    wrong = ncl.copy_model(model)
    logits = wrong.get_layer("logits")
    logits.set_weights([-array for array in logits.get_weights()])
    return wrong


def trained(model, plan, *models) -> tuple[Any, list[Result]]:
    """The result, and all trainings, of which each makes the next of some models."""
    left, seen = list(models), []

    def compress(passes):
        seen.append(Result(left.pop(0), passes))
        return seen[-1]

    return carried_out(model, plan, context(model), compress), seen


@pytest.fixture(scope="module")
def scan(model):
    return hand_made(model)


@pytest.fixture(scope="module")
def four(model):
    """In four bits, by which a budget is meant."""
    return FOUR(model)


def planned(model, scan, **budget):
    made = ncl.plan(model, ncl.Budget(**budget), context(model), scan=scan)
    return replace(made, epochs=3)


def test_where_too_much_is_lost_and_there_is_room_it_is_used(model, scan, four):
    tiny = ncl.pipeline(ncl.MagnitudePruning(sparsity=0.9), TWO)(upside_down(model))
    plan = planned(model, scan, packed_bytes=ncl.packed_bytes(four), max_drop=0.5)

    result, seen = trained(model, plan, tiny, four)

    assert len(seen) == 2
    assert result.model is four
    before, after = (divergence_of(scan, one.chosen) for one in (plan, result.plan))
    assert after < before
    assert result.plan.budget == plan.budget
    assert result.plan.misses == []


def test_where_there_is_no_room_training_goes_on_for_longer(model, scan, four):
    limit = ncl.packed_bytes(four)
    plan = planned(model, scan, packed_bytes=limit, max_drop=0.5)
    wrong = FOUR(upside_down(model))

    result, seen = trained(model, plan, wrong, wrong, four)

    assert [one.passes.passes[-1].epochs for one in seen] == [3, 6, 12]
    assert result.plan.chosen == plan.chosen
    assert result.plan.epochs == 12
    assert result.plan.misses == []


def test_of_a_drop_alone_a_larger_file_is_taken(model, scan, four):
    plan = planned(model, scan, max_drop=0.5)

    result, seen = trained(model, plan, FOUR(upside_down(model)), EIGHT(model))

    assert len(seen) == 2
    assert result.plan.misses == []
    assert result.plan.chosen != plan.chosen


def test_of_plans_that_all_miss_the_one_that_misses_least_is_returned(
    model, scan, four
):
    plan = planned(model, scan, packed_bytes=ncl.packed_bytes(four) + 20)
    large, larger = (ncl.UniformQuantization(bits=bits)(model) for bits in (5, 6))

    result, seen = trained(model, plan, larger, large, larger)

    assert len(seen) == TRIES
    assert result.model is large
    assert len(result.plan.misses) == 1


def test_what_no_smaller_plan_can_mend_is_returned_as_it_is(model, scan):
    plan = planned(model, scan, packed_bytes=ncl.packed_bytes(TWO(model)))

    result, seen = trained(model, plan, model)

    assert len(seen) == 1
    assert result.model is model
    assert len(result.plan.misses) == 1
