"""Symbols of unequal frequency in as many bits as their entropy, by a compiled coder.

The coder is the asymmetric numeral system (Jarek Duda, "Asymmetric numeral systems:
entropy coding combining speed of Huffman coding with compression rate of arithmetic
coding", 2013, https://arxiv.org/abs/1311.2540) of the Rust library `constriction`. It is a
stack: what is pushed last is popped first. Its probabilities come from whole numbers by
one division and one multiplication in double precision, so they are the same on every
machine; `docs/packed-format.md` has the formula.
"""

import functools
from typing import Any

import constriction
import numpy as np
import numpy.typing as npt

from nncompress_lab.errors import CorruptFileError
from nncompress_lab.packing.cursor import Cursor, words
from nncompress_lab.packing.frequencies import (
    Counts,
    Table,
    step_weights,
    weights_of_steps,
)

Symbols = npt.NDArray[np.uint8]

_CHUNK = 2**17  # symbols that are coded at a time: the coder takes four bytes for each


class Pushed:
    """Symbols on the coder's stack, to be written."""

    def __init__(self) -> None:
        self._coder = constriction.stream.stack.AnsCoder()

    def push(
        self, symbols: npt.NDArray[Any], weights: Counts, *, first: int = 0
    ) -> None:
        """Put symbols on top, the first one uppermost.

        Args:
            symbols: Integers from `first` to that and the number of weights.
            weights: How likely each is: integers below `2**40`, one of them above 0. A
                symbol of weight 0 takes 24 bits.
            first: The symbol that the first weight is of.
        """
        if not symbols.size:
            return
        model = _model(weights)
        for start in reversed(range(0, symbols.size, _CHUNK)):
            chunk = symbols[start : start + _CHUNK]
            self._coder.encode_reverse(chunk.astype(np.int32) - first, model)

    def written(self) -> bytes:
        """The stack as words of 32 bits, after their count. It is empty then."""
        stack = self._coder.get_compressed()
        self._coder = constriction.stream.stack.AnsCoder()  # gives its memory back
        return words(stack)


class Popping:
    """Symbols on the coder's stack, to be read in the order of their reading.

    Args:
        cursor: Where `Pushed.written` is; it moves behind it.

    Raises:
        CorruptFileError: If there is no such stack.
    """

    def __init__(self, cursor: Cursor) -> None:
        stack = cursor.words()
        if stack.size and not stack[-1]:
            raise CorruptFileError("a stack of symbols in it ends in a zero")
        self._coder = constriction.stream.stack.AnsCoder(stack)

    def pop(
        self, count: int, weights: Counts, dtype: str = "uint8"
    ) -> npt.NDArray[Any]:
        """Take symbols from the top. Any stack holds some; `close` tells wrong ones."""
        return self._pop(_model(weights), np.empty(count, dtype))

    def pop_steps(self, count: int, digits: int, slope: int) -> Counts:
        """Take the steps of a `Table` from the top."""
        return self._pop(_model_of_steps(digits, slope), np.empty(count, np.int64))

    def _pop(self, model: Any, symbols: npt.NDArray[Any]) -> npt.NDArray[Any]:
        for start in range(0, symbols.size, _CHUNK):
            part = symbols[start : start + _CHUNK]
            part[:] = self._coder.decode(model, part.size)
        return symbols

    def close(self) -> None:
        """Raise a `CorruptFileError` unless the stack is empty, as it must be now."""
        if not self._coder.is_empty():
            raise CorruptFileError("symbols are left over in it")


def encode(symbols: Symbols) -> bytes:
    """Code symbols with a table of their frequencies; their number is not stored.

    Args:
        symbols: uint8 array of shape `(n,)`, `1 <= n <= 2**32`.
    """
    first, last = int(symbols.min()), int(symbols.max())
    head = bytes([first, last - first])
    if first == last:
        return head
    table = Table(counted(symbols)[first : last + 1])
    pushed = Pushed()
    pushed.push(symbols, table.weights, first=first)
    pushed.push(table.steps, step_weights(table.digits, table.slope))
    return head + bytes([table.digits + 8 * table.slope]) + pushed.written()


def decode(cursor: Cursor, count: int, limit: int) -> Symbols:
    """Read symbols that `encode` wrote.

    Args:
        cursor: Where they are; it moves behind them.
        count: How many there are.
        limit: All of them are below it; at most 256.

    Returns:
        uint8 array of shape `(count,)`, not to be written to: equal symbols take one
        byte.

    Raises:
        CorruptFileError: If `encode` cannot have written this.
    """
    first, span = cursor.byte(), cursor.byte()
    if first + span >= limit:
        raise CorruptFileError("it holds a symbol that is too large")
    if not span:
        return np.broadcast_to(np.uint8(first), (count,))
    slope, digits = divmod(cursor.byte(), 8)
    popping = Popping(cursor)
    steps = popping.pop_steps(span + 1, digits, slope)
    symbols = popping.pop(count, weights_of_steps(steps, digits))
    popping.close()
    symbols += np.uint8(first)
    return symbols


def counted(symbols: Symbols) -> Counts:
    """How often each of 256 symbols occurs; NumPy takes eight bytes for each it counts."""
    counts = np.zeros(256, np.int64)
    for start in range(0, symbols.size, _CHUNK):
        counts += np.bincount(symbols[start : start + _CHUNK], minlength=256)
    return counts


def estimated_bits(counts: Counts) -> float:
    """About how many bits `encode` takes for symbols that occur so often."""
    used = np.flatnonzero(counts)
    if used.size < 2:
        return 16.0
    occurring = counts[used]
    symbols = occurring @ np.log2(occurring.sum() / occurring)
    # A count need not be known better than its chance deviation: half of its digits.
    table = 0.5 * np.log2(occurring).sum() + (used[-1] - used[0])
    return 64.0 + float(symbols + table)


@functools.cache
def _model_of_steps(digits: int, slope: int) -> Any:
    return _model(step_weights(digits, slope))


def _model(weights: Counts) -> Any:
    return constriction.stream.model.Categorical(
        weights.astype(np.float64), lazy=False, perfect=False
    )
