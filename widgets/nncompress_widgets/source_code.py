"""The Python code that makes a pass: what a control offers to put into a notebook."""

import json
from dataclasses import fields
from typing import Any

from nncompress_lab import Pass, Selection
from nncompress_lab.passes import Pipeline


def source_of(step: Pass) -> str:
    """A program that applies a pass to a model named `model`.

    Example:
        >>> from nncompress_lab import MagnitudePruning
        >>> print(source_of(MagnitudePruning(sparsity=0.8, scope="global")))
        import nncompress_lab as ncl
        <BLANKLINE>
        compressed = ncl.MagnitudePruning(sparsity=0.8, scope="global")(model)
    """
    return f"import nncompress_lab as ncl\n\ncompressed = {_expression(step)}(model)"


def _expression(value: Any) -> str:
    if isinstance(value, Pipeline):
        lines = "".join(f"    {_expression(step)},\n" for step in value.passes)
        return f"ncl.pipeline(\n{lines})" if lines else "ncl.pipeline()"
    if isinstance(value, Pass | Selection):
        arguments = [
            f"{field.name}={_expression(argument)}"
            for field in fields(value)
            if (argument := getattr(value, field.name)) != field.default
        ]
        return f"ncl.{type(value).__name__}({', '.join(arguments)})"
    if isinstance(value, tuple):
        items = "".join(f"{_expression(item)}, " for item in value)
        return f"({items.removesuffix(' ' if len(value) == 1 else ', ')})"
    return json.dumps(value) if isinstance(value, str) else repr(value)
