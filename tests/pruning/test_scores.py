"""Scores and compensation: what removing weights really does is the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from nncompress_lab.models.patches import as_matrix, from_matrix
from nncompress_lab.pruning.arrays.masks import masks_by_output, n_m_mask
from nncompress_lab.pruning.arrays.optimal_brain import prune_with_compensation
from nncompress_lab.pruning.arrays.scores import (
    damped,
    movement_scores,
    optimal_brain_scores,
    taylor_scores,
    wanda_scores,
)

small_profile = settings(max_examples=50, deadline=None)
seeds = st.integers(0, 1000)


def problem(seed: int, rows: int = 12, channels: int = 5, examples: int = 60):
    """A matrix, correlated inputs, and their second moment."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(rows, rows))
    inputs = generator.normal(size=(examples, rows)) @ mixing
    return generator.normal(size=(rows, channels)), inputs, inputs.T @ inputs


def test_taylor_is_the_change_of_a_linear_loss():
    weights, gradients = np.array([2.0, -1.0, 0.5]), np.array([0.5, 3.0, -4.0])

    scores = taylor_scores(weights, gradients)

    for index in range(3):
        without = weights.copy()
        without[index] = 0
        assert scores[index] == abs(gradients @ weights - gradients @ without)


def test_movement_is_positive_where_a_descent_step_leaves_zero_behind():
    weights, gradients = np.array([2.0, -1.0, 0.5]), np.array([0.5, 3.0, -4.0])

    scores = movement_scores(weights, gradients)

    grows = np.abs(weights - 1e-3 * gradients) > np.abs(weights)
    np.testing.assert_array_equal(scores > 0, grows)


def test_wanda_with_white_inputs_ranks_as_magnitude():
    matrix, _, _ = problem(0)

    scores = wanda_scores(matrix, np.full(len(matrix), 3.0))

    np.testing.assert_array_equal(
        masks_by_output(scores, sparsity=0.5),
        masks_by_output(np.abs(matrix), sparsity=0.5),
    )


def test_wanda_squared_is_the_error_of_removing_one_weight():
    matrix, inputs, _ = problem(1)

    scores = wanda_scores(matrix, np.linalg.norm(inputs, axis=0))

    without = matrix.copy()
    without[3, 2] = 0
    error = ((inputs @ (matrix - without)) ** 2).sum()
    assert scores[3, 2] ** 2 == pytest.approx(error)


def test_groups_of_channels_have_norms_of_their_own():
    norms = np.array([[1.0, 2.0], [10.0, 20.0]])

    scores = wanda_scores(np.ones((2, 4)), norms)

    np.testing.assert_array_equal(scores, [[1, 1, 10, 10], [2, 2, 20, 20]])


def test_optimal_brain_is_the_error_after_the_others_made_up_for_it():
    matrix, inputs, moment = problem(2)

    scores = optimal_brain_scores(matrix, moment, damping=0)

    for row in range(len(matrix)):
        others = np.delete(inputs, row, axis=1)
        best, *_ = np.linalg.lstsq(others, inputs @ matrix[:, 1], rcond=None)
        error = ((inputs @ matrix[:, 1] - others @ best) ** 2).sum()
        assert scores[row, 1] == pytest.approx(error, rel=1e-6)


def test_optimal_brain_with_white_inputs_ranks_as_magnitude():
    matrix, _, _ = problem(3)

    scores = optimal_brain_scores(matrix, 7 * np.eye(12), damping=0)

    np.testing.assert_allclose(scores, 7 * matrix**2)


def error_of(result, matrix, moment) -> float:
    change = result - matrix
    return float(np.einsum("rc,rs,sc->", change, moment, change))


@small_profile
@given(seeds, st.floats(0, 0.95), st.sampled_from([0.0, 0.01]))
def test_compensation_drops_exactly_and_costs_less_than_dropping_alone(
    seed, sparsity, damping
):
    matrix, _, moment = problem(seed)

    result = prune_with_compensation(matrix, moment, sparsity=sparsity, damping=damping)

    assert (result == 0).sum() == round(sparsity * matrix.size)
    alone = np.where(result == 0, 0, matrix)
    seen = damped(moment, damping, rows=12)
    # Up to rounding.
    assert error_of(result, matrix, seen) <= error_of(alone, matrix, seen) + 1e-6


@small_profile
@given(seeds, st.floats(0.1, 0.9))
def test_the_weights_that_are_left_are_those_of_least_squares(seed, sparsity):
    matrix, inputs, moment = problem(seed)

    result = prune_with_compensation(matrix, moment, sparsity=sparsity, damping=0)

    for before, after in zip(matrix.T, result.T, strict=True):
        kept = after != 0
        best, *_ = np.linalg.lstsq(inputs[:, kept], inputs @ before, rcond=None)
        # The solver stops after 20 iterations, more than a column has weights.
        np.testing.assert_allclose(after[kept], best, rtol=1e-4, atol=1e-4)


def test_what_was_zero_stays_zero():
    matrix, _, moment = problem(4)
    matrix[2::3] = 0.0

    result = prune_with_compensation(matrix, moment, sparsity=0.2)

    np.testing.assert_array_equal(result, matrix)


