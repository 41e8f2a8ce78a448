"""A reader of packed files written from docs/packed-format.md alone, in plain Python.

It shares no code with the library and uses no NumPy: what both read alike is what the
document says. It is slow, as it is meant to show the format, and trusts its file.
"""

import bisect
import json
import math
import struct
import zlib
from pathlib import Path

import zstandard

PACKING = Path(__file__).parents[2] / "nncompress_lab/packing"
DICTIONARIES = [PACKING / "dictionary.json", PACKING / "dictionary_small.json"]
SIZES = {"bfloat16": 2, "bool": 1} | {
    f"{kind}{bits}": bits // 8
    for kind, widths in {
        "float": (16, 32, 64),
        "int": (8, 16, 32, 64),
        "uint": (8, 16, 32, 64),
    }.items()
    for bits in widths
}


def read(content: bytes) -> tuple[dict, dict[str, tuple[str, list[int], bytes]]]:
    """What the file says beside its tensors, and type, shape and bytes of each."""
    assert content[:8] == b"\x89NCZ\r\n\x1a\n"
    version, packed, unpacked, checksum = struct.unpack("<HIII", content[8:22])
    assert version in (1, 2, 3)
    frame = content[22 : 22 + packed]
    assert zlib.crc32(content[8:18] + frame) == checksum
    known = [one.read_bytes() for one in DICTIONARIES[: 2 if version == 3 else 1]]
    history = zstandard.ZstdCompressionDict(
        b"".join(known), dict_type=zstandard.DICT_TYPE_RAWCONTENT
    )
    text = zstandard.ZstdDecompressor(dict_data=history).decompress(frame)
    assert len(text) == unpacked
    index = json.loads(text)
    place, tensors = 22 + packed, {}
    rows = (
        list(zip(*index["tensors"], strict=True)) if version == 3 else index["tensors"]
    )
    covered = 0  # bytes that the last checksum still covers
    for i, (name, dtype, shape, size) in enumerate(rows):
        if not covered:
            for *_, another in rows[i:]:
                covered += another
                if version < 3 or covered >= 2**16:
                    break
            (checksum,) = struct.unpack("<I", content[place : place + 4])
            place += 4
            assert zlib.crc32(content[place : place + covered]) == checksum
        body = content[place : place + size]
        tensors[name] = dtype, shape, Tensor(body).read(dtype, math.prod(shape))
        place, covered = place + size, covered - size
    assert place == len(content)
    return index["about"], tensors


