"""The shipped lessons, and the copies that learners work in."""

import subprocess
import sys

import pytest

from nncompress_lab.course import catalogue


def test_the_course_starts_with_00_and_has_points():
    assert [lesson.id for lesson in catalogue.lessons()][:3] == ["00", "01", "02"]
    assert all(lesson.points and lesson.minutes for lesson in catalogue.lessons())
    assert sum(len(lesson.exercises) for lesson in catalogue.lessons()) >= 12


def test_it_is_read_without_keras():
    code = (
        "import sys; from nncompress_lab.course import catalogue, progress, Lesson; "
        "catalogue.lessons(); progress.load(); print('keras' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "False"


def test_an_unknown_lesson_is_named(tmp_path):
    with pytest.raises(LookupError, match="no lesson '99'"):
        catalogue.copy_lesson("99", tmp_path)


def test_a_course_is_copied(tmp_path):
    copies = catalogue.copy_course(tmp_path / "course")

    assert [copy.name for copy in copies] == [one.file for one in catalogue.lessons()]
    source = catalogue.folder() / copies[0].name
    assert copies[0].read_bytes() == source.read_bytes()


def test_a_changed_copy_is_never_overwritten(tmp_path):
    copy = catalogue.copy_lesson("00", tmp_path)
    copy.write_text("my work")

    assert catalogue.copy_lesson("00", tmp_path).read_text() == "my work"


def test_a_file_of_the_learners_with_the_same_name_is_never_overwritten(tmp_path):
    mine = tmp_path / catalogue.find("00").file
    mine.write_text("mine")

    catalogue.copy_lesson("00", tmp_path)
    assert mine.read_text() == "mine"


def test_an_untouched_copy_of_an_older_version_is_brought_up_to_date(
    tmp_path, monkeypatch
):
    older = tmp_path / "older"
    older.mkdir()
    for lesson in catalogue.lessons():
        (older / lesson.file).write_text("the lesson as it was")
    newer = catalogue.folder()
    monkeypatch.setattr(catalogue, "folder", lambda: older)
    copy = catalogue.copy_lesson("00", tmp_path / "course")
    assert copy.read_text() == "the lesson as it was"

    monkeypatch.setattr(catalogue, "folder", lambda: newer)
    catalogue.copy_lesson("00", tmp_path / "course")
    assert copy.read_bytes() == (newer / copy.name).read_bytes()


def test_a_deleted_copy_comes_back(tmp_path):
    copy = catalogue.copy_lesson("00", tmp_path)
    copy.unlink()

    assert catalogue.copy_lesson("00", tmp_path).exists()


def test_a_damaged_record_protects_the_copy(tmp_path):
    copy = catalogue.copy_lesson("00", tmp_path)
    copy.write_text("my work")
    (tmp_path / ".shipped.json").write_text("{")

    assert catalogue.copy_lesson("00", tmp_path).read_text() == "my work"
