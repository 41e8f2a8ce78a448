"""What NNCodec makes of weights; run by `nnc_standard.py` in an environment of its own.

    peer/bin/python benchmarks/nnc_standard_encode.py FOLDER SETTINGS

`FOLDER/weights.npz` holds the arrays, SETTINGS is a JSON list of settings of NNCodec's
`compress`. Each is encoded and decoded; the decoded arrays go to `FOLDER/PLACE.npz` and the
bytes to the standard output, one line each.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

# What it has for models of torch and TensorFlow needs both, and more. Arrays need nothing.
FRAMEWORK = ModuleType("nncodec.framework")
for _name in ("tensorflow_model", "pytorch_model", "use_case_init"):
    setattr(FRAMEWORK, _name, None)
sys.modules[FRAMEWORK.__name__] = FRAMEWORK

from nncodec import nnc


def main() -> None:
    """Encode and decode with each of the settings."""
    folder, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    with np.load(folder / "weights.npz") as file:
        weights = dict(file)
    for place, one in enumerate(settings):
        copies = {name: array.copy() for name, array in weights.items()}
        stream = nnc.compress(copies, bitstream_path=None, return_bitstream=True, **one)
        np.savez(folder / f"{place}.npz", **nnc.decompress(stream))
        print(len(stream), flush=True)


if __name__ == "__main__":
    main()
