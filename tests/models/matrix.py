"""What each operation of the library makes of a foreign model: a cell of the table."""

import re
import tempfile
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tiny_models
from foreign_models import ZOO, Foreign

import nncompress_lab as ncl
from nncompress_lab.testing.on_model import weights_of

TRAINING = {"epochs": 1, "batch_size": 16}
BATCHES = (1, 5)
# In parts of the largest output: two roundings of float32 in another order, and two steps
# of bfloat16, to which processors without instructions for it round more often.
FLOATS, HALVES = 1e-5, 2e-2
PASSES: dict[str, ncl.Pass] = {
    "magnitude": ncl.MagnitudePruning(sparsity=0.5),
    "taylor": ncl.ScorePruning(sparsity=0.5, score="taylor"),
    "wanda": ncl.ScorePruning(sparsity=0.5),
    "N:M": ncl.NMPruning(n=2, m=4),
    "brain": ncl.OptimalBrainPruning(sparsity=0.5),
    "gradual": ncl.GradualPruning(sparsity=0.5, curve="constant", **TRAINING),
    "channels": ncl.ChannelPruning(sparsity=0.25),
    "gammas": ncl.SparseGammas(strength=1e-3, **TRAINING),
    "dead": ncl.RemoveDeadChannels(),
    "uniform": ncl.UniformQuantization(bits=4),
    "activations": ncl.ActivationQuantization(),
    "GPTQ": ncl.GPTQ(bits=4),
    "codebook": ncl.CodebookQuantization(bits=2),
    "tune codebook": ncl.pipeline(
        ncl.CodebookQuantization(bits=2), ncl.FineTuneCodebook(**TRAINING)
    ),
    "aware": ncl.QuantizationAwareTraining(bits=4, activation_bits=8, **TRAINING),
    "codebook aware": ncl.CodebookAwareTraining(bits=2, **TRAINING),
    "short floats": ncl.ShortFloats(significant_bits=8, values=4),
    "fold": ncl.FoldBatchNorm(),
    "equalize": ncl.EqualizeRanges(),
    "correct bias": ncl.pipeline(ncl.UniformQuantization(bits=4), ncl.CorrectBias()),
    "reestimate": ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.5), ncl.ReestimateBatchNorm()
    ),
    "tune": ncl.FineTune(**TRAINING),
    "distil": ncl.Distillation(**TRAINING),
    "low rank": ncl.LowRank(rank=2),
    "factorize": ncl.Factorization("tucker2", rank=2),
}
OK, NOTHING = "OK", "nothing to do"


@dataclass(frozen=True)
class Cell:
    """What came of it.

    Args:
        outcome: "OK", "nothing to do", or the sentence of a refusal.
        crashed: Whether that sentence is of an error that nobody meant.
    """

    outcome: str
    crashed: bool = False


@cache
def _built(name: str) -> keras.Model:
    """One model for all operations, since none may change it."""
    return next(one for one in ZOO if one.name == name).model()


def cell(foreign: Foreign, operation: str) -> Cell:
    """What one operation makes of one model."""
    try:
        with tiny_models.eagerly():
            return Cell(OPERATIONS[operation](foreign, _built(foreign.name)))
    except Exception as error:
        return Cell(" ".join(str(error).split()), crashed=not _is_refusal(error))


