"""Whole models: those of keras.applications, of the zoo, and the same bytes everywhere."""

import hashlib
import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tiny_models
from onnx_files import TOLERANCE, apart, randomized

import nncompress_lab as ncl
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.zoo import architectures


def pixels(count: int = 2, size: int = 32) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (255 * generator.random((count, size, size, 3))).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["MobileNetV2", "ResNet50", "EfficientNetB0", "DenseNet121", "ConvNeXtTiny"]
)
def test_a_model_of_keras_applications_computes_the_same(name):
    build = getattr(keras.applications, name)
    model = build(
        weights=None,
        input_shape=(32, 32, 3),
        classes=10,
        classifier_activation=None,
    )

    assert apart(randomized(model), pixels()) <= TOLERANCE


@pytest.mark.parametrize(
    "name", ["lenet_300_100", "lenet5", "resnet20", "mobilenet_small", "vit_tiny"]
)
def test_a_model_of_the_zoo_computes_the_same(name):
    model = randomized(getattr(architectures, name)())
    x = np.random.default_rng(0).random((3, 28, 28, 1)).astype(np.float32)

    assert apart(model, x) <= TOLERANCE


PRINT_DIGEST = """
import hashlib, sys
import nncompress_lab as ncl
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
for path in sys.argv[1:]:
    print(hashlib.sha256(to_onnx(ncl.load_model(path))).hexdigest())
"""
# Keras's OpenVINO backend imports SciPy, too.
NEEDS = {
    "tensorflow": ("tensorflow",),
    "jax": ("jax",),
    "torch": ("torch",),
    "openvino": ("openvino", "scipy"),
}
OTHERS = [name for name in NEEDS if name != keras.backend.backend()]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Files of models that together hold every kind of layer and of kernel."""
    folder = tmp_path_factory.mktemp("models")
    integers = ncl.pipeline(
        ncl.FoldBatchNorm(),
        ncl.UniformQuantization(bits=8),
        ncl.ActivationQuantization(),
    )
    models = {
        "every_layer": tiny_models.every_layer(),
        "norms": tiny_models.randomize_statistics(tiny_models.residual()),
        "integers": integers(tiny_models.depthwise(), tiny_models.context()),
        "codes": ncl.CodebookQuantization(bits=2)(tiny_models.transformer()),
        "mobilenet": keras.applications.MobileNetV2(
            weights=None, input_shape=(32, 32, 3), alpha=0.35
        ),
    }
    paths = []
    for name, model in models.items():
        paths.append(folder / f"{name}.keras")
        ncl.save_model(model, paths[-1])
    return paths


@pytest.fixture(scope="module")
def here(kept):
    """What this process writes of each."""
    return [hashlib.sha256(to_onnx(ncl.load_model(path))).hexdigest() for path in kept]


@pytest.mark.parametrize("backend", OTHERS)
def test_every_backend_writes_the_same_bytes(backend, request):
    missing = [one for one in NEEDS[backend] if importlib.util.find_spec(one) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    kept, here = map(request.getfixturevalue, ("kept", "here"))

    there = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST, *map(str, kept)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
        timeout=900,  # for a process that hangs, and not for one that waits its turn
    )

    assert there.stdout.split() == here