def test_weights_are_chosen_better_than_by_magnitude():
    errors = []
    for seed in range(20):
        matrix, inputs, moment = problem(seed)
        ours = prune_with_compensation(matrix, moment, sparsity=0.5)
        largest = np.where(np.abs(matrix) > np.median(np.abs(matrix)), matrix, 0)
        solved = np.zeros_like(matrix)
        for column, (before, kept) in enumerate(zip(matrix.T, largest.T, strict=True)):
            used = inputs[:, kept != 0]
            solution, *_ = np.linalg.lstsq(used, inputs @ before, rcond=None)
            solved[kept != 0, column] = solution
        errors.append([error_of(one, matrix, moment) for one in (ours, solved)])

    # Even when the largest weights are solved for in the best way.
    ours, by_magnitude = np.mean(errors, axis=0)
    assert ours < 0.8 * by_magnitude


def test_inputs_that_are_always_zero_lose_their_weights_first():
    matrix, inputs, _ = problem(6)
    inputs[:, [1, 4]] = 0

    result = prune_with_compensation(matrix, inputs.T @ inputs, sparsity=2 / 12)

    assert not result[[1, 4]].any()
    np.testing.assert_allclose(inputs @ result, inputs @ matrix, rtol=1e-6, atol=1e-6)


def test_a_layer_that_saw_only_zeros_is_pruned_by_magnitude():
    matrix, _, _ = problem(7)

    result = prune_with_compensation(matrix, np.zeros((12, 12)), sparsity=0.5)

    order = np.sort(np.abs(matrix).ravel())
    np.testing.assert_array_equal(result == 0, np.abs(matrix) < order[30])


def test_the_matrix_is_not_changed_and_keeps_its_type():
    matrix, _, moment = problem(8)
    matrix = matrix.astype(np.float32)
    before = matrix.copy()

    result = prune_with_compensation(matrix, moment, sparsity=0.5)

    np.testing.assert_array_equal(matrix, before)
    assert result.dtype == np.float32
    assert not np.signbit(result[result == 0]).any()  # -0.0 does not pack


@small_profile
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=9),
        elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]),
    ),
    st.integers(1, 6),
    st.data(),
)
def test_n_of_each_m_are_kept_and_the_largest_ones(scores, m, data):
    n = data.draw(st.integers(1, m))
    axis = data.draw(st.integers(0, scores.ndim - 1))

    mask = np.moveaxis(n_m_mask(scores, n=n, m=m, axis=axis), axis, -1)

    rows = np.moveaxis(scores, axis, -1)
    for start in range(0, rows.shape[-1], m):
        group = rows[..., start : start + m]
        kept = mask[..., start : start + m]
        assert (kept.sum(axis=-1) == min(n, group.shape[-1])).all()
        smallest = np.where(kept, group, np.inf).min(axis=-1)
        largest = np.where(kept, -np.inf, group).max(axis=-1)
        assert (smallest >= largest).all()


def test_of_equal_scores_the_earlier_are_dropped():
    mask = n_m_mask(np.ones((8, 1)), n=2, m=4)

    np.testing.assert_array_equal(mask.ravel(), [False, False, True, True] * 2)


def test_the_groups_of_a_convolution_run_along_its_inputs():
    kernel = np.zeros((3, 3, 4, 5))
    kernel[:, :, :2] = 1

    mask = n_m_mask(kernel)

    assert mask[:, :, :2].all()
    assert not mask[:, :, 2:].any()


@small_profile
@given(hnp.arrays(np.float32, (7, 4), elements=st.floats(-8, 8, width=16)))
def test_each_output_loses_equally_many(scores):
    mask = masks_by_output(scores, sparsity=0.4)

    assert (mask.sum(axis=0) == 7 - 3).all()  # 0.4 * 7 = 2.8
    for column, kept in zip(scores.T, mask.T, strict=True):
        assert column[kept].min() >= column[~kept].max()


@pytest.mark.parametrize("axes", [(0,), (2,), (1, 3), (0, 1)])
def test_a_kernel_is_the_same_after_being_a_matrix(axes):
    kernel = np.random.default_rng(0).normal(size=(2, 3, 4, 5))

    matrix = as_matrix(kernel, axes)

    assert matrix.shape[1] == np.prod([kernel.shape[axis] for axis in axes])
    np.testing.assert_array_equal(from_matrix(matrix, kernel.shape, axes), kernel)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: n_m_mask(np.ones((4, 4)), n=5, m=4), "1 <= n <= m.*n=5, m=4"),
        (lambda: n_m_mask(np.ones((4, 4)), n=0), "n=0"),
        (lambda: n_m_mask(np.full((4, 4), np.nan)), "16 of 16 entries"),
        (lambda: taylor_scores(np.ones(2), np.ones(3)), "must have the shape"),
        (lambda: movement_scores(np.ones(2), np.ones(3)), "must have the shape"),
        (lambda: wanda_scores(np.ones((2, 3)), np.ones(3)), r"shape \(3,\)"),
        (lambda: wanda_scores(np.ones((2, 3)), np.ones((2, 2))), "divide its channels"),
        (lambda: optimal_brain_scores(np.ones((2, 3)), np.eye(3)), r"\(2, 2\)"),
        (
            lambda: optimal_brain_scores(np.ones((2, 3)), np.eye(2), damping=-1),
            "`damping`.*damping=-1",
        ),
        (
            lambda: prune_with_compensation(np.ones((2, 3)), np.eye(2), sparsity=1),
            "`sparsity`",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
