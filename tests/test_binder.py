"""Binder: pinned versions, threads from the container's limit, the start lesson."""

import os
import re
import subprocess
from pathlib import Path

import pytest

BINDER = Path(__file__).parents[1] / "binder"
ASKED_FOR = {"jupyterlab", "ipywidgets", "numpy", "matplotlib", "keras", "nbval"}


def test_every_requirement_is_pinned_to_one_version():
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    named = [line for line in lines if line and not line.startswith(("#", "."))]

    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in named), named
    assert {line.partition("==")[0] for line in named} >= ASKED_FOR
    assert ".[lab]" in lines


def test_python_is_one_that_the_package_takes():
    assert (BINDER / "runtime.txt").read_text().strip() == "python-3.11"


@pytest.mark.parametrize(
    ("limit", "threads"),
    [(None, "1"), ("1", "1"), ("2", "2"), ("3.7", "3"), ("0.5", "1"), (".5", "1")],
)
def test_threads_follow_the_limit_of_the_container(limit, threads):
    env = {key: value for key, value in os.environ.items() if key != "CPU_LIMIT"}
    if limit is not None:
        env["CPU_LIMIT"] = limit

    run = subprocess.run(
        [BINDER / "start", "env"], env=env, capture_output=True, text=True, check=True
    )

    assert f"OMP_NUM_THREADS={threads}\n" in run.stdout
    assert f"TF_NUM_INTRAOP_THREADS={threads}\n" in run.stdout
    assert "KERAS_BACKEND=tensorflow\n" in run.stdout


def test_start_hands_over_the_exit_code():
    run = subprocess.run([BINDER / "start", "bash", "-c", "exit 3"], check=False)

    assert run.returncode == 3


@pytest.mark.parametrize("script", ["start", "postBuild"])
def test_scripts_can_be_run_and_stop_at_an_error(script):
    path = BINDER / script

    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text()
