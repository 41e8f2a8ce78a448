"""What a `.keras` file holds, read without Keras and without running any of its code.

The time it takes is bounded: of a large model's weights an even sample is read, and the
summary says so.
"""

from pathlib import Path
from typing import Any

from nncompress_lab.server import table
from nncompress_lab.server.archive import (
    CONFIG,
    METADATA,
    WEIGHTS,
    Archive,
    open_archive,
)
from nncompress_lab.server.figures import Figures, unpacked_kernels
from nncompress_lab.server.model_config import ConfigNode
from nncompress_lab.server.weights_file import Contents, StoredLayer, contents_of


def summary_of(path: Path) -> dict[str, Any]:
    """Look into a `.keras` file.

    Args:
        path: Of the file.

    Returns:
        `model`, `totals` and `layers`, as `inspect_file.summarize` has them.

    Raises:
        ModelFileError: If it is not a Keras model or declares what it does not hold.
    """
    with open_archive(path) as archive:
        return _summary(archive)


def _summary(archive: Archive) -> dict[str, Any]:
    import h5py

    config, metadata = archive.config(), archive.metadata()
    model = ConfigNode.of(config)
    with archive.weights() as file, h5py.File(file, "r") as root:
        contents = contents_of(root, model)
        sizes = [w.size for layer in contents.layers for w in layer.weights]
        most = table.most_numbers(sizes)
        rows = [_row(layer, most) for layer in contents.layers]
        totals = _totals(archive, contents, rows)
    return {
        "model": table.about(
            model.class_name,
            model.name,
            f"Keras {metadata.get('keras_version', '')}".strip(),
            str(metadata.get("date_saved", "")),
        ),
        "totals": totals,
        "layers": rows,
    }


def _totals(
    archive: Archive, contents: Contents, rows: list[table.Row]
) -> dict[str, Any]:
    stored = sum(w.stored_bytes for layer in contents.layers for w in layer.weights)
    optimizer = contents.optimizer_bytes
    if not archive.weights_are_stored:  # HDF5's parts shrink together
        member = archive.packed_bytes(WEIGHTS)
        whole = max(archive.unpacked_bytes(WEIGHTS), stored + optimizer, 1)
        stored, optimizer = stored * member // whole, optimizer * member // whole
    return table.totals(
        rows,
        archive.size,
        weights=stored,
        optimizer=optimizer,
        config=archive.packed_bytes(CONFIG) + archive.packed_bytes(METADATA),
        weights_are_stored=archive.weights_are_stored,
        left_out=contents.left_out,
    )


def _row(layer: StoredLayer, most: int) -> table.Row:
    weights, node = layer.weights, layer.node
    names = node.weight_names(len(weights)) or [weight.key for weight in weights]
    figures = [
        Figures(weight, name, most) for weight, name in zip(weights, names, strict=True)
    ]
    counted = figures
    if node.quantization is not None:
        counted = unpacked_kernels(figures, node)
    return table.row(layer.path, node.class_name, figures, counted)
