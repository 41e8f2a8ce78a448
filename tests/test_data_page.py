"""The code in docs/data.md runs as it stands there."""

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "data.md"


def test_the_example_runs_from_top_to_bottom():
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    names = {}

    exec(compile(code, PAGE.name, "exec"), names)

    x, _ = next(names["batches"]())
    assert np.isfinite(names["result"].model.predict(x, verbose=0)).all()
