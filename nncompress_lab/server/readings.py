"""Model files that are being read for those who ask: few at a time, each once.

Readings have threads of their own, so that no number of slow files keeps the server from
its other work. Who asks for a file that is being read waits for the same reading, and one
that nobody waits for any more is stopped.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server.isolation import Reading

AT_A_TIME = 2
Key = tuple[str, int, int]
Summary = dict[str, Any]


@dataclass
class _Shared:
    reading: Reading
    result: Future[Summary]
    waiting: int = 0


class Readings:
    """The readings of one server; used from its event loop only.

    Args:
        at_a_time: How many processes may read.
        read: What makes a reading of a path.
    """

    def __init__(
        self, at_a_time: int = AT_A_TIME, read: Callable[[Path], Reading] = Reading
    ) -> None:
        self._threads = ThreadPoolExecutor(at_a_time, "nncompress-lab-inspect")
        self._read = read
        self._current: dict[Key, _Shared] = {}

    async def summary(self, path: Path) -> Summary:
        """The summary of a model file.

        If the task that awaits it is cancelled and nobody else waits, the reading ends.

        Raises:
            ModelFileError: As `summarize_apart` raises it.
        """
        key = _key_of(path)
        shared = self._current.get(key)
        if shared is None:
            reading = self._read(path)
            shared = _Shared(reading, self._threads.submit(reading.run))
            self._current[key] = shared
        shared.waiting += 1
        try:
            # Shielded: one who goes does not cancel it for the others.
            return await asyncio.shield(asyncio.wrap_future(shared.result))
        finally:
            shared.waiting -= 1
            if not shared.waiting:
                self._current.pop(key, None)
                if not shared.result.done():
                    shared.result.cancel()
                    shared.reading.stop()


def _key_of(path: Path) -> Key:
    """A file and its state: one that was saved again is another."""
    try:
        state = path.stat()
    except OSError as error:
        raise ModelFileError("This file is gone.") from error
    return str(path), state.st_mtime_ns, state.st_size


READINGS = Readings()
