"""How much smaller the files of real, large models become."""

from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

import nncompress_lab as ncl

FOLDED = ncl.pipeline(ncl.FoldBatchNorm(), ncl.UniformQuantization(bits=8))
PLAIN = ncl.UniformQuantization(bits=8)
# Weights are random; sizes do not depend on them. The rest of the file is what no
# quantization touches: float normalization layers, the configuration, HDF5's headers.
LEAST = {
    "ResNet50": {FOLDED: 3.9},
    "MobileNetV2": {FOLDED: 3.6, PLAIN: 3.3},
}


@cache
def original(name: str) -> keras.Model:
    return getattr(keras.applications, name)(weights=None)


@cache
def small(name: str, step: ncl.Pass) -> keras.Model:
    return step(original(name))


@pytest.mark.parametrize("name", LEAST)
def test_the_eight_bit_file_is_that_much_smaller(name, tmp_path: Path):
    before, after = tmp_path / "before.keras", tmp_path / "after.keras"
    original(name).save(before)

    for step, least in LEAST[name].items():
        small(name, step).save(after)

        assert before.stat().st_size / after.stat().st_size >= least


def test_every_weighted_convolution_of_resnet50_is_quantized():
    reasons = PLAIN.explain(original("ResNet50"))

    treated = [path for path, reason in reasons.items() if reason is None]
    assert len(treated) == 54  # 53 convolutions and the classifier
    assert {reason for reason in reasons.values() if reason} == {ncl.Skip.NO_KERNEL}


def test_a_large_model_predicts_alike_after_folding_and_quantizing():
    images = np.random.default_rng(0).random((2, 224, 224, 3)).astype(np.float32)

    before, after = (
        keras.ops.convert_to_numpy(one(images, training=False))
        for one in (original("MobileNetV2"), small("MobileNetV2", FOLDED))
    )

    # Probabilities of 1000 classes by random weights are all close to 0.001.
    assert np.abs(after - before).max() < 1e-4
