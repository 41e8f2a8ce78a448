"""Neural network compression that one can learn, see and use, on Keras 3.

Typical use:

    import nncompress_lab as ncl

    model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
    result = ncl.compress(
        model,
        ncl.MagnitudePruning(sparsity=0.8, scope="adaptive"),
        ncl.FineTune(epochs=6),
        ncl.UniformQuantization(bits=8),
        context=ncl.Context.of(data),
    )
    print(result.report)

`__init__.pyi` is the list of public names and of where they live. Each is loaded when it
is first used, so that the command line answers at once and a Jupyter server can use this
package without starting Keras. The quantized layers register with Keras as soon as both
packages are imported, in either order, so that `keras.saving.load_model` reads the files
of compressed models. TensorFlow's greetings are kept out of a user's notebook; see `quiet`.
"""

import importlib
from importlib.metadata import version
from types import ModuleType
from typing import Any

import lazy_loader
import wrapt

from nncompress_lab.quiet import quiet_tensorflow

__version__ = version("nncompress-lab")

_load, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *_names]  # noqa: PLE0604 (all are strings)

_BACKENDS = ("tensorflow", "jax", "torch")


def __getattr__(name: str) -> Any:
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _BACKENDS:
            raise
        raise ImportError(
            f"Keras has no backend to run on: it looked for {error.name}, which is not "
            'installed. Install one, for example with pip install "nncompress-lab[lab]" '
            "(TensorFlow for CPUs), or set the environment variable KERAS_BACKEND to "
            "the one that you have: tensorflow, jax or torch."
        ) from error


def _register_layers(_keras: ModuleType) -> None:
    for module in (
        "models.attention",
        "models.convolutional_cell",
        "quantization.layers.fake_quantize",
        "quantization.layers.stored",
    ):
        importlib.import_module(f"{__name__}.{module}")


quiet_tensorflow()
wrapt.register_post_import_hook(_register_layers, "keras")
