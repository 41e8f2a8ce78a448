"""Files that are either the old one or the whole new one."""

import os
from pathlib import Path

import pytest

from nncompress_lab.atomic import replace_file


def test_the_file_is_replaced_when_all_went_well(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    with replace_file(target) as temporary:
        temporary.write_text("new")

    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_the_old_file_stays_when_the_block_raises(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half():
        with replace_file(target) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_temporary_file_has_the_suffix_that_keras_looks_at(tmp_path: Path):
    with replace_file(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_text("x")


def test_a_missing_folder_is_named(tmp_path: Path):
    target = tmp_path / "nowhere" / "a.txt"

    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        replace_file(target).__enter__()


def test_the_mode_follows_the_umask(tmp_path: Path):
    before = os.umask(0o027)
    try:
        with replace_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)

    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640
