"""Knowledge distillation under a slider: what a teacher says, and how loudly."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import traitlets

from nncompress_lab import Distillation
from nncompress_lab.trials.distillation import DistillationTrial
from nncompress_lab.trials.examples import Given
from nncompress_lab.trials.figures import percent
from nncompress_lab.trials.goal import Goal
from nncompress_lab.trials.kernels import WHOLE_MODEL
from nncompress_lab.trials.student_training import TAUGHT, WAYS
from nncompress_widgets.distillation_view import LOSSES, DistillationView
from nncompress_widgets.learning_curves import curves_svg
from nncompress_widgets.target_explorer import TargetExplorer
from nncompress_widgets.worker import Worker


class DistillationExplorer(TargetExplorer):
    """Let a teacher explain itself to a student, and see what the loss makes of it.

    For one image, the probabilities of teacher and student are paired bars that melt
    together as the temperature rises; beside them is the pull on each logit with and
    without the factor temperature², below them the two terms of the loss. A button trains
    the student as it is set, and two controls from the same weights: labels only, and the
    teacher's hard labels. The accuracy is the student's: before its training, or after it
    where the setting has been trained.

    Everything can be moved from Python, too: after `explorer.temperature = 8.0`, the
    figures are those of the new setting.

    Args:
        teacher: A built functional or sequential Keras classifier. It is not changed.
        student: Of the same inputs and classes; it is not changed either.
        data: A data set, whose validation images are used, and whose training images the
            button trains on; or a single `Data`, on which nothing is trained.
        goal: What the registered setting is to reach.
        answer: The variable that a lesson wants the setting in; with it the control also
            hands out code that answers the exercise.

    Attributes:
        temperature: Of the soft targets, above 0.
        student_loss_weight: Of the labels, in `[0, 1]`; the rest of 1 is the teacher's.
        loss: `"soft_targets"`, `"logits"` for their squared error, which has no
            temperature, or `"features"` for soft targets and the features of a layer.
        image: Which image is shown, from 1; of the first the teacher is least sure.
        curves: The accuracies after each epoch of the last training, by way; read-only.

    Raises:
        UnsupportedModelError: If a model cannot be copied.
        TypeError: If `data` or `goal` is of another type.
        ValueError: If teacher, student and images do not fit each other, or the goal
            bounds a figure that distillation does not change.

    Example:
        >>> import nncompress_lab as ncl
        >>> images = ncl.data.fashion_mnist().validation.take(100)
        >>> student = ncl.zoo.lenet5(pretrained=False)
        >>> explorer = DistillationExplorer(ncl.zoo.lenet5(), student, images)
        >>> explorer.temperature = 8.0
        >>> explorer.setting.temperature
        8.0
    """

    VIEW: ClassVar[Any] = DistillationView
    TITLE: ClassVar[str] = "A student of {}"
    SHOWN: ClassVar[tuple[str, ...]] = ("macs", "others", "soft_entropy", "balance")
    COST: ClassVar[str] = "macs"
    KNOBS: ClassVar[tuple[str, ...]] = ("temperature", "student_loss_weight", "loss")
    VIEWS: ClassVar[tuple[str, ...]] = ("image",)

    temperature = traitlets.Float(4.0)
    student_loss_weight = traitlets.Float(0.1)
    loss = traitlets.Unicode("soft_targets")
    image = traitlets.Int(1)
    curves = traitlets.Dict(read_only=True)

    def __init__(
        self,
        teacher: Any,
        student: Any,
        data: Given,
        goal: Goal | None = None,
        *,
        answer: str | None = None,
    ) -> None:
        self._student = student
        self._earlier: list[Sequence[float]] = []
        self._stopped = False
        self._train_later = Worker(self._train, on_error=self._show_error)
        super().__init__(teacher, data, goal, answer=answer)
        self._view.training.on_click(self._start, self.stop)

    @property
    def choice(self) -> Distillation:
        """What the inputs say, as a pass."""
        with self._lock:
            return self._pass_of(self._chosen[WHOLE_MODEL])

    @property
    def sentence(self) -> str:
        """What the control is and where it stands."""
        how = LOSSES[self.loss]
        if self.loss != "logits":
            how += f" at temperature {self.temperature:g}"
        state = "after" if self._trial.is_trained(self.choice) else "before"
        return (
            f"DistillationExplorer of {self._trial.name} and a student with "
            f"{self._trial.student.count_params():,} parameters: {how}, labels with "
            f"{percent(self.student_loss_weight)} of the loss, validation accuracy "
            f"{100 * self.accuracy:.0f} % {state} the training."
        )

    def train(self) -> Mapping[str, float]:
        """Train the student and its two controls, as the button does.

        Returns:
            The accuracy of each way, by its name.

        Raises:
            ValueError: If there are no training images.
        """
        return self._trained(self.choice)

    def stop(self) -> None:
        """End the training that is under way, as the button does."""
        self._stopped = True

    def wait(self) -> None:
        """Return when all figures belong to what the inputs show."""
        self._train_later.join()
        super().wait()

    def check_target(self, target: str) -> None:
        """Raise a `ValueError`: there is the whole model only."""
        if target != WHOLE_MODEL:
            raise ValueError(
                "A teacher teaches the whole student. Received: "
                f"target={target!r}. The only target is {WHOLE_MODEL!r}."
            )

    def check_settings(self, target: str, settings: Mapping[str, Any]) -> None:
        """Raise a `ValueError` for what no distillation takes."""
        if settings["loss"] not in LOSSES:
            raise ValueError(
                f"`loss` is one of {', '.join(LOSSES)}. Received: {settings['loss']!r}."
            )
        self._pass_of(settings)

    def check_view(self, name: str, value: Any) -> None:
        """Raise a `ValueError` for an image that there is not."""
        if not 1 <= value <= self._trial.examples:
            raise ValueError(
                f"`image` is a whole number from 1 to {self._trial.examples:,}. Received: "
                f"{value!r}."
            )

    def _trial_of(self, model: Any, data: Given) -> DistillationTrial:
        return DistillationTrial(model, self._student, data)

    def _first_settings(self) -> dict[str, dict[str, Any]]:
        return {WHOLE_MODEL: {name: getattr(self, name) for name in self.KNOBS}}

    def _pass_of(self, settings: Mapping[str, Any]) -> Distillation:
        how = {"logits": {"loss": "mse"}, "features": {"features": "hint"}}
        choice: Distillation = self._trial.choice(
            temperature=settings["temperature"],
            student_loss_weight=settings["student_loss_weight"],
            **how.get(settings["loss"], {}),
        )
        return choice

    def _show(self) -> None:
        super()._show()
        choice = self.choice
        if not self._trial.is_trained(choice):
            self._expectation.show(None)

    def _trail_picture(self, choice: Any) -> str:
        """The curves of the last training; those of settings before it are the trail."""
        return curves_svg(
            self.curves,
            self._earlier,
            epochs=choice.epochs,
            teacher=self._trial.original["accuracy"],
            expected=self._expectation.score,
        )

    def _start(self) -> None:
        self._stopped = False  # here: the stop button may come before the thread
        self._train_later.request()

    def _train(self) -> None:
        """What the button does; dropped as soon as the control moves on or is stopped."""
        choice = self.choice
        panel = self._view.training
        panel.begin()
        try:
            self._trained(choice, lambda: self._stopped or choice != self.choice)
        except _EndedError:
            pass
        finally:
            panel.end()

    def _trained(
        self, choice: Distillation, is_over: Callable[[], bool] = lambda: False
    ) -> Mapping[str, float]:
        if self.curves.get(TAUGHT):
            self._earlier.append(self.curves[TAUGHT])
        self.set_trait("curves", {})

        def heard(way: str, done: float, curve: tuple[float, ...]) -> None:
            if is_over():
                raise _EndedError
            self._view.training.step((WAYS.index(way) + done) / len(WAYS))
            if self.curves.get(way) != curve:
                with self._lock:
                    self.set_trait("curves", {**self.curves, way: curve})
                    self._show()

        found: Mapping[str, float] = self._trial.trained(choice, heard)
        with self._lock:
            for measured in self._trial.measured(choice):
                self._outcome.take_measured(choice, measured)
            self._show()
        self._draw()
        return found


class _EndedError(Exception):
    """The user has ended a training, or moved on from its setting."""
