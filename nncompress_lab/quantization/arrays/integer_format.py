"""How a kernel is stored as integers: its bits, what shares a scale, and the bytes.

A kernel is looked at as a matrix that is cut into groups (see `matrix_view`), with one
scale for each group and channel. Storey 1: it decodes with NumPy or, inside a layer, with
`keras.ops`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.quantization.arrays.affine import (
    AffineParams,
    Codes,
    check_bits,
    check_symmetric,
    integer_range,
    quantize,
)
from nncompress_lab.quantization.arrays.bitpacking import (
    cast,
    pack_bits,
    packed_size,
    unpack_bits,
)
from nncompress_lab.quantization.arrays.clipping import ABSMAX, Clipping, clipped_params
from nncompress_lab.quantization.arrays.matrix_view import (
    Granularity,
    MatrixView,
    check_granularity,
)


@dataclass(frozen=True)
class KernelFormat:
    """How the integers of a kernel are made and stored.

    Args:
        bits: Width of the integers, 2 to 8. Below 8 they are packed without gaps.
        granularity: What shares a scale: the whole kernel, an output channel, or
            `group_size` weights of an output channel.
        group_size: Weights that share a scale; only with `"per_group"`.
        symmetric: Whether the zero point is fixed at 0.

    Raises:
        ValueError: If a value is out of range, or `group_size` does not fit the
            granularity.
        TypeError: If `symmetric` is not a bool.
    """

    bits: int = 8
    granularity: Granularity = "per_channel"
    group_size: int | None = None
    symmetric: bool = True

    def __post_init__(self) -> None:
        check_bits(self.bits)
        check_symmetric(self.symmetric)
        check_granularity(self.granularity, self.group_size)
        object.__setattr__(self, "bits", int(self.bits))  # also NumPy's, for JSON

    @property
    def integers(self) -> tuple[int, int]:
        """The smallest and the largest stored integer."""
        return integer_range(bits=self.bits, symmetric=self.symmetric)

    def view(
        self, shape: tuple[int, ...], channel_axes: tuple[int, ...]
    ) -> "KernelView":
        """How a kernel of this shape is cut up.

        Args:
            shape: Of the kernel.
            channel_axes: Which of its axes count outputs.
        """
        return KernelView.of(self, shape, channel_axes)


@dataclass(frozen=True)
class KernelView(MatrixView):
    """A kernel of one shape in one format; made by `KernelFormat.view`."""

    format: KernelFormat = KernelFormat()

    @property
    def stored(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of each stored array, by name: q, scale, maybe zero_point."""
        count = self.groups * self.group_size * self.channels
        arrays: dict[str, tuple[tuple[int, ...], str]] = {}
        if self.format.bits == 8:
            rows = self.groups * self.group_size
            arrays["q"] = ((rows, self.channels), self._integer)
        else:
            arrays["q"] = ((packed_size(count, bits=self.format.bits),), "uint8")
        arrays["scale"] = (self.parts, "float32")
        if not self.format.symmetric:
            arrays["zero_point"] = (self.parts, "uint8")
        return arrays

    @property
    def _integer(self) -> str:
        return "int8" if self.format.symmetric else "uint8"

    def encode(
        self, kernel: npt.NDArray[Any], clipping: Clipping = ABSMAX
    ) -> dict[str, npt.NDArray[Any]]:
        """The arrays to store for a kernel, each weight rounded to the nearest.

        Args:
            kernel: Array of the view's shape. It is not changed.
            clipping: Which range of weights the integers are to cover.

        Returns:
            Arrays as `stored` describes them.

        Raises:
            ValueError: If a weight is not finite.
        """
        params = self.params(kernel, clipping)
        codes = quantize(
            self.grouped(self.matrix(kernel)),
            params,
            bits=self.format.bits,
            symmetric=self.format.symmetric,
        )
        return self.pack(codes, params)

    def params(
        self, kernel: npt.NDArray[Any], clipping: Clipping = ABSMAX
    ) -> AffineParams:
        """Scales and zero points of a kernel; they broadcast against `grouped`."""
        return clipped_params(
            self.grouped(self.matrix(kernel)),
            clipping,
            bits=self.format.bits,
            symmetric=self.format.symmetric,
            axis=(0, 1, 2) if self.granularity == "per_tensor" else 1,
        )

    def pack(self, codes: Codes, params: AffineParams) -> dict[str, npt.NDArray[Any]]:
        """The arrays to store for integers that something else has chosen.

        Args:
            codes: Integers of the format, shape `(groups, group_size, channels)`.
            params: What they were chosen for, as `params` returns them.

        Returns:
            Arrays as `stored` describes them.
        """
        bits = self.format.bits
        q: npt.NDArray[Any] = codes
        if bits < 8:
            qmin, _ = self.format.integers
            from_zero = codes.view(np.uint8) - np.uint8(qmin % 256)  # modulo 256
            q = pack_bits(from_zero, bits=bits)
        arrays = {"q": q, "scale": params.scale, "zero_point": params.zero_point}
        return {
            name: arrays[name].reshape(shape)
            for name, (shape, _) in self.stored.items()
        }

    def decode(self, stored: dict[str, Any], *, xp: Any = np) -> Any:
        """The kernel that stored arrays stand for.

        Args:
            stored: Arrays as `encode` returns them.
            xp: `numpy` or `keras.ops`.

        Returns:
            float32 array of the view's shape, of the kind that `xp` makes.
        """
        scale = xp.reshape(stored["scale"], self.params_shape)
        steps = xp.reshape(self._integers(stored["q"], xp), self.grouped_shape)
        if "zero_point" in stored:
            zero_point = xp.reshape(stored["zero_point"], self.params_shape)
            steps = steps - cast(zero_point, "int32", xp=xp)
        real = scale * cast(steps, "float32", xp=xp)
        return self.kernel(real, xp=xp)

    def _integers(self, q: Any, xp: Any) -> Any:
        if self.format.bits == 8:
            return cast(q, "int32", xp=xp)
        count = math.prod(self.grouped_shape)
        qmin, _ = self.format.integers
        return unpack_bits(q, bits=self.format.bits, count=count, xp=xp) + qmin
