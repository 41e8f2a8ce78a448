"""zstd, used so that a frame cannot take more memory than its reader expects.

The format is that of RFC 8878 (Y. Collet and M. Kucherawy, "Zstandard Compression and the
application/zstd Media Type", 2021, https://www.rfc-editor.org/rfc/rfc8878).
"""

import functools
import threading
from pathlib import Path
from typing import Any

import zstandard

from nncompress_lab.errors import CorruptFileError

_INDEX_LEVEL = 19
QUICK = 3
_KEPT = threading.local()  # quick compressors, which take longer to make than to use
# A level of hardly more than Huffman codes. Where symbols are independent, zstd finds some
# that come again by chance, and to say so costs more than their codes.
BY_FREQUENCY = 0
_BY_FREQUENCY = zstandard.ZstdCompressionParameters.from_level(
    1, strategy=zstandard.STRATEGY_FAST, window_log=17, hash_log=6, min_match=7
)
# What goes before the text of an index: the first for version 1 on, both for version 3 on.
DICTIONARIES = ("dictionary.json", "dictionary_small.json")


def compress(content: bytes | memoryview, *, level: int) -> bytes:
    """A frame that says how large its content is.

    Args:
        content: Not empty.
        level: 1 to 19, the slower the shorter; or `BY_FREQUENCY`.
    """
    if level > QUICK:  # takes much memory, and its time anyway
        return zstandard.ZstdCompressor(level=level).compress(content)
    kept: dict[Any, zstandard.ZstdCompressor] = _KEPT.__dict__
    if level not in kept:
        how = {"level": level} if level else {"compression_params": _BY_FREQUENCY}
        kept[level] = zstandard.ZstdCompressor(**how)
    return kept[level].compress(content)


def decompress(frame: bytes | memoryview, size: int) -> bytes:
    """The content of a frame.

    Args:
        frame: What `compress` returned.
        size: Of the content.

    Raises:
        CorruptFileError: If the frame is damaged or announces another size; then
            nothing is allocated.
    """
    return _decompress(zstandard.ZstdDecompressor(), frame, size)


def compress_index(text: bytes, dictionaries: tuple[str, ...]) -> bytes:
    """A frame of text that is much like other models' texts, with dictionaries.

    `dictionary.json` holds what most Keras models say about themselves, which would be
    most of a small file, and `dictionary_small.json` what small compressed models do. They
    are parts of the format and never change.
    """
    known = _known(dictionaries)
    return zstandard.ZstdCompressor(level=_INDEX_LEVEL, dict_data=known).compress(text)


def decompress_index(frame: bytes, size: int, dictionaries: tuple[str, ...]) -> bytes:
    """The text of a frame that `compress_index` returned; errors as in `decompress`."""
    return _decompress(
        zstandard.ZstdDecompressor(dict_data=_known(dictionaries)), frame, size
    )


def _decompress(
    decompressor: zstandard.ZstdDecompressor, frame: bytes | memoryview, size: int
) -> bytes:
    try:
        if zstandard.frame_content_size(frame) != size:
            raise CorruptFileError(f"a part of it does not unpack to {size} bytes")
        return decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CorruptFileError(f"a part of it cannot be unpacked ({error})") from error


@functools.cache
def _known(dictionaries: tuple[str, ...]) -> zstandard.ZstdCompressionDict:
    history = b"".join(
        Path(__file__).with_name(one).read_bytes() for one in dictionaries
    )
    return zstandard.ZstdCompressionDict(
        history, dict_type=zstandard.DICT_TYPE_RAWCONTENT
    )
