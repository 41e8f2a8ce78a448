"""The code in CONTRIBUTING.md runs as it stands there."""

import re
from pathlib import Path

import keras

import nncompress_lab as ncl

GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def test_the_example_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    names = {"__name__": "contributing"}

    for block in blocks:
        exec(compile(block, GUIDE.name, "exec"), names)

    assert ncl.load_recipe("random.json") == names["result"].recipe
    pruned = names["result"].stages["RandomPruning(sparsity=0.9)"]
    assert 0.85 < (keras.ops.convert_to_numpy(pruned.weights[2]) == 0).mean() < 0.95
