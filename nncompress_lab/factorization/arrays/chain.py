"""A convolution as a chain of smaller ones: what every factorization here returns.

NumPy only. All kernels have Keras's shapes: `(height, width, in, out)` for a convolution
and `(height, width, channels, multiplier)` for a depthwise one.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Link:
    """The place of one small convolution in a chain.

    Args:
        name: What it does, for example `"core"`.
        shape: Of its kernel, four numbers.
        axes: Which spatial axes it takes over, 0 for the height and 1 for the width. Along
            these it has the strides, the dilation and the padding of the whole; along the
            others it has a size and a stride of 1.
        depthwise: Whether each channel goes through a kernel of its own.
    """

    name: str
    shape: Shape
    axes: tuple[int, ...] = ()
    depthwise: bool = False

    @property
    def parameters(self) -> Any:
        """How many numbers its kernel holds; an array if a size is an array."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Chain:
    """Small convolutions that follow each other in place of one.

    Args:
        links: From the input to the output. Each spatial axis belongs to one of them.
        kernels: One for each link, of its shape.
    """

    links: tuple[Link, ...]
    kernels: tuple[Array, ...]

    def product(self) -> Array:
        """The kernel that does all in one step, shape `(height, width, in, out)`."""
        return _composed(self.links, self.kernels)

    def refitted(
        self, kernel: Array, second_moment: Array, *, ridge: float = 1e-6
    ) -> "Chain":
        """The chain with the last kernel that is best for the outputs on given inputs.

        Args:
            kernel: What the chain approximates, shape `(height, width, in, out)`.
            second_moment: `rows.T @ rows` of the inputs that the kernel is multiplied
                with, symmetric, shape `(n, n)` with `n = height * width * in`.
            ridge: Added to the diagonal of the equations, as a fraction of its mean: it
                decides where the inputs do not.

        Returns:
            A chain with the same links. Of all last kernels it has the one with the
            smallest sum of squared differences to the outputs of `kernel`.

        Example:
            >>> kernel = np.arange(1.0, 5.0).reshape(1, 1, 2, 2)
            >>> link = Link("out", (1, 1, 1, 2), axes=(0, 1))
            >>> first = Link("in", (1, 1, 2, 1))
            >>> ones = (np.ones((1, 1, 2, 1)), np.ones((1, 1, 1, 2)))
            >>> moment = np.diag([0.0, 1.0])  # only the second input is ever used
            >>> Chain((first, link), ones).refitted(kernel, moment).product().round(4)
            array([[[[3., 4.],
                     [3., 4.]]]])
        """
        *before, last = self.links
        inner = _composed(tuple(before), self.kernels[:-1])
        features = _seen_by(last, inner, kernel.shape[:2])
        weighted = second_moment @ features
        normal = features.T @ weighted
        normal += ridge * np.trace(normal) / len(normal) * np.eye(len(normal))
        rows = math.prod(kernel.shape[:3])
        target = weighted.T @ kernel.reshape(rows, -1)
        solved = np.linalg.lstsq(normal, target, rcond=None)[0]
        fitted = solved.reshape(last.shape).astype(self.kernels[-1].dtype)
        return Chain(self.links, (*self.kernels[:-1], fitted))


def joined(chains: list[Chain]) -> Chain:
    """The chain of a grouped convolution from those of its groups.

    Args:
        chains: One for each group, with equal links.

    Returns:
        A chain of which every convolution that is not depthwise has as many groups. Its
        links have the shapes of the grouped kernels.
    """
    links, kernels = [], []
    for place, link in enumerate(chains[0].links):
        axis = 2 if link.depthwise else 3
        kernel = np.concatenate([one.kernels[place] for one in chains], axis=axis)
        links.append(Link(link.name, kernel.shape, link.axes, link.depthwise))
        kernels.append(kernel)
    return Chain(tuple(links), tuple(kernels))


def check_kernel(kernel: Array) -> None:
    """Raise a `ValueError` unless `kernel` is one of a two-dimensional convolution."""
    floats = np.issubdtype(kernel.dtype, np.floating)
    if kernel.ndim != 4 or not kernel.size or not floats:
        raise ValueError(
            "A kernel of floats of shape (height, width, in, out) can be factorized. "
            f"Received: shape {kernel.shape}, type {kernel.dtype}. A Dense kernel is one "
            "of height and width 1."
        )
    if not np.isfinite(kernel).all():
        raise ValueError("The kernel holds numbers that are not finite.")


def check_rank(rank: int, most: int, *, name: str = "rank") -> None:
    """Raise a `ValueError` unless `rank` is from 1 to `most`."""
    if not 1 <= rank <= most:
        raise ValueError(
            f"`{name}` must be 1 to {most} for this kernel. Received: {name}={rank!r}."
        )


def _composed(links: tuple[Link, ...], kernels: tuple[Array, ...]) -> Array:
    # Each spatial axis is longer than 1 in one kernel only, so that broadcasting over the
    # first two axes puts every tap where it belongs.
    first, *others = zip(links, kernels, strict=True)
    channels = first[1].shape[2]
    result = first[1]
    if first[0].depthwise:
        result = _through_depthwise(np.eye(channels)[None, None], first[1])
    for link, kernel in others:
        through = _through_depthwise if link.depthwise else np.matmul
        result = through(result, kernel)
    whole: Array = result.astype(kernels[0].dtype, copy=False)
    return whole


def _through_depthwise(kernel: Array, depthwise: Array) -> Array:
    product: Array = kernel[..., None] * depthwise[:, :, None]
    return product.reshape(*product.shape[:3], -1)


def _seen_by(last: Link, inner: Array, size: Shape) -> Array:
    """What the last kernel is multiplied with, as columns over the whole's inputs."""
    along = [
        np.eye(whole) if own > 1 else np.ones((whole, 1))
        for own, whole in zip(last.shape, size, strict=False)
    ]
    taps = np.einsum("ha,wb->hwab", *along)
    inner = np.broadcast_to(inner, (*size, *inner.shape[2:])).astype(np.float64)
    features: Array = np.einsum("hwic,hwab->hwiabc", inner, taps)
    return features.reshape(math.prod(inner.shape[:3]), -1)
