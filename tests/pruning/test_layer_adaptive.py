"""The layer-adaptive ranking: the shares of its paper, exact counts, no dead layer."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from nncompress_lab.pruning.arrays.layer_adaptive import layer_adaptive_masks
from nncompress_lab.pruning.arrays.masks import global_magnitude_masks

small_profile = settings(max_examples=50, deadline=None)
sparsities = st.floats(0, 1, exclude_max=True)
# Few magnitudes in up to 24 entries: nearly every array is full of ties.
tied_arrays = st.lists(
    hnp.arrays(
        np.float32,
        st.integers(0, 24),
        elements=st.sampled_from([0.0, -0.01, 0.5, -0.5, 1.0, -2.0, 300.0]),
    ),
    max_size=4,
)


def reference_masks(arrays: list[np.ndarray], sparsity: float) -> list[np.ndarray]:
    """The definition of the paper, one weight after the other."""
    scores, places = [], []
    for number, array in enumerate(arrays):
        order = np.argsort(np.abs(array), kind="stable")
        squares = np.abs(array[order]).astype(np.float64) ** 2
        left = np.cumsum(squares[::-1])[::-1]
        for place, square, rest in zip(order, squares, left, strict=True):
            scores.append(square / rest if rest else 0.0)
            places.append((number, place))
    masks = [np.ones(array.shape, bool) for array in arrays]
    for index in np.argsort(scores, kind="stable")[: round(sparsity * len(scores))]:
        number, place = places[index]
        masks[number][place] = False
    return masks


@small_profile
@given(tied_arrays, sparsities)
def test_the_masks_are_those_of_the_papers_scores(arrays, sparsity):
    masks = layer_adaptive_masks(arrays, sparsity=sparsity, by_magnitude=True)

    for mask, expected in zip(masks, reference_masks(arrays, sparsity), strict=True):
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_scale_of_a_layer_does_not_matter(scale):
    random = np.random.default_rng(0)
    small, large = random.normal(size=(2, 200)).astype(np.float32)

    masks = layer_adaptive_masks([small, large * np.float32(scale)], sparsity=0.6)

    plain = layer_adaptive_masks([small, large], sparsity=0.6)
    np.testing.assert_array_equal(masks, plain)


def test_no_layer_dies_where_one_threshold_kills_one():
    random = np.random.default_rng(0)
    arrays = [random.normal(size=50) * scale for scale in (0.01, 1.0, 1.0)]

    adaptive = layer_adaptive_masks(arrays, sparsity=0.9, by_magnitude=True)
    one_threshold = global_magnitude_masks(arrays, sparsity=0.9)

    assert all(mask.any() for mask in adaptive)
    assert not one_threshold[0].any()


def test_scores_below_zero_go_first_in_their_order():
    scores = [np.array([-3.0, 2.0, -1.0, 0.0]), np.array([-2.0, 5.0])]

    dropped = [
        [~mask for mask in layer_adaptive_masks(scores, sparsity=share / 6)]
        for share in (1, 3)
    ]

    assert sum(mask.sum() for mask in dropped[0]) == 1
    np.testing.assert_array_equal(dropped[1][0], [True, False, True, False])
    np.testing.assert_array_equal(dropped[1][1], [True, False])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="1 of 3"):
        layer_adaptive_masks([np.array([1.0, bad, 2.0]), np.ones(3)], sparsity=0.5)
