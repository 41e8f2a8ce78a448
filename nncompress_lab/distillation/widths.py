"""Which numbers of a model's configuration make it narrower, and stay consistent."""

from typing import Any

import keras
import numpy as np

from nncompress_lab.models.channels.groups import follow_channels, groups_of
from nncompress_lab.models.channels.widths import Widths
from nncompress_lab.models.cloning import settings
from nncompress_lab.models.kernels import keras_classes, walk

# Numbers inside a layer, which no other layer has to agree with.
INNER = {
    "MultiHeadAttention": ("key_dim", "value_dim"),
    "GroupedQueryAttention": ("head_dim",),
}


def narrower(model: keras.Model, width: float) -> dict[int, dict[str, Any]]:
    """What to change in the configurations of a model's layers.

    Args:
        model: A built functional or sequential model.
        width: Fraction of the channels that stay, in (0, 1].

    Returns:
        Values by the id of the layer; layers that have no width have none.
    """
    flow = follow_channels(model, new_weights=True)
    kept = np.ones(len(flow.units), dtype=np.bool_)
    for group in groups_of(flow):
        if group.reason is None:
            kept[group.units[max(1, round(group.channels * width)) :]] = False
    widths = Widths(flow, kept[flow.units.roots(np.arange(len(kept)))])
    changes = {key: widths.settings(entry) for key, entry in flow.layers.items()}
    for _, layer in walk(model):
        for kind in set(keras_classes(layer)) & set(INNER):
            config = settings(layer)
            changes.setdefault(id(layer), {}).update(
                (name, max(1, round(config[name] * width)))
                for name in INNER[kind]
                if config[name]
            )
    return changes
