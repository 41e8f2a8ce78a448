"""What a model costs and what it gives: accuracy, sizes, MACs and latency, measured.

Storey 3: models in, numbers out. Nothing here changes a model.
"""

from nncompress_lab.measure.accuracy import accuracy
from nncompress_lab.measure.device_table import DeviceTimes
from nncompress_lab.measure.device_times import time_on_devices
from nncompress_lab.measure.devices import Device, devices
from nncompress_lab.measure.divergence import divergence
from nncompress_lab.measure.dtypes import in_dtype
from nncompress_lab.measure.evaluate import evaluate
from nncompress_lab.measure.latency import Race, race
from nncompress_lab.measure.macs import layer_macs, macs
from nncompress_lab.measure.sizes import (
    FileSizes,
    bytes_in_memory,
    file_sizes,
    layer_nonzeros,
    layer_parameters,
    nonzeros,
    parameters,
)

__all__ = [
    "Device",
    "DeviceTimes",
    "FileSizes",
    "Race",
    "accuracy",
    "bytes_in_memory",
    "devices",
    "divergence",
    "evaluate",
    "file_sizes",
    "in_dtype",
    "layer_macs",
    "layer_nonzeros",
    "layer_parameters",
    "macs",
    "nonzeros",
    "parameters",
    "race",
    "time_on_devices",
]
