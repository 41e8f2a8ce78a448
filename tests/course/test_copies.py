"""The copies of lessons that learners work in."""

import nbformat
import pytest

from nncompress_lab.course import catalogue, copies
from nncompress_lab.errors import CompressionError


@pytest.fixture
def older(tmp_path, monkeypatch):
    """An older version of the course is installed until `newer()` is called."""
    folder, newer = tmp_path / "older", catalogue.folder()
    folder.mkdir()
    for lesson in catalogue.lessons():
        notebook = nbformat.read(newer / lesson.file, as_version=4)
        notebook.cells[0].source = "the lesson as it was"
        nbformat.write(notebook, folder / lesson.file)
    monkeypatch.setattr(catalogue, "folder", lambda: folder)
    return lambda: monkeypatch.setattr(catalogue, "folder", lambda: newer)


def edited(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def opened_and_run(notebook):
    """What Jupyter writes into a notebook that nobody changed."""
    notebook.metadata["language_info"] = {"name": "python", "version": "3.13.1"}
    notebook.metadata["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
    for number, cell in enumerate(notebook.cells):
        cell.metadata["trusted"] = True
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = number, []


def test_an_unknown_lesson_is_named(tmp_path):
    with pytest.raises(LookupError, match="no lesson '99'"):
        copies.copy_lesson("99", tmp_path)


def test_a_course_is_copied(tmp_path):
    paths = copies.copy_course(tmp_path / "course")

    assert [path.name for path in paths] == [one.file for one in catalogue.lessons()]
    source = catalogue.folder() / paths[0].name
    assert paths[0].read_bytes() == source.read_bytes()


def test_a_changed_copy_is_never_overwritten(tmp_path):
    copy = copies.copy_lesson("00", tmp_path)
    copy.write_text("my work")

    assert copies.copy_lesson("00", tmp_path).read_text() == "my work"


def test_a_file_of_the_learners_with_the_same_name_is_never_overwritten(tmp_path):
    mine = tmp_path / catalogue.find("00").file
    mine.write_text("mine")

    copies.copy_lesson("00", tmp_path)
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
    copy = copies.copy_lesson("00", tmp_path / "course")
    assert copy.read_text() == "the lesson as it was"

    monkeypatch.setattr(catalogue, "folder", lambda: newer)
    copies.copy_lesson("00", tmp_path / "course")
    assert copy.read_bytes() == (newer / copy.name).read_bytes()


@pytest.mark.parametrize("step", ["replace_file", "_record"])
def test_a_copy_whose_making_was_interrupted_is_brought_up_to_date(
    tmp_path, older, monkeypatch, step
):
    copies.copy_lesson("00", tmp_path)
    older()
    original, calls = getattr(copies, step), []

    def killed(*arguments):
        calls.append(arguments)
        if step == "replace_file" or len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(copies, step, killed)
        with pytest.raises(KeyboardInterrupt):
            copies.copy_lesson("00", tmp_path)
    latest = catalogue.folder() / catalogue.find("00").file

    assert copies.copy_lesson("00", tmp_path).read_bytes() == latest.read_bytes()


def test_a_deleted_copy_comes_back(tmp_path):
    copy = copies.copy_lesson("00", tmp_path)
    copy.unlink()

    assert copies.copy_lesson("00", tmp_path).exists()


def test_a_damaged_record_protects_the_copy(tmp_path):
    copy = copies.copy_lesson("00", tmp_path)
    copy.write_text("my work")
    (tmp_path / ".shipped.json").write_text("{")

    assert copies.copy_lesson("00", tmp_path).read_text() == "my work"


def test_a_copy_that_was_only_opened_and_run_is_brought_up_to_date(tmp_path, older):
    copy = copies.copy_lesson("00", tmp_path)
    edited(copy, opened_and_run)
    older()

    copies.copy_lesson("00", tmp_path)
    assert copy.read_bytes() == (catalogue.folder() / copy.name).read_bytes()


def test_a_copy_with_another_cell_is_the_learners(tmp_path, older):
    def answer(notebook):
        opened_and_run(notebook)
        notebook.cells[-1].source += "\nmine = 1"

    copy = copies.copy_lesson("00", tmp_path)
    edited(copy, answer)
    before = copy.read_bytes()
    older()

    assert copies.copy_lesson("00", tmp_path).read_bytes() == before


def test_a_renamed_lesson_is_opened_and_not_copied_again(tmp_path):
    mine = copies.copy_lesson("01", tmp_path).rename(tmp_path / "my notes.ipynb")
    (tmp_path / "broken.ipynb").write_text("{")

    assert copies.copy_lesson("01", tmp_path) == mine
    assert copies.copy_course(tmp_path)[1] == mine
    assert copies.lesson_of(mine) == "01"
    assert copies.lesson_of(tmp_path / "broken.ipynb") is None


def test_starting_over_keeps_every_old_copy(tmp_path):
    copy = copies.copy_lesson("00", tmp_path)
    for work in ("first", "second"):
        copy.write_text(work)
        assert copies.start_over("00", tmp_path) == copy
        assert copies.lesson_of(copy) == "00"

    kept = [copy.with_stem(f"{copy.stem}_{number}") for number in (1, 2)]
    assert [path.read_text() for path in kept] == ["first", "second"]


def test_an_old_copy_is_not_taken_for_a_renamed_lesson(tmp_path):
    copies.copy_lesson("00", tmp_path)
    copy = copies.start_over("00", tmp_path)
    copy.unlink()

    assert copies.copy_lesson("00", tmp_path) == copy


def test_copies_lie_where_they_were_made(tmp_path):
    own = tmp_path / copies.COURSE_FOLDER
    assert copies.course_folder(tmp_path) == own

    copies.copy_lesson("00", own)
    assert copies.course_folder(tmp_path) == own
    assert copies.course_folder(own) == own


def test_a_clones_lessons_are_opened_in_place(tmp_path):
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    clone = copies.course_folder(tmp_path)
    lesson = clone / catalogue.find("00").file
    lesson.write_text("the clone's")

    assert clone == tmp_path / "notebooks"
    assert copies.copy_lesson("00", clone).read_text() == "the clone's"
    assert not (clone / ".shipped.json").exists()
    with pytest.raises(CompressionError, match="git checkout"):
        copies.start_over("00", clone)
    copies.copy_lesson("00", copies.own_folder(tmp_path))
    assert copies.course_folder(tmp_path) == copies.own_folder(tmp_path)


def test_what_a_killed_copy_has_left_is_not_taken_for_a_renamed_one(tmp_path):
    copy = copies.copy_lesson("00", tmp_path)
    copy.rename(copy.with_name(f".{copy.stem}.writing-a1b2c3.ipynb"))

    assert copies.copy_lesson("00", tmp_path) == copy
    assert copies.lesson_of(copy) == "00"
