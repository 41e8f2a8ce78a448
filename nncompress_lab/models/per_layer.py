"""Settings of a pass that differ from layer to layer."""

from collections.abc import Iterator, Mapping
from typing import Any

from nncompress_lab.models.selection import Selection, matches

SHOWN = 2  # layers in a label


class PerLayer(Mapping[str, Mapping[str, Any]]):
    """What some layers have otherwise than a pass says: fields by the path of a layer.

    A path may be a pattern, as in `Selection`. A layer takes the fields of the first that
    it matches, but its own path comes before all patterns.

    Args:
        settings: For each path or pattern, fields of the pass and their values.

    Example:
        >>> settings = PerLayer({"dense*": {"bits": 3}, "dense3": {"bits": 8}})
        >>> settings.of_layer("dense1"), settings.of_layer("dense3")
        ({'bits': 3}, {'bits': 8})
    """

    def __init__(self, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._settings = {
            path: dict(fields) for path, fields in (settings or {}).items()
        }

    @classmethod
    def of(cls, settings: Any) -> "PerLayer":
        """Made of a `dict` of `dict`s, as a recipe has it.

        Raises:
            TypeError: If `settings` is anything else.
        """
        if isinstance(settings, Mapping) and all(
            isinstance(path, str)
            and isinstance(fields, Mapping)
            and all(isinstance(name, str) for name in fields)
            for path, fields in settings.items()
        ):
            return cls(settings)
        raise TypeError(
            "Settings of single layers are fields by the path of a layer, as in "
            f"{{'conv1': {{'bits': 8}}}}. Received: {settings!r}."
        )

    def of_layer(self, path: str) -> dict[str, Any]:
        """The fields that a layer has otherwise; empty if it has none."""
        if path in self._settings:
            return self._settings[path]
        return next(
            (
                fields
                for pattern, fields in self._settings.items()
                if matches(path, (pattern,))
            ),
            {},
        )

    def check(self, model: Any, *, replaced: bool = False) -> None:
        """Raise a `ValueError` if a path is that of no layer, as `Selection.check` does."""
        Selection(names=tuple(self)).check(model, replaced=replaced)

    def __getitem__(self, path: str) -> Mapping[str, Any]:
        return self._settings[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PerLayer) and self._settings == other._settings

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return repr(self._settings)

    @property
    def label(self) -> str:
        """As it is written, or how many there are."""
        if len(self) <= SHOWN:
            return repr(self)
        return f"{{{len(self)} layers}}"


AS_THE_PASS_SAYS = PerLayer()
