"""One array of an ONNX file, read where it lies."""

import math
from dataclasses import dataclass
from functools import cached_property

from onnx import TensorProto, helper, numpy_helper

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server.loaded import even_sample
from nncompress_lab.server.statistics import Array

_BITS = {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2}
_MOST_EXPANSION = 8  # a 64-bit zero is one byte in protobuf's own coding


@dataclass(frozen=True, eq=False)
class OnnxTensor:
    """An array of a graph.

    Args:
        tensor: As the file has it.

    Raises:
        ModelFileError: If it declares more than the file holds.
    """

    tensor: TensorProto

    def __post_init__(self) -> None:
        fits = self.raw_bytes <= _MOST_EXPANSION * self.tensor.ByteSize()
        if any(axis < 0 for axis in self.shape) or not (fits or self.is_elsewhere):
            raise ModelFileError(
                f"The file declares weights of shape {self.shape} and does not hold "
                "them. It is damaged or was made to mislead; do not load it."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """As declared."""
        return tuple(self.tensor.dims)

    @property
    def size(self) -> int:
        """Numbers in the array."""
        return math.prod(self.shape)

    @cached_property
    def dtype(self) -> str:
        """NumPy's name of the type, or `string`."""
        if self.tensor.data_type == TensorProto.STRING:
            return "string"
        return helper.tensor_dtype_to_np_dtype(self.tensor.data_type).name

    @property
    def raw_bytes(self) -> int:
        """Bytes of the array, with integers of fewer than 8 bits packed."""
        if self.dtype == "string":
            return 0
        type_ = helper.tensor_dtype_to_np_dtype(self.tensor.data_type)
        return -(-self.size * _BITS.get(self.dtype, 8 * type_.itemsize) // 8)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the numbers lie in another file, which is not read."""
        return self.tensor.data_location == TensorProto.EXTERNAL

    def read(self, most: int) -> Array | None:
        """At most so many of the numbers, flat; None if they lie elsewhere."""
        if self.is_elsewhere or self.dtype == "string":
            return None
        return even_sample(numpy_helper.to_array(self.tensor), most)
