"""Training a copy of a model on labels, and on a teacher's soft targets if there is one.

Fine-tuning, gradual pruning and the training of tables differ in what they do to the copy
before and meanwhile.
"""

from dataclasses import dataclass
from typing import Literal

import keras

from nncompress_lab.models.rewrite import copy_model
from nncompress_lab.passes import Context
from nncompress_lab.training.known_task import task_of
from nncompress_lab.training.loop import fit, given
from nncompress_lab.training.own_task import task_to_train
from nncompress_lab.training.teach import NOTHING, Meanwhile, teach
from nncompress_lab.training.teacher_losses import TeacherLoss
from nncompress_lab.training.training_pass import TrainingPass, check_loss

Teacher = Literal["original", "context"]
_FIELDS = {"original": "original", "context": "teacher"}  # of the context


@dataclass(frozen=True, kw_only=True)
class RetrainingPass(TrainingPass):
    """A pass that trains a copy of the model that it is given.

    Args:
        loss: Name of a Keras loss; `"auto"` is the objective in the context, else what the
            model was compiled with, else what the labels tell. A named cross-entropy is
            taken from probabilities if the model ends in a softmax or a sigmoid, else
            from logits.
        teacher: Whose soft targets to learn from as well, beside the labels:
            `"original"` is the model as it was before the first pass of the pipeline,
            `"context"` the one in `Context(teacher=...)`. None learns from labels alone.
            Beside a named loss, too: it is that of the labels.
        **training: As in `TrainingPass`.

    Raises:
        ValueError: If a value is out of range.
    """

    loss: str = "auto"
    teacher: Teacher | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_loss(self.loss)

    @property
    def needs(self) -> frozenset[str]:
        """Training data, validation data to choose the epoch by, and the teacher."""
        return super().needs | ({_FIELDS[self.teacher]} if self.teacher else set())

    @property
    def needs_graph(self) -> bool:
        """Only beside a teacher, which is compared with it before the last activation."""
        return self.teacher is not None

    def retrain(
        self, model: keras.Model, context: Context, meanwhile: Meanwhile = NOTHING
    ) -> keras.Model:
        """Train a copy of a model.

        Args:
            model: It is not changed.
            context: What `needs` names.
            meanwhile: What is done to the copy.

        Returns:
            A new model with the weights of the best epoch, or those before the first.
        """
        train, validation = given(context.train), given(context.validation)
        ask = task_of if self.teacher else task_to_train
        task = ask(model, train, validation, context=context, loss=self.loss)
        task = meanwhile.judging(task)
        if self.teacher is not None:
            loss = TeacherLoss(
                temperature=self.temperature,
                student_loss_weight=self.student_loss_weight,
            )
            return teach(
                model,
                getattr(context, _FIELDS[self.teacher]),
                loss,
                task=task,
                step=self,
                context=context,
                meanwhile=meanwhile,
            )
        tuned = copy_model(model)
        meanwhile.prepare(tuned)
        fit(
            tuned,
            train,
            step=self,
            validation=validation,
            task=task,
            context=context,
            callbacks=meanwhile.callbacks(train),
        )
        return copy_model(tuned)
