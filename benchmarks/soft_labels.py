"""What soft labels carry, each time beside its control.

    python benchmarks/soft_labels.py [--seeds 3]

The small student of lesson 09 is taught by the zoo's LeNet-5 on the embedded Fashion-MNIST:

- `all labels`: 10,000 images with their labels, for the same number of steps. Labels only,
  the teacher's hard labels (its likeliest class), its soft targets at two temperatures,
  and its logits.
- `200 labels`: 200 images with labels, and 9,800 whose labels nobody looks at. With the 200
  alone, labels only and soft targets; with all images, what the teacher says, hard or soft.
- `no ankle boot`, `no bag`: all images of that class are left out of the training and of
  the validation data that chooses the epoch. `of_class` is the accuracy on the test images
  of the class; `raised` is the same after one number, chosen on the validation images, was
  added to the class's logit.

Runs of one seed begin with the same weights and see their images in the same order. Epochs
are chosen on the validation images; the test images are looked at once for each row. Each
row is kept as soon as it is measured, so that a run that was interrupted goes on where it
stopped. Lesson 09 draws the rows: they are in the package.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab.course.small_student import small_student
from nncompress_lab.training.teacher_outputs import teacher_logits

FOLDER = Path(ncl.__file__).parent / "course" / "measured"
RESULTS = "soft_labels"
EPOCHS, LEARNING_RATE, FEW, FEW_EPOCHS = 15, 3e-3, 200, 120
LABELS, SOFT, UNSEEN = (
    {"student_loss_weight": 1.0},
    {"temperature": 2.0},
    {"student_loss_weight": 0.0},
)
SHIFTS = np.arange(-2.0, 15.0, 0.05)  # of the logit of a class that was never shown


@dataclass(frozen=True)
class Run:
    """One way to train the student, and the data that it is trained on."""

    data: str
    way: str
    train: ncl.Data
    settings: dict[str, Any]
    epochs: int = EPOCHS
    missing: int | None = None


def runs(data: ncl.Dataset, teacher: Any) -> Iterator[Run]:
    """All ways, each with its data."""
    x, y = data.train.x, data.train.y
    hard = np.argmax(teacher_logits(teacher, x), axis=-1).astype(y.dtype)
    said, few = ncl.Data(x, hard), data.train.take(FEW)
    yield Run("all labels", "labels only", data.train, LABELS)
    yield Run("all labels", "hard labels of the teacher", said, LABELS)
    yield Run("all labels", "soft targets", data.train, SOFT)
    yield Run(
        "all labels", "soft targets, temperature 8", data.train, {"temperature": 8.0}
    )
    yield Run("all labels", "squared error of the logits", data.train, {"loss": "mse"})
    name = f"{FEW} labels"
    yield Run(name, "labels only", few, LABELS, FEW_EPOCHS)
    yield Run(name, "soft targets for these", few, SOFT, FEW_EPOCHS)
    yield Run(name, "hard labels for all images", said, LABELS)
    yield Run(name, "soft targets for all images", data.train, {**SOFT, **UNSEEN})
    for place in (data.class_names.index(one) for one in ("Ankle boot", "Bag")):
        shown = ncl.Data(x[y != place], y[y != place])
        name = f"no {data.class_names[place].lower()}"
        yield Run(name, "labels only", shown, LABELS, missing=place)
        yield Run(
            name, "soft targets", shown, {"temperature": 4.0, **UNSEEN}, missing=place
        )


def measured(run: Run, data: ncl.Dataset, teacher: Any, seed: int) -> dict[str, Any]:
    """One row: what came of a run with a seed."""
    validation, test = data.validation, ncl.Data.of(data.test)
    judged = validation
    if run.missing is not None:
        kept = validation.y != run.missing
        judged = ncl.Data(validation.x[kept], validation.y[kept])
    step = ncl.Distillation(
        student=small_student(seed),
        epochs=run.epochs,
        patience=run.epochs,
        learning_rate=LEARNING_RATE,
        **run.settings,
    )
    context = ncl.Context(train=run.train, validation=judged, seed=seed, progress=False)
    student = step(teacher, context)
    logits = teacher_logits(student, test.x)
    row = {"accuracy": accuracy(logits, test.y)}
    if run.missing is not None:
        of_class = test.y == run.missing
        row["of_class"] = accuracy(logits[of_class], test.y[of_class])
        shift = best_shift(
            teacher_logits(student, validation.x), validation.y, run.missing
        )
        logits[:, run.missing] += shift
        row |= {
            "shift": shift,
            "raised": accuracy(logits[of_class], test.y[of_class]),
            "raised_accuracy": accuracy(logits, test.y),
        }
    return row


def accuracy(logits: Any, labels: Any) -> float:
    """Fraction of the examples whose largest logit is that of the label."""
    return float(np.mean(np.argmax(logits, axis=-1) == labels))


def best_shift(logits: Any, labels: Any, place: int) -> float:
    """The number that makes most labels right when it is added to one class's logit."""
    one = np.eye(logits.shape[-1])[place]
    return float(max(SHIFTS, key=lambda shift: accuracy(logits + shift * one, labels)))


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    rows = kept_rows(RESULTS, folder=FOLDER)
    done = {(row["data"], row["way"], row["seed"]) for row in rows}
    data, teacher = ncl.data.fashion_mnist(), ncl.zoo.lenet5()
    for run in runs(data, teacher):
        for seed in range(seeds):
            if (run.data, run.way, seed) in done:
                continue
            begun = time.monotonic()
            found = measured(run, data, teacher, seed)
            rows.append({"data": run.data, "way": run.way, "seed": seed, **found})
            save_results(
                RESULTS, rows, folder=FOLDER, epochs=EPOCHS, learning_rate=LEARNING_RATE
            )
            print(*rows[-1].values(), f"{time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
