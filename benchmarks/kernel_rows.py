"""What `benchmarks/kernels.py` compares: kernels of this library, and peers of each.

The first peer of a row is the one to beat: it answers the same question with what it
takes. The others are what people write, or what papers compare with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from synthetic_weights import decaying_matrix, trained_like

from nncompress_lab.factorization.arrays.tucker import tucker2
from nncompress_lab.lowrank.arrays.svd import Method, low_rank_factors
from nncompress_lab.pruning.arrays.masks import global_magnitude_masks
from nncompress_lab.quantization.arrays.affine import AffineParams, dequantize, quantize
from nncompress_lab.quantization.arrays.clipping import Clipping, clipped_params
from nncompress_lab.quantization.arrays.codebook import learn_codebook

Array = npt.NDArray[Any]
Run = Callable[[], Any]


@dataclass(frozen=True)
class Peer:
    """Another way to compute what a row is about.

    Args:
        run: It, in one call.
        goal: By how much ours is to be faster, at least; None where that is no goal.
        allowed: How many times this peer's error ours may be, where there is a goal.
        rounds: How often it is run.
    """

    run: Run
    goal: float | None = None
    allowed: float = 1.0
    rounds: int = 5


@dataclass(frozen=True)
class Row:
    """One kernel and its peers.

    Args:
        name: What all compute.
        ours: This library's way.
        error: Of a result, ours or a peer's; they have the same form.
        peers: By name, the one to beat first.
    """

    name: str
    ours: Run
    error: Callable[[Any], float]
    peers: dict[str, Peer]


def codebook_row(count: int, size: int) -> Row:
    """The optimal codebook of some weights, and the weights rounded to it."""
    weights = trained_like(count)

    def by_faiss() -> Array:
        import faiss

        rows = weights[:, None]
        means = faiss.Kmeans(1, size, seed=1)
        means.train(rows)
        return means.centroids[means.index.search(rows, 1)[1][:, 0], 0]

    def by_sklearn() -> Array:
        from sklearn.cluster import KMeans

        model = KMeans(size, n_init=1, random_state=0).fit(weights[:, None])
        return model.cluster_centers_[model.labels_, 0]

    return Row(
        name=f"codebook of {size}, {count / 1e6:.0f}M weights",
        # Of 16M random numbers one or two are 0; the peers spend no value on them.
        ours=lambda: learn_codebook(weights, size=size, keep_zeros=False).decode(),
        error=lambda near: float(np.mean((weights - near).astype(np.float64) ** 2)),
        peers={
            "faiss Kmeans": Peer(by_faiss, rounds=2),
            "scikit-learn KMeans (n_init=1)": Peer(by_sklearn, goal=60, rounds=1),
        },
    )


def threshold_row() -> Row:
    """Masks of the largest weights over all layers."""
    arrays = [part.reshape(-1, 500) for part in np.split(trained_like(25_000_000), 10)]
    drop = round(0.9 * 25_000_000)

    def by_partition() -> list[Array]:
        sizes = [np.abs(array) for array in arrays]
        every = np.concatenate([one.ravel() for one in sizes])
        threshold = np.partition(every, drop)[drop]
        return [one >= threshold for one in sizes]

    def by_torch() -> list[Array]:
        import torch
        from torch.nn.utils import prune

        layers = [torch.nn.Linear(1, 1) for _ in arrays]
        for layer, array in zip(layers, arrays, strict=True):
            layer.weight = torch.nn.Parameter(torch.from_numpy(array))
        prune.global_unstructured(
            [(layer, "weight") for layer in layers], prune.L1Unstructured, amount=drop
        )
        return [layer.weight_mask.numpy() for layer in layers]

    def error(masks: list[Array]) -> float:
        dropped = sum(one.size - np.count_nonzero(one) for one in masks)
        return abs(drop - dropped) / drop

    return Row(
        name="global threshold and masks, 25M weights",
        ours=lambda: global_magnitude_masks(arrays, sparsity=0.9),
        error=error,
        peers={
            "np.partition": Peer(by_partition),
            "torch global_unstructured": Peer(by_torch, goal=50, rounds=2),
        },
    )


def svd_row(method: Method) -> Row:
    """Two thin factors of a large matrix, and their product."""
    matrix, rank = decaying_matrix(4096), 512

    def by_sklearn(sweeps: int) -> Array:
        from sklearn.utils.extmath import randomized_svd

        left, values, right = randomized_svd(
            matrix, rank, n_iter=sweeps, random_state=0
        )
        return (left * values) @ right

    def by_numpy() -> Array:
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        return (left[:, :rank] * values[:rank]) @ right[:rank]

    def error(product: Array) -> float:
        return float(np.linalg.norm(matrix - product) / np.linalg.norm(matrix))

    peers = {"scikit-learn randomized_svd (n_iter=4)": Peer(lambda: by_sklearn(4))}
    if method == "exact":
        full = Peer(by_numpy, goal=3, allowed=1.001, rounds=2)
        peers |= {"NumPy full SVD": full}
    else:
        more = Peer(lambda: by_sklearn(7))
        peers |= {"scikit-learn randomized_svd (n_iter=7)": more}
    return Row(
        name=f"SVD 4096x4096, rank 512, {method}",
        ours=lambda: low_rank_factors(matrix, rank=rank, method=method).product(),
        error=error,
        peers=peers,
    )


def tucker_row() -> Row:
    """Tucker-2 of a convolution, and what it stands for."""
    generator = np.random.default_rng(2)
    channels, rank = 512, 128
    low = decaying_matrix(channels)
    noise = generator.standard_normal((3, 3, channels, channels), dtype=np.float32)
    kernel = np.einsum("hwio,oc->hwic", noise, low) * 0.1 + 0.02 * noise

    def by_tensorly(svd: str) -> Array:
        import tensorly

        (core, factors), _ = tensorly.decomposition.partial_tucker(
            kernel, rank=(rank, rank), modes=[2, 3], svd=svd, random_state=0
        )
        return np.einsum("hwab,ia,ob->hwio", core, *factors, optimize=True)

    def error(product: Array) -> float:
        return float(np.linalg.norm(kernel - product) / np.linalg.norm(kernel))

    return Row(
        name="Tucker-2 of 3x3x512x512, rank 1/4",
        ours=lambda: tucker2(kernel, ranks=(rank, rank)).product(),
        error=error,
        peers={
            "tensorly partial_tucker, randomized_svd": Peer(
                lambda: by_tensorly("randomized_svd"), rounds=3
            ),
            "tensorly partial_tucker": Peer(
                lambda: by_tensorly("truncated_svd"), goal=5, allowed=1.002, rounds=3
            ),
        },
    )


def clipping_row() -> Row:
    """The range with the least squared error, for one scale of 16M weights."""
    weights, bits = trained_like(16_000_000), 4
    qmax = 2 ** (bits - 1) - 1

    def error(limit: float) -> float:
        scale = np.float32(limit / qmax)
        params = AffineParams(np.full(1, scale), np.zeros(1, np.uint8))
        rounded = dequantize(quantize(weights, params, bits=bits), params)
        return float(np.mean((weights - rounded) ** 2, dtype=np.float64))

    def ours() -> float:
        params = clipped_params(weights, Clipping("mse"), bits=bits, symmetric=True)
        return float(params.scale.max()) * qmax

    def by_hundred() -> float:
        largest = float(np.abs(weights).max())
        return min((largest * step / 100 for step in range(1, 101)), key=error)

    return Row(
        name="MSE-optimal clipping, 4 bits, 16M weights",
        ours=ours,
        error=error,
        peers={
            "OCTAV": Peer(lambda: octav(weights, bits), rounds=3),
            "torch HistogramObserver": Peer(lambda: by_observer(weights, qmax)),
            "100 ranges tried in NumPy": Peer(
                by_hundred, goal=30, allowed=1.002, rounds=2
            ),
        },
    )


def octav(weights: Array, bits: int, steps: int = 10) -> float:
    """Newton's method for the optimal range.

    Sakr, Dai, Venkatesan, Zimmer, Dally, Khailany, "Optimal Clipping and Magnitude-aware
    Differentiation for Improved Quantization-aware Training", ICML 2022, equation 6.
    https://arxiv.org/abs/2206.06501
    """
    sizes = np.abs(weights)
    limit = float(sizes.mean())
    for _ in range(steps):
        cut = sizes > limit
        count = np.count_nonzero(cut)
        inside = 4.0**-bits / 3 * (sizes.size - count)
        limit = float(np.sum(sizes, where=cut, dtype=np.float64)) / (inside + count)
    return limit


def by_observer(weights: Array, qmax: int) -> float:
    """The range that torch's HistogramObserver chooses for signed integers."""
    import torch
    from torch.ao.quantization.observer import HistogramObserver

    observer = HistogramObserver(
        dtype=torch.qint8,
        qscheme=torch.per_tensor_symmetric,
        quant_min=-qmax - 1,
        quant_max=qmax,
    )
    observer(torch.from_numpy(weights))
    return float(observer.calculate_qparams()[0]) * qmax


ROWS: dict[str, Callable[[], Row]] = {
    "codebook16": lambda: codebook_row(16_000_000, 16),
    "codebook256": lambda: codebook_row(1_000_000, 256),
    "threshold": threshold_row,
    "svd": lambda: svd_row("exact"),
    "randomized": lambda: svd_row("randomized"),
    "tucker": tucker_row,
    "clipping": clipping_row,
}
