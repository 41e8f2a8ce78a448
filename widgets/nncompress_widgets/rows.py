"""Widgets side by side, each with its label, and notes beside the picture."""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import ipywidgets

_LETTER: Final = 6.2  # pixels that one takes on average
_ARROW: Final = 50  # pixels for the arrow of a list and the margins
_MOST: Final = 340  # pixels; longer words are whole only in the open list


def row_of(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Widgets in a row; where the page is narrow, below each other."""
    row = ipywidgets.HBox(widgets)
    row.add_class("nncompress-row")
    return row


def beside(picture: ipywidgets.Widget, figures: ipywidgets.Widget) -> ipywidgets.HBox:
    """A picture and its figures, which begin at its top."""
    row = row_of(picture, figures)
    row.layout.align_items = "flex-start"
    return row


def labelled(kind: Any, description: str, width: str, **settings: Any) -> Any:
    """A widget whose label takes the room that its words need."""
    return kind(
        description=description,
        style={"description_width": "initial"},
        layout={"width": width},
        **settings,
    )


def dropdown(description: str, options: Sequence[tuple[str, Any]]) -> Any:
    """A list of choices, as wide as its longest words."""
    longest = max(len(words) for words, _ in options)
    width = round(_ARROW + _LETTER * (len(description) + longest))
    kind = ipywidgets.Dropdown
    return labelled(kind, description, f"{min(width, _MOST)}px", options=options)


def follow(
    view: object, names: Iterable[str], call: Callable[[str, Any], None]
) -> None:
    """Have `call(name, value)` called when the user moves a widget of that name.

    Args:
        view: Has the widgets as attributes.
        names: Of those attributes.
        call: What to call.
    """
    for name in names:
        getattr(view, name).observe(
            lambda change, name=name: call(name, change["new"]), "value"
        )


def note(words: str) -> str:
    """Words beside the picture, as HTML."""
    return f'<div class="nncompress-note nncompress-beside">{html.escape(words)}</div>'


def layer_options(
    whole: str, layers: Iterable[str], size: Callable[[str], int]
) -> list[tuple[str, str]]:
    """What a list offers: the whole model in these words, and each layer."""
    each = [(f"{path} ({size(path):,} weights)", path) for path in layers]
    return [(whole, "*"), *each]
