"""Packed files that say what a test wants, with checksums that fit."""

import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

from nncompress_lab.packing import container, zstd

HEAD = 22  # bytes before the index


def file_that_says(
    index: object,
    *,
    contents: bytes = b"",
    unpacked: int | None = None,
    version: int = container.VERSION,
) -> bytes:
    """A file with an index of one's choice; `unpacked` is the size that it announces."""
    text = index if isinstance(index, bytes) else json.dumps(index).encode()
    packed = zstd.compress_index(text, zstd.DICTIONARIES)
    size = len(text) if unpacked is None else unpacked
    head = struct.pack("<HII", version, len(packed), size)
    checksum = struct.pack("<I", zlib.crc32(head + packed))
    return container.MAGIC + head + checksum + packed + contents


def rewritten(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The file with its index changed."""
    packed, unpacked = struct.unpack("<II", content[10:18])
    end = HEAD + packed
    text = zstd.decompress_index(content[HEAD:end], unpacked, zstd.DICTIONARIES)
    index = json.loads(text)
    change(index)
    return file_that_says(index, contents=content[end:])
