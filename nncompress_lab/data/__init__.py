"""Real images, offline: a Fashion-MNIST subset in the package, the full sets beside it.

Storey 1: NumPy only. The Keras downloader is imported when it is asked for.
"""

from nncompress_lab.data.datasets import Data, Dataset
from nncompress_lab.data.folder import read_folder
from nncompress_lab.data.sources import fashion_mnist, mnist

__all__ = ["Data", "Dataset", "fashion_mnist", "mnist", "read_folder"]
