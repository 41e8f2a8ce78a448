"""Equations of EinsumDense layers in their parts."""

import pytest

from nncompress_lab.models.einsum import Einsum


@pytest.mark.parametrize(
    ("equation", "summed", "shared", "made"),
    [
        ("abc,cd->abd", "c", "", "d"),
        ("ab , bc -> ac", "b", "", "c"),
        ("abc,cde->abde", "c", "", "de"),
        ("abcd,cde->abe", "cd", "", "e"),
        ("abc,bcd->abd", "c", "b", "d"),
        ("...x,xy->...y", "x", "", "y"),
        ("ab...,bc->ac...", "b", "", "c"),
        ("abc,cb->abc", "", "cb", ""),
    ],
)
def test_letters_of_the_kernel_are_summed_shared_or_made(
    equation, summed, shared, made
):
    einsum = Einsum.parse(equation)

    assert (einsum.summed, einsum.shared, einsum.made) == (summed, shared, made)
    assert sorted(einsum.channels) == sorted(shared + made)
    assert sorted(einsum.kernel) == sorted(summed + shared + made)


@pytest.mark.parametrize(
    ("equation", "rank", "expected"),
    [
        ("abc,cd->abd", 3, ("abc", "cd", "abd")),
        ("...x,xy->...y", 1, ("x", "xy", "y")),
        ("...x,xy->...y", 4, ("012x", "xy", "012y")),
        ("ab...,bc->ac...", 4, ("ab01", "bc", "ac01")),
    ],
)
def test_the_ellipsis_becomes_as_many_letters_as_the_input_needs(
    equation, rank, expected
):
    assert Einsum.parse(equation).expanded(rank) == Einsum(*expected)
