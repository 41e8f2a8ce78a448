"""Print the summary of one model file as JSON; the server runs it as a process.

The HDF5 library can crash on a damaged file. Here that ends a process that nobody else
uses, and not the Jupyter server with all its notebooks.
"""

import json
import sys
from pathlib import Path

from nncompress_lab.errors import ModelFileError
from nncompress_lab.server.inspect_file import summarize

MOST_MEMORY = 4 * 2**30


def main() -> None:
    """Print `{"error": sentence}` or the summary of the file named in the arguments."""
    _limit_memory()
    try:
        summary = summarize(Path(sys.argv[1]))
    except ModelFileError as error:
        summary = {"error": str(error)}
    sys.stdout.write(json.dumps(summary, allow_nan=False))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MOST_MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, hard))


if __name__ == "__main__":
    main()
