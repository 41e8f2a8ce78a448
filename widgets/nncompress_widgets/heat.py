"""A matrix as an image inside an SVG: a colour for each sign, strong where it is large."""

import base64
import struct
import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[Any]
# Legible on white and on black: what is near zero lets the page through.
POSITIVE: Final = (25, 118, 210)
NEGATIVE: Final = (245, 124, 0)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST = 96  # pixels a side; of a larger matrix every so manyth row and column is shown


def heat(
    matrix: Matrix, place: tuple[float, float, float, float], *, reach: float
) -> str:
    """Draw a matrix as an `<image>` of an SVG.

    Args:
        matrix: Finite numbers, shape `(rows, columns)`, none of them 0.
        place: Left, top, width and height in the picture.
        reach: The magnitude that has the full colour. Images that are to be compared
            share it.

    Returns:
        The element; blue is positive, orange is negative.
    """
    x, y, width, height = place
    return (
        f'<image x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        'preserveAspectRatio="none" style="image-rendering: pixelated" '
        f'href="{heat_url(matrix, reach=reach)}"/>'
    )


def heat_url(matrix: Matrix, *, reach: float) -> str:
    """The same image as the address of a PNG, for a page that is no SVG."""
    drawn = base64.b64encode(_png(_colours(thinned(matrix), reach))).decode()
    return f"data:image/png;base64,{drawn}"


def thinned(matrix: Matrix) -> Matrix:
    """As many rows and columns of a matrix as an image shows."""
    rows, columns = (max(1, -(-size // _MOST)) for size in matrix.shape)
    return matrix[::rows, ::columns]


def _colours(matrix: Matrix, reach: float) -> npt.NDArray[np.uint8]:
    colours = np.empty((*matrix.shape, 4), np.uint8)
    colours[..., :3] = np.where(matrix[..., None] > 0, POSITIVE, NEGATIVE)
    strength = np.clip(np.abs(matrix) / (reach or 1.0), 0.0, 1.0)
    colours[..., 3] = np.round(255 * strength)
    return colours


def _png(colours: npt.NDArray[np.uint8]) -> bytes:
    """An image of shape `(height, width, 4)` as a PNG file."""
    height, width, _ = colours.shape
    rows = b"".join(b"\0" + row.tobytes() for row in colours)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
