"""A smaller model of the same design: narrower layers, fewer residual blocks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import keras

from nncompress_lab.distillation.blocks import left_out
from nncompress_lab.distillation.widths import Narrower, narrower
from nncompress_lab.errors import UnsupportedModelError
from nncompress_lab.models.cloning import cloned
from nncompress_lab.models.copying import inherit
from nncompress_lab.models.kernels import kernel_layers, walk
from nncompress_lab.models.rewrite import check_model, redraw_layers
from nncompress_lab.settings import check_settings
from nncompress_lab.training.while_training import seeded

# Arguments that are layers, and where TimeDistributed and Bidirectional keep them.
WRAPPED = (
    ("layer", "layer"),
    ("layer", "forward_layer"),
    ("backward_layer", "backward_layer"),
)
Initialise = Literal["random", "copy"]


@dataclass(frozen=True)
class Student:
    """How a student is made from its teacher: the same design, smaller.

    Args:
        width: Fraction of the units, filters, embedding sizes and attention key sizes
            that stay, in (0, 1]; at least one of each stays. Inputs and outputs of the
            model keep theirs, and so does what is added to them.
        depth: Fraction of the repeated residual blocks that stay, in (0, 1]; at least
            one of each repetition stays, evenly spaced.
        initialise: `"copy"` takes over the teacher's weights, zeros included: those of
            the channels that later layers read with the largest weights, and narrower
            heads of attention that compute the nearest of what they did. `"random"`
            draws new weights, and takes over only what a layer of the teacher does not
            train, such as the statistics of a Normalization layer.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> from nncompress_lab import zoo
        >>> Student(width=0.5)(zoo.lenet5(pretrained=False)).count_params()
        109295

    References:
        The width multiplier: Howard et al., "MobileNets", 2017, section 3.3.
        https://arxiv.org/abs/1704.04861
        A student that is a thinned and copied teacher: Sanh, Debut, Chaumond, Wolf,
        "DistilBERT", 2019, section 3. https://arxiv.org/abs/1910.01108
        That the next layer knows which channels matter: Luo, Wu, Lin, "ThiNet: A Filter
        Level Pruning Method for Deep Neural Network Compression", ICCV 2017, section 3
        (which looks at its outputs). https://arxiv.org/abs/1707.06342
    """

    width: float = 0.5
    depth: float = 1.0
    initialise: Initialise = "copy"

    def __post_init__(self) -> None:
        check_settings(self)
        for name in ("width", "depth"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` is the fraction of the teacher that stays and must be in "
                    f"(0, 1]. Received: {name}={getattr(self, name)!r}."
                )

    @classmethod
    def of(cls, width: Any) -> "Student":
        """The student of a width.

        Raises:
            TypeError: If `width` is no number.
        """
        if isinstance(width, int | float):
            return cls(width=width)
        raise TypeError(
            "A student is a Student such as Student(width=0.5), a width, a built Keras "
            f"model or None. Received: {width!r}."
        )

    def __repr__(self) -> str:
        changed = [f"width={self.width!r}"]
        if self.depth != 1:
            changed.append(f"depth={self.depth!r}")
        if self.initialise != "copy":
            changed.append(f"initialise={self.initialise!r}")
        return f"Student({', '.join(changed)})"

    def __call__(self, teacher: keras.Model, *, seed: int = 0) -> keras.Model:
        """Make the student, untrained.

        Args:
            teacher: A built functional or sequential model of float kernels. It is not
                changed.
            seed: Of the weights that are drawn.

        Returns:
            A new model of the same name, inputs and outputs that shares nothing with
            `teacher` and is not compiled.

        Raises:
            UnsupportedModelError: If the teacher is quantized, has no repeated residual
                blocks to leave out, or has layers that this cannot make narrower.
        """
        check_model(teacher)
        _check_floats(teacher)
        copied = self.initialise == "copy"
        kept = Narrower()
        if self.width < 1:
            kept = narrower(teacher, self.width, copied=copied)
        with seeded(seed):
            student = self._build(teacher, kept)
        layers = dict(walk(teacher))
        for path, layer in walk(student):
            source = layers.get(path)
            if source is not None and (copied or _is_constant(source)):
                inherit(source, layer, kept.part)
        return student

    def _build(self, teacher: keras.Model, kept: Narrower) -> keras.Model:
        dropped: dict[int, int] = {}
        if self.depth < 1 and not isinstance(teacher, keras.Sequential):
            dropped = left_out(teacher, self.depth)
        if self.depth < 1 and not dropped:
            raise UnsupportedModelError(
                f"{teacher.name!r} has no residual blocks of equal shape that follow "
                f"one another, so depth={self.depth} leaves none of its layers out. "
                "Set depth=1 and a smaller width, or pass a model of your own."
            )

        def draw(layer: Any) -> Any:
            if id(layer) in dropped:
                return _take(dropped[id(layer)])
            if not isinstance(layer, keras.Layer):
                return None
            return _drawn(layer, kept.settings)

        try:
            return redraw_layers(teacher, draw)
        except UnsupportedModelError:
            raise
        except Exception as error:  # of any layer or backend, about sizes
            raise UnsupportedModelError(
                f"No student of width {self.width} can be made from {teacher.name!r}: "
                f"{str(error).strip().partition(chr(10))[0]} Pass a model of your own as "
                "student=."
            ) from error


def _take(place: int) -> Callable[..., Any]:
    """What is called instead of an addition: it returns one of what is added."""

    def take(*added: Any) -> Any:
        return keras.tree.flatten(added)[place]

    return take


def _drawn(layer: Any, changes: dict[int, dict[str, Any]]) -> Any:
    """A layer like another one with some settings changed, also of one that it wraps."""
    own = changes.get(id(layer), {})
    if isinstance(layer, keras.layers.InputLayer):
        return cloned(layer, **own) if own else None
    for name, held in WRAPPED:
        if id(inner := getattr(layer, held, None)) in changes:
            own = {**own, name: _drawn(inner, changes)}
    return cloned(layer, **own)


def _check_floats(teacher: keras.Model) -> None:
    others = [layer for layer in kernel_layers(teacher) if not layer.is_float]
    adapted = [one.path for one in others if getattr(one.layer, "lora_enabled", False)]
    if adapted:
        raise UnsupportedModelError(
            f"A student is made from plain layers. {teacher.name!r} has LoRA in "
            f"{', '.join(adapted)}. Build the model without it, and give it what "
            "layer.kernel is there, the kernel with LoRA in it."
        )
    integers = [layer.path for layer in others]
    if integers:
        raise UnsupportedModelError(
            "A student is made from a model of floats, and is quantized afterwards. "
            f"{teacher.name!r} stores {', '.join(integers)} as integers. Put Distillation "
            "before the quantization."
        )


def _is_constant(layer: keras.Layer) -> bool:
    return not any(one.trainable for one in layer.variables)
