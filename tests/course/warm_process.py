"""A process that forks for each lesson, so that all of them import TensorFlow once.

Without it two processes import all that for each lesson: the one in which nbval compares,
and its kernel. Run as a program, this file imports what both need. Then it reads requests,
one a line as JSON: the folder, the options of pytest, and the environment. It forks for
each, the fork forks its kernel, and the answer is a line with the exit code and the seconds
of a processor that they took. Both begin with what was imported and nothing else, as long
as no thread was started: TensorFlow starts its own with its first tensor.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

OUTPUT = "output.txt"  # of a run, in its folder


def main() -> None:
    """Import, then serve the requests of standard input until it is closed."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # it starts its threads when imported
    import ipykernel.kernelapp
    import keras
    import matplotlib.pyplot
    import nbval.plugin
    import pytest

    import nncompress_widgets
    from nncompress_lab.course import Lesson, figures
    from nncompress_lab.measure import latency

    del ipykernel, keras, matplotlib, nbval, nncompress_widgets, Lesson, figures
    latency.BLOCK_SECONDS = 0.001  # nobody looks at the times
    count = len(list(Path("/proc/self/task").iterdir()))
    if count > 1 or threading.active_count() > 1:
        raise RuntimeError(
            f"An import started threads; there are {count}. A fork has none of them, and "
            "what they hold is locked in it for ever: import less here."
        )
    gc.freeze()  # else each full collection goes through all that was imported
    print("ready", flush=True)  # noqa: T201 (is read)
    for line in sys.stdin:
        request = json.loads(line)
        process = Forked(lambda request=request: run(pytest.main, request))
        before = seconds_of_children()
        code = process.wait()
        print(code, seconds_of_children() - before, flush=True)  # noqa: T201 (is read)


def seconds_of_children() -> float:
    """What processes that have ended, and theirs, took of a processor."""
    times = os.times()
    return times.children_user + times.children_system


def run(compare: Callable[[list[str]], int], request: dict[str, Any]) -> int:
    """Have nbval compare a notebook, with a kernel that is a fork, too."""
    import jupyter_client.provisioning.local_provisioner as provisioner

    enter(request["folder"], request["environment"], OUTPUT)
    told = warnings.filters[:], warnings.showwarning  # before pytest has its own

    def launched(command: list[str], **options: Any) -> Forked:
        parent = f"--IPKernelApp.parent_handle={os.getpid()}"
        arguments = [*command[command.index("-f") :], parent]
        return Forked(lambda: kernel(arguments, told, **options))

    provisioner.launch_kernel = launched  # type: ignore[assignment]
    return int(compare(request["options"]))


def kernel(
    arguments: list[str], told: tuple[Any, Any], *, cwd: str, env: Any, **_: Any
) -> int:
    """Be a kernel until it is shut down."""
    from ipykernel.kernelapp import IPKernelApp

    enter(cwd, env, os.devnull)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.filters[:], warnings.showwarning = told
    asyncio.set_event_loop(asyncio.new_event_loop())
    IPKernelApp.launch_instance(argv=arguments)
    return 0


def enter(folder: str, environment: dict[str, str], output: str) -> None:
    """Have a folder, an environment and a file for what is said."""
    os.chdir(folder)
    os.environ.update(environment)
    for number, path in ((0, os.devnull), (1, output), (2, output)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)


class Forked:
    """A fork of this process, with what Jupyter needs of `subprocess.Popen`.

    Args:
        work: What it does; the number that comes back is its exit code.
    """

    stdin = stdout = stderr = None

    def __init__(self, work: Callable[[], int]) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        with suppress(OSError):  # whoever of the two comes later
            os.setpgid(self.pid, self.pid)  # a group of its own: it is ended as one
        if self.pid:
            return
        code = 1
        try:
            code = work()
        finally:  # never back into what the parent was doing
            sys.stdout.flush()
            os._exit(code)

    def poll(self, how: int = os.WNOHANG) -> int | None:
        """The exit code, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self) -> int | None:
        """The exit code, when it has ended."""
        return self.poll(0)

    def send_signal(self, number: int) -> None:
        """Send a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, which lessons do not see
    main()
