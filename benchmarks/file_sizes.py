"""Bytes of 8-bit `.keras` files: Keras's own `quantize` beside this library.

Run `python benchmarks/file_sizes.py [MODEL ...]`; the models are names from
`keras.applications`, built with random weights, because sizes do not depend on them.
"""

import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from rich.console import Console
from rich.table import Table

import nncompress_lab as ncl
from nncompress_lab.models.kernels import weighted_layers

MODELS = ("ResNet50", "MobileNetV2", "EfficientNetB0")
QUANTIZE = ncl.UniformQuantization(bits=8)
FOLD_AND_QUANTIZE = ncl.pipeline(ncl.FoldBatchNorm(), QUANTIZE)


def file_bytes(model: keras.Model) -> int:
    """Bytes of the file that `model.save` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


def by_keras(model: keras.Model) -> keras.Model:
    """A copy on which Keras's own `quantize("int8")` has been called."""
    copy = ncl.copy_model(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for each layer that it cannot quantize
        copy.quantize("int8")
    return copy


def main() -> None:
    """Print one row a model."""
    table = Table("model", "float32", "Keras quantize", "UniformQuantization", "folded")
    for name in sys.argv[1:] or MODELS:
        model = getattr(keras.applications, name)(weights=None)
        before = file_bytes(model)
        cells = [name, f"{before / 1e6:.1f} MB, {len(weighted_layers(model))} layers"]
        for result in (by_keras(model), QUANTIZE(model), FOLD_AND_QUANTIZE(model)):
            after = file_bytes(result)
            cells.append(f"{after / 1e6:.1f} MB ({before / after:.2f}x)")
        table.add_row(*cells)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
