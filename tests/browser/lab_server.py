"""A Jupyter server for tests: own port, own token, own folders, no network."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 15

# Without pop-ups over the page, and with cells that are off the screen kept in the page.
SETTINGS = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass(frozen=True)
class Lab:
    """A running Jupyter server."""

    base: str
    token: str
    root: Path  # the folder that it shows
    progress: Path  # where its kernels write what was passed
    log: Path
    headers: dict[str, str] = field(default_factory=dict)

    def url(self, place: str = "") -> str:
        """The address of JupyterLab with nothing left open from before."""
        return f"{self.base}/lab{place}?reset&token={self.token}"


@contextmanager
def running_lab(folder: Path, *, application: str = "jupyterlab") -> Iterator[Lab]:
    """Start a server and stop it with its kernels at the end.

    Args:
        folder: An empty folder for everything it writes.
        application: The Python module to start: jupyterlab, or the leaner
            jupyter_server, which has no pages.
    """
    home, root = folder / "home", folder / "root"
    root.mkdir(parents=True)
    write_settings(home / "settings")
    port, token = free_port(), secrets.token_hex(16)
    lab = Lab(
        base=f"http://127.0.0.1:{port}",
        token=token,
        root=root,
        progress=home / "progress.json",
        log=home / "server.log",
        headers={"Authorization": f"token {token}"},
    )
    command = [sys.executable, "-m", application, *options(lab, port, application)]
    with lab.log.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment(home, lab),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_it_answers(lab, process)
            yield lab
        finally:
            stop(process)


def options(lab: Lab, port: int, application: str) -> list[str]:
    chosen = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={lab.root}",
        f"--IdentityProvider.token={lab.token}",
    ]
    if application == "jupyterlab":
        chosen.append("--LabApp.expose_app_in_browser=True")
        chosen.append("--LabApp.extension_manager=readonly")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        chosen.append("--allow-root")
    return chosen


def environment(home: Path, lab: Lab) -> dict[str, str]:
    return {
        **os.environ,
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(home / "keras"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "NNCOMPRESS_PROGRESS": str(lab.progress),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def write_settings(folder: Path) -> None:
    for name, content in SETTINGS.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(lab: Lab, process: subprocess.Popen[bytes]) -> None:
    request = urllib.request.Request(f"{lab.base}/api/status", headers=lab.headers)
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:
                answer.read()
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                told = lab.log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"Jupyter did not start:\n{told}") from error
            time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the kernels it started, and nothing else."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
