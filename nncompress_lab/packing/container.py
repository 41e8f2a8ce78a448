"""The file around the tensors: a header, an index of what is in it, and checksums.

Whatever a file says about itself is checked before it is believed: nothing is allocated
for a size that the file's own length does not allow. NumPy only.
"""

import json
import math
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError, ModelFileError
from nncompress_lab.limits import EXPANSION, most_bytes
from nncompress_lab.packing import tensors, zstd
from nncompress_lab.packing.cursor import Cursor, FileCursor
from nncompress_lab.packing.tensors import DTYPES, Layout

MAGIC = b"\x89NCZ\r\n\x1a\n"  # as PNG's: a transfer that changes line ends shows
VERSION = 2  # the newest; a file says the one that it takes to read it
_HEAD = struct.Struct("<HII")  # version, bytes of the index, bytes of it unpacked
_CHECKSUM = struct.Struct("<I")
CHECKSUM_BYTES = _CHECKSUM.size  # before each tensor

_PIECE = 2**16  # bytes that are checked at a time
_INDEX_FLOOR, _MOST_INDEX = 2**20, 64 * 2**20
_MOST_AXES, _MOST_ENTRIES = 32, 2**32


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array with a name.

    Args:
        name: Unique in the file.
        dtype: One of the names in `tensors.DTYPES`.
        array: What it holds; of bfloat16, the bits.
        layout: What the writer knows about it.
    """

    name: str
    dtype: str
    array: npt.NDArray[Any]
    layout: Layout


@dataclass(frozen=True)
class Section:
    """Where a tensor lies, as the index says."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int

    @property
    def restored(self) -> int:
        """Bytes of the tensor in memory."""
        return math.prod(self.shape) * np.dtype(DTYPES[self.dtype]).itemsize


def write(file: IO[bytes], about: dict[str, Any], contents: Iterable[Tensor]) -> None:
    """Write a packed file.

    The index comes first and says how long each tensor became, so the tensors wait in
    another file, not in memory.

    Args:
        file: Opened for writing in binary mode.
        about: What the file says beside the tensors, as JSON values.
        contents: The tensors, each of which is asked for when the one before is written.
    """
    with tempfile.TemporaryFile() as coded:
        sections, version = [], 1
        for one in contents:
            size, needed = _write_tensor(coded, one)
            version = max(version, needed)
            sections.append([one.name, one.dtype, list(one.array.shape), size])
            del one
        _write_index(file, about, sections, version)
        coded.seek(0)
        shutil.copyfileobj(coded, file)


def _write_tensor(file: IO[bytes], tensor: Tensor) -> tuple[int, int]:
    """Write a tensor behind its checksum; its bytes without that, and its version."""
    start = file.tell() + _CHECKSUM.size
    file.seek(start)
    version = tensors.write(file, tensor.array, tensor.dtype, tensor.layout)
    end = file.tell()
    file.seek(start)
    checksum = _checksum(file, end - start)
    file.seek(start - _CHECKSUM.size)
    file.write(_CHECKSUM.pack(checksum))
    file.seek(end)
    return end - start, version


def _checksum(file: IO[bytes], size: int) -> int:
    """Of the next bytes of a file, at most so many."""
    checksum = 0
    for start in range(0, size, _PIECE):
        checksum = zlib.crc32(file.read(min(_PIECE, size - start)), checksum)
    return checksum


def _write_index(
    file: IO[bytes], about: dict[str, Any], sections: list[Any], version: int
) -> None:
    text = json.dumps({"about": about, "tensors": sections}, separators=(",", ":"))
    index = zstd.compress_index(text.encode())
    head = _HEAD.pack(version, len(index), len(text.encode()))
    file.write(MAGIC + head + _CHECKSUM.pack(zlib.crc32(index, zlib.crc32(head))))
    file.write(index)


