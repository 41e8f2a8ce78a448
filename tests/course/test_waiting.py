"""A long cell shows that it works, and leaves nothing of that behind."""

import time

import IPython.display
import pytest

from nncompress_lab.course import waiting
from nncompress_lab.course.waiting import working


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show, in order."""
    seen = []

    class Handle:
        def update(self, line):
            seen.append(repr(line))

    def display(line, *, display_id):
        seen.append(repr(line))
        return Handle()

    monkeypatch.setattr(waiting, "shell", object)
    monkeypatch.setattr(waiting, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(IPython.display, "clear_output", lambda: seen.append("cleared"))
    return seen


def test_it_counts_the_seconds_and_is_gone_at_the_end(shown):
    with working("Measuring", seconds=20):
        time.sleep(0.1)

    assert shown[0] == "Measuring: 0 s of about 20 s"
    assert len(shown) > 2
    assert shown[-1] == "cleared"


def test_it_is_gone_after_an_error_too(shown):
    with pytest.raises(KeyboardInterrupt), working("Measuring", seconds=20):
        raise KeyboardInterrupt

    assert shown[-1] == "cleared"


def test_an_ordinary_program_shows_nothing(capsys):
    with working("Measuring", seconds=20):
        pass

    assert capsys.readouterr() == ("", "")
