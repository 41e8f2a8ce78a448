"""Kills processes of its own at each step of a write, and looks at what they leave.

A program, because what it forks must not have used Keras before: `python killed_writes.py
FOLDER` writes what it saw of each kind of write to `outcomes.json` there.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import keras
from keras import layers

import nncompress_lab as ncl
from nncompress_lab import runtimes
from nncompress_lab.cli.commands import app
from nncompress_lab.course import catalogue, copies, progress

STEPS = {"open", "os.rename", "os.remove", "os.chmod", "os.mkdir"}
LESSON = catalogue.lessons()[0]
Write = tuple[str, Callable[[Path, int], Any], Callable[[Path], Any]]


def model(units: int) -> keras.Model:
    return keras.Sequential([keras.Input((3,)), layers.Dense(units)])


def compress(path: Path, units: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, recipe = f"{folder}/m.keras", f"{folder}/r.json"
        model(units).save(source)
        ncl.save_recipe(ncl.pipeline(), recipe)
        arguments = ["compress", source, "--recipe", recipe, "-o", str(path)]
        app([*arguments, "--no-latency", "--json"], standalone_mode=False)


def save_check(path: Path, number: int) -> None:
    os.environ[progress.ENVIRONMENT_VARIABLE] = str(path)
    progress.save("00", f"exercise_{number}", progress.Record(progress.PASS))


def copy_lesson(path: Path, number: int) -> None:
    if number > 2 and path.exists():  # a copy is only renewed by a newer lesson
        copies.start_over(LESSON.id, path.parent)
    else:
        copies.copy_lesson(LESSON.id, path.parent)


def is_lesson(path: Path) -> None:
    assert copies.lesson_of(path) == LESSON.id
    assert copies.copy_lesson(LESSON.id, path.parent) == path


WRITES: dict[str, Write] = {
    "pack": ("m.ncz", lambda path, units: ncl.pack(model(units), path), ncl.unpack),
    "export": (
        "m.onnx",
        lambda path, units: ncl.export(model(units), path),
        runtimes.load,
    ),
    "compress": ("m.keras", compress, ncl.load_model),
    "recipe": (
        "r.json",
        lambda path, bits: ncl.save_recipe(ncl.UniformQuantization(bits=bits), path),
        ncl.load_recipe,
    ),
    "progress": ("p.json", save_check, lambda path: json.loads(path.read_text())),
    "lesson": (LESSON.file, copy_lesson, is_lesson),
}


def in_child(do: Callable[[], Any]) -> int:
    """What ended a fork that does it: 0, an exit status, or a negative signal."""
    child = os.fork()
    if not child:
        try:
            do()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(step: int, path: Path) -> None:
    """End this process as a power cut would, before its `step`-th change of a folder."""
    left = [step]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        places = [str(one) for one in arguments if isinstance(one, str | os.PathLike)]
        if event in STEPS and any(str(path.parent) in one for one in places):
            reads = event == "open" and arguments[1] in ("r", "rb")
            left[0] -= not reads
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def kill(name: str, folder: Path) -> dict[str, Any]:
    """Kill a kind of write at every third of its steps."""
    file, write, check = WRITES[name]
    folder.mkdir()
    path, found = folder / file, {"write": name, "kills": 0, "broken": []}
    seen: list[Path] = []  # what each kill left, for one process to look at
    assert in_child(lambda: write(path, 2)) == 0
    for step in count(1, 3):
        ended = in_child(lambda step=step: (die_at(step, path), write(path, 3)))
        if ended != -signal.SIGKILL:
            found["broken"] += [f"ended with {ended}"] if ended else []
            break
        found["kills"] += 1
        if path.exists():
            seen.append(folder.with_name(f"{name} at {step}") / file)
            seen[-1].parent.mkdir()
            shutil.copy(path, seen[-1])
        elif name != "lesson":  # start_over sets the old one aside first
            found["broken"] += [step]
    found["broken"] += ["a file"] if in_child(lambda: [*map(check, seen)]) else []
    left = left_in(folder)
    found["left"] = len(left)
    for one in left:
        os.utime(one, (time.time() - 7200,) * 2)
    whole = in_child(lambda: (write(path, 4), check(path)))
    found["broken"] += [f"the last one ended with {whole}"] if whole else []
    found["not swept"] = [one.name for one in left_in(folder)]
    return found


def left_in(folder: Path) -> list[Path]:
    """What writes that did not end have left beside the file, and on the way to it."""
    scratch = Path(tempfile.gettempdir()).glob("nncompress-lab-*")
    return [*(one for one in folder.iterdir() if ".writing-" in one.name), *scratch]


if __name__ == "__main__":
    results = Path(sys.argv[1])
    tempfile.tempdir = str(results / "scratch")
    (results / "scratch").mkdir()
    outcomes = [kill(each, results / each) for each in sys.argv[2:] or WRITES]
    (results / "outcomes.json").write_text(json.dumps(outcomes))