class Reader:
    """A packed file whose index has been read.

    Args:
        file: Opened for reading in binary mode.
        size: Of the file in bytes.
        max_bytes: Of all tensors together; None for what the file's length allows.

    Attributes:
        about: What the file says beside the tensors.
        max_bytes: Bytes that may be restored.

    Raises:
        CorruptFileError: If the file is damaged, is not a packed file, or would restore
            to more than `max_bytes`.
        ModelFileError: If a newer version of the format is needed to read it.
    """

    def __init__(
        self, file: IO[bytes], size: int, max_bytes: int | None = None
    ) -> None:
        self._file = file
        self.max_bytes = most_bytes(size) if max_bytes is None else max_bytes
        with _naming("its index"):
            index = _index(_read_index(file, size))
            self.about: dict[str, Any] = index["about"]
            self._sections = [_section(one) for one in index["tensors"]]
            _check_sizes(self._sections, size - file.tell(), self.max_bytes)

    def tensors(self) -> Iterator[tuple[Section, npt.NDArray[Any]]]:
        """The tensors in the order of the file, each read when it is asked for.

        Raises:
            CorruptFileError: If one is damaged; the message has its name.
        """
        for section in self._sections:
            with _naming(f"tensor {section.name!r}"):
                cursor = self._next(section.size)
                array = tensors.read(cursor, section.dtype, section.shape)
            yield section, array
            del array

    def _next(self, size: int) -> Cursor:
        """What follows, which is read at once if it is short, if its checksum fits."""
        checksum = self._file.read(_CHECKSUM.size)
        if size <= _PIECE:
            content = self._file.read(size)
            found, cursor = zlib.crc32(content), Cursor(content)
        else:
            start = self._file.tell()
            found = _checksum(self._file, size)
            self._file.seek(start)
            cursor = FileCursor(self._file, size)
        if _CHECKSUM.pack(found) != checksum:
            raise CorruptFileError("its checksum does not fit its bytes")
        return cursor


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """Say in which part of the file the damage is."""
    try:
        yield
    except CorruptFileError as error:
        raise CorruptFileError(f"{part} is damaged: {error}") from error


def _read_index(file: IO[bytes], size: int) -> bytes:
    start = file.read(len(MAGIC))
    if start != MAGIC:
        raise CorruptFileError("it does not begin as packed files do")
    head = file.read(_HEAD.size)
    checksum = file.read(_CHECKSUM.size)
    if len(checksum) < _CHECKSUM.size:
        raise CorruptFileError("it ends within its header")
    version, packed, unpacked = _HEAD.unpack(head)
    if packed > size - file.tell():
        raise CorruptFileError("it ends within its index")
    index = file.read(packed)
    if _CHECKSUM.pack(zlib.crc32(index, zlib.crc32(head))) != checksum:
        raise CorruptFileError("its checksum does not fit its bytes")
    if version > VERSION:
        raise ModelFileError(
            f"It has version {version} of the format; this library reads {VERSION}. "
            "Install a newer nncompress-lab."
        )
    if unpacked > min(_MOST_INDEX, _INDEX_FLOOR + EXPANSION * packed):
        raise CorruptFileError(f"it unpacks to {unpacked} bytes, which no model needs")
    return zstd.decompress_index(index, unpacked)


def _index(text: bytes) -> dict[str, Any]:
    try:
        index = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError("it is not JSON") from error
    if not isinstance(index, dict) or not isinstance(index.get("about"), dict):
        raise CorruptFileError("it describes nothing")
    if not isinstance(index.get("tensors"), list):
        raise CorruptFileError("it lists no tensors")
    return index


def _section(value: Any) -> Section:
    match value:
        case [str(name), str(dtype), [*shape], int(size)] if (
            dtype in DTYPES
            and size >= 0
            and len(shape) <= _MOST_AXES
            and all(type(axis) is int and 0 <= axis <= _MOST_ENTRIES for axis in shape)
            and math.prod(shape) <= _MOST_ENTRIES
        ):
            return Section(name, dtype, tuple(shape), size)
    raise CorruptFileError("a tensor in it is not described as it should be")


def _check_sizes(sections: list[Section], left: int, max_bytes: int) -> None:
    if len({section.name for section in sections}) != len(sections):
        raise CorruptFileError("two tensors have the same name")
    stored = sum(section.size + _CHECKSUM.size for section in sections)
    if stored != left:
        raise CorruptFileError(
            f"the tensors need {stored} bytes and the file has {left} left"
        )
    restored = sum(section.restored for section in sections)
    if restored > max_bytes:
        raise CorruptFileError(
            f"the tensors would take {restored} bytes and {max_bytes} are allowed; if "
            "you trust this file, say max_bytes"
        )
