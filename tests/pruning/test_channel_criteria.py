"""Scores of channels, the choice by scores, and budgets, on arrays."""

import numpy as np
import pytest

from nncompress_lab.models.channels.arrays.units import Cost, Units, take
from nncompress_lab.pruning.channels.arrays.criteria import (
    channel_norms,
    channel_taylor,
    channels_to_keep,
    kept_channels,
    kept_counts,
)
from nncompress_lab.pruning.channels.arrays.scored_groups import ScoredGroups


def scored_groups(*groups, **settings):
    sizes = [len(one) for one in groups]
    units = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    scores = np.concatenate([np.array(one, dtype=np.float64) for one in groups])
    defaults = {"together": False, "round_to": 1}
    roots = np.arange(sum(sizes))
    return ScoredGroups(units, roots, scores, **{**defaults, **settings})


@pytest.mark.parametrize("axis", [0, 2, -1])
def test_norms_are_those_of_the_slices(axis):
    kernel = np.random.default_rng(0).normal(size=(3, 4, 5))
    slices = [one.ravel() for one in np.moveaxis(kernel, axis, 0)]

    norms = channel_norms(kernel, axis=axis, order=2)

    np.testing.assert_allclose(norms, [np.sqrt(one @ one) for one in slices])


def test_taylor_is_exact_for_a_linear_loss():
    generator = np.random.default_rng(0)
    kernel, gradient = generator.normal(size=(2, 3, 3, 4))

    def loss(weights):
        return np.sum(gradient * weights)

    for channel, score in enumerate(channel_taylor(kernel, gradient)):
        without = kernel.copy()
        without[..., channel] = 0
        assert score == pytest.approx((loss(kernel) - loss(without)) ** 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="1 of 2 channels hold"):
        channel_norms(np.array([[1.0, bad]]))


def test_another_norm_is_refused():
    with pytest.raises(ValueError, match="must be 1 or 2"):
        channel_norms(np.ones((2, 2)), order=3)


def test_of_equal_scores_the_first_goes():
    assert kept_channels(np.ones(4), keep=2).tolist() == [False, False, True, True]


@pytest.mark.parametrize("channels", [1, 3, 8, 30])
@pytest.mark.parametrize("round_to", [1, 4, 8])
def test_what_stays_is_a_multiple_or_everything(channels, round_to):
    for drop in range(channels + 1):
        keep = channels_to_keep(channels, drop=drop, round_to=round_to)

        assert keep == channels or keep % round_to == 0
        assert max(1, channels - drop) <= keep <= channels


def test_one_ranking_takes_more_from_the_weaker_group():
    strong, weak = np.arange(10.0, 14.0), np.arange(4.0)

    assert kept_counts([strong, weak], drop=3) == [4, 1]
    assert kept_counts([], drop=3) == []


def test_a_budget_takes_as_few_channels_as_it_can():
    groups = scored_groups([1, 2, 3, 4], [5, 6, 7, 8], together=True)
    costs = [Cost(2.0, (np.arange(4), np.arange(4, 8)))]

    kept = groups.within(costs, 0.5, name="macs")

    assert kept.tolist() == [False, False, True, True] + [True] * 4
    assert groups.within(costs, 1.0, name="macs").all()


def test_an_impossible_budget_is_refused_with_what_is_possible():
    groups = scored_groups([1, 2, 3, 4], round_to=2)
    costs = [Cost(1.0, (np.arange(4),)), Cost(4.0, ())]

    with pytest.raises(ValueError, match=r"macs=0.5, but 0.750 of them are left"):
        groups.within(costs, 0.5, name="macs")


def test_a_budget_needs_known_sizes():
    with pytest.raises(ValueError, match="with a size of None"):
        scored_groups([1, 2]).within([Cost(float("nan"), ())], 0.5, name="macs")


def test_classes_keep_the_first_reason_when_they_are_joined():
    units = Units()
    a, b, c = units.new(2), units.new(2), units.new(2)
    units.fix(c[1:], "last")

    units.unite(b, c)
    units.unite(a, b)

    assert units.roots(c).tolist() == [0, 1]
    assert [units.reason(one) for one in range(3)] == [None, "last", None]


def test_taking_along_two_axes_keeps_zeros_positive():
    array = np.zeros((3, 3), dtype=np.float32)

    taken = take(array, [(0, np.array([True, False, True])), (1, np.ones(3, bool))])

    assert taken.shape == (2, 3)
    assert not np.signbit(taken).any()
