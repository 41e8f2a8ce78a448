"""The tables in the docs are those of the kept measurements."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]


def module(name):
    spec = importlib.util.spec_from_file_location(
        name, ROOT / "benchmarks" / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def results(name):
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


def test_the_table_of_the_techniques_is_that_of_the_results_file():
    found = results("techniques")

    table = module("techniques_table").table(
        found["figures"], list(found["settings"]["epochs"])
    )

    assert table.strip() in (ROOT / "docs" / "measured-techniques.md").read_text()


def test_the_table_of_the_toolkit_is_that_of_the_results_files():
    rows = results("tf_toolkit")["figures"]

    table = module("techniques_table").toolkit_table(
        rows, results("techniques")["figures"]
    )

    assert table in (ROOT / "docs" / "measured-techniques.md").read_text()


def test_the_table_of_the_students_is_that_of_the_results_file():
    table = module("distillation_table").table(results("distillation")["figures"])

    assert table in (ROOT / "docs" / "measured-techniques.md").read_text()


def test_the_table_of_rate_aware_rounding_is_that_of_the_results_file():
    table = module("rate_aware_table").table(results("rate_aware")["figures"])

    assert table in (ROOT / "docs" / "measured-techniques.md").read_text()


def test_the_tables_beside_the_standard_are_those_of_the_results_file():
    rows = results("nnc_standard")["figures"]
    tables = module("nnc_standard_table")

    page = (ROOT / "docs" / "measured-techniques.md").read_text()

    assert tables.comparison(rows) in page
    assert tables.smallest(rows) in page


def test_the_table_of_the_kernels_is_that_of_the_results_file():
    table = module("kernels_table").table(results("kernels")["figures"])

    assert table in (ROOT / "docs" / "measured-kernels.md").read_text()


def test_the_tables_of_deep_compression_are_those_of_the_results_file():
    rows = results("deep_compression")["figures"]
    tables = module("deep_compression_table")

    page = (ROOT / "docs" / "deep-compression.md").read_text()

    assert tables.table(rows) in page
    assert tables.breakdown(rows) in page


def test_the_tables_of_the_runtimes_are_those_of_the_results_file():
    tables = module("runtimes_table")

    page = (ROOT / "docs" / "measured-runtimes.md").read_text()

    assert tables.table(tables.kept()).strip() in page
    assert tables.integers(tables.kept()) in page


def test_the_table_of_the_kept_kernels_is_that_of_the_results_file():
    table = module("kept_kernels_table").table(results("kept_kernels")["figures"])

    assert table in (ROOT / "docs" / "measured-runtimes.md").read_text()


def test_the_table_of_the_plans_is_that_of_the_results_file():
    table = module("plan_table").table(results("plan")["figures"])

    assert table in (ROOT / "docs" / "plan.md").read_text()
