"""What quantization costs in the packed file when it knows of the entropy coder.

    python benchmarks/rate_aware.py [--models lenet5 ...]

Nothing is trained. Integers of equal width for all layers, rounded to the nearest
(`UniformQuantization` with clipping by least squared error) and with error compensation
(`GPTQ`), against `RateAwareQuantization` at several rates. All look at the same 2,000
training images, without labels; models with BatchNorm are folded first. Each row is kept as
soon as it is measured, so that a run that was interrupted goes on where it stopped.
"""

import argparse
import os
import time
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
STEPS: dict[str, ncl.Pass] = {
    **{
        f"nearest, {bits} bits": ncl.UniformQuantization(bits=bits, clipping="mse")
        for bits in WIDTHS
    },
    **{f"GPTQ, {bits} bits": ncl.GPTQ(bits=bits, inputs="float") for bits in WIDTHS},
    **{f"rate {rate:g}": ncl.RateAwareQuantization(rate=rate) for rate in RATES},
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
    context = ncl.Context(calibration=data.train.take(SEEN), progress=False)
    began = time.process_time()
    small = STEPS[way](model, context) if way in STEPS else model
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
    options = parser.parse_args()
    data = ncl.data.fashion_mnist()
    rows = kept_rows(RESULTS)
    for name in options.models:
        model = original(name)
        for way in ("float32", *STEPS):
            if any((one["model"], one["way"]) == (name, way) for one in rows):
                continue
            rows.append(row(name, way, model, data))
            save_results(RESULTS, rows, calibration=SEEN)
            print(*rows[-1].values(), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
