"""A disk that is full, or may not be written to, costs no old file and leaves nothing."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

import nncompress_lab as ncl
from nncompress_lab.atomic import replace_file
from nncompress_lab.course import copies, kept_file, progress
from nncompress_lab.models.files import save_model

OLD = b"old"


@contextmanager
def full(most: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, as on a disk that has no more left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Its files have some 16,000 bytes that nothing makes shorter."""
    return keras.Sequential([keras.Input((64,)), layers.Dense(64)])


def save_check(_model: keras.Model, path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(progress.ENVIRONMENT_VARIABLE, str(path))
        progress.save("00", "exercise", progress.Record(progress.PASS, "x" * 20_000))


def copy_lesson(_model: keras.Model, path: Path) -> None:
    copies.copy_lesson("00", path.parent)


def save_recipe(_model: keras.Model, path: Path) -> None:
    step = ncl.UniformQuantization(bits=4)
    ncl.save_recipe(ncl.pipeline(*[step] * 500), path)


WRITES: dict[str, Callable[[keras.Model, Path], Any]] = {
    "m.ncz": ncl.pack,
    "m.onnx": ncl.export,
    "m.keras": save_model,
    "r.json": save_recipe,
    "progress.json": save_check,
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("most", [0, 4096])
def test_a_full_disk_keeps_the_old_file_and_nothing_else(name, most, model, tmp_path):
    path = tmp_path / name
    path.write_bytes(OLD if name != "progress.json" else b'{"checks": {}}')
    before = path.read_bytes()

    with pytest.raises(OSError, match=r"[Ff]ile too large|full"), full(most):
        WRITES[name](model, path)

    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if not locked(one)] == [name]


def test_a_full_disk_keeps_a_lesson_from_being_half_copied(tmp_path):
    with pytest.raises(OSError, match="File too large"), full(4096):
        copies.copy_lesson("00", tmp_path)

    assert not list(tmp_path.glob("*.ipynb"))
    assert copies.lesson_of(copies.copy_lesson("00", tmp_path)) == "00"


def locked(path: Path) -> bool:
    return path.suffix == ".lock"


# A mount where nobody may make a file, not even root.
READ_ONLY = Path("/proc/self")


@pytest.mark.parametrize("name", WRITES)
def test_a_place_that_may_not_be_written_to_is_refused_at_once(name, model):
    begun = time.monotonic()

    with pytest.raises(PermissionError, match="may not be written to"):
        WRITES[name](model, READ_ONLY / name)

    assert time.monotonic() - begun < kept_file.SECONDS / 2  # no lock was waited for


MOUNTED = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
WRITE_THERE = """
import sys
from pathlib import Path
from nncompress_lab.atomic import replace_file
from nncompress_lab.course import copies, progress
folder = Path(sys.argv[1])
def save():
    with replace_file(folder / "a.txt") as temporary:
        temporary.write_text("b")
for write in (
    save,
    lambda: progress.save("00", "one", progress.Record("PASS")),
    lambda: copies.copy_lesson("00", folder),
):
    try:
        write()
    except PermissionError as error:
        assert "may not be written to" in str(error), error
    else:
        raise AssertionError(write)
assert not progress.load() and not list(folder.glob("*.ipynb"))
"""


def test_a_read_only_mount_is_refused_and_read(tmp_path):
    """Where the system lets nobody mount anything, the mount that is always there."""
    python = [sys.executable, "-c", WRITE_THERE]
    mounted = ["unshare", "-rm", "sh", "-c", MOUNTED, str(tmp_path)]
    may = not subprocess.run([*mounted, "true"], check=False).returncode
    place = str(tmp_path if may else READ_ONLY)
    variables = {**os.environ, progress.ENVIRONMENT_VARIABLE: f"{place}/progress.json"}

    subprocess.run(
        [*(mounted if may else []), *python, place], check=True, env=variables
    )

    assert not list(tmp_path.iterdir())


def test_what_is_written_to_a_full_disk_says_which_file_it_was(tmp_path):
    path = tmp_path / "a.txt"

    with pytest.raises(OSError, match=r"a\.txt"), full(10), replace_file(path) as one:
        one.write_bytes(bytes(100))
