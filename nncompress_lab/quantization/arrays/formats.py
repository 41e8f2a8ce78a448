"""The formats in which a layer can store its kernels, and how a file names them."""

from typing import Any

from nncompress_lab.quantization.arrays.codebook_format import (
    CodebookFormat,
    CodebookView,
)
from nncompress_lab.quantization.arrays.integer_format import KernelFormat, KernelView

Format = KernelFormat | CodebookFormat
View = KernelView | CodebookView


def format_of(fields: dict[str, Any]) -> Format:
    """The format that a layer's configuration describes.

    Args:
        fields: Of the format. `"kind": "codebook"` marks a `CodebookFormat`; without a
            kind they are those of a `KernelFormat`.
    """
    is_codebook = fields.get("kind") == "codebook"
    return CodebookFormat(**fields) if is_codebook else KernelFormat(**fields)
