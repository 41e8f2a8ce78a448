"""The tables in the docs are those of the kept measurements."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_of_the_techniques_is_that_of_the_results_file():
    path = ROOT / "benchmarks" / "techniques_table.py"
    spec = importlib.util.spec_from_file_location("techniques_table", path)
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    results = json.loads((ROOT / "benchmarks/results/techniques.json").read_text())

    table = tables.table(results["figures"], list(results["settings"]["epochs"]))

    assert table.strip() in (ROOT / "docs" / "measured-techniques.md").read_text()
