"""The arithmetic of this library beside its peers: seconds, error and their ratio.

    python -m pip install -r benchmarks/peers.txt
    python benchmarks/kernels.py [ROW ...]

Both sides of a row take turns in one process; compared are the minima, because other work
on a machine makes a run slower and never faster. All run on one thread, which is what a
peer with its own thread pool and NumPy's BLAS can be held to alike.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from results_file import save_results
from rich.console import Console
from rich.table import Table
from synthetic_weights import decaying_matrix, trained_like

from nncompress_lab.factorization.arrays.tucker import tucker2
from nncompress_lab.lowrank.arrays.svd import low_rank_factors
from nncompress_lab.pruning.arrays.masks import global_magnitude_masks
from nncompress_lab.quantization.arrays.affine import AffineParams, dequantize, quantize
from nncompress_lab.quantization.arrays.clipping import Clipping, clipped_params
from nncompress_lab.quantization.arrays.codebook import learn_codebook

Array = npt.NDArray[Any]
Quality = Callable[[Any], float]


@dataclass(frozen=True)
class Row:
    """One kernel against one peer.

    Args:
        name: What both compute.
        peer: What the peer is.
        ours: This library's way.
        theirs: The peer's.
        goal: By how much ours is to be faster, at least.
        quality: The error of our result, and `their_quality` of theirs.
        allowed: How many times the peer's error ours may be.
        rounds: How often each is run.
    """

    name: str
    peer: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    goal: float
    quality: Quality
    their_quality: Quality
    allowed: float
    rounds: int = 3


@dataclass(frozen=True)
class Figures:
    """What was measured of a row; seconds are minima."""

    name: str
    peer: str
    seconds: float
    peer_seconds: float
    times_faster: float
    goal: float
    error: float
    peer_error: float
    allowed: float
    met: bool


def codebook_row(count: int, size: int, allowed: float) -> Row:
    """The optimal codebook against scikit-learn's KMeans."""
    weights = trained_like(count)

    def theirs() -> Array:
        from sklearn.cluster import KMeans

        model = KMeans(size, n_init=1, random_state=0).fit(weights[:, None])
        return model.cluster_centers_[model.labels_, 0]

    def error(decoded: Array) -> float:
        return float(np.mean((weights - decoded).astype(np.float64) ** 2))

    return Row(
        name=f"codebook, {size} values, {count / 1e6:.0f}M weights",
        peer="scikit-learn KMeans (n_init=1)",
        # Of 16M random numbers one or two are 0; the peer spends no value on them.
        ours=lambda: learn_codebook(weights, size=size, keep_zeros=False),
        theirs=theirs,
        goal=60,
        quality=lambda book: error(book.decode()),
        their_quality=error,
        allowed=allowed,
        rounds=2,
    )


def threshold_row() -> Row:
    """Masks of the largest weights against torch's global unstructured pruning."""
    arrays = [part.reshape(-1, 500) for part in np.split(trained_like(25_000_000), 10)]
    drop = round(0.9 * 25_000_000)

    def theirs() -> int:
        import torch
        from torch.nn.utils import prune

        layers = [torch.nn.Linear(1, 1) for _ in arrays]
        for layer, array in zip(layers, arrays, strict=True):
            layer.weight = torch.nn.Parameter(torch.from_numpy(array))
        prune.global_unstructured(
            [(layer, "weight") for layer in layers], prune.L1Unstructured, amount=drop
        )
        return sum(int((layer.weight_mask == 0).sum()) for layer in layers)

    return Row(
        name="global threshold and masks, 25M weights",
        peer="torch global_unstructured",
        ours=lambda: global_magnitude_masks(arrays, sparsity=0.9),
        theirs=theirs,
        goal=50,
        quality=lambda masks: abs(drop - sum(int((~mask).sum()) for mask in masks)),
        their_quality=lambda dropped: abs(drop - dropped),
        allowed=1,
    )


def svd_row() -> Row:
    """Two thin factors against NumPy's full decomposition."""
    matrix, rank = decaying_matrix(4096), 512

    def theirs() -> Array:
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        return (left[:, :rank] * values[:rank]) @ right[:rank]

    def error(product: Array) -> float:
        return float(np.linalg.norm(matrix - product) / np.linalg.norm(matrix))

    return Row(
        name="truncated SVD 4096x4096, rank 512",
        peer="NumPy full SVD",
        ours=lambda: low_rank_factors(matrix, rank=rank),
        theirs=theirs,
        goal=3,
        quality=lambda factors: error(factors.product()),
        their_quality=error,
        allowed=1.001,
        rounds=2,
    )


