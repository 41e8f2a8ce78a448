"""What trials of all techniques share: one model, its images and a scratch copy."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Generic

import keras

from nncompress_lab.data.data import CALIBRATION_EXAMPLES
from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.models.kernels import KernelLayer
from nncompress_lab.models.rewrite import check_model, copy_model
from nncompress_lab.trials.figures import Figures
from nncompress_lab.trials.scratch import Choice, Layers, Scratch, images_for
from nncompress_lab.trials.trial import Measured

EXAMPLES: Final = 1000


class ModelTrial(Generic[Choice]):
    """One model under any setting of one technique, on the same images.

    A subclass says what leaves the model as it is, gives a scratch copy the weights of a
    choice in `_apply`, and knows the figures `counted` and `weighed`.

    Args:
        model: A built functional or sequential classifier. It is not changed.
        data: A data set, whose validation images are used and never its test images, or
            a single `Data`. The first 512 training images calibrate; of a single `Data`
            its own.
        examples: How many of the images, from the first on.
        unchanged: The choice that leaves the model as it came.

    Raises:
        UnsupportedModelError: If the model cannot be copied.
        TypeError: If `data` is neither a `Dataset` nor a `Data`.
        ValueError: If the images do not fit the model, or the labels are not class
            indices.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Dataset | Data,
        *,
        examples: int,
        unchanged: Choice,
    ) -> None:
        check_model(model)
        self.name: str = model.name
        self.data = images_for(model, data, examples)
        source = data.train if isinstance(data, Dataset) else data
        self.calibration = source.take(CALIBRATION_EXAMPLES)
        self._unchanged = unchanged
        self._original = copy_model(model)
        self._measuring: Scratch[Choice] = Scratch(
            self._original, self.data, self._apply
        )

    @property
    def examples(self) -> int:
        """How many images the accuracy is measured on."""
        return len(self.data)

    @cached_property
    def original(self) -> Figures:
        """All figures of the model as it came; measured when they are first asked for."""
        *_, last = self.measured(self._unchanged)
        return {
            "accuracy": last.accuracy,
            **self.counted(self._unchanged),
            **last.more,
            **self.weighed(self._unchanged),
        }

    def counted(self, choice: Choice) -> Figures:
        """What is known at once, without touching a model."""
        raise NotImplementedError

    def measured(self, choice: Choice) -> Iterator[Measured]:
        """The accuracy under a choice on ever more of the images."""
        return self._measured_on(self._measuring, choice, {})

    def weighed(self, choice: Choice) -> Figures:
        """Figures of the file that a choice leads to."""
        raise NotImplementedError

    def accuracy(self, choice: Choice) -> float:
        """Fraction of all the images that the model gets right under a choice."""
        *_, last = self.measured(choice)
        return last.accuracy

    def _apply(
        self, layers: Layers, choice: Choice, held: Choice | None
    ) -> Iterable[KernelLayer]:
        """Give a copy's layers the weights of a choice; as `Scratch` wants it."""
        raise NotImplementedError

    def _measured_on(
        self, scratch: Scratch[Any], choice: Any, more: Figures
    ) -> Iterator[Measured]:
        for right, examples in scratch.right(choice):
            lost = self._right[examples] - right
            yield Measured(right / examples, lost / examples, examples, more)

    @cached_property
    def _right(self) -> Mapping[int, int]:
        """How many of the first examples the original gets right."""
        found = self._measuring.right(self._unchanged)
        return {examples: right for right, examples in found}
