"""Files are read few at a time, once for all who ask, and for nobody no longer."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server.inspect_file import summarize
from nncompress_lab.server.isolation import Reading, summarize_apart
from nncompress_lab.server.readings import Readings


class Slow:
    """A reading that lasts until it is told to end."""

    made: list["Slow"]

    def __init__(self, path: Path) -> None:
        self.path, self.ended, self.stopped = path, threading.Event(), False
        self.started = threading.Event()
        Slow.made.append(self)

    def run(self) -> dict[str, object]:
        self.started.set()
        assert self.ended.wait(5)
        if self.path.name.startswith("bad"):
            raise ModelFileError("damaged")
        return {"file": self.path.name}

    def stop(self) -> None:
        self.stopped = True
        self.ended.set()


@pytest.fixture
def files(tmp_path) -> list[Path]:
    Slow.made = []
    paths = [tmp_path / f"{name}.keras" for name in ("one", "two", "three", "bad")]
    for path in paths:
        path.write_bytes(b"model")
    return paths


async def asked(readings: Readings, *paths: Path) -> list[asyncio.Task]:
    tasks = [asyncio.create_task(readings.summary(path)) for path in paths]
    await asyncio.sleep(0.05)
    return tasks


def test_only_so_many_read_at_a_time_and_the_loop_goes_on(files):
    async def scene():
        tasks = await asked(Readings(2, Slow), *files[:3])
        assert [one.started.is_set() for one in Slow.made] == [True, True, False]
        Slow.made[0].ended.set()
        await tasks[0]
        assert await asyncio.to_thread(Slow.made[2].started.wait, 5)
        for one in Slow.made:
            one.ended.set()
        return await asyncio.gather(*tasks)

    assert [one["file"][:3] for one in asyncio.run(scene())] == ["one", "two", "thr"]


def test_equal_requests_share_one_reading_and_a_changed_file_has_its_own(files):
    async def scene():
        readings = Readings(2, Slow)
        tasks = await asked(readings, *[files[0]] * 20)
        assert len(Slow.made) == 1
        files[0].write_bytes(b"another model")
        tasks += await asked(readings, files[0])
        assert len(Slow.made) == 2
        for one in Slow.made:
            one.ended.set()
        return await asyncio.gather(*tasks)

    assert len(asyncio.run(scene())) == 21


def test_a_reading_is_stopped_when_the_last_who_waits_is_gone(files):
    async def scene():
        first, second = await asked(Readings(2, Slow), files[0], files[0])
        first.cancel()
        await asyncio.sleep(0.02)
        still = Slow.made[0].stopped
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        return still, Slow.made[0].stopped

    assert asyncio.run(scene()) == (False, True)


def test_what_waits_for_its_turn_is_never_started_when_nobody_waits(files):
    async def scene():
        readings = Readings(1, Slow)
        kept, given_up = await asked(readings, *files[:2])
        given_up.cancel()
        await asyncio.sleep(0.02)
        Slow.made[0].ended.set()
        await kept
        (again,) = await asked(readings, files[1])
        Slow.made[-1].ended.set()
        await again
        return [one.started.is_set() for one in Slow.made]

    assert asyncio.run(scene()) == [True, False, True]


def test_an_error_reaches_all_who_wait_and_is_not_kept(files):
    async def scene():
        readings = Readings(1, Slow)
        tasks = await asked(readings, files[3], files[3])
        Slow.made[0].ended.set()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, ModelFileError) for one in errors)
        await asked(readings, files[3])
        Slow.made[1].ended.set()

    asyncio.run(scene())


def test_stopping_a_reading_ends_its_process(files, monkeypatch, tmp_path):
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 30\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(sleeper))
    reading = Reading(files[0], seconds=20)
    timer = threading.Timer(0.2, reading.stop)
    timer.start()

    with pytest.raises(ModelFileError):
        reading.run()

    assert reading._process.returncode < 0


def test_a_reading_that_was_stopped_before_does_not_start(files):
    reading = Reading(files[0])
    reading.stop()

    with pytest.raises(ModelFileError, match="Nobody waits"):
        reading.run()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("look", [summarize, summarize_apart])
def test_only_files_are_read(look, tmp_path):
    os.mkfifo(tmp_path / "pipe.keras")
    (tmp_path / "folder.keras").mkdir()

    for name in ("pipe.keras", "folder.keras", "missing.keras"):
        with pytest.raises(ModelFileError):
            look(tmp_path / name)
