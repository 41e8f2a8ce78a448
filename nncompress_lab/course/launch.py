"""Open the course in JupyterLab, with the lessons in a folder of the learner's own."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nncompress_lab.course import catalogue, copies
from nncompress_lab.errors import CompressionError

# What Jupyter would ask the network for; the course works offline. The settings below
# the folder are defaults: without them a question about news covers the first page.
_OFFLINE = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
_SETTINGS = Path(__file__).with_name("jupyter")
_CONFIG_PATH = "JUPYTER_CONFIG_PATH"


def launch(options: Sequence[str]) -> None:
    """Run JupyterLab until the learner stops it, and copy the lessons where it serves.

    Args:
        options: Passed on to Jupyter, for example `--no-browser`, `--port=8890`.

    Raises:
        CompressionError: If JupyterLab is not installed, or the lessons cannot be
            copied.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise CompressionError(
            "JupyterLab is not installed. Install the course with "
            'python -m pip install "nncompress-lab[lab]".'
        ) from error

    class CourseApp(LabApp):  # type: ignore[misc]  # Jupyter is untyped
        @classmethod
        def initialize_server(cls, *args: Any, **kwargs: Any) -> Any:
            server = LabApp.initialize_server(*args, **kwargs)
            if server.default_url == f"{server.base_url}lab":  # the user chose nothing
                server.default_url += f"/tree/{_copied_start(server)}"
            return server

    paths = (os.environ.get(_CONFIG_PATH), str(_SETTINGS))
    os.environ[_CONFIG_PATH] = os.pathsep.join(filter(None, paths))
    CourseApp.launch_instance(argv=[*_OFFLINE, *options])


def _copied_start(server: Any) -> str:
    """Copy the lessons; the address of the first one, below the server's folder."""
    root = Path(server.root_dir)
    home = root / server.contents_manager.preferred_dir
    folder = copies.own_folder(home)
    try:
        copies.copy_course(folder)
        start = copies.copy_lesson(catalogue.START, folder)
    except OSError as error:
        raise CompressionError(
            f"The lessons cannot be copied to {folder}: {error.strerror or error}. Start "
            "in a folder that you can write to, or name one: "
            "nncompress lab --ServerApp.root_dir=FOLDER"
        ) from error
    return quote(start.relative_to(root).as_posix())
