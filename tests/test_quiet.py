"""What TensorFlow says in a user's notebook: errors, and all of it where that is wanted."""

import logging
import subprocess
import sys

import pytest

from nncompress_lab.quiet import quiet_logger, quiet_retracing

# A package that greets as TensorFlow does: below Python, on the file descriptor.
GREETS = "import os\nos.write(2, b'hello')\nname = __spec__.name\n"
IMPORTS = (
    "import os, sys; sys.path.insert(0, sys.argv[1]); import nncompress_lab; "
    "import tensorflow; print(os.environ['TF_CPP_MIN_LOG_LEVEL'], "
    "type(tensorflow.__loader__).__name__, tensorflow.name)"
)


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """Import such a TensorFlow after this library; what the process said."""

    def run(level, code=GREETS):
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        if level:
            monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
        (tmp_path / "tensorflow.py").write_text(code)
        return subprocess.run(
            [sys.executable, "-c", IMPORTS, str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("level", "shown", "said"),
    [("", "2", ""), ("3", "3", ""), ("0", "0", "hello"), ("1", "1", "hello")],
)
def test_it_says_nothing_while_it_is_imported_unless_that_is_wanted(
    level, shown, said, imported
):
    run = imported(level)

    assert (run.stderr, run.returncode) == (said, 0)
    assert run.stdout.split() == [shown, "SourceFileLoader", "tensorflow"]


def test_an_error_of_its_import_is_not_lost(imported):
    run = imported("", "raise ImportError('no such library')")

    assert "ImportError: no such library" in run.stderr
    assert run.returncode == 1


def test_a_logger_is_quiet_until_the_last_of_several_blocks_ends(caplog):
    logger = logging.getLogger("noisy")
    first, second = quiet_logger("noisy"), quiet_logger("noisy")

    with first:
        second.__enter__()
        logger.warning("within both")
        logger.error("an error")
    logger.warning("within one")
    second.__exit__(None, None, None)
    logger.warning("after both")

    assert caplog.messages == ["an error", "after both"]


def test_tracing_several_models_is_not_told():
    logger = logging.getLogger("tensorflow")

    def is_told(text: str) -> bool:
        record = logger.makeRecord("", logging.WARNING, "", 0, text, ("f",), None)
        return bool(logger.filter(record))

    quiet_retracing()

    assert not is_told(
        "5 out of the last 7 calls to %s triggered tf.function retracing."
    )
    assert is_told("another warning of %s")
