"""What a compression pass is, and what it may use."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields, replace
from functools import wraps
from typing import Any, ClassVar

import keras

from nncompress_lab.data.data import CALIBRATION_EXAMPLES, DATA_ARE, Data
from nncompress_lab.data.datasets import Dataset
from nncompress_lab.finite import check_weights
from nncompress_lab.models.kernels import Reasons
from nncompress_lab.models.per_layer import AS_THE_PASS_SAYS, PerLayer
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.models.selection import Selection
from nncompress_lab.ready import ready_context
from nncompress_lab.settings import check_settings
from nncompress_lab.training.objective import Objective

NO_DATACLASS = (
    "The settings of {0} are no dataclass fields, so its label and its recipes would lose "
    "them. Write them as fields, such as `sparsity: float = 0.5`, in place of an __init__, "
    "and decorate the class with @dataclass(frozen=True)."
)


@dataclass(frozen=True, eq=False)
class Context:
    """What passes may use beyond their own numbers. All of it is optional.

    For data, whatever `Data` is made of will do: a pair `(x, y)` or a triple `(x, y,
    sample_weight)` of arrays, or a pipeline such as a `tf.data.Dataset`.

    Args:
        train: What a pass trains on.
        validation: What a pass chooses by, for example the best epoch.
        calibration: Sample inputs for passes that look at activations; they need no labels.
            Of a pipeline the first 512 examples are read.
        test: For the final figures of the report. No pass gets it.
        original: The model as it was before the first pass; `pipeline` fills it in, and
            a pass that is called by itself has the model that it is called with.
        unquantized: The last model of the pipeline whose kernels are all floats, which
            passes that repair quantization compare with; `pipeline` fills it in.
        teacher: A model that passes may learn from, for `FineTune(teacher="context")`.
        objective: The loss and the metrics; None takes those that the model was compiled
            with, or what the labels tell. A loss alone will do.
        seed: Of everything random in a pass.
        progress: Whether passes that take long draw a progress bar.

    Raises:
        TypeError: If a field is of another type, or data have no labels where some are
            needed.
    """

    train: Data | None = None
    validation: Data | None = None
    calibration: Data | None = None
    test: Data | None = None
    original: keras.Model | None = None
    unquantized: keras.Model | None = None
    teacher: keras.Model | None = None
    objective: Objective | None = None
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        check_settings(self)
        for name in ("train", "validation", "test"):
            part = getattr(self, name)
            if part is not None and not part.is_stream and part.y is None:
                raise TypeError(f"`{name}`: {DATA_ARE} Received: inputs alone.")

    @classmethod
    def of(
        cls, dataset: "Dataset | Context | None" = None, **settings: Any
    ) -> "Context":
        """The context of a data set; the first 512 training examples calibrate.

        Args:
            dataset: Its three parts; or a context, or nothing, to which fields are added.
            **settings: Further fields, such as `seed=` or `progress=`.

        Raises:
            TypeError: If `dataset` is none of these.
        """
        if dataset is None or isinstance(dataset, Context):
            return replace(dataset or cls(), **settings)
        if not isinstance(dataset, Dataset):
            raise TypeError(
                "The context is a Context or a Dataset, for example "
                f"ncl.data.fashion_mnist(). Received: {type(dataset).__name__}. For "
                "arrays or pipelines of your own write Context(train=(x, y), ...)."
            )
        train = dataset.train  # of a pipeline the first are read when a pass asks
        whole = cls(
            train=train,
            validation=dataset.validation,
            calibration=train if train.is_stream else train.take(CALIBRATION_EXAMPLES),
            test=dataset.test,
        )
        return replace(whole, **settings)


@dataclass(frozen=True)
class Pass(ABC):
    """A step of compression: model in, new model out; the model that goes in stays.

    Subclasses are frozen dataclasses of numbers, strings and a `Selection`, so that a
    recipe can hold them, and implement `transform`. They name the data they use in
    `needs`, and check their numbers in `__post_init__`; that all fields are of the types
    they are annotated with has been checked before. Both fail before any work.
    """

    registry: ClassVar[dict[str, type["Pass"]]] = {}
    renamed: ClassVar[Mapping[str, str]] = {}
    """What fields were called in older recipes, and what they are called now."""
    written: ClassVar[frozenset[str]] = frozenset()
    """Fields that name files which the pass writes; no recipe may hold them."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "__init__" in own and "__dataclass_fields__" not in own:
            raise TypeError(NO_DATACLASS.format(cls.__name__))
        if "__post_init__" in own:  # which need not call this class's
            type.__setattr__(cls, "__post_init__", _after_types(own["__post_init__"]))
        known = Pass.registry.setdefault(cls.__name__, cls)
        if known.__module__ != cls.__module__:
            raise TypeError(
                f"There is already a pass named {cls.__name__} in {known.__module__}, "
                "and recipes know passes by name. Choose another name."
            )
        Pass.registry[cls.__name__] = cls
        if "__repr__" not in vars(cls):  # a dataclass would make one in another order
            cls.__repr__ = Pass.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        settings = (
            f"{one.name}={value!r}"
            for one in settings_of(self)
            if (value := getattr(self, one.name)) != AS_THE_PASS_SAYS
        )
        return f"{type(self).__name__}({', '.join(settings)})"

    def __post_init__(self) -> None:
        kind = type(self)
        declared = map(str, inspect.get_annotations(kind).values())
        fields_are_lost = any("ClassVar" not in one for one in declared)
        if fields_are_lost and "__dataclass_fields__" not in vars(kind):
            raise TypeError(NO_DATACLASS.format(kind.__name__))
        check_settings(self)
        self.variants()

    def variants(self) -> "dict[str, Pass]":
        """The passes that this one amounts to for parts of a model, if they differ.

        Making them checks their settings.
        """
        return {}

    @property
    def needs(self) -> frozenset[str]:
        """Names of the `Context` fields that this pass cannot do without."""
        return frozenset()

    @property
    def needs_graph(self) -> bool:
        """Whether it has to know how the layers are connected, as to replace some.

        A pass that only gives other values to weights does not, and takes models of any
        class.
        """
        return True

    @property
    def label(self) -> str:
        """The pass with its main setting and those that are not the default."""
        settings = [
            f"{field.name}={_shown(value)}"
            for position, field in enumerate(settings_of(self))
            if (value := getattr(self, field.name)) != field.default
            or (position == 0 and value is not None)
        ]
        return f"{type(self).__name__}({', '.join(settings)})"

    def __call__(
        self, model: keras.Model, context: Context | Dataset | None = None
    ) -> keras.Model:
        """Compress a model.

        Args:
            model: A built Keras model; if this pass `needs_graph`, a functional or
                sequential one. It is not changed.
            context: Data, if this pass needs any; a data set will do.

        Returns:
            A new, uncompiled model that shares nothing with `model`.

        Raises:
            UnsupportedModelError: If the model is unbuilt or not Keras 3; if it is
                subclassed and this pass needs a graph, or its class cannot make it again.
            MissingContextError: If the context lacks what the pass needs.
            CompressionError: If the result has weights that are not finite.
            ValueError: If a selection of this pass names a layer that is not there, or
                the data that it needs are not finite, or of another shape than the
                model takes.
        """
        context = Context.of(context, test=None)
        check_model(model, graph=self.needs_graph)
        context = ready_context(self, context, model)
        later = context.original is not None and context.original is not model
        for field in fields(self):
            if isinstance(chosen := getattr(self, field.name), Selection | PerLayer):
                chosen.check(model, replaced=later)
        context = replace(context, original=context.original or model)
        result = self.transform(model, context)
        self.check_result(result)
        return result

    def check_result(self, result: keras.Model) -> None:
        """Raise a `CompressionError` if what this pass made is not finite."""
        check_weights(result, type(self).__name__)

    @classmethod
    def as_written(cls, settings: dict[str, Any], written: int) -> dict[str, Any]:
        """A recipe's fields as its format meant them; others had the defaults of then."""
        return settings

    @abstractmethod
    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Do the work of `__call__`; model and context have been checked."""

    def explain(self, model: keras.Model) -> Reasons:
        """For each layer with weights: None if it is treated, else why it is not.

        A reason is a `Skip` or a sentence. A pass that does not go layer by layer, such
        as `FineTune`, explains nothing; one that does is a `LayerPass`.
        """
        return {}


def settings_of(step: Any) -> list[Field[Any]]:
    """The fields of a pass as they are shown: its own before those of all its kind."""
    return sorted(fields(step), key=lambda field: bool(field.kw_only))


def _shown(value: Any) -> str:
    return value.label if isinstance(value, PerLayer) else repr(value)


def _after_types(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """A `__post_init__` that finds its fields to be of their types."""

    @wraps(check)
    def checked(self: Pass) -> None:
        Pass.__post_init__(self)
        check(self)

    return checked
