"""The zoo of foreign models: small, after what people publish, compiled for their tasks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import foreign_sequences as sequences
import foreign_vision as vision
import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab.models.inputs import structured
from nncompress_lab.models.random_inputs import random_inputs

EXAMPLES = 16
Task = str | dict[str, str]


@dataclass(frozen=True)
class Foreign:
    """A model that others could have written.

    Args:
        build: Makes it.
        task: Which labels and losses it trains with; for several outputs by their names.
        shape: Of an example, where the model does not say it.
    """

    build: Callable[[], keras.Model]
    task: Task = "classes"
    shape: tuple[int, ...] | None = None

    @property
    def name(self) -> str:
        return self.build.__name__.replace("_", " ")

    def model(self) -> keras.Model:
        """The compiled model, always with the same weights."""
        keras.utils.set_random_seed(7)
        model = self.build()
        losses = keras.tree.map_structure(lambda task: LOSSES[task](), self.task)
        model.compile("adam", None if self.task == "own" else losses)
        return model

    def inputs(self, model: keras.Model, count: int = EXAMPLES) -> Any:
        """Random inputs as `predict` takes them."""
        if self.shape is not None:
            return np.random.default_rng(0).random((count, *self.shape), "float32")
        return structured(model, random_inputs(model, batch_size=count))

    def context(self, model: keras.Model) -> ncl.Context:
        """Random inputs with labels of the task."""
        x = self.inputs(model)
        outputs = model.predict_on_batch(x)
        if self.task in ("own", "image"):
            data = ncl.Data(x, x)
        else:
            tasks = self.task if isinstance(self.task, dict) else {"": self.task}
            arrays = outputs if isinstance(self.task, dict) else {"": outputs}
            labels = {one: _labels(tasks[one], arrays[one]) for one in tasks}
            data = ncl.Data(x, labels.get("", labels))
        return ncl.Context(
            train=data, validation=data, calibration=data, test=data, progress=False
        )


def _labels(task: str, outputs: Any) -> Any:
    generator = np.random.default_rng(1)
    if task in {"classes", "probabilities"}:
        return generator.integers(0, outputs.shape[-1], outputs.shape[:-1])
    if task in {"binary", "labels"}:
        return generator.integers(0, 2, outputs.shape)
    return generator.random(outputs.shape, "float32")


LOSSES: dict[str, Callable[[], Any]] = {
    "classes": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "probabilities": keras.losses.SparseCategoricalCrossentropy,
    "binary": keras.losses.BinaryCrossentropy,
    "labels": keras.losses.BinaryCrossentropy,
    "image": keras.losses.MeanSquaredError,
    "number": keras.losses.MeanSquaredError,
    "own": lambda: None,
}
ZOO: tuple[Foreign, ...] = (
    Foreign(vision.unet, "probabilities"),
    Foreign(vision.autoencoder, "image"),
    Foreign(vision.efficientnet_v2),
    Foreign(vision.convnext),
    Foreign(vision.densenet),
    Foreign(vision.inception),
    Foreign(vision.nasnet),
    Foreign(vision.vision_transformer),
    Foreign(vision.channel_attention),
    Foreign(vision.group_norm),
    Foreign(vision.weight_standardized),
    Foreign(vision.preprocessing),
    Foreign(vision.mixed_float16),
    Foreign(vision.conv1d),
    Foreign(vision.conv3d),
    Foreign(vision.conv_lstm),
    Foreign(vision.time_distributed),
    Foreign(sequences.lstm_text, "binary"),
    Foreign(sequences.gru_text),
    Foreign(sequences.lstm_tagger),
    Foreign(sequences.simple_rnn, "number"),
    Foreign(sequences.seq2seq),
    Foreign(sequences.gpt),
    Foreign(sequences.bert),
    Foreign(sequences.masked_transformer),
    Foreign(sequences.llama),
    Foreign(sequences.reversible),
    Foreign(sequences.mixed_bfloat16),
    Foreign(sequences.attention_pooling),
    Foreign(sequences.siamese, "binary"),
    Foreign(sequences.recommender, "number"),
    Foreign(sequences.two_in_two_out, {"kind": "classes", "size": "number"}),
    Foreign(sequences.variational_autoencoder, "own"),
    Foreign(sequences.regression, "number"),
    Foreign(sequences.multi_label, "labels"),
    Foreign(sequences.operations),
    Foreign(sequences.strings),
    Foreign(sequences.categories, "number"),
    Foreign(sequences.own_block),
    Foreign(sequences.subclassed, shape=(8,)),
    Foreign(sequences.functional_subclass),
)
