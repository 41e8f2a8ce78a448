"""Slow work for a moving slider, away from the kernel's event loop."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

SWITCH = "NNCOMPRESS_CONTROLS"  # "one-thread" in the environment: no threads of our own


class Worker:
    """Runs an action once requests have paused, on a thread of its own.

    Of many quick requests only the last is served. The thread lives as long as there is
    something to do, so a control that is at rest costs nothing.

    In a plain Python program, which has no event loop that could be held up, the action
    runs at once. Front ends that do not show what comes from other threads (Colab) get it
    on the event loop; `NNCOMPRESS_CONTROLS=one-thread` in the environment asks for that.

    Args:
        action: What to run, with the arguments of the last request.
        on_error: Called with the exception if the action raises one; there is no caller
            left that could catch it.
        pause: How long no further request must come, in seconds.
    """

    def __init__(
        self,
        action: Callable[..., object],
        *,
        on_error: Callable[[Exception], object],
        pause: float = 0.0,
    ) -> None:
        self._action = action
        self._on_error = on_error
        self._pause = pause
        self._lock = threading.Lock()
        self._requests = 0
        self._arguments: tuple[Any, ...] = ()
        self._thread: threading.Thread | None = None
        self._calls = threading.Event()

    def request(self, *arguments: Any) -> None:
        """Ask for the action; an earlier request that still waits is dropped."""
        loop = _running_loop()
        with self._lock:
            self._requests += 1
            self._arguments = arguments
            number = self._requests
            if loop is not None and threads_are_shown():
                self._calls.set()  # end the pause that an earlier request began
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, daemon=True)
                    self._thread.start()
                return
        if loop is None:
            self._run(number)
        else:
            loop.call_later(self._pause, self._run, number)

    def join(self) -> None:
        """Wait until everything that was asked for is done."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _serve(self) -> None:
        served = 0
        while True:
            with self._lock:
                number = self._requests
                if number == served:
                    self._thread = None
                    return
                self._calls.clear()
            if not self._calls.wait(self._pause):
                self._run(number)
                served = number

    def _run(self, number: int) -> None:
        if number != self._requests:
            return
        try:
            self._action(*self._arguments)
        except Exception as error:  # whatever it is, the user must see it
            self._on_error(error)


def threads_are_shown() -> bool:
    """Whether the front end shows what another thread than the main one changes."""
    return "google.colab" not in sys.modules and os.environ.get(SWITCH) != "one-thread"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
