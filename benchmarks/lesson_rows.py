"""What lesson 11 shows of the rows of `benchmarks/deep_compression.py`: those of LeNet-5.

    python benchmarks/lesson_rows.py

measures nothing: it writes them into the package, with the machine that measured them.
"""

import json
from pathlib import Path
from typing import Any

from results_file import FOLDER

from nncompress_lab.atomic import replace_file

NAME = "deep_compression"
LESSONS = Path(__file__).parents[1] / "nncompress_lab" / "course" / "measured"
SHOWN = ("data", "model", "seed", "float32_bytes", "packed_bytes", "kept", "parts")


def lesson_rows() -> dict[str, Any]:
    """The content of the results file with the rows and the fields that are shown."""
    content = json.loads((FOLDER / f"{NAME}.json").read_text(encoding="utf-8"))
    figures = [
        {name: row[name] for name in SHOWN}
        | {"error": round(1 - list(row["test"].values())[-1], 4)}
        for row in content["figures"]
        if row["model"] == "lenet5"
    ]
    return {**content, "figures": figures}


if __name__ == "__main__":
    with replace_file(LESSONS / f"{NAME}.json") as temporary:
        text = json.dumps(lesson_rows(), indent=1) + "\n"
        temporary.write_text(text, encoding="utf-8")
