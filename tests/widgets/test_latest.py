"""Of many quick requests only the last is served, on whichever loop it came from."""

import asyncio
import threading

from nncompress_widgets.latest import Latest

PAUSE = 0.02


def recorder(errors: list[Exception] | None = None, pause: float = PAUSE):
    served: list[str] = []
    latest = Latest(
        lambda: served.append(threading.current_thread().name),
        on_error=(errors if errors is not None else []).append,
        pause=pause,
    )
    return latest, served


def test_without_a_loop_every_request_is_served_at_once():
    latest, served = recorder()

    for count in range(1, 4):
        latest.request()
        assert len(served) == count


def test_on_a_loop_only_the_last_of_many_is_served():
    latest, served = recorder()

    async def drag() -> None:
        for _ in range(50):
            latest.request()
            await asyncio.sleep(0)
        assert not served
        await asyncio.sleep(10 * PAUSE)

    asyncio.run(drag())

    assert len(served) == 1


def test_requests_with_a_pause_between_are_all_served():
    latest, served = recorder()

    async def step() -> None:
        for _ in range(3):
            latest.request()
            await asyncio.sleep(10 * PAUSE)

    asyncio.run(step())

    assert len(served) == 3


def test_a_request_on_one_threads_loop_overtakes_that_on_anothers():
    latest, served = recorder(pause=0.2)
    first_is_waiting = threading.Event()

    async def request_and_wait() -> None:
        latest.request()
        first_is_waiting.set()
        await asyncio.sleep(1.0)

    first = threading.Thread(
        target=lambda: asyncio.run(request_and_wait()), name="first"
    )
    second = threading.Thread(
        target=lambda: asyncio.run(request_and_wait()), name="second"
    )
    first.start()
    first_is_waiting.wait()
    second.start()
    first.join()
    second.join()

    assert served == ["second"]


def test_what_the_action_raises_is_handed_over():
    errors: list[Exception] = []
    failure = RuntimeError("no memory left")

    def fail() -> None:
        raise failure

    latest = Latest(fail, on_error=errors.append, pause=PAUSE)

    async def step() -> None:
        latest.request()
        await asyncio.sleep(10 * PAUSE)

    latest.request()
    asyncio.run(step())

    assert errors == [failure, failure]
