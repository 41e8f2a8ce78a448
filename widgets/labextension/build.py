"""Build the JupyterLab plugin into `nncompress_lab/labextension`, or check it.

    python -m pip install jupyter-builder && python widgets/labextension/build.py
    python widgets/labextension/build.py --check

Building needs Node 20.19 or newer; the check needs only Python. What was built is
committed, with a hash of its sources beside it, so that nobody else needs Node.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parents[1] / "nncompress_lab" / "labextension"
STAMP = BUILT / "source.sha256"
SOURCES = (
    ".yarnrc.yml",
    "core-4.4.json",
    "package.json",
    "src/**/*.ts",
    "style/**/*",
    "tsconfig.json",
    "yarn.lock",
)


def sources_hash() -> str:
    """SHA-256 of the names and contents of all sources, whatever the line ends."""
    total = hashlib.sha256()
    found = {path for pattern in SOURCES for path in HERE.glob(pattern)}
    for path in sorted(path for path in found if path.is_file()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(path.relative_to(HERE).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()


def is_fresh() -> bool:
    """Whether the built plugin was made from these sources."""
    return STAMP.is_file() and STAMP.read_text().strip() == sources_hash()


def build() -> None:
    """Install the build tools as the lock file says, compile and stamp."""
    # `python -m jupyter_builder.jlpm` does nothing, silently.
    start = "from jupyter_builder.jlpm import main; main()"
    for arguments in (["install", "--immutable"], ["build:prod"]):
        command = [sys.executable, "-c", start, *arguments]
        subprocess.run(command, cwd=HERE, check=True)
    (BUILT / "package.json").chmod(0o644)
    STAMP.write_text(sources_hash() + "\n")


def main() -> None:
    """Build, or with `--check` only compare the hashes."""
    parser = argparse.ArgumentParser(description="Build the JupyterLab plugin.")
    parser.add_argument("--check", action="store_true", help="only compare the hashes")
    if not parser.parse_args().check:
        build()
    elif not is_fresh():
        sys.exit(
            f"{BUILT} was built from other sources than those in {HERE}. Run: python "
            "widgets/labextension/build.py"
        )


if __name__ == "__main__":
    main()