def tucker_row() -> Row:
    """Tucker-2 against tensorly's partial_tucker."""
    generator = np.random.default_rng(2)
    channels, rank = 512, 128
    low = decaying_matrix(channels)
    noise = generator.standard_normal((3, 3, channels, channels), dtype=np.float32)
    kernel = np.einsum("hwio,oc->hwic", noise, low) * 0.1 + 0.02 * noise

    def theirs() -> Array:
        import tensorly

        (core, factors), _ = tensorly.decomposition.partial_tucker(
            kernel, rank=(rank, rank), modes=[2, 3]
        )
        return np.einsum("hwab,ia,ob->hwio", core, *factors, optimize=True)

    def error(product: Array) -> float:
        return float(np.linalg.norm(kernel - product) / np.linalg.norm(kernel))

    return Row(
        name="Tucker-2 of 3x3x512x512, rank 1/4",
        peer="tensorly partial_tucker",
        ours=lambda: tucker2(kernel, ranks=(rank, rank)),
        theirs=theirs,
        goal=5,
        quality=lambda factors: error(factors.product()),
        their_quality=error,
        allowed=1.002,
    )


def clipping_row() -> Row:
    """The MSE-optimal range against trying 100 of them on all weights."""
    weights, bits = trained_like(16_000_000), 4
    qmax = 2 ** (bits - 1) - 1

    def error(limit: float) -> float:
        scale = np.float32(limit / qmax)
        params = AffineParams(np.full(1, scale), np.zeros(1, np.uint8))
        rounded = dequantize(quantize(weights, params, bits=bits), params)
        return float(np.mean((weights - rounded) ** 2, dtype=np.float64))

    def theirs() -> float:
        largest = float(np.abs(weights).max())
        return min((largest * step / 100 for step in range(1, 101)), key=error)

    def ours() -> float:
        params = clipped_params(weights, Clipping("mse"), bits=bits, symmetric=True)
        return float(params.scale.max()) * qmax

    return Row(
        name="MSE-optimal clipping, 4 bits, 16M weights",
        peer="100 ranges tried in NumPy",
        ours=ours,
        theirs=theirs,
        goal=30,
        quality=error,
        their_quality=error,
        allowed=1.002,
        rounds=2,
    )


ROWS: dict[str, Callable[[], Row]] = {
    "codebook16": lambda: codebook_row(16_000_000, 16, allowed=1.0),
    "codebook256": lambda: codebook_row(1_000_000, 256, allowed=1.0),
    "threshold": threshold_row,
    "svd": svd_row,
    "tucker": tucker_row,
    "clipping": clipping_row,
}


def measured(row: Row) -> Figures:
    """Run both sides in turns and compare their minima and errors."""
    times, results = ([], []), [None, None]
    for _ in range(row.rounds):
        for side, run in enumerate((row.ours, row.theirs)):
            start = time.perf_counter()
            results[side] = run()
            times[side].append(time.perf_counter() - start)
    ours, theirs = min(times[0]), min(times[1])
    error, peer_error = row.quality(results[0]), row.their_quality(results[1])
    return Figures(
        name=row.name,
        peer=row.peer,
        seconds=ours,
        peer_seconds=theirs,
        times_faster=theirs / ours,
        goal=row.goal,
        error=error,
        peer_error=peer_error,
        allowed=row.allowed,
        met=theirs / ours >= row.goal and error <= row.allowed * peer_error,
    )


def main() -> None:
    """Measure the rows that were asked for, print a table and keep it as JSON."""
    names = sys.argv[1:] or list(ROWS)
    table = Table("kernel", "peer", "s", "peer s", "faster", "goal", "error / peer's")
    all_figures = []
    for name in names:
        figures = measured(ROWS[name]())
        all_figures.append(figures)
        ratio = figures.error / figures.peer_error if figures.peer_error else 1.0
        table.add_row(
            figures.name,
            figures.peer,
            f"{figures.seconds:.3f}",
            f"{figures.peer_seconds:.2f}",
            f"{figures.times_faster:.1f}x",
            f"{figures.goal:.0f}x " + ("met" if figures.met else "MISSED"),
            f"{ratio:.5f}",
        )
    Console(width=130).print(table)
    if set(names) == set(ROWS):
        save_results("kernels", [asdict(one) for one in all_figures], threads=1)


if __name__ == "__main__":
    main()
