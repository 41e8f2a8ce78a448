"""Bytes read one after the other, never beyond their end; and numbers of any size."""

from typing import IO

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError

_LONGEST_NUMBER = 9  # bytes of 7 bits each: below 2**63


class Cursor:
    """A place in some bytes that moves on with what is read.

    Args:
        content: What is read. It is not copied.

    Example:
        >>> cursor = Cursor(number(300) + b"abc")
        >>> cursor.number(), bytes(cursor.take(3)), cursor.left
        (300, b'abc', 0)
    """

    def __init__(self, content: bytes | memoryview) -> None:
        self._content = memoryview(content)
        self._place, self._end = 0, len(self._content)

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return self._end - self._place

    def take(self, count: int) -> memoryview:
        """The next bytes.

        Raises:
            CorruptFileError: If there are fewer.
        """
        start, stop = self._place, self._place + count
        if stop > self._end:
            self._check(count)
        self._place = stop
        return self._content[start:stop]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """The next number, as `number` wrote it: 7 bits a byte, the lowest first."""
        value = 0
        for place in range(_LONGEST_NUMBER):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise CorruptFileError("a number in it is longer than 63 bits")

    def words(self) -> npt.NDArray[np.uint32]:
        """The next 32-bit words, after their count."""
        return np.frombuffer(self.take(4 * self.number()), "<u4").astype(np.uint32)

    def _check(self, count: int) -> None:
        if count > self.left:
            raise CorruptFileError(
                f"it ends too early: {count} more bytes are needed and {self.left} left"
            )

    def close(self) -> None:
        """Raise a `CorruptFileError` unless everything has been read."""
        if self.left:
            raise CorruptFileError(f"{self.left} bytes in it belong to nothing")


class FileCursor(Cursor):
    """A place in a part of a file; what is taken is read then, and held by the taker only.

    Args:
        file: Opened for reading in binary mode, at the beginning of the part. Nobody
            else moves in it meanwhile.
        size: Bytes of the part.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(b"")
        self._file = file
        self._left = size

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return self._left

    def take(self, count: int) -> memoryview:
        """The next bytes.

        Raises:
            CorruptFileError: If there are fewer.
        """
        self._check(count)
        content = self._file.read(count)
        if len(content) < count:
            raise CorruptFileError("it has become shorter while it was read")
        self._left -= count
        return memoryview(content)


def number(value: int) -> bytes:
    """A number from 0 on as bytes of 7 bits, the lowest first; all but the last add 128.

    Example:
        >>> list(number(5)), list(number(300))
        ([5], [172, 2])
    """
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def words(values: npt.NDArray[np.uint32]) -> bytes:
    """32-bit words, the lowest byte of each first, after their count."""
    return b"".join([number(values.size), values.astype("<u4", copy=False).data])
