"""The zip archive around a model: its members, opened without reading all of it.

Keras stores the members uncompressed, so the weights can be read where they lie in the
file. Everything a file says about itself is checked before it is believed.
"""

import json
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase, UnsupportedOperation
from pathlib import Path
from typing import IO, Any

from nncompress_lab.errors import ModelFileError

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
MAX_CONFIG_BYTES = 64 * 2**20
MAX_METADATA_BYTES = 2**20
MAX_UNPACKED_BYTES = 512 * 2**20  # of weights that are deflated in the archive
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_BLOCK = 2**20


class Window(RawIOBase):
    """A part of a file, read as if it were a file of its own.

    Args:
        file: Opened for reading in binary mode.
        start: First byte of the part.
        size: Bytes of the part.
    """

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The place within the part."""
        return self._place

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Move within the part, as in every file."""
        origin = {SEEK_SET: 0, SEEK_CUR: self._place, SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise UnsupportedOperation(f"There is no place {origin + offset}.")
        self._place = origin + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the part goes."""
        wanted = memoryview(buffer).cast("B")
        wanted = wanted[: max(0, self._size - self._place)]
        self._file.seek(self._start + self._place)
        got = self._file.readinto(wanted)  # type: ignore[attr-defined]
        self._place += got
        return int(got)


@contextmanager
def open_archive(path: Path) -> Iterator["Archive"]:
    """Open a model file.

    Raises:
        ModelFileError: If it is not a zip archive with a Keras model.
    """
    if not zipfile.is_zipfile(path):
        raise ModelFileError(
            "This is not a .keras file: those are zip archives. It may be an older .h5 "
            "file under another name, or a copy that broke off. Save the model again "
            "with model.save('NAME.keras')."
        )
    with path.open("rb") as file, zipfile.ZipFile(file) as zipped:
        members = {info.filename: info for info in zipped.infolist()}
        if CONFIG not in members or WEIGHTS not in members:
            missing = WEIGHTS if CONFIG in members else CONFIG
            raise ModelFileError(
                f"This zip archive holds no Keras model: {missing} is missing. A model "
                "is saved with model.save('NAME.keras')."
            )
        yield Archive(path, file, zipped, members)


class Archive:
    """An opened model file; made by `open_archive`.

    Args:
        path: Of the file.
        file: The same, opened.
        zipped: The same, as an archive.
        members: What it holds, by name.
    """

    def __init__(
        self,
        path: Path,
        file: IO[bytes],
        zipped: zipfile.ZipFile,
        members: dict[str, zipfile.ZipInfo],
    ) -> None:
        self.size = path.stat().st_size
        self._file = file
        self._zipped = zipped
        self._members = members

    @property
    def weights_are_stored(self) -> bool:
        """Whether the weights lie in the archive as they are, not deflated."""
        return self._members[WEIGHTS].compress_type == zipfile.ZIP_STORED

    def packed_bytes(self, name: str) -> int:
        """Bytes that a member takes in the archive; 0 if there is no such member."""
        info = self._members.get(name)
        return info.compress_size if info else 0

    def unpacked_bytes(self, name: str) -> int:
        """Bytes of a member when it is unpacked, as the archive declares them."""
        return self._members[name].file_size

    def config(self) -> dict[str, Any]:
        """How the model is built."""
        return self._json(CONFIG, MAX_CONFIG_BYTES)

    def metadata(self) -> dict[str, Any]:
        """Who saved it and when; empty if the file does not say."""
        return self._json(METADATA, MAX_METADATA_BYTES) if self._has(METADATA) else {}

    @contextmanager
    def weights(self) -> Iterator[RawIOBase | IO[bytes]]:
        """The HDF5 file with the weights, opened for reading.

        Raises:
            ModelFileError: If it lies outside the file or is too large to unpack.
        """
        if self.weights_are_stored:
            yield self._window(self._members[WEIGHTS])
            return
        with tempfile.TemporaryFile() as unpacked:
            self._unpack(unpacked)
            yield unpacked

    def _has(self, name: str) -> bool:
        return name in self._members

    def _json(self, name: str, limit: int) -> dict[str, Any]:
        with self._zipped.open(self._members[name]) as member:
            content = member.read(limit + 1)
        if len(content) > limit:
            raise ModelFileError(
                f"{name} is larger than {limit / 2**20:.0f} MB, which no model needs. "
                "The file is damaged or was made to mislead; do not load it."
            )
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(
                f"{name} in this file cannot be read. The file is damaged; save or copy "
                "it again."
            ) from error
        if not isinstance(value, dict):
            raise ModelFileError(
                f"{name} in this file does not describe a model. Save the model again."
            )
        return value

    def _window(self, info: zipfile.ZipInfo) -> Window:
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
            raise ModelFileError("The archive is damaged; save or copy it again.")
        _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        start = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
        if info.flag_bits & 1 or start + info.file_size > self.size:
            raise ModelFileError(
                "The weights are encrypted or reach beyond the end of the file. It was "
                "not copied completely; copy or save it again."
            )
        return Window(self._file, start, info.file_size)

    def _unpack(self, target: IO[bytes]) -> None:
        with self._zipped.open(self._members[WEIGHTS]) as member:
            while block := member.read(_BLOCK):
                target.write(block)
                if target.tell() > MAX_UNPACKED_BYTES:
                    raise ModelFileError(
                        "The weights are deflated in the archive and unpack to more "
                        f"than {MAX_UNPACKED_BYTES / 2**20:.0f} MB, too many to look at "
                        "here. model.save('NAME.keras') stores them plainly."
                    )
        target.seek(0)
