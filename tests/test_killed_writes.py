"""Whatever is killed while it writes leaves the old file or the new one, and no rubbish."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("killed_writes.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks of a process")
def test_a_killed_write_leaves_a_whole_file_and_what_it_left_goes_later(tmp_path):
    run = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    for one in json.loads((tmp_path / "outcomes.json").read_text()):
        assert one["kills"] > 2, one
        assert one["left"] > 0, one
        assert not one["broken"], (one, run.stderr)
        assert not one["not swept"], one
