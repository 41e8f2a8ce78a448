"""Shared settings of the tests: quiet logs, no progress bars, opt-in slow tests.

Keras is imported by the fixtures that need it: the process that only hands tests out to
workers, and waits, does without it.
"""

import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers have the cores; threads of each would wait for those of the others.
    for _variable in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ.setdefault(_variable, "1")
# TensorFlow has grouped and channels-first convolutions on CPUs by oneDNN only, which it
# leaves off where a processor has no instructions for integers.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# What JAX compiles here runs a few times: optimizing it takes longer than it saves, and
# the emitters of fusions take longer than the rest of compiling.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false",
)

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """What is imported and collected stays, so no garbage is looked for meanwhile."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()  # else each full collection goes through all that again


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="also run slow tests")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of `-m contract` only the files that have it: the others may need Jupyter.

    Of `-m slow`, too: they are few, and the others are thousands to import.
    """
    mark = config.option.markexpr
    if mark not in {"contract", "slow"} or collection_path.suffix != ".py":
        return None
    return f"mark.{mark}" not in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("--runslow"):
        return
    skip = pytest.mark.skip(reason="slow; run it with --runslow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _one_context() -> None:
    """One MLIR context for all that JAX lowers: a new one each time takes longer."""
    if os.environ.get("KERAS_BACKEND") == "jax":
        from jax._src.interpreters import mlir

        mlir.make_ir_context = cache(mlir.make_ir_context)


@pytest.fixture(scope="module", autouse=True)
def _seeded_module() -> None:
    """Before what a module makes once, whichever modules ran before."""
    import keras

    keras.utils.set_random_seed(7)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import keras

    keras.utils.set_random_seed(7)


@pytest.fixture
def eagerly() -> Iterator[None]:
    """As `tiny_models.eagerly`, for a whole test."""
    import tiny_models

    with tiny_models.eagerly():
        yield


@pytest.fixture
def context() -> Any:
    """Random data for the tiny models."""
    import tiny_models

    return tiny_models.context()
