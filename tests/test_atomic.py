"""A file is the old one or the whole new one."""

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from nncompress_lab.atomic import replace_file


def test_a_new_file_holds_what_was_written(tmp_path):
    path = tmp_path / "a.txt"

    with replace_file(path) as temporary:
        temporary.write_text("new")

    assert path.read_text() == "new"


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old and longer")

    with replace_file(path) as temporary:
        temporary.write_text("new")

    assert path.read_text() == "new"


def test_the_old_file_is_whole_while_the_new_one_is_written(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    with replace_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"


def fail_half_way(path: Path) -> None:
    with replace_file(path) as temporary:
        temporary.write_text("ha")
        raise KeyboardInterrupt


def test_the_old_file_stays_when_the_block_raises(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    with pytest.raises(KeyboardInterrupt):
        fail_half_way(path)

    assert path.read_text() == "old"


def test_no_file_appears_when_the_block_raises(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fail_half_way(tmp_path / "a.txt")

    assert list(tmp_path.iterdir()) == []


def test_no_temporary_file_is_left_after_success(tmp_path):
    with replace_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")

    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_block_that_moves_its_file_away_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    with pytest.raises(FileNotFoundError), replace_file(path) as temporary:
        temporary.unlink()

    assert path.read_text() == "old"


def test_the_temporary_file_lies_beside_the_file_and_has_its_suffix(tmp_path):
    with replace_file(tmp_path / "model.keras") as temporary:
        place = (temporary.parent, temporary.suffix)

    assert place == (tmp_path, ".keras")


def test_a_link_stays_one_and_its_file_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    file, link = tmp_path / "elsewhere" / "a.txt", tmp_path / "link.txt"
    file.write_text("old")
    link.symlink_to(file)

    with replace_file(link) as temporary:
        temporary.write_text("new")

    assert link.is_symlink()
    assert file.read_text() == "new"


def test_a_path_may_be_a_string(tmp_path):
    with replace_file(str(tmp_path / "a.txt")) as temporary:
        temporary.write_text("new")

    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_file_name_alone_is_written_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with replace_file("a.txt") as temporary:
        temporary.write_text("new")

    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    path = tmp_path / "nowhere" / "a.txt"

    with (
        pytest.raises(FileNotFoundError, match=r"nowhere does not exist\. Create it"),
        replace_file(path),
    ):
        pytest.fail("the block must not run")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_mode_of_the_file_follows_the_umask(tmp_path, umask, mode):
    path = tmp_path / "a.txt"
    before = os.umask(umask)

    try:
        with replace_file(path) as temporary:
            temporary.write_text("new")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_umask_of_the_process_stays_as_it_was(tmp_path):
    before = os.umask(0o027)

    try:
        with replace_file(tmp_path / "a.txt"):
            pass
    finally:
        after = os.umask(before)

    assert after == 0o027


@pytest.mark.parametrize("age", [7200, 60], ids=["old", "new"])
def test_what_a_killed_write_has_left_goes_later(age, tmp_path):
    left = tmp_path / ".a.writing-x1y2z3.txt"
    others = [tmp_path / ".a-backup.txt", tmp_path / ".b.writing-x1y2z3.txt"]
    for path in (left, *others):
        path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)

    with replace_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")

    assert left.exists() == (age == 60)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("folder", ["/proc", "/proc/self"])
def test_a_folder_that_may_not_be_written_to_is_refused_at_once(folder):
    """Root may write to the first, as the system says, and cannot."""
    with (
        pytest.raises(PermissionError, match="may not be written to"),
        replace_file(Path(folder) / "a.txt"),
    ):
        pytest.fail("the block was entered")


def test_a_folder_is_no_file_to_replace(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"), replace_file(tmp_path):
        pytest.fail("the block was entered")
