"""The server half over plain HTTP, as the plugin and others meet it."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keras_files import saved, sequential

from nncompress_lab.course import catalogue, copies
from nncompress_lab.server.handlers import LessonsHandler
from nncompress_lab.server.kernels import memory_of, running_lessons

LESSONS = catalogue.lessons()


def call(
    server, address: str, *, body: Any = None, token: bool = True, **query: str
) -> tuple[int, Any]:
    url = f"{server.base}/nncompress-lab/{address}?{urllib.parse.urlencode(query)}"
    data = (
        body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    )
    headers = server.headers if token else {}
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("address", "body"),
    [("inspect", None), ("lessons", None), ("lessons", {"id": "00"})],
)
def test_nothing_is_told_without_the_token(server, address, body):
    status, _ = call(server, address, body=body, token=False, path="m.keras")

    assert status == 403


def test_a_model_is_summarized(server):
    (server.root / "sub folder").mkdir(exist_ok=True)
    saved(sequential(), server.root / "sub folder" / "m.keras")

    status, summary = call(server, "inspect", path="sub folder/m.keras")

    assert status == 200
    assert [row["name"] for row in summary["layers"]] == ["conv", "norm", "out"]


@pytest.mark.parametrize(
    "path",
    [
        "../secret.keras",
        "/etc/passwd",
        "../../etc/passwd",
        "missing.keras",
        ".hidden.keras",
    ],
)
def test_what_jupyter_does_not_show_is_not_there(server, path):
    for folder in (server.root, server.root.parent):
        saved(sequential(), folder / "secret.keras")
        saved(sequential(), folder / ".hidden.keras")

    status, answer = call(server, "inspect", path=path)

    assert status == 404
    assert "layers" not in answer


@pytest.mark.parametrize("path", ["", "/"])
def test_a_path_is_needed(server, path):
    assert call(server, "inspect", path=path)[0] == 400


def test_a_link_to_itself_is_not_there(server):
    link = server.root / "loop.keras"
    link.symlink_to(link)

    assert call(server, "inspect", path="loop.keras")[0] == 404


def test_a_folder_is_not_a_model(server):
    (server.root / "folder.keras").mkdir(exist_ok=True)

    assert call(server, "inspect", path="folder.keras")[0] == 400


def test_a_broken_file_is_an_answer_not_a_failure(server):
    (server.root / "broken.keras").write_bytes(b"not a zip")

    status, answer = call(server, "inspect", path="broken.keras")

    assert status == 200
    assert answer["error"].startswith("This is not a .keras file")


def test_the_lessons_are_listed_with_what_was_earned(server):
    lesson = next(lesson for lesson in LESSONS if lesson.exercises)
    passed = lesson.exercises[0]
    record = {"status": "PASS", "message": "Right."}
    checks = {f"{lesson.id}/{passed.name}": record}
    server.progress.write_text(json.dumps({"version": 1, "checks": checks}))

    status, answer = call(server, "lessons")

    assert status == 200
    assert [entry["id"] for entry in answer["lessons"]] == [each.id for each in LESSONS]
    found = {entry["id"]: entry for entry in answer["lessons"]}[lesson.id]
    assert found["title"] == lesson.title
    assert found["points"] == lesson.points
    assert found["earned"] == passed.points
    assert found["checks"][0] == {
        "name": passed.name,
        "title": passed.title,
        "points": passed.points,
        "status": "PASS",
        "message": "Right.",
    }
    assert found["running"] == []
    others = [check["status"] for check in found["checks"][1:]]
    assert set(others) <= {"UNATTEMPTED"}


def test_a_lesson_is_copied_once_and_not_written_over(server):
    lesson = LESSONS[0]

    status, answer = call(server, "lessons", body={"id": lesson.id})

    copy = server.root / answer["path"]
    assert status == 200
    assert answer["path"] == f"{copies.COURSE_FOLDER}/{lesson.file}"
    copy.write_text("{}")
    assert call(server, "lessons", body={"id": lesson.id})[0] == 200
    assert copy.read_text() == "{}"


def test_a_lesson_is_started_over_and_the_old_copy_kept(server):
    lesson = LESSONS[1]
    _, answer = call(server, "lessons", body={"id": lesson.id})
    copy = server.root / answer["path"]
    copy.write_text("{}")

    again = call(server, "lessons", body={"id": lesson.id, "start_over": True})

    assert again == (200, answer)
    assert copies.lesson_of(copy) == lesson.id
    assert copy.with_stem(f"{copy.stem}_1").read_text() == "{}"


def test_lessons_lie_in_the_folder_that_a_hub_starts_a_user_in():
    contents = SimpleNamespace(preferred_dir="home/user")
    handler = SimpleNamespace(root=lambda: Path("/hub"), contents_manager=contents)

    assert LessonsHandler.home(handler) == Path("/hub/home/user")


def test_a_running_lesson_is_listed_with_the_memory_of_its_kernel(tmp_path):
    copies.copy_lesson("02", tmp_path)
    (tmp_path / "own.ipynb").write_text("{}")
    names = [catalogue.find("02").file, "own.ipynb", "gone.ipynb", "console-1"]
    sessions = [
        {"id": f"s-{name}", "path": name, "kernel": {"id": "k"}} for name in names
    ]

    running = running_lessons(sessions, tmp_path, {"k": os.getpid()})

    (one,) = running.pop("02")
    assert not running
    assert (one["session"], one["path"]) == (f"s-{names[0]}", names[0])
    assert 10_000_000 < one["memory"] < 20_000_000_000
    assert memory_of(None) is None
    assert memory_of(2**22 + 1) is None  # above Linux's largest process id


def test_an_unknown_lesson_is_not_found(server):
    status, answer = call(server, "lessons", body={"id": "../99"})

    assert status == 404
    assert "There is no lesson" in answer["message"]


@pytest.mark.parametrize("body", [{}, [], "00", {"id": 3}, b"\xff"])
def test_a_body_that_names_no_lesson_is_refused(server, body):
    status, answer = call(server, "lessons", body=body)

    assert status == 400
    assert '{"id": "02"}' in answer["message"]
