"""The arithmetic of the factorizations against what is known about them."""

import numpy as np
import pytest

from nncompress_lab.factorization.arrays.chain import Chain, joined
from nncompress_lab.factorization.arrays.cp import RIDGE, cp_energies, cp_factors
from nncompress_lab.factorization.arrays.methods import METHODS, all_ranks, cost
from nncompress_lab.factorization.arrays.separable import (
    separable_energies,
    separable_factors,
)
from nncompress_lab.factorization.arrays.spatial import (
    channel_factors,
    channel_matrix,
    spatial_factors,
    spatial_matrix,
)
from nncompress_lab.factorization.arrays.tucker import (
    tucker2,
    tucker2_energies,
    tucker2_full_ranks,
    tucker2_views,
)

SHAPES = ((3, 3, 5, 4), (2, 4, 3, 7), (5, 1, 4, 4), (1, 1, 6, 5))


def random_kernel(shape=(3, 3, 6, 8), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def squared_error(kernel: np.ndarray, chain: Chain) -> float:
    return float(((kernel - chain.product()) ** 2).sum())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", METHODS)
def test_full_ranks_reproduce_the_kernel(name, shape):
    kernel, method = random_kernel(shape), METHODS[name]

    chain = method.factor(kernel, method.full_ranks(shape), None)

    np.testing.assert_allclose(chain.product(), kernel, rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", METHODS)
def test_a_chain_keeps_at_least_the_energy_that_was_promised(name, shape):
    kernel, method = random_kernel(shape), METHODS[name]
    energies = method.energies(kernel)

    assert energies.shape == method.full_ranks(shape)
    total = float((kernel**2).sum())
    for ranks in list(np.ndindex(energies.shape))[::5]:
        chain = method.factor(kernel, tuple(rank + 1 for rank in ranks), None)
        # 1e-9 is rounding.
        assert squared_error(kernel, chain) <= (1 - energies[ranks] + 1e-9) * total


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", METHODS)
def test_the_links_describe_the_kernels(name, shape):
    method = METHODS[name]
    for ranks in [method.full_ranks(shape), (1,) * len(method.full_ranks(shape))]:
        chain = method.factor(random_kernel(shape), ranks, None)

        links = method.links(shape, ranks)
        assert chain.links == links
        assert [kernel.shape for kernel in chain.kernels] == [
            one.shape for one in links
        ]
        assert sorted(axis for link in links for axis in link.axes) == [0, 1]


@pytest.mark.parametrize(
    ("factor", "matrix"),
    [(spatial_factors, spatial_matrix), (channel_factors, channel_matrix)],
)
def test_a_split_in_two_has_the_error_of_the_truncated_svd(factor, matrix):
    kernel = random_kernel()
    values = np.linalg.svd(matrix(kernel), compute_uv=False)

    for rank in (1, 3, 6):
        error = squared_error(kernel, factor(kernel, rank=rank))
        np.testing.assert_allclose(error, (values[rank:] ** 2).sum())


def test_tucker_is_within_the_bound_of_the_higher_order_svd():
    kernel = random_kernel((3, 3, 12, 10))
    values = [np.linalg.svd(view, compute_uv=False) for view in tucker2_views(kernel)]

    for ranks in [(1, 1), (4, 7), (12, 3), (11, 9)]:
        lost = [(one[r:] ** 2).sum() for one, r in zip(values, ranks, strict=True)]
        error = squared_error(kernel, tucker2(kernel, ranks=ranks))
        # De Lathauwer et al. 2000, property 10, from above; Eckart-Young from below.
        assert max(lost) - 1e-9 <= error <= sum(lost) + 1e-9


def test_no_sweep_of_tucker_makes_the_error_larger():
    kernel = random_kernel((3, 3, 16, 16))

    errors = [
        squared_error(kernel, tucker2(kernel, ranks=(4, 5), sweeps=sweeps))
        for sweeps in range(10)
    ]

    assert errors[9] < errors[0] * 0.99
    assert np.diff(errors).max() <= 1e-9 * errors[0]


def test_tucker_bases_are_orthonormal_and_of_the_kernels_type():
    kernel = random_kernel().astype(np.float32)

    first, core, last = tucker2(kernel, ranks=(3, 4)).kernels

    assert first.dtype == core.dtype == last.dtype == np.float32
    for basis in (first[0, 0].T, last[0, 0]):
        np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-5)


def test_tucker_energies_are_those_of_the_truncated_core():
    kernel = random_kernel((3, 3, 4, 5))
    chain = tucker2(kernel, ranks=tucker2_full_ranks(kernel.shape), sweeps=0)
    core = chain.kernels[1]

    kept = (core[:, :, :2, :3] ** 2).sum() / (kernel**2).sum()

    # With all directions kept, the second basis is that of the whole kernel.
    assert tucker2_energies(kernel)[1, 2] == pytest.approx(kept)


def test_separable_factors_are_the_best_for_each_input_channel():
    kernel = random_kernel()
    slices = kernel.reshape(9, 6, 8).transpose(1, 0, 2)
    values = np.linalg.svd(slices, compute_uv=False)

    for multiplier in (1, 2, 8):
        lost = (values[:, multiplier:] ** 2).sum()
        chain = separable_factors(kernel, depth_multiplier=multiplier)
        np.testing.assert_allclose(squared_error(kernel, chain), lost, atol=1e-9)
        energy = separable_energies(kernel)[multiplier - 1]
        np.testing.assert_allclose(energy, 1 - lost / (kernel**2).sum())


def test_cp_finds_a_sum_of_few_products():
    generator = np.random.default_rng(3)
    factors = [generator.normal(size=(size, 4)) for size in (3, 3, 8, 10)]
    kernel = np.einsum("hr,wr,ir,or->hwio", *factors)

    chain = cp_factors(kernel, rank=4, sweeps=200)

    # The start loses 4 %; what is missing in the end is the ridge.
    assert cp_energies(kernel)[3] < 0.97
    assert squared_error(kernel, chain) < 1e-4 * (kernel**2).sum()


def test_no_sweep_of_cp_makes_error_and_lengths_together_larger():
    # This sum is what each step minimizes, so components cannot grow against each other.
    kernel = random_kernel((3, 3, 8, 8))

    def penalized(chain: Chain) -> float:
        first, across, along, last = chain.kernels
        axes = (first[0, 0], across[:, 0, :, 0], along[0, :, :, 0], last[0, 0].T)
        lengths = np.prod([np.linalg.norm(one, axis=0) for one in axes], axis=0)
        return squared_error(kernel, chain) + RIDGE * float((lengths**2).sum())

    values = [penalized(cp_factors(kernel, rank=12, sweeps=n)) for n in range(8)]

    assert values[7] < 0.99 * values[0]
    assert np.diff(values).max() <= 1e-9 * values[0]


def test_merged_cp_is_the_same_with_one_spatial_kernel():
    kernel = random_kernel()

    two, one = (cp_factors(kernel, rank=7, merged=merged) for merged in (False, True))

    assert len(two.kernels) == 4
    assert len(one.kernels) == 3
    np.testing.assert_allclose(two.product(), one.product(), atol=1e-9)


@pytest.mark.parametrize("name", ["tucker2", "spatial", "cp", "separable"])
def test_refitting_is_the_least_squares_solution_on_the_outputs(name):
    kernel, generator = random_kernel((3, 3, 4, 6)), np.random.default_rng(1)
    mixing = generator.normal(size=(36, 36))
    rows = generator.normal(size=(200, 36)) @ mixing
    outputs = rows @ kernel.reshape(36, 6)
    method = METHODS[name]
    ranks = tuple(2 for _ in method.full_ranks(kernel.shape))

    def error(chain: Chain) -> float:
        return float(((outputs - rows @ chain.product().reshape(36, 6)) ** 2).sum())

    before = method.factor(kernel, ranks, None)
    after = before.refitted(kernel, rows.T @ rows)
    best = error(after)

    assert best < 0.99 * error(before)
    for _ in range(20):
        step = 1e-3 * generator.normal(size=after.kernels[-1].shape)
        moved = Chain(after.links, (*after.kernels[:-1], after.kernels[-1] + step))
        assert error(moved) > best * (1 - 1e-9)


def test_the_channel_split_with_data_is_the_best_of_its_rank_on_the_outputs():
    kernel, generator = random_kernel((3, 3, 4, 6)), np.random.default_rng(1)
    rows = generator.normal(size=(200, 36)) @ generator.normal(size=(36, 36))
    outputs = rows @ kernel.reshape(36, 6)

    chain = channel_factors(kernel, rank=2, second_moment=rows.T @ rows)

    error = ((outputs - rows @ chain.product().reshape(36, 6)) ** 2).sum()
    values = np.linalg.svd(outputs, compute_uv=False)
    np.testing.assert_allclose(error, (values[2:] ** 2).sum())


def test_joined_chains_have_the_kernels_of_a_grouped_convolution():
    kernels = [random_kernel((3, 3, 4, 6), seed) for seed in (0, 1)]
    chains = [separable_factors(one, depth_multiplier=2) for one in kernels]

    depthwise, pointwise = joined(chains).kernels

    assert depthwise.shape == (3, 3, 8, 2)
    assert pointwise.shape == (1, 1, 8, 12)
    np.testing.assert_array_equal(pointwise[..., 6:], chains[1].kernels[1])


def test_costs_of_a_strided_tucker_chain_by_hand():
    links = METHODS["tucker2"].links((3, 3, 16, 32), (4, 8))

    macs = cost(links, "macs", entering=(28, 28), leaving=(14, 14))

    assert cost(links, "parameters", entering=(1, 1), leaving=(1, 1)) == (
        16 * 4 + 9 * 4 * 8 + 8 * 32
    )
    assert macs == 784 * 16 * 4 + 196 * (9 * 4 * 8 + 8 * 32)


def test_costs_of_a_strided_spatial_chain_count_each_direction_where_it_shrinks():
    links = METHODS["spatial"].links((3, 5, 16, 32), (4,))

    macs = cost(links, "macs", entering=(28, 28), leaving=(14, 14))

    assert macs == 14 * 28 * 3 * 16 * 4 + 14 * 14 * 5 * 4 * 32


def test_costs_of_many_ranks_are_counted_at_once():
    ranks = all_ranks((2, 3))
    links = METHODS["tucker2"].links((3, 3, 2, 3), ranks)

    counted = cost(links, "parameters", entering=(1, 1), leaving=(1, 1))

    assert counted.tolist() == [
        2 * a + 9 * a * b + 3 * b for a in (1, 2) for b in (1, 2, 3)
    ]


@pytest.mark.parametrize("name", METHODS)
def test_a_kernel_of_zeros_stays_zero(name):
    kernel, method = np.zeros((3, 3, 2, 2)), METHODS[name]
    ranks = (1,) * len(method.full_ranks(kernel.shape))

    assert (method.energies(kernel) == 1).all()
    assert not method.factor(kernel, ranks, None).product().any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: tucker2(k, ranks=(0, 1)), r"`ranks\[0\]` must be 1 to 6"),
        (lambda k: tucker2(k, ranks=(1, 9)), r"`ranks\[1\]` must be 1 to 8"),
        (lambda k: tucker2(k, ranks=(1, 1), sweeps=-1), "`sweeps` must be at least 0"),
        (lambda k: cp_factors(k, rank=55), "`rank` must be 1 to 54"),
        (lambda k: cp_factors(k, rank=5, sweeps=-1), "`sweeps` must be at least 0"),
        (lambda k: separable_factors(k, depth_multiplier=9), "must be 1 to 8"),
        (lambda k: spatial_factors(k, rank=19), "`rank` must be 1 to 18"),
        (lambda k: channel_factors(k[0], rank=1), r"shape \(height, width, in, out\)"),
        (lambda k: tucker2(k * np.nan, ranks=(1, 1)), "not finite"),
    ],
)
def test_what_cannot_be_factored_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_kernel())
