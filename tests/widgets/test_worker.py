"""Of many quick requests only the last is served, away from the loop it came from."""

import asyncio
import sys
import threading
import time
import types

import pytest

from nncompress_widgets.worker import SWITCH, Worker

PAUSE = 0.02


class Recorder:
    """An action that remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, argument: object) -> None:
        self.calls.append(argument)
        self.threads.append(threading.current_thread())


def worker(action, errors: list[Exception] | None = None) -> Worker:
    found = [] if errors is None else errors
    return Worker(action, on_error=found.append, pause=PAUSE)


async def request_often(one: Worker, times: int, *, pause: float = 0) -> None:
    for number in range(times):
        one.request(number)
        await asyncio.sleep(pause)
    one.join()
    await asyncio.sleep(3 * PAUSE)


@pytest.fixture(params=["threads", "colab", "switch"])
def where(request, monkeypatch):
    if request.param == "colab":
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("colab"))
    if request.param == "switch":
        monkeypatch.setenv(SWITCH, "one-thread")
    return request.param


def test_without_a_loop_every_request_is_served_at_once():
    action = Recorder()
    one = worker(action)

    for number in range(3):
        one.request(number)
        assert len(action.calls) == number + 1


def test_on_a_loop_only_the_last_of_many_is_served(where):
    action = Recorder()

    asyncio.run(request_often(worker(action), 50))

    assert action.calls == [49]
    on_main = action.threads == [threading.main_thread()]
    assert on_main == (where != "threads")


@pytest.mark.usefixtures("where")
def test_requests_with_a_pause_between_are_all_served():
    action = Recorder()

    asyncio.run(request_often(worker(action), 3, pause=10 * PAUSE))

    assert action.calls == [0, 1, 2]


def test_the_loop_is_free_while_the_action_runs():
    running, go_on = threading.Event(), threading.Event()

    def action() -> None:
        running.set()
        go_on.wait(5)

    one = worker(action)

    async def step() -> None:
        one.request()
        while not running.is_set():
            await asyncio.sleep(0.001)
        go_on.set()  # the loop is here although the action has not ended
        one.join()

    asyncio.run(step())


def test_what_is_asked_for_while_the_action_runs_is_served_afterwards():
    served, running, go_on = [], threading.Event(), threading.Event()

    def action(argument: int) -> None:
        running.set()
        go_on.wait(5)
        served.append(argument)

    one = worker(action)

    async def step() -> None:
        one.request(1)
        while not running.is_set():
            await asyncio.sleep(0.001)
        one.request(2)
        one.request(3)
        go_on.set()
        one.join()

    asyncio.run(step())

    assert served[0] in {1, 3}  # the arguments are those of the last request so far
    assert served[-1] == 3
    assert len(served) == 2


def test_at_rest_no_thread_is_left():
    before = threading.active_count()

    asyncio.run(request_often(worker(Recorder()), 5))

    assert threading.active_count() <= before


@pytest.mark.usefixtures("where")
def test_what_the_action_raises_is_handed_over():
    errors: list[Exception] = []
    failure = RuntimeError("no memory left")

    def fail(_argument: object) -> None:
        raise failure

    one = worker(fail, errors)
    one.request(0)
    asyncio.run(request_often(one, 1))

    assert errors == [failure, failure]


def test_requests_of_several_threads_count_as_one_row():
    action = Recorder()
    one = worker(action)
    threads = [
        threading.Thread(target=lambda: asyncio.run(request_often(one, 20)))
        for _ in range(3)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(2 * PAUSE)

    assert action.calls.count(19) >= 1
    assert len(action.calls) <= len(threads)
