"""The Python code that makes a pass: what a control offers to put into a notebook."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from types import ModuleType
from typing import Any, Final

import numpy as np

from nncompress_lab import Context, Data, Dataset, Pass, Selection
from nncompress_lab.measure.accuracy import check_classes
from nncompress_lab.pipelines import Pipeline
from nncompress_lab.trials.examples import Given

RESULT: Final = "compressed"
_LINE: Final = 80  # letters, with room behind it for what is called
_INDENT: Final = "    "
_HISTORY: Final = {"In", "Out"}  # gone when the kernel is


def source_of(
    step: Pass,
    *,
    comments: Sequence[str] = (),
    model: str = "model",
    images: str | None = None,
    context: str | None = None,
    judging: str | None = None,
) -> str:
    """A program that applies a pass to a model.

    Args:
        step: The pass.
        comments: What there is to say about it, a line each.
        model: The expression for the model. It is never assigned to.
        images: The expression for the images that the accuracy is measured on; with it
            the program measures the accuracy, too.
        context: The expression for what a pass that needs data gets.
        judging: The arguments that `ncl.compare` judges the two models by, in place of
            the images: a model may be no classifier.

    Example:
        >>> from nncompress_lab import MagnitudePruning
        >>> pruning = MagnitudePruning(sparsity=0.8, scope="global")
        >>> print(source_of(pruning, comments=["accuracy 88 %"], images="images"))
        import nncompress_lab as ncl
        <BLANKLINE>
        # accuracy 88 %
        compressed = ncl.MagnitudePruning(sparsity=0.8, scope="global")(model)
        print(f"accuracy: {ncl.measure.accuracy(compressed, images):.1%}")
    """
    result = f"{RESULT}_again" if model == RESULT else RESULT
    given = f"{model}, {context}" if step.needs and context else model
    source = f"{answer_of(step, result, comments=comments)}({given})"
    if judging is not None:
        return (
            f"{source}\nprint(ncl.compare({model}, {result}, {judging}, latency=False))"
        )
    if images is None:
        return source
    accuracy = f"{{ncl.measure.accuracy({result}, {images}):.1%}}"
    return f'{source}\nprint(f"accuracy: {accuracy}")'


def answer_of(step: Pass, name: str, *, comments: Sequence[str] = ()) -> str:
    """A program that gives a pass a name: the answer to an exercise."""
    notes = "".join(f"# {comment}\n" for comment in comments)
    room = _LINE - len(f"{name} = ")
    return (
        f"import nncompress_lab as ncl\n\n{notes}{name} = {expression_of(step, room)}"
    )


def variable_of(value: object) -> str | None:
    """The user's own expression for an object, or None if there is none.

    That is a variable, or what is held by one: `result.model`, `models["small"]`. In a
    notebook the name may be given after the control was made, so this is asked again for
    each program.
    """
    shell = sys.modules.get("IPython")
    shell = shell and shell.get_ipython()
    names: dict[str, Any] = shell.user_ns if shell else {}
    own = {
        name: one
        for name, one in list(names.items())  # a cell may add one meanwhile
        if name.isidentifier() and not name.startswith("_") and name not in _HISTORY
    }
    inside = ((f"{name}{end}", one) for name in own for end, one in _held(own[name]))
    return next(
        (name for name, one in chain(own.items(), inside) if one is value), None
    )


def _held(holder: object) -> Iterator[tuple[str, object]]:
    """What an object holds, and how to get at it."""
    if isinstance(holder, ModuleType | type):
        return
    if isinstance(holder, Mapping):
        yield from (
            (f"[{expression_of(key)}]", one)
            for key, one in list(holder.items())
            if isinstance(key, str | int)
        )
    elif isinstance(holder, list | tuple):
        yield from ((f"[{place}]", one) for place, one in enumerate(holder))
    else:
        held = getattr(holder, "__dict__", {})
        yield from (
            (f".{name}", one)
            for name, one in list(held.items())
            if not name.startswith("_")
        )


def images_of(data: Given, count: int) -> str | None:
    """The expression for the first validation images, if the user has a name for them."""
    name = variable_of(data)
    if name is None:
        return None
    alone = isinstance(data, Data)
    part = name if alone else f"{name}.validation"
    return part if validation_of(data).size == count else f"{part}.take({count})"


def judging_of(data: Given, count: int) -> str | None:
    """The arguments that `ncl.compare` judges any task by, likewise."""
    images = images_of(data, count)
    said = isinstance(data, Context) and data.objective is not None
    objective = f", objective={variable_of(data)}.objective" if said else ""
    return None if images is None else f"data={images}{objective}"


def validation_of(data: Given) -> Any:
    """What a model is judged by."""
    return data if isinstance(data, Data) else data.validation


def gives_class_indices(model: Any, data: Given) -> bool:
    """Whether `measure.accuracy` takes a model and what it is judged by."""
    first = validation_of(data).take(1)
    try:
        check_classes(np.asarray(first.y), model.outputs[0])
    except ValueError:
        return False
    return len(model.outputs) == 1


def context_of(data: Given, count: int) -> str | None:
    """The expression for the context of a pass that calibrates on so many examples."""
    name = variable_of(data)
    if name is None:
        return None
    if isinstance(data, Context):
        return name
    if isinstance(data, Dataset):
        return f"ncl.Context.of({name})"
    return f"ncl.Context(calibration={name}.take({count}))"


def brief_context_of(data: Given, training: int, judging: int) -> str | None:
    """The expression for a context to train on a part of the images."""
    name = variable_of(data)
    if name is None:
        return None
    return (
        f"ncl.Context(train={name}.train.take({training}), "
        f"validation={name}.validation.take({judging}))"
    )


def expression_of(value: Any, room: int = _LINE) -> str:
    """A value as code: passes, selections, and what they hold.

    Args:
        value: What the code makes.
        room: Letters of its first line; what is longer is broken, a part a line.
    """
    if isinstance(value, Pipeline):
        return _called("ncl.pipeline", [("", one) for one in value.passes], room=0)
    if isinstance(value, Pass | Selection):
        arguments = [
            (f"{field.name}=", argument)
            for field in sorted(fields(value), key=lambda field: bool(field.kw_only))
            if (argument := getattr(value, field.name)) != field.default
        ]
        return _called(f"ncl.{type(value).__name__}", arguments, room)
    if isinstance(value, tuple):
        return _called("", [("", one) for one in value], room)
    if isinstance(value, str):
        return json.dumps(value)
    if hasattr(value, "layers"):  # a student that the user has made
        return variable_of(value) or "student"
    return repr(value)


def _called(name: str, parts: Sequence[tuple[str, Any]], room: int) -> str:
    """Parts in brackets, in one line or a line each; `name` is empty for a tuple."""
    flat = [f"{before}{expression_of(one, sys.maxsize)}" for before, one in parts]
    comma = "," if len(flat) == 1 and not name else ""
    line = f"{name}({', '.join(flat)}{comma})"
    if not flat or (len(line) <= room and "\n" not in line):
        return line
    lines = []
    for before, one in parts:
        part = expression_of(one, _LINE - len(_INDENT) - len(before))
        lines.append(f"{before}{part},".replace("\n", f"\n{_INDENT}"))
    return f"{name}(\n" + "".join(f"{_INDENT}{one}\n" for one in lines) + ")"
