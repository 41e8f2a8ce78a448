"""What a plan wins over the same setting for all layers, at the same packed bytes.

    python benchmarks/plan.py [--parts before after small] [--models resnet20 ...]
    python benchmarks/plan.py --parts      # only print what has been measured

Fashion-MNIST, the embedded subset: layers are scanned on 512 of its validation images, all
2,000 of them choose between candidates, and the test images are looked at once for a row.
`before` compares uniform 2, 3 and 4 bits with plans for exactly as many bytes, without any
training, rounding to nearest and with GPTQ; and sparsity and bits in one plan with either
alone. `after` trains uniform bits and a plan of sparsity and bits by distillation, with
each of the seeds. `small` is ResNet-20 in
a tenth of its bytes. Every row is kept as soon as it is measured, and so is each scan if a
folder is named with `--scans`.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from plan_table import table
from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab.planning.recovery import with_recovery
from nncompress_lab.planning.sensitivity import Sensitivity
from nncompress_lab.planning.techniques import options_of

RESULTS = "plan"
PARTS = ("before", "after", "small")
# How long recovery trains, by the time that an epoch of the model takes.
EPOCHS = {"lenet5": 4, "resnet20": 2, "mobilenet_small": 3, "vit_tiny": 3}
FOLDED = ("resnet20", "mobilenet_small")  # normalizations that would cost bytes
BITS = (2, 3, 4)
RECOVERED_BITS = {"lenet5": 2, "resnet20": 2, "mobilenet_small": 3, "vit_tiny": 3}
UNIFORM: dict[str, Callable[[int], ncl.Pass]] = {
    "quantization": lambda bits: ncl.UniformQuantization(bits=bits, clipping="mse"),
    "gptq": lambda bits: ncl.GPTQ(bits=bits, inputs="float"),
}
BOTH = (("pruning",), ("quantization",), ("pruning", "quantization"))


class Model:
    """One model of the zoo with its data and its scans."""

    def __init__(self, name: str, scans: Path | None) -> None:
        self.name, self._scans = name, scans
        original = getattr(ncl.zoo, name)()
        self.model = ncl.FoldBatchNorm()(original) if name in FOLDED else original
        self.data = ncl.data.fashion_mnist()
        self.context = ncl.Context.of(self.data, progress=False)

    def scan(self, techniques: Sequence[str]) -> Sensitivity:
        """Of its layers, kept in a file if a folder was named."""
        file = self._scans and self._scans / f"{self.name}_{'_'.join(techniques)}.json"
        if file and file.exists():
            return Sensitivity.from_json(file.read_text())
        found = ncl.sensitivity(
            self.model, options_of(techniques), self.context, progress=False
        )
        if file:
            file.write_text(found.to_json())
        return found

    def facts(self, model: keras.Model) -> dict[str, Any]:
        """Accuracies in percent, and packed bytes."""
        return {
            "validation": 100 * ncl.measure.accuracy(model, self.data.validation),
            "test": 100 * ncl.measure.accuracy(model, self.data.test),
            "packed_bytes": ncl.packed_bytes(model),
        }


class Rows:
    """The rows measured so far, in a file that is complete after each of them."""

    def __init__(self) -> None:
        self.rows = kept_rows(RESULTS)

    def has(self, **key: Any) -> bool:
        """Whether a row with these fields is there."""
        return any(all(row.get(k) == v for k, v in key.items()) for row in self.rows)

    def add(self, begun: float, **row: Any) -> None:
        """Keep a row with the minutes of a processor that it took."""
        minutes = (time.process_time() - begun) / 60
        self.rows.append({**row, "cpu_minutes": round(minutes, 2)})
        save_results(RESULTS, self.rows, data="Fashion-MNIST subset", epochs=EPOCHS)
        print(self.rows[-1], flush=True)


def before(one: Model, done: Rows) -> None:
    """Uniform bits and plans of as many bytes, without training."""
    for technique, make in UNIFORM.items():
        for bits in BITS:
            key = {"part": "before", "model": one.name, "techniques": technique}
            key["setting"] = f"{bits} bits"
            if done.has(**key):
                continue
            begun = time.process_time()
            uniform = one.facts(make(bits)(one.model, one.context))
            done.add(begun, **key, kind="uniform", **uniform)
            planned(one, done, key, [technique], uniform["packed_bytes"])


def together(one: Model, done: Rows) -> None:
    """Sparsity and bits in one plan, and either alone, in the bytes of 2 bits."""
    size = ncl.packed_bytes(UNIFORM["quantization"](2)(one.model))
    for techniques in BOTH:
        key = {"part": "together", "model": one.name}
        key |= {"techniques": " and ".join(techniques), "setting": "as 2 bits"}
        if not done.has(**key):
            planned(one, done, key, techniques, size)


def planned(
    one: Model, done: Rows, key: dict[str, Any], techniques: Sequence[str], size: int
) -> None:
    """A plan for so many bytes, without training."""
    begun = time.process_time()
    budget = ncl.Budget(packed_bytes=size)
    try:
        made = ncl.plan(one.model, budget, one.context, scan=one.scan(techniques))
    except ncl.CompressionError as error:
        done.add(begun, **key, kind="plan", note=str(error))
        return
    result = made.passes(one.model, one.context)
    done.add(begun, **key, kind="plan", **one.facts(result))


def after(one: Model, done: Rows, seeds: int) -> None:
    """Uniform bits, and a default plan of as many bytes as they have then, trained."""
    bits = RECOVERED_BITS[one.name]
    epochs = EPOCHS[one.name]
    step = UNIFORM["quantization"](bits)
    made: ncl.Plan | None = None
    for seed, kind in cases(seeds):
        key = {"part": "after", "model": one.name, "techniques": "trained"}
        key |= {"setting": f"{bits} bits", "kind": kind, "seed": seed}
        if done.has(**key):
            continue
        begun = time.process_time()
        keras.utils.set_random_seed(seed)
        context = replace(one.context, seed=seed)
        if kind == "uniform":
            trained = with_recovery(ncl.pipeline(step), epochs=epochs)
            result = trained(one.model, context)
        else:
            made = made or plan_to_train(one, done, epochs)
            result = ncl.compress(one.model, made, context=context).model
        done.add(begun, **key, **one.facts(result))


def plan_to_train(one: Model, done: Rows, epochs: int) -> ncl.Plan:
    """For as many bytes as the smallest of the uniform models has after training."""
    key = {"part": "after", "model": one.name, "kind": "uniform"}
    rows = [row for row in done.rows if all(row.get(k) == v for k, v in key.items())]
    budget = ncl.Budget(packed_bytes=min(row["packed_bytes"] for row in rows))
    scan = one.scan(BOTH[-1])
    return ncl.plan(one.model, budget, one.context, scan=scan, epochs=epochs)


def small(one: Model, done: Rows) -> None:
    """A tenth of the bytes, from the scan to the trained model."""
    key = {"part": "small", "model": one.name, "techniques": "quantization"}
    key |= {"setting": "10x, trained", "kind": "plan"}
    if done.has(**key):
        return
    begun = time.process_time()
    made = ncl.plan(
        one.model,
        ncl.Budget(ratio=10),
        one.context,
        techniques=["quantization"],
        epochs=EPOCHS[one.name],
    )
    result = ncl.compress(one.model, made, context=one.context)
    done.add(begun, **key, **one.facts(result.model))


def cases(seeds: int) -> Iterator[tuple[int, str]]:
    """Seeds and kinds, uniform first: plans have the bytes that these end with."""
    yield from ((seed, kind) for kind in ("uniform", "plan") for seed in range(seeds))


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="+", choices=list(EPOCHS), default=EPOCHS)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scans", type=Path, help="a folder that keeps scans")
    arguments = parser.parse_args()
    done = Rows()
    for name in arguments.models:
        for part in arguments.parts:
            if part == "after":
                after(Model(name, arguments.scans), done, arguments.seeds)
            elif part == "before" and name in {"lenet5", "resnet20"}:
                before(Model(name, arguments.scans), done)
                together(Model(name, arguments.scans), done)
            elif part == "small" and name == "resnet20":
                small(Model(name, None), done)
    print(table(done.rows))


if __name__ == "__main__":
    main()
