"""Models of a user's class that train in their own way, copied as such."""

from typing import Any

import keras

from nncompress_lab.models.cloning import definer, is_foreign
from nncompress_lab.models.copying import copy_weights, freeze_alike


def copy_in_its_class(model: keras.Model) -> Any:
    """An equal model of the same class, for a class with a `train_step` of its own.

    Args:
        model: A built functional or sequential model. It is not changed.

    Returns:
        None if the class trains as Keras does, or cannot be made from its `get_config`.
    """
    kind = type(model)
    if not is_foreign(definer(kind, "train_step")):
        return None
    try:
        twin = kind.from_config(model.get_config())
        copy_weights(model, twin)
        freeze_alike(model, twin)
    except Exception:  # of whoever wrote the class
        return None
    return twin if type(twin) is kind else None
