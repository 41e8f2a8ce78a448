"""Layers that are built with another layer's weights instead of random ones.

Keras initializes every variable that a layer makes. A copy would overwrite all of it at
once, and random numbers for a large kernel take longer than what most passes compute.
"""

from typing import Any

from nncompress_lab.models.kernels import own_variables
from nncompress_lab.models.variables_in_place import duplicate


class Inheritance:
    """What a layer that is not built yet is to take from an equal one when it is built.

    Keras's own layers take each variable by its name, where it has the same shape; other
    classes may do more in their `build`, and take nothing. Neither configuration nor
    initializers change.

    Args:
        source: The built layer.
        target: One of the same configuration, made just now.
    """

    def __init__(self, source: Any, target: Any) -> None:
        self._taken: set[int] = set()
        self._target, self._add_weight = target, target.add_weight
        self._values: dict[str, Any] = {}
        if type(source).__module__.partition(".")[0] == "keras":
            own = own_variables(source)
            names = [variable.name for variable in own]
            self._values = {one.name: one for one in own if names.count(one.name) == 1}
        if self._values:
            vars(target)["add_weight"] = self._add

    def close(self) -> set[int]:
        """Leave the target as Keras made it; the ids of its variables that have values."""
        vars(self._target).pop("add_weight", None)
        return self._taken

    def _add(self, *args: Any, **kwargs: Any) -> Any:
        giver = self._values.get(kwargs.get("name", ""))
        shape = kwargs.get("shape")
        if giver is None or shape is None or tuple(shape) != tuple(giver.shape):
            return self._add_weight(*args, **kwargs)

        def value(_shape: Any, dtype: Any = None) -> Any:
            return duplicate(giver, dtype)

        variable = self._add_weight(*args, **{**kwargs, "initializer": value})
        self._taken.add(id(variable))
        return variable
