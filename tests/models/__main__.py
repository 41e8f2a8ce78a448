"""Run every operation on every foreign model, and write the table of what came of it.

    PYTHONPATH=tests python tests/models > docs/supported.md

It takes some minutes. Where something crashed, it says what and does not end with success.
"""

import sys
import warnings

from foreign_models import ZOO
from matrix import OPERATIONS, cell, page


def main() -> int:
    """Print the page; the exit status is the number of crashes."""
    warnings.simplefilter("ignore")
    cells = {
        (foreign.name, operation): cell(foreign, operation)
        for foreign in ZOO
        for operation in OPERATIONS
    }
    sys.stdout.write(page(cells))
    crashes = [(*key, one.outcome) for key, one in cells.items() if one.crashed]
    for crash in crashes:
        sys.stderr.write(f"{' | '.join(crash)}\n")
    return len(crashes)


if __name__ == "__main__":
    sys.exit(main())
