"""Choices from a sensitivity: their sums, their order and the options that are tried."""

from dataclasses import replace

import numpy as np
import pytest
from plans import OPTIONS, UNITS, hand_made

import nncompress_lab as ncl
from nncompress_lab.planning.choices import (
    divergence_of,
    front_of,
    predicted,
    uniform_choices,
)
from nncompress_lab.planning.techniques import GRIDS, options_of
from nncompress_lab.testing import tiny_models


@pytest.fixture(scope="module")
def scan():
    return hand_made(tiny_models.sequential(), hurts={"logits": 50})


def test_the_front_has_the_least_divergence_for_every_limit(scan):
    front = front_of(scan)
    choices = np.stack(np.meshgrid(*[range(-1, len(OPTIONS))] * len(UNITS)), -1)
    every = [
        {u: None if o < 0 else int(o) for u, o in zip(UNITS, some, strict=True)}
        for some in choices.reshape(-1, len(UNITS))
    ]
    points = [
        (predicted(scan, one).packed_bytes, divergence_of(scan, one)) for one in every
    ]

    for limit in np.linspace(front.least, scan.original.packed_bytes, 20):
        chosen = front.within(limit)

        assert predicted(scan, chosen).packed_bytes <= limit
        least = min(moved for size, moved in points if size <= limit)
        assert divergence_of(scan, chosen) == pytest.approx(least)


def test_what_hurts_most_keeps_most_bits(scan):
    chosen = front_of(scan).within(0.5 * scan.original.packed_bytes)

    bits = [
        32 if option is None else OPTIONS[option].bits for option in chosen.values()
    ]
    assert bits[-1] == max(bits)


def test_a_limit_below_the_cheapest_is_refused_with_that_number(scan):
    front = front_of(scan, "bytes")

    with pytest.raises(ValueError, match=f"costs {front.least:,.6g} bytes at least"):
        front.within(front.least - 1)


def test_a_cost_that_was_not_measured_is_named(scan):
    with pytest.raises(ValueError, match=r"no latency_ms.*latency=True"):
        front_of(scan, "latency_ms")
    row = replace(scan.rows[0], macs=None)
    with pytest.raises(ValueError, match=r"no macs.*packed_bytes instead"):
        front_of(replace(scan, rows=(row,)), "macs")


def test_a_prediction_adds_the_changes_up(scan):
    point = predicted(scan, uniform_choices(scan, 0))

    assert point.loss == pytest.approx(scan.original.loss + 3 * 4.0**-2)
    assert point.bytes - scan.original.bytes == sum(
        row.bytes for row in scan.rows if row.option == 0
    )
    assert predicted(scan, dict.fromkeys(UNITS)) == scan.original


def test_the_options_are_all_combinations_in_their_order():
    prune = [ncl.MagnitudePruning(sparsity=s) for s in (0.5, 0.9)]
    store = [ncl.UniformQuantization(bits=4)]

    assert options_of([prune, store]) == (
        store[0],
        prune[0],
        ncl.pipeline(prune[0], store[0]),
        prune[1],
        ncl.pipeline(prune[1], store[0]),
    )
    assert options_of(["low_rank", store[0]])[0] == store[0]


@pytest.mark.parametrize("name", GRIDS)
def test_every_technique_has_options(name):
    assert options_of([name]) == GRIDS[name]


@pytest.mark.parametrize(
    ("techniques", "error", "said"),
    [
        ("pruning", TypeError, r"Write techniques=\('pruning',\)"),
        (["prunning"], ValueError, "Did you mean 'pruning'"),
        ([], ValueError, "needs techniques"),
        ([[]], ValueError, "needs techniques"),
        ([[0.5]], TypeError, "Received: 0.5"),
        (["channels", "pruning"], ValueError, "planned by themselves"),
        (["gptq", [ncl.ChannelPruning(sparsity=0.5)]], ValueError, "narrower model"),
    ],
)
def test_other_techniques_are_refused(techniques, error, said):
    with pytest.raises(error, match=said):
        options_of(techniques)
