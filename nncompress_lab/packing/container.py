"""The file around the tensors: a header, an index of what is in it, and checksums.

Whatever a file says about itself is checked before it is believed: nothing is allocated
for a size that the file's own length does not allow. NumPy only.
"""

import io
import json
import math
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
VERSION = 3  # what is written; older ones are read
_HEAD = struct.Struct("<HII")  # version, bytes of the index, bytes of it unpacked
_CHECKSUM = struct.Struct("<I")
CHECKSUM_BYTES = _CHECKSUM.size
COMPACT = 3  # from here on small tensors share a checksum; the index has columns
GROUP = 2**16  # bytes of tensors, from which on they have a checksum
_COLUMNS = 4  # of the index: name, type, shape, bytes

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
        columns: list[list[Any]] = [[] for _ in range(_COLUMNS)]
        for one in contents:
            start = coded.tell()
            tensors.write(coded, one.array, one.dtype, one.layout)
            said = one.name, one.dtype, list(one.array.shape), coded.tell() - start
            for column, value in zip(columns, said, strict=True):
                column.append(value)
            del one
        _write_index(file, about, columns)
        coded.seek(0)
        for group in _groups(columns[-1]):
            _copy_with_checksum(coded, file, sum(group))


def _groups(sizes: list[int]) -> Iterator[list[int]]:
    """The sizes of tensors that share a checksum."""
    group: list[int] = []
    total = 0
    for size in sizes:
        group.append(size)
        total += size
        if total >= GROUP:
            yield group
            group, total = [], 0
    if group:
        yield group


def _copy_with_checksum(source: IO[bytes], file: IO[bytes], size: int) -> None:
    """Copy the next bytes, behind their checksum."""
    start = source.tell()
    file.write(_CHECKSUM.pack(_checksum(source, size)))
    source.seek(start)
    for done in range(0, size, _PIECE):
        file.write(source.read(min(_PIECE, size - done)))


def _checksum(file: IO[bytes], size: int) -> int:
    """Of the next bytes of a file, at most so many."""
    checksum = 0
    for start in range(0, size, _PIECE):
        checksum = zlib.crc32(file.read(min(_PIECE, size - start)), checksum)
    return checksum


def _write_index(
    file: IO[bytes], about: dict[str, Any], columns: list[list[Any]]
) -> None:
    text = json.dumps({"about": about, "tensors": columns}, separators=(",", ":"))
    index = zstd.compress_index(text.encode(), zstd.DICTIONARIES)
    head = _HEAD.pack(VERSION, len(index), len(text.encode()))
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
            version, text = _read_index(file, size)
            index = _index(text)
            self.about: dict[str, Any] = index["about"]
            rows = index["tensors"]
            sections = list(map(_section, rows if version < COMPACT else _rows(rows)))
            sizes = [one.size for one in sections]
            together = (
                _groups(sizes) if version >= COMPACT else ([one] for one in sizes)
            )
            rest = iter(sections)
            self._groups = [[next(rest) for _ in group] for group in together]
            left = size - file.tell() - len(self._groups) * CHECKSUM_BYTES
            _check_sizes(sections, left, self.max_bytes)

    def tensors(self) -> Iterator[tuple[Section, npt.NDArray[Any]]]:
        """The tensors in the order of the file, each read when it is asked for.

        Raises:
            CorruptFileError: If one is damaged; the message has its name.
        """
        for group in self._groups:
            others = f" or one of the {len(group) - 1} after it" if group[1:] else ""
            with _naming(f"tensor {group[0].name!r}{others}"):
                source = self._checked(sum(section.size for section in group))
            for section in group:
                with _naming(f"tensor {section.name!r}"):
                    cursor = _cursor(source, section.size)
                    array = tensors.read(cursor, section.dtype, section.shape)
                yield section, array
                del array

    def _checked(self, size: int) -> IO[bytes]:
        """What follows, if its checksum fits; it is in memory if it is short."""
        checksum = self._file.read(_CHECKSUM.size)
        source = self._file
        if size <= _PIECE:
            content = source.read(size)
            found, source = zlib.crc32(content), io.BytesIO(content)
        else:
            start = source.tell()
            found = _checksum(source, size)
            source.seek(start)
        if _CHECKSUM.pack(found) != checksum:
            raise CorruptFileError("its checksum does not fit its bytes")
        return source


def _cursor(source: IO[bytes], size: int) -> Cursor:
    """The next bytes, read at once if they are few."""
    return Cursor(source.read(size)) if size <= _PIECE else FileCursor(source, size)


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """Say in which part of the file the damage is."""
    try:
        yield
    except CorruptFileError as error:
        raise CorruptFileError(f"{part} is damaged: {error}") from error


def _read_index(file: IO[bytes], size: int) -> tuple[int, bytes]:
    """The version of the format, and the text of the index."""
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
    known = zstd.DICTIONARIES if version >= COMPACT else zstd.DICTIONARIES[:1]
    return version, zstd.decompress_index(index, unpacked, known)


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


def _rows(columns: list[Any]) -> list[tuple[Any, ...]]:
    """What is said of each tensor, from lists of one thing about all of them."""
    try:
        rows = list(zip(*columns, strict=True))
    except (TypeError, ValueError) as error:
        raise CorruptFileError("it does not say the same of each tensor") from error
    return rows


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
    stored = sum(section.size for section in sections)
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
