"""Widgets side by side."""

import ipywidgets


def row_of(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Widgets in a row; where the page is narrow, below each other."""
    row = ipywidgets.HBox(widgets)
    row.add_class("nncompress-row")
    return row
