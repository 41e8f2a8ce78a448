"""How the shipped weights were made: `python -m nncompress_lab.zoo train NAME`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from nncompress_lab import progress
from nncompress_lab.data import Dataset, fashion_mnist
from nncompress_lab.measure import accuracy
from nncompress_lab.training.batches import Batches
from nncompress_lab.training.loop import given
from nncompress_lab.zoo import architectures
from nncompress_lab.zoo.trained import FOLDER, round_to_float16, save_weights

BATCH_SIZE = 128
MAX_SHIFT = 2


@dataclass(frozen=True)
class Training:
    """How one model is trained.

    Args:
        build: Makes the untrained model.
        epochs: Passes over the 55,000 training images.
        learning_rate: Its peak; it falls to zero along a half cosine.
        optimizer: `"sgd"` (momentum 0.9, Nesterov) or `"adamw"`.
        weight_decay: Decoupled, as in AdamW.
        augment: Mirror and shift the images at random.
    """

    build: Callable[[], keras.Model]
    epochs: int
    learning_rate: float
    optimizer: str = "adamw"
    weight_decay: float = 1e-3
    augment: bool = True


TRAININGS = {
    "lenet_300_100": Training(
        architectures.lenet_300_100,
        epochs=25,
        learning_rate=1e-3,
        augment=False,
        weight_decay=0.05,
    ),
    "lenet5": Training(
        architectures.lenet5, epochs=40, learning_rate=2e-3, weight_decay=0.05
    ),
    "resnet20": Training(
        architectures.resnet20,
        epochs=14,
        learning_rate=0.1,
        optimizer="sgd",
        weight_decay=5e-4,
    ),
    "mobilenet_small": Training(
        architectures.mobilenet_small, epochs=15, learning_rate=4e-3, weight_decay=0.02
    ),
    "vit_tiny": Training(
        architectures.vit_tiny,
        epochs=18,
        learning_rate=2e-3,
        weight_decay=0.05,
        augment=False,
    ),
}


def train(
    name: str, *, runs: Path, seed: int = 0, folder: Path = FOLDER
) -> keras.Model:
    """Train one model of the zoo on the full Fashion-MNIST and write its weights.

    A run that is interrupted goes on from its last whole epoch when it is called again.

    Args:
        name: A key of `TRAININGS`.
        runs: Folder for checkpoints; `runs/NAME` is deleted when the training is done.
        seed: Of the initial weights, the order of the images and the augmentation.
        folder: Where the weights are written; by default into the package.

    Returns:
        The trained model with its weights rounded to float16.

    Raises:
        ValueError: If there is no training of that name.
        DataNotFoundError: If the full Fashion-MNIST is not available.
    """
    if name not in TRAININGS:
        raise ValueError(
            f"There is no model {name!r} to train. Choose one of: "
            f"{', '.join(TRAININGS)}."
        )
    training = TRAININGS[name]
    data = fashion_mnist(full=True)
    keras.utils.set_random_seed(seed)
    model = training.build()
    compile_for(model, training, steps_per_epoch=-(-len(data.train) // BATCH_SIZE))
    batches = Batches(
        data.train,
        batch_size=BATCH_SIZE,
        seed=seed,
        augment=mirror_and_shift if training.augment else None,
    )
    checkpoint = runs / name
    checkpoint.mkdir(parents=True, exist_ok=True)
    with progress.bar(f"train {name}", training.epochs) as bar:
        model.fit(
            batches,
            epochs=training.epochs,
            validation_data=(data.validation.x, data.validation.y),
            callbacks=[
                batches.callback(),
                keras.callbacks.BackupAndRestore(str(checkpoint)),
                keras.callbacks.CSVLogger(str(runs / f"{name}.csv"), append=True),
                keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda _epoch, logs: _show(bar, logs)
                ),
            ],
            shuffle=False,  # Keras would draw the order of the batches anew
            verbose=0,
        )
    round_to_float16(model)  # so that what is measured is what is shipped
    facts = measured_facts(model, data, training, seed)
    save_weights(name, model, facts, folder=folder)
    return model


def compile_for(
    model: keras.Model, training: Training, *, steps_per_epoch: int
) -> None:
    """Compile `model` with the optimizer, schedule and loss of `training`."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=(training.epochs - 1) * steps_per_epoch,
        warmup_target=training.learning_rate,
        warmup_steps=steps_per_epoch,
    )
    if training.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            schedule, momentum=0.9, nesterov=True, weight_decay=training.weight_decay
        )
    else:
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=training.weight_decay)
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA halves the training speed on a CPU
    )


def mirror_and_shift(
    images: npt.NDArray[Any], generator: np.random.Generator
) -> npt.NDArray[Any]:
    """Mirror half of the images and shift each by up to two pixels.

    Args:
        images: Shape `(n, height, width, channels)`; not changed.
        generator: Where the random numbers come from.

    Returns:
        New images of the same shape; what is shifted in is black.
    """
    count, height, width = images.shape[:3]
    mirrored = np.where(
        generator.random((count, 1, 1, 1)) < 0.5, images[:, :, ::-1], images
    )
    border = ((0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT), (0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(mirrored, border), (height, width), axis=(1, 2)
    )
    down, right = generator.integers(0, 2 * MAX_SHIFT + 1, size=(2, count))
    return np.moveaxis(windows[np.arange(count), down, right], 1, -1)


def measured_facts(
    model: keras.Model, data: Dataset, training: Training, seed: int
) -> dict[str, Any]:
    """What is stored beside the weights: accuracies and how they came about."""
    subset = fashion_mnist()
    return {
        "validation_accuracy": accuracy(model, data.validation),
        "full_test_accuracy": accuracy(model, given(data.test)),
        "embedded_test_accuracy": accuracy(model, given(subset.test)),
        "epochs": training.epochs,
        "seed": seed,
        "keras": keras.version(),
        "backend": keras.backend.backend(),
    }


def _show(bar: progress.Bar, logs: dict[str, float] | None) -> None:
    bar.advance()
    bar.say(json.dumps({key: round(value, 4) for key, value in (logs or {}).items()}))
