"""Which layers a pass treats: by name, type and size, without the first or the last."""

from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final

from nncompress_lab.models.kernels import (
    KERNELS,
    KernelLayer,
    Reasons,
    Skip,
    keras_classes,
    kernel_layers,
    reason_without_kernel,
    weighted_layers,
    without_depthwise,
)
from nncompress_lab.settings import check_settings

SHOWN = 20  # names in a message
EVERY = "*"


@dataclass(frozen=True)
class Selection:
    """Which kernel layers to treat. The default is all of them.

    Args:
        names: Shell patterns (`*`, `?`, `[...]`) for the path of a layer, for example
            `"block?_mlp*"` or `"attention/query"`. A layer is taken if one matches.
        exclude: Patterns for layers to leave out although `names` matches.
        types: Class names such as `"Conv2D"`; empty takes every type.
        min_size: Layers with fewer kernel weights than this are left out.
        skip_first: How many of the model's first kernel layers to leave out.
        skip_last: How many of the last ones.
        depthwise: Whether layers are taken all of whose kernels are depthwise: each
            output sees one of several input channels.

    Raises:
        TypeError: If `names`, `exclude` or `types` is a bare string.
        ValueError: If a number is negative.

    Example:
        >>> Selection(types=("Dense",), skip_last=1)
        Selection(types=('Dense',), skip_last=1)
    """

    names: tuple[str, ...] = (EVERY,)
    exclude: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    min_size: int = 0
    skip_first: int = 0
    skip_last: int = 0
    depthwise: bool = True

    def __post_init__(self) -> None:
        for field in ("names", "exclude", "types"):
            value = getattr(self, field)
            if isinstance(value, str):
                raise TypeError(
                    f"`{field}` must be a sequence of strings. Received: "
                    f"{field}={value!r}. Write {field}=({value!r},)."
                )
        check_settings(self)
        for field in ("min_size", "skip_first", "skip_last"):
            if getattr(self, field) < 0:
                raise ValueError(
                    f"`{field}` must be at least 0. Received: "
                    f"{field}={getattr(self, field)!r}."
                )

    @classmethod
    def of(cls, names: Any) -> "Selection":
        """The layers of these names: a pattern, a list of them, or a selection as it is.

        Raises:
            TypeError: If `names` is none of these.

        Example:
            >>> Selection.of("conv*")
            Selection(names=('conv*',))
        """
        if isinstance(names, Selection):
            return names
        several = [names] if isinstance(names, str) else names
        if isinstance(several, list | tuple) and all(
            isinstance(one, str) for one in several
        ):
            return cls(names=tuple(several))
        raise TypeError(
            "Layers are selected by a name such as 'conv*', by a list of names, or by a "
            f"Selection, as in Selection(types=('Dense',)). Received: {names!r}."
        )

    def __repr__(self) -> str:
        default = Selection.__dataclass_fields__
        changed = [
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if value != default[name].default
        ]
        return f"Selection({', '.join(changed)})"

    def explain(self, model: Any, *, integers: bool = False) -> Reasons:
        """For each layer with weights: None if it is taken, else why it is not.

        Args:
            model: A built Keras model.
            integers: Whether kernels that are stored as integers count as the floats
                that they stand for.

        Returns:
            Reasons by path, in the order of the model.
        """
        reasons: Reasons = {
            path: reason_without_kernel(layer) for path, layer in weighted_layers(model)
        }
        layers = kernel_layers(model)
        for index, layer in enumerate(layers):
            from_end = len(layers) - index
            at_edge = index < self.skip_first or from_end <= self.skip_last
            decodes = integers and hasattr(layer.layer, "stored_kernel")
            floats = decodes or layer.is_float
            reasons[layer.path] = (
                self._reason(layer, at_edge=at_edge) if floats else Skip.NOT_FLOAT
            )
        return reasons

    def check(self, model: Any, *, replaced: bool = False) -> None:
        """Raise a `ValueError` if a name or a type is that of no layer with weights.

        A misspelt one would select nothing, and say nothing.

        Args:
            model: A built Keras model.
            replaced: Whether its layers may be called otherwise than those that the
                selection was written for, because something has replaced them.
        """
        layers = weighted_layers(model)
        paths = [path for path, _ in layers]
        types = sorted({one for _, layer in layers for one in _type_names(layer)})
        for pattern in (*self.names, *self.exclude):
            if pattern != EVERY and not any(matches(one, (pattern,)) for one in paths):
                raise _unknown(pattern, "name", paths, model, replaced=replaced)
        for one in self.types:
            if one not in types:
                raise _unknown(one, "type", types, model, replaced=replaced)

    def __call__(self, model: Any) -> list[KernelLayer]:
        """The kernel layers of `model` that are taken, in the order of the model."""
        reasons = self.explain(model)
        return [layer for layer in kernel_layers(model) if reasons[layer.path] is None]

    def _reason(self, layer: KernelLayer, *, at_edge: bool) -> Skip | None:
        named = matches(layer.path, self.names) and not matches(
            layer.path, self.exclude
        )
        typed = not self.types or any(
            one in self.types for one in _type_names(layer.layer)
        )
        if at_edge or not named or not typed:
            return Skip.NOT_SELECTED
        if not self.depthwise and not without_depthwise(layer).kernel_names:
            return Skip.DEPTHWISE
        if not layer.size:
            return Skip.EMPTY
        return Skip.TOO_SMALL if layer.size < self.min_size else None


EVERY_LAYER: Final = Selection()


def select(model: Any, **criteria: Any) -> list[KernelLayer]:
    """The kernel layers of a model that meet the criteria.

    Args:
        model: A built Keras model.
        **criteria: As `Selection` takes them.

    Returns:
        The layers with their paths, in the order of the model.

    Raises:
        TypeError: For an unknown criterion.

    Example:
        >>> from nncompress_lab import zoo
        >>> [layer.path for layer in select(zoo.lenet5(), names=("conv*",))]
        ['conv1', 'conv2']
    """
    return Selection(**criteria)(model)


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path is one of the patterns or matches one."""
    return any(path == one or fnmatchcase(path, one) for one in patterns)


def _type_names(layer: Any) -> list[str]:
    """What the class of a layer is called; of a quantized one, that of its floats too."""
    own = [type(layer).__name__]
    if not hasattr(layer, "stored_kernel"):
        return own
    return own + [name for name in keras_classes(layer) if name in KERNELS]


def _unknown(
    wrong: str, what: str, known: list[str], model: Any, *, replaced: bool
) -> ValueError:
    """The error for a name or a type of a selection that no layer has."""
    spelt = {one.casefold(): one for one in reversed(known)}
    close = [spelt[one] for one in get_close_matches(wrong.casefold(), spelt)]
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return ValueError(
        f"No layer with weights of {model.name!r} has the {what} {wrong!r}, which the "
        f"selection asks for.{hint} Its {what}s are: {', '.join(known[:SHOWN])}{more}."
        + (" An earlier pass may have replaced the layer." if replaced else "")
    )
