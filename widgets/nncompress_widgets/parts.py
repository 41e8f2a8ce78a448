"""What a control of one technique brings to the page that all controls share."""

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets


@dataclass(frozen=True)
class Parts:
    """What a control of one technique brings to the page.

    Args:
        title: What the control does, above everything.
        inputs: Where the user makes a choice.
        picture: An `<svg>` that explains the choice; beside it are the figures.
        details: What there is to add; below, beside the trail.
        shown: Names of the figures beside the score.
        cost: The figure that the trail is drawn over: `"packed_bytes"`, `"macs"` or
            `"parameters"`.
    """

    title: str
    inputs: Sequence[ipywidgets.Widget]
    picture: ipywidgets.HTML
    details: ipywidgets.Widget
    shown: Sequence[str]
    cost: str = "packed_bytes"
