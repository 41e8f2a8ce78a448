"""What quantization costs in the packed file when it knows of the entropy coder.

    python benchmarks/rate_aware.py [--models lenet5 ...] [--trained lenet5 ...]

Without training: integers of equal width for all layers, rounded to the nearest
(`UniformQuantization` with clipping by least squared error) and with error compensation
(`GPTQ`), against `RateAwareQuantization` at several rates. All look at the same 2,000
training images, without labels; models with BatchNorm are folded first. With training:
`CodebookAwareTraining` at several rates, with the original as the teacher, for as many
epochs with each, from the model or from what `RateAwareQuantization` makes of it. Each row
is kept as soon as it is measured, so that a run that was interrupted goes on where it
stopped.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from rate_aware_table import table
from results_file import kept_rows, save_results

import nncompress_lab as ncl
from nncompress_lab import measure

RESULTS = "rate_aware"
SEEN = 2000
MODELS = ("lenet5", "resnet20", "mobilenet_small", "vit_tiny")
WIDTHS = (2, 3, 4)
RATES = (1e-7, 3e-8, 1e-8)
TRAINED = ((2, 0.0), (3, 0.0), (3, 1e-5), (3, 1e-4))  # bits of a code, and the rate
STEPS: dict[str, ncl.Pass] = {
    **{
        f"nearest, {bits} bits": ncl.UniformQuantization(bits=bits, clipping="mse")
        for bits in WIDTHS
    },
    **{f"GPTQ, {bits} bits": ncl.GPTQ(bits=bits, inputs="float") for bits in WIDTHS},
    **{f"rate {rate:g}": ncl.RateAwareQuantization(rate=rate) for rate in RATES},
}
Step = Callable[[keras.Model, ncl.Context], keras.Model]


def training(bits: int, rate: float) -> ncl.Pass:
    """With codes of so many bits, of which each is worth so much in the packed file."""
    return ncl.CodebookAwareTraining(
        bits=bits, rate=rate, epochs=4, patience=4, teacher="original"
    )


def from_codes(rate: float) -> Step:
    """Train from what a rate leaves of the model."""

    def step(model: keras.Model, context: ncl.Context) -> keras.Model:
        rounded = ncl.RateAwareQuantization(rate=rate)(model, context)
        return training(4, 1e-5)(ncl.dequantized(rounded), context)

    return step


TRAININGS: dict[str, Step] = {
    **{
        f"trained, {bits} bits" + (f", rate {rate:g}" if rate else ""): training(
            bits, rate
        )
        for bits, rate in TRAINED
    },
    **{f"rate {rate:g}, then trained": from_codes(rate) for rate in RATES[:2]},
}


def original(name: str) -> keras.Model:
    """The trained model, folded where there is something to fold."""
    model = getattr(ncl.zoo, name)()
    folds = any(
        reason is None for reason in ncl.FoldBatchNorm().explain(model).values()
    )
    return ncl.FoldBatchNorm()(model) if folds else model


def row(name: str, way: str, model: keras.Model, data: ncl.Dataset) -> dict[str, Any]:
    """One model under one pass."""
    context = replace(
        ncl.Context.of(data, progress=False),
        calibration=data.train.take(SEEN),
        original=model,
    )
    began = time.process_time()
    steps: dict[str, Step] = {**STEPS, **TRAININGS}
    step = steps.get(way)
    small = step(model, context) if step else model
    return {
        "model": name,
        "way": way,
        "cpu_seconds": time.process_time() - began,
        "packed_bytes": ncl.packed_bytes(small),
        "divergence": measure.divergence(model, small, data.validation.x),
        "validation": measure.accuracy(small, data.validation),
        "test": measure.accuracy(small, data.test),
    }


def main() -> None:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", choices=MODELS, default=MODELS)
    parser.add_argument("--trained", nargs="*", choices=MODELS, default=MODELS[:1])
    options = parser.parse_args()
    data = ncl.data.fashion_mnist()
    rows = kept_rows(RESULTS)
    for name in MODELS:
        ways = ["float32", *STEPS] if name in options.models else []
        ways += TRAININGS if name in options.trained else []
        known = {one["way"] for one in rows if one["model"] == name}
        model = original(name)
        for way in ways:
            if way in known:
                continue
            rows.append(row(name, way, model, data))
            save_results(RESULTS, rows, calibration=SEEN)
            print(*rows[-1].values(), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
