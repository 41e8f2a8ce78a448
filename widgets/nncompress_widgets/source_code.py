"""The Python code that makes a pass: what a control offers to put into a notebook."""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from nncompress_lab import Data, Dataset, Pass, Selection
from nncompress_lab.pipelines import Pipeline


def source_of(
    step: Pass,
    *,
    comments: Sequence[str] = (),
    model: str = "model",
    images: str | None = None,
) -> str:
    """A program that applies a pass to a model.

    Args:
        step: The pass.
        comments: What there is to say about it, a line each.
        model: The variable that holds the model.
        images: The expression for the images that the accuracy is measured on; with it
            the program measures the accuracy, too.

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
    source = f"{answer_of(step, 'compressed', comments=comments)}({model})"
    if images is None:
        return source
    accuracy = f"{{ncl.measure.accuracy(compressed, {images}):.1%}}"
    return f'{source}\nprint(f"accuracy: {accuracy}")'


def answer_of(step: Pass, name: str, *, comments: Sequence[str] = ()) -> str:
    """A program that gives a pass a name: the answer to an exercise."""
    notes = "".join(f"# {comment}\n" for comment in comments)
    return f"import nncompress_lab as ncl\n\n{notes}{name} = {_expression(step)}"


def variable_of(value: object) -> str | None:
    """The user's own name for an object, or None if it has none.

    In a notebook the name may be given after the control was made, so this is asked
    again for each program.
    """
    shell = sys.modules.get("IPython")
    shell = shell and shell.get_ipython()
    names: dict[str, Any] = shell.user_ns if shell else {}
    found = [
        name
        for name, one in names.items()
        if one is value and name.isidentifier() and not name.startswith("_")
    ]
    return found[0] if found else None


def images_of(data: Dataset | Data, count: int) -> str | None:
    """The expression for the first validation images of a variable of the user's."""
    name = variable_of(data)
    if name is None:
        return None
    images, part = (
        (data.validation, f"{name}.validation")
        if isinstance(data, Dataset)
        else (data, name)
    )
    return part if len(images) == count else f"{part}.take({count})"


def _expression(value: Any) -> str:
    if isinstance(value, Pipeline):
        lines = "".join(f"    {_expression(step)},\n" for step in value.passes)
        return f"ncl.pipeline(\n{lines})" if lines else "ncl.pipeline()"
    if isinstance(value, Pass | Selection):
        arguments = [
            f"{field.name}={_expression(argument)}"
            for field in sorted(fields(value), key=lambda field: bool(field.kw_only))
            if (argument := getattr(value, field.name)) != field.default
        ]
        return f"ncl.{type(value).__name__}({', '.join(arguments)})"
    if isinstance(value, tuple):
        items = "".join(f"{_expression(item)}, " for item in value)
        return f"({items.removesuffix(' ' if len(value) == 1 else ', ')})"
    return json.dumps(value) if isinstance(value, str) else repr(value)
