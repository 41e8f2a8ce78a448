"""A stream of byte-sized symbols, coded in the way that takes the fewest bytes.

A symbol is cut in two. Its low bits, where they look like chance, are stored as they are;
the rest is entropy coded, because some values are more frequent, or compressed by zstd,
because some sequences come again. How many bits are low and which of the two codes the
rest is chosen by size.
"""

import itertools

import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing import entropy, zstd
from nncompress_lab.packing.cursor import Cursor, number
from nncompress_lab.quantization.arrays.bitpacking import (
    pack_bits,
    packed_size,
)

Symbols = npt.NDArray[np.uint8]

ANS, ZSTD = 0, 1
PLAIN = 8  # low bits of symbols that are stored as they are
# From this many symbols on, reading fast is worth some bytes: zstd's Huffman codes may take
# so many times what the frequencies need (docs/adr/0008-the-packed-file.md).
MANY = 2**18
ALLOWANCE = 1.0075
RUNS, RUN = 2, 2**15  # runs of many symbols that are coded to see which way is shortest
THOROUGH = 19  # the level of zstd for few symbols; for many it is the quick one
# Of fewer, the thorough level may find what repeats even where the quick one takes twice as
# much as the other code; of more, only where the quick one is shorter than that.
FEW, HOPELESS = 2**13, 2
_CHUNK = 2**13  # blocks of up to eight integers that are unpacked at a time
_FEW_BITS = 2**9  # integers that are unpacked in a way that is quick for few


def encode(symbols: Symbols) -> bytes:
    """Code symbols; their number is not stored.

    Args:
        symbols: uint8 array of shape `(n,)`, with n at most `2**32`.

    Returns:
        What `decode` turns back into the same symbols.

    Example:
        >>> coded = encode(np.tile(np.array([7, 8, 9], np.uint8), 500))
        >>> len(coded) < 30, decode(Cursor(coded), 1500)[:4]
        (True, array([7, 8, 9, 7], dtype=uint8))
    """
    if not symbols.size:
        return b""
    low, least = _by_frequency(symbols)
    if symbols.size >= MANY:
        return _encoded_fast(symbols, low, ALLOWANCE * least)
    ans = _coded(symbols, low, ANS, zstd.QUICK)
    repeated = _coded(symbols, 0, ZSTD, zstd.QUICK)
    if len(repeated) < (HOPELESS if symbols.size < FEW else 1) * len(ans):
        thorough = _coded(symbols, 0, ZSTD, THOROUGH)
        repeated = min(repeated, thorough, key=len)
    return min(ans if len(ans) < len(repeated) else repeated, _plain(symbols), key=len)


def encode_fast(symbols: Symbols, spare: float) -> tuple[bytes, float]:
    """Code symbols so that they are written and read fast.

    Args:
        symbols: As for `encode`, at least one.
        spare: Bytes that they may take beyond what their frequencies need.

    Returns:
        What `decode` turns back into the same symbols, and how many bytes it has beyond
        what their frequencies need; below 0 if it has fewer.
    """
    low, least = _by_frequency(symbols)
    coded = _encoded_fast(symbols, low, least + spare)
    return coded, len(coded) - least


def _encoded_fast(symbols: Symbols, low: int, most: float) -> bytes:
    """Code by zstd what then takes at most `most` bytes, else by frequency.

    Which way of zstd is the shortest is found on some of the symbols, so that no other
    way is tried on all of them.

    Args:
        symbols: As for `encode`.
        low: How many low bits look like chance.
        most: Bytes that may be taken.
    """
    some = _runs(symbols)
    lows = sorted({0, 1, 2, low})
    ways = list(itertools.product(lows, (zstd.QUICK, zstd.BY_FREQUENCY)))
    if most >= symbols.size:  # stored as they are, unless something comes again
        most, ways = symbols.size, [(0, zstd.QUICK)]
    best = min(ways, key=lambda way: len(_coded(some, way[0], ZSTD, way[1])))
    coded = _coded(symbols, best[0], ZSTD, best[1])
    if len(coded) <= most:
        return coded
    del coded
    return (
        _plain(symbols)
        if most == symbols.size
        else _coded(symbols, low, ANS, zstd.QUICK)
    )


def _by_frequency(symbols: Symbols) -> tuple[int, float]:
    """How many low bits look like chance, and the bytes of all with the others' entropy."""
    counts = entropy.counted(symbols)
    bits = []
    for low in range(PLAIN):
        bits.append(low * symbols.size + entropy.estimated_bits(counts))
        counts = counts[::2] + counts[1::2]
    low = int(np.argmin(bits))
    return low, bits[low] / 8


