"""What a budget accepts, what it limits and when it is missed."""

import pytest

from nncompress_lab.planning.budget import Budget
from nncompress_lab.planning.sensitivity import Point

ORIGINAL = Point(0.1, 0.9, bytes=900, packed_bytes=1000, keras_bytes=1200, macs=50)


@pytest.mark.parametrize(
    ("budget", "cost", "limit"),
    [
        (Budget(packed_bytes=500), "packed_bytes", 500),
        (Budget(keras_bytes=600, max_drop=0.01), "keras_bytes", 600),
        (Budget(macs=20), "macs", 20),
        (Budget(latency_ms=0.5), "latency_ms", 0.5),
        (Budget(ratio=4), "packed_bytes", 250),
        (Budget(max_drop=0), "packed_bytes", None),
    ],
)
def test_a_budget_limits_one_cost(budget, cost, limit):
    assert (budget.cost, budget.limit(ORIGINAL)) == (cost, limit)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Received: nothing"),
        ({"packed_bytes": 5, "macs": 3}, "packed_bytes=5, macs=3"),
        ({"ratio": 2, "keras_bytes": 3}, "keras_bytes=3, ratio=2"),
        ({"ratio": 1}, "`ratio` must be above 1"),
        ({"packed_bytes": 0}, "`packed_bytes` must be above 0"),
        ({"max_drop": -0.1}, "`max_drop` must be at least 0"),
        ({"latency_ms": float("nan")}, "`latency_ms`"),
        ({"ratio": float("inf")}, "`ratio`"),
        ({"packed_bytes": 0.5}, "`packed_bytes` must be"),
    ],
)
def test_other_budgets_are_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        Budget(**fields)


def test_a_budget_says_in_what_it_is_missed():
    budget = Budget(packed_bytes=500, max_drop=0.01)
    small, large = (
        Point(0.1, metric, 300, packed, 600, macs=50)
        for metric, packed in [(0.89, 500), (0.88, 501)]
    )

    assert budget.misses(small, ORIGINAL) == []
    assert budget.misses(large, ORIGINAL) == [
        "501 packed_bytes, and the budget allows 500",
        "the metric drops by 0.02, and the budget allows 0.01",
    ]
    assert budget.misses(large, ORIGINAL, mode="min") == [
        "501 packed_bytes, and the budget allows 500"
    ]


def test_a_budget_with_another_limit_limits_the_same_cost():
    assert Budget(ratio=4, max_drop=0.1).within(300.7) == Budget(
        packed_bytes=300, max_drop=0.1
    )
    assert Budget(latency_ms=2).within(0.5) == Budget(latency_ms=0.5)