def _is_refusal(error: Exception) -> bool:
    """Whether the library raised it on purpose, as one of the errors that it promises."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = "nncompress_lab" in Path(last.filename).parts
    return ours and isinstance(error, ncl.CompressionError | ValueError | TypeError)


def _apply(step: ncl.Pass) -> Callable[[Foreign, keras.Model], str]:
    def apply(foreign: Foreign, model: keras.Model) -> str:
        before = weights_of(model)
        result = step(model, foreign.context(model) if step.needs else None)
        x = foreign.inputs(model, 4)
        _check_finite(result, x)
        after = weights_of(result)
        if _kinds(result) != _kinds(model):
            _check_equal(result, _again(result), x)
            return OK
        same = [one.tobytes() for one in before] == [one.tobytes() for one in after]
        return NOTHING if same else OK

    return apply


def _kinds(model: keras.Model) -> list[str]:
    return [type(one).__name__ for one in model._flatten_layers()]


def _again(model: keras.Model) -> keras.Model:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        ncl.save_model(model, path)
        return ncl.load_model(path)


def _save_and_load(foreign: Foreign, model: keras.Model) -> str:
    _check_equal(model, _again(model), foreign.inputs(model, 4))
    return OK


def _pack_and_unpack(foreign: Foreign, model: keras.Model) -> str:
    small = PASSES["magnitude"](model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.ncz")
        ncl.pack(small, path)
        _check_equal(small, ncl.unpack(path), foreign.inputs(model, 4))
    return OK


def _export(suffix: str) -> Callable[[Foreign, keras.Model], str]:
    def export(foreign: Foreign, model: keras.Model) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"model{suffix}")
            ncl.export(model, path, calibration=foreign.inputs(model, 4))
            runtime = ncl.runtimes.load(path)
        half = any("16" in one.compute_dtype for one in model._flatten_layers())
        for count in BATCHES:
            x = foreign.inputs(model, count)
            expected = _outputs(model, x)
            named = suffix == ".tflite" and len(model.inputs) > 1  # it knows no order
            parts = keras.tree.flatten(x)
            by_name = dict(zip((one.name for one in model.inputs), parts, strict=True))
            outputs = keras.tree.flatten(runtime.predict(by_name if named else x))
            for one, other in zip(outputs, expected, strict=True):
                apart = np.abs(one - other).max() / np.abs(other).max()
                assert apart <= (HALVES if half else FLOATS), f"{apart:.2g} apart"
        return OK

    return export


def _compare(foreign: Foreign, model: keras.Model) -> str:
    small = PASSES["magnitude"](model)
    ncl.compare(model, small, data=foreign.context(model).test, latency=False)
    return OK


def _outputs(model: keras.Model, x: Any) -> list[Any]:
    return [np.asarray(one) for one in keras.tree.flatten(model.predict_on_batch(x))]


def _check_finite(model: keras.Model, x: Any) -> None:
    assert all(np.isfinite(one).all() for one in _outputs(model, x)), "not finite"


def _check_equal(model: keras.Model, other: keras.Model, x: Any) -> None:
    pairs = zip(_outputs(model, x), _outputs(other, x), strict=True)
    assert all(np.array_equal(one, two) for one, two in pairs), "not equal"


OTHERS: dict[str, Callable[[Foreign, keras.Model], str]] = {
    "save, load": _save_and_load,
    "pack, unpack": _pack_and_unpack,
    "ONNX": _export(".onnx"),
    "LiteRT": _export(".tflite"),
    "compare": _compare,
}
OPERATIONS = {name: _apply(step) for name, step in PASSES.items()} | OTHERS
HEAD = """# What works on which model

Each row is a small model after a published architecture or a habit of research code,
written in `tests/models/`; each column an operation of this library. **✓** it works: the
result is finite, loads again bit for bit, and a file for a runtime computes what Keras
computes at batch sizes 1 and 5. **·** there is nothing to do, for example no
BatchNormalization to fold. A number is a refusal by a sentence, below the tables; the model
stays as it was. Nothing else happens: an operation that crashed would be named.

This page is written by `PYTHONPATH=tests python tests/models > docs/supported.md`; a
tenth of it runs among the tests.
"""


def page(cells: dict[tuple[str, str], Cell]) -> str:
    """The table of all cells, and the refusals in it, as Markdown."""
    refusals: dict[str, int] = {}
    lines = [HEAD]
    for operations in (list(PASSES)[:13], list(PASSES)[13:], list(OTHERS)):
        lines += [
            f"| model | {' | '.join(operations)} |",
            "|---|" + ":-:|" * len(operations),
        ]
        for name in dict.fromkeys(model for model, _ in cells):
            marks = [
                _mark(cells[name, operation], refusals) for operation in operations
            ]
            lines.append(f"| {name} | {' | '.join(marks)} |")
        lines.append("")
    lines += ["## Refusals", ""]
    lines += [f"{number}. {sentence}" for sentence, number in refusals.items()]
    return "\n".join(lines) + "\n"


def _mark(one: Cell, refusals: dict[str, int]) -> str:
    if one.crashed:
        return "crash"
    known = {OK: "✓", NOTHING: "·"}
    if one.outcome in known:
        return known[one.outcome]
    return str(refusals.setdefault(_general(one.outcome), len(refusals) + 1))


def _general(sentence: str) -> str:
    """A refusal without what differs from model to model."""
    sentence = re.sub(r"'(\w+?)_\d+'", r"'\1'", sentence)
    sentence = re.sub(r"/\S*/model", "model", sentence)
    sentence = re.sub(r"The model '[a-z_]+'", "The model", sentence)
    sentence = re.sub(r"'functional'|'[a-z_]+_classifier'", "the model", sentence)
    first = re.split(r"(?<=[a-z)\]])\. ", sentence)[0].rstrip(".")
    return f"{textwrap.shorten(first, 240, placeholder=' …')}."