def decode(cursor: Cursor, count: int, first: int | None = None) -> Symbols:
    """Read symbols that `encode` wrote.

    Args:
        cursor: Where they are; it moves behind them.
        count: How many there are. No more than `2 * count` bytes and some megabytes
            are allocated.
        first: The first byte, if that has been read.

    Returns:
        uint8 array of shape `(count,)`, not to be written to.

    Raises:
        CorruptFileError: If `encode` cannot have written this.
    """
    if not count:
        return np.empty(0, np.uint8)
    coder, low = divmod(cursor.byte() if first is None else first, 16)
    if coder not in (ANS, ZSTD) or low > PLAIN:
        raise CorruptFileError("it holds a kind of stream that does not exist")
    if low == PLAIN:
        return np.frombuffer(cursor.take(count), np.uint8)
    read = entropy.decode if coder == ANS else _decompressed
    decoded = read(cursor, count, 256 >> low)
    if low:
        decoded = np.left_shift(decoded, np.uint8(low))
        decoded |= _low_bits(cursor, count, low)
    return decoded


def unpack(packed: Symbols, bits: int, count: int) -> Symbols:
    """Integers of some bits as bytes, as `unpack_bits` reads them, in little memory.

    Args:
        packed: uint8 array of shape `(packed_size(count, bits=bits),)`.
        bits: Of an integer, 1 to 7.
        count: How many there are.

    Returns:
        uint8 array of shape `(count,)`.
    """
    if count <= _FEW_BITS:  # in two calls, which are slow where there are many
        stream = np.unpackbits(packed, count=count * bits, bitorder="little")
        return np.packbits(stream.reshape(count, bits), 1, "little").reshape(-1)
    each, size = (8 // bits, 1) if 8 % bits == 0 else (8, bits)
    blocks = packed[: -(-count // each) * size].reshape(-1, size)
    unpacked = np.empty((len(blocks), each), np.uint8)
    for start in range(0, len(blocks), _CHUNK):
        some = slice(start, start + _CHUNK)
        for place in range(each):
            unpacked[some, place] = _at(blocks[some], place * bits, bits)
    return unpacked.reshape(-1)[:count]


def _at(blocks: Symbols, start: int, bits: int) -> Symbols:
    """The integers that begin at one bit of blocks of bytes, as bytes."""
    byte, shift = divmod(start, 8)
    values = blocks[:, byte] >> np.uint8(shift)
    if shift + bits > 8:  # they go on in the next byte
        values |= blocks[:, byte + 1] << np.uint8(8 - shift)
    values &= np.uint8(2**bits - 1)
    return values


def pack(symbols: Symbols, bits: int) -> Symbols:
    """The inverse of `unpack`, of the lowest bits of symbols; unused bits are 0."""
    if 8 % bits == 0:  # no integer crosses a byte: faster than bit by bit
        packed = np.zeros(packed_size(symbols.size, bits=bits), np.uint8)
        for place in range(8 // bits):
            of_place = symbols[place :: 8 // bits] & np.uint8(2**bits - 1)
            packed[: of_place.size] |= of_place << np.uint8(place * bits)
        return packed
    return pack_bits(symbols & np.uint8(2**bits - 1), bits=bits)


def _plain(symbols: Symbols) -> bytes:
    return b"".join([bytes([PLAIN]), symbols.data])


def _runs(symbols: Symbols) -> Symbols:
    """Some of many symbols, in runs from all over them."""
    length = symbols.size // RUNS
    return symbols[: RUNS * length].reshape(RUNS, length)[:, :RUN].reshape(-1)


def _coded(symbols: Symbols, low: int, coder: int, level: int) -> bytes:
    high = np.right_shift(symbols, np.uint8(low)) if low else symbols
    parts: list[bytes | memoryview] = [bytes([low + 16 * coder])]
    if coder == ANS:
        parts.append(entropy.encode(high))
    else:
        frame = zstd.compress(high.data, level=level)
        parts += [number(len(frame)), frame]
    del high  # what is as large as the symbols goes as soon as it can
    if low:
        parts.append(pack(symbols, low).data)
    return b"".join(parts)


def _low_bits(cursor: Cursor, count: int, low: int) -> Symbols:
    packed = cursor.take(packed_size(count, bits=low))
    return unpack(np.frombuffer(packed, np.uint8), low, count)


def _decompressed(cursor: Cursor, count: int, limit: int) -> Symbols:
    symbols = np.frombuffer(
        zstd.decompress(cursor.take(cursor.number()), count), np.uint8
    )
    if int(symbols.max()) >= limit:
        raise CorruptFileError("it holds a symbol that is too large")
    return symbols
