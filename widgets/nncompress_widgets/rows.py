"""Widgets side by side, each with its label."""

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets


def row_of(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Widgets in a row; where the page is narrow, below each other."""
    row = ipywidgets.HBox(widgets)
    row.add_class("nncompress-row")
    return row


def labelled(kind: Any, description: str, width: str, **settings: Any) -> Any:
    """A widget whose label takes the room that its words need."""
    return kind(
        description=description,
        style={"description_width": "initial"},
        layout={"width": width},
        **settings,
    )


def layer_options(
    whole: str, layers: Iterable[str], size: Callable[[str], int]
) -> list[tuple[str, str]]:
    """What a list offers: the whole model in these words, and each layer."""
    each = [(f"{path} ({size(path):,} weights)", path) for path in layers]
    return [(whole, "*"), *each]
