"""Slow work for a moving slider: only the last of many quick requests is served."""

import asyncio
import threading
from collections.abc import Callable


class Latest:
    """Runs an action once requests have paused, and shows what it raises.

    A request waits on the event loop that it comes from, which in a notebook may be that
    of the kernel's main thread or of a subshell's, from one slider step to the next. So
    an overtaken request is not cancelled, which only its own loop could do; it wakes up,
    finds that it is not the latest, and does nothing. Without a running loop, as in a
    plain Python program, the action runs at once.

    Args:
        action: What to run.
        on_error: Called with the exception if the action raises one; there is no caller
            left that could catch it.
        pause: How long no further request must come, in seconds.
    """

    def __init__(
        self,
        action: Callable[[], object],
        *,
        on_error: Callable[[Exception], object],
        pause: float,
    ) -> None:
        self._action = action
        self._on_error = on_error
        self._pause = pause
        self._lock = threading.Lock()
        self._requests = 0

    def request(self) -> None:
        """Ask for the action; earlier requests that still wait are dropped."""
        with self._lock:
            self._requests += 1
            number = self._requests
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._run(number)
        else:
            loop.call_later(self._pause, self._run, number)

    def _run(self, number: int) -> None:
        if number != self._requests:
            return
        try:
            self._action()
        except Exception as error:  # whatever it is, the user must see it
            self._on_error(error)
