"""Files of quantized models that earlier versions wrote are read as they were meant."""

import pickle
from pathlib import Path

import keras
import numpy as np

from nncompress_lab.models.kernels import KERNELS, kernel_layers
from nncompress_lab.quantization.layers.stored import QUANTIZED

# Written before there was a release, and before recurrent layers were quantized. 8-bit
# integers per tensor, affine 3-bit integers in groups of 16 and 3-bit codes; its members
# were deflated afterwards, to be small here.
FILE = Path(__file__).with_name("stored_layers_v1.keras")

IN_VERSION_1 = {name for name in KERNELS if not name.endswith(("Cell", "leEmbedding"))}


def test_a_file_of_every_quantized_layer_predicts_what_it_did():
    model = keras.saving.load_model(FILE)
    with np.load(FILE.with_suffix(".npz")) as arrays:
        x, expected = arrays["x"], arrays["y"]

    kinds = {type(one.layer) for one in kernel_layers(model)}

    assert kinds == {QUANTIZED[getattr(keras.layers, name)] for name in IN_VERSION_1}
    # Sums of some hundred float32 products, in the order of the backend.
    np.testing.assert_allclose(
        model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5
    )


def test_the_classes_are_found_by_their_names():
    for kind in QUANTIZED.values():
        assert pickle.loads(pickle.dumps(kind)) is kind
