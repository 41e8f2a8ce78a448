"""The shipped lessons."""

import subprocess
import sys

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
