"""Files that several kernels write: none loses what another one wrote."""

import json
import os
import subprocess
import sys

import pytest

from nncompress_lab.course import kept_file, progress, results

SAVES = """
import sys
from nncompress_lab.course import progress, results
for number in range(20):
    name = f"{sys.argv[1]}{number}"
    progress.save("00", name, progress.Record("PASS"))
    results.add([results.Row("00", "m", "t", name, 0.5, 1, 1, 1, 1)])
"""


def test_kernels_that_save_at_the_same_time_keep_everything():
    kernels = [subprocess.Popen([sys.executable, "-c", SAVES, name]) for name in "abc"]
    assert [kernel.wait(timeout=120) for kernel in kernels] == [0, 0, 0]

    assert len(progress.load()) == 60
    assert len(results.load()) == 60


@pytest.mark.parametrize(
    "content",
    [
        b'{"checks": {"a/b": {"stat',
        b"<<<<<<< ours\n{}\n",
        b"[" * 100_000,
        b"\xff\xfe{}",
    ],
    ids=["cut", "conflict", "nested", "utf-16"],
)
def test_a_damaged_file_is_kept_beside_the_new_one(progress_file, content):
    progress_file.write_bytes(content)
    results.path().write_bytes(content)

    progress.save("00", "one", progress.Record("PASS"))
    results.add([results.Row("00", "m", "t", "s", 0.5, 1, 1, 1, 1)])

    assert set(progress.load()) == {"00/one"}
    assert len(results.load()) == 1
    for file in (progress_file, results.path()):
        assert file.with_suffix(".damaged-1.json").read_bytes() == content


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_moved_aside(make, progress_file):
    make(progress_file)

    progress.save("00", "one", progress.Record("PASS"))

    assert set(progress.load()) == {"00/one"}


def test_a_byte_order_mark_damages_nothing(progress_file):
    progress.save("00", "one", progress.Record("PASS"))
    progress_file.write_bytes(b"\xef\xbb\xbf" + progress_file.read_bytes())

    progress.save("00", "two", progress.Record("FAIL"))

    assert set(progress.load()) == {"00/one", "00/two"}
    assert not list(progress_file.parent.glob("*damaged*"))


def test_whoever_finds_the_file_locked_for_good_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_file, "SECONDS", 0.05)
    file = tmp_path / "a.json"
    with (
        kept_file.changing(file) as write,
        pytest.raises(OSError, match="lock"),
        kept_file.changing(file),
    ):
        write({}, False)
    with kept_file.changing(file) as write:
        write({"a": 1}, False)
    assert json.loads(file.read_text()) == {"a": 1}
