"""Knowledge distillation as a pass: a smaller model comes out that its input has taught."""

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Final

import keras

from nncompress_lab.distillation.student import Student
from nncompress_lab.models.rewrite import check_model
from nncompress_lab.passes import Context
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.loop import given
from nncompress_lab.training.teach import check_pair, teach
from nncompress_lab.training.teacher_losses import Features, Loss, TeacherLoss
from nncompress_lab.training.training_pass import TrainingPass

HALF_AS_WIDE: Final = Student()
ANEW: Final = Student(width=1.0, initialise="random")


@dataclass(frozen=True)
class Distillation(TrainingPass):
    """Train a student on what its teacher, the model that goes in, says.

    The loss is `student_loss_weight` times that on the labels, plus the rest of 1 times
    the loss on the teacher's logits, plus `feature_weight` times the loss on its features;
    for several outputs it is the sum. Outputs that say yes or no, each by itself, have soft
    answers in place of soft targets, and real numbers the squared error. The teacher runs
    once. Probabilities are taken back to logits first.
    What comes out is as small and as fast as the student's layers are. A `Student` begins
    with the channels of its teacher that matter most, because random weights need far
    longer than a recovery takes.

    Args:
        student: A `Student` that says how much smaller, or its width alone; None for the
            same design with new weights (self-distillation); or a built Keras model,
            whose weights the training begins with and which no recipe can hold.
        loss: `"soft_targets"` (Hinton et al.), `"mse"` of the logits (Ba, Caruana), or
            `"decoupled"` (Zhao et al.). `"mse"` does without the temperature.
        features: Also compare intermediate layers: `"hint"` (Romero et al., with a
            learned projection where widths differ), `"attention"` (Zagoruyko, Komodakis)
            or `"relational"` (Park et al.).
        feature_weight: Of that comparison, at least 0. The authors of `"attention"` take
            1000, because it is a mean over positions.
        layers: Which layers to compare: a name that both models have, or a pair of the
            teacher's and the student's. Empty takes the last of each that can be
            compared. The teacher's features of all examples are held in memory.
        soft_labels: Path of an `.npz` file that keeps the teacher's outputs for the next
            run. It is used again if teacher, data and layers are the same. Recipes leave
            it out, and are refused if they name one.
        **training: As in `TrainingPass`, at three times the learning rate: a student has
            more to learn than a model that recovers. `patience` counts epochs without a
            better figure of the task; `student_loss_weight=0` never looks at a training
            label.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> Distillation(student=Student(width=0.25), temperature=2.0).label
        'Distillation(student=Student(width=0.25), temperature=2.0)'

    References:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015.
        https://arxiv.org/abs/1503.02531
        How long it may take from random weights, and that it pays: Beyer, Zhai, Royer,
        Markeeva, Anil, Kolesnikov, "Knowledge Distillation: A Good Teacher Is Patient and
        Consistent", CVPR 2022. https://arxiv.org/abs/2106.05237
        That a student should know something before it is taught: Turc, Chang, Lee,
        Toutanova, "Well-Read Students Learn Better", 2019.
        https://arxiv.org/abs/1908.08962
        The other losses: `soft_targets` and `features`. Self-distillation: Furlanello,
        Lipton, Tschannen, Itti, Anandkumar, "Born Again Neural Networks", ICML 2018.
        https://arxiv.org/abs/1805.04770
    """

    written: ClassVar[frozenset[str]] = frozenset({"soft_labels"})

    student: Student | keras.Model | None = HALF_AS_WIDE
    loss: Loss = "soft_targets"
    features: Features | None = None
    feature_weight: float = 1.0
    layers: tuple[str | tuple[str, ...], ...] = ()
    soft_labels: str | None = None
    _: KW_ONLY
    epochs: int = 10
    learning_rate: float = 3e-3
    patience: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.student, keras.Model):
            check_model(self.student)
        if not 0 <= self.feature_weight < float("inf"):
            raise ValueError(
                "`feature_weight` must be at least 0. Received: "
                f"feature_weight={self.feature_weight!r}."
            )
        for one in self.layers:
            if not isinstance(one, str) and len(one) != 2:
                raise ValueError(
                    "`layers` holds names, or pairs of names such as ('pool', 'dense1'). "
                    f"Received: {one!r}."
                )

    @classmethod
    def as_written(cls, settings: dict[str, Any], written: int) -> dict[str, Any]:
        """Before format 3, students began with random weights and learned slowly."""
        if written > 2:
            return settings
        student = settings.get("student", {})
        if isinstance(student, int | float):
            student = {"width": student}
        if isinstance(student, dict):
            student = {"initialise": "random", **student}
        return {"learning_rate": 1e-3, **settings, "student": student}

    def transform(self, model: keras.Model, context: Context) -> keras.Model:
        """Make the student, run the teacher once, train, return the best epoch."""
        design = ANEW if self.student is None else self.student
        student = (
            design(model, seed=context.seed) if isinstance(design, Student) else design
        )
        check_pair(model, student)
        loss = TeacherLoss(
            loss=self.loss,
            temperature=self.temperature,
            student_loss_weight=self.student_loss_weight,
            features=self.features,
            feature_weight=self.feature_weight,
            layers=tuple(
                (one, one) if isinstance(one, str) else (one[0], one[-1])
                for one in self.layers
            ),
            soft_labels=self.soft_labels,
        )
        compiled = replace(context, original=context.original or model)
        parts = given(context.train), given(context.validation)
        return teach(
            student,
            model,
            loss,
            task=task_of(student, *parts, context=compiled),
            step=self,
            context=context,
        )