class Tensor:
    """The content of one tensor."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.place = 0

    def read(self, dtype: str, entries: int) -> bytes:
        """The bytes of the tensor."""
        bits, kind, size = self.byte(), self.byte(), SIZES[dtype]
        count_ = entries * 8 // bits if bits else entries
        size, turned = (1, False) if bits else (size, "float" in dtype)
        if kind == 3:
            block, items = self.number(), []
            for start in range(0, count_, block):
                part = min(block, count_ - start)
                items += self.items(self.byte(), part, size, turned=turned)
        else:
            items = self.items(kind, count_, size, turned=turned)
        if bits:
            result = b"".join(
                sum(item << (bits * i) for i, item in enumerate(eight)).to_bytes(
                    bits, "little"
                )
                for eight in zip(*[iter(items)] * 8, strict=True)
            )
        else:
            result = b"".join(item.to_bytes(size, "little") for item in items)
        assert self.place == len(self.body)
        return result

    def items(self, kind: int, count: int, size: int, *, turned: bool) -> list[int]:
        if kind == 0:
            return self.planes(count, size, turned=turned)
        if kind == 2:
            palette = self.planes(self.number(), size, turned=turned)
            return [
                palette[place]
                for place in self.items(self.byte(), count, 1, turned=False)
            ]
        assert kind == 1
        columns = self.number()
        common = int.from_bytes(self.take(size), "little")
        taken = self.positions(count, columns)
        items = [common] * count
        for place, item in zip(
            taken, self.planes(len(taken), size, turned=turned), strict=True
        ):
            items[place] = item
        return items

    def planes(self, count: int, size: int, *, turned: bool) -> list[int]:
        items = [0] * count
        if turned and count and self.body[self.place] >= 32:
            items = self.short_floats(count)
        else:
            for _ in range(size):
                items = [
                    item * 256 + byte
                    for item, byte in zip(items, self.stream(count), strict=True)
                ]
        if turned:
            last = size * 8 - 1
            items = [(item >> 1) | ((item & 1) << last) for item in items]
        return items

    def short_floats(self, count: int) -> list[int]:
        empty, bits, least = self.byte() - 32, self.byte(), self.number()
        packed = int.from_bytes(self.take(-(-count * bits // 8)), "little")
        items = []
        for _ in range(count):
            high, sign = packed % 2**bits >> 1, packed & 1
            items.append((high + least if high else 0) << (empty + 1) | sign)
            packed >>= bits
        return items

    def positions(self, places: int, columns: int) -> list[int]:
        kind = self.byte()
        if kind == 2:
            return self.contexts(places, columns)
        taken, at = [], -1
        for gap in self.stream(self.number()):
            at += gap
            if gap < 255:
                at += 1
                taken.append(at)
        if kind == 1:
            order = sorted(range(places), key=lambda place: (place % columns, place))
            taken = sorted(order[at] for at in taken)
        return taken

    def contexts(self, places: int, columns: int) -> list[int]:
        by_row, by_column = divmod(self.byte(), 4)
        rows = -(-places // columns)
        row_class = self.stream(rows) if by_row else [0] * rows
        column_class = self.stream(columns) if by_column else [0] * columns
        members: dict[int, list[int]] = {}
        for place in range(places):
            row, column = divmod(place, columns)
            context = row_class[row] * (max(column_class) + 1) + column_class[column]
            members.setdefault(context, []).append(place)
        counts = [count(level, 3) for level in self.stream(len(members))]
        stack, taken = Stack(self), []
        for context, ones in zip(sorted(members), counts, strict=True):
            if ones:
                left = parts([max(len(members[context]) - ones, 1), ones])
                taken += [place for place in members[context] if stack.pop(left)]
        stack.close()
        return sorted(taken)

    def stream(self, count_: int) -> list[int]:
        if not count_:
            return []
        coder, low = divmod(self.byte(), 16)
        if low == 8:
            return list(self.take(count_))
        if coder == 1:
            frame = self.take(self.number())
            high = list(zstandard.ZstdDecompressor().decompress(frame))
        else:
            high = self.by_frequency(count_)
        if not low:
            return high
        packed = self.take(-(-count_ // 8) * low)
        bits = int.from_bytes(packed, "little")
        return [
            (one << low) | (bits >> (low * i) & (2**low - 1))
            for i, one in enumerate(high)
        ]

    def by_frequency(self, count_: int) -> list[int]:
        first, span = self.byte(), self.byte()
        if not span:
            return [first] * count_
        slope, digits = divmod(self.byte(), 8)
        longest = 34 * 2**digits
        side = [2**20]
        for _ in range(longest):
            side.append(max(side[-1] * slope // 8, 1))
        stack, step_parts = Stack(self), parts(side[:0:-1] + side)
        level, weights = 0, []
        for _ in range(span + 1):
            level += stack.pop(step_parts) - longest
            weights.append(count(level, digits))
        left = parts(weights)
        symbols = [first + stack.pop(left) for _ in range(count_)]
        stack.close()
        return symbols

    def number(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        taken = self.body[self.place : self.place + size]
        assert len(taken) == size
        self.place += size
        return taken


class Stack:
    """A stack of symbols."""

    def __init__(self, tensor: Tensor) -> None:
        size = tensor.number()
        self.words = list(struct.unpack(f"<{size}I", tensor.take(4 * size)))
        self.state = 0
        for _ in range(min(2, size)):
            self.state = self.state * 2**32 + self.words.pop()

    def pop(self, left: list[int]) -> int:
        q = self.state % 2**24
        symbol = bisect.bisect_right(left, q) - 1
        self.state = self.state // 2**24 * (left[symbol + 1] - left[symbol])
        self.state += q - left[symbol]
        if self.state < 2**32 and self.words:
            self.state = self.state * 2**32 + self.words.pop()
        return symbol

    def close(self) -> None:
        assert self.state == 0
        assert not self.words


def parts(weights: list[int]) -> list[int]:
    scale, before, left = (2**24 - len(weights)) / sum(weights), 0, []
    for i, weight in enumerate(weights):
        left.append(math.floor(before * scale) + i)
        before += weight
    return [*left, 2**24]


def count(level: int, digits: int) -> int:
    shift = max(level // 2**digits - 1, 0)
    return (level - shift * 2**digits) * 2**shift
