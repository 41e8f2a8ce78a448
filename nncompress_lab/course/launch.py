"""Open the course in JupyterLab, with the lessons in a folder of the learner's own."""

import os
from collections.abc import Sequence
from pathlib import Path

from nncompress_lab.course import catalogue
from nncompress_lab.errors import CompressionError

# What Jupyter would ask the network for; the course works offline.
_OFFLINE = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)


def prepare(folder: Path) -> Path:
    """Copy the lessons into `folder`, over nothing that the learner changed.

    Returns:
        The path of the start lesson.
    """
    catalogue.copy_course(folder)
    return folder / catalogue.find(catalogue.START).file


def launch(options: Sequence[str]) -> None:
    """Copy the lessons and run JupyterLab until the learner stops it.

    Args:
        options: Passed on to Jupyter, for example `--no-browser`, `--port=8890`.

    Raises:
        CompressionError: If JupyterLab is not installed.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise CompressionError(
            "JupyterLab is not installed. Install the course with "
            'python -m pip install "nncompress-lab[lab]".'
        ) from error
    start = prepare(Path(catalogue.COURSE_FOLDER))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    LabApp.launch_instance(
        argv=[*_OFFLINE, f"--LabApp.default_url=/lab/tree/{start.as_posix()}", *options]
    )
