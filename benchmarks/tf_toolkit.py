"""The same models under the TensorFlow Model Optimization toolkit, where it can do the job.

    python -m venv peer && peer/bin/pip install -e . -r benchmarks/tf_toolkit.txt
    peer/bin/python benchmarks/tf_toolkit.py [MODEL ...]

The toolkit needs Keras 2 (`tf_keras`), so it has an environment of its own. Each model is
first offered to it as it is, a Keras 3 model, and then rebuilt from `tf_keras` layers with
the same weights, data and epochs as in `benchmarks/techniques.py`.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras
from results_file import FOLDER, save_results
from techniques import EPOCHS
from techniques_table import toolkit_table

import nncompress_lab as ncl
from nncompress_lab.models.kernels import to_numpy

SPARSITY, CLUSTERS = 0.8, 8
LEARNING_RATE, BATCH = 1e-3, 128
FIELDS = {
    *("name", "filters", "units", "kernel_size", "strides", "padding", "use_bias"),
    *("activation", "pool_size", "depth_multiplier", "axis", "epsilon", "momentum"),
    *("max_value", "target_shape", "num_heads", "key_dim", "value_dim"),
}


def offered_as_it_is(model: keras.Model) -> str:
    """What the toolkit says of a Keras 3 model."""
    schedule = tfmot.sparsity.keras.ConstantSparsity(SPARSITY, begin_step=0)
    try:
        tfmot.sparsity.keras.prune_low_magnitude(model, pruning_schedule=schedule)
    except ValueError as error:
        return f"refused: {' '.join(str(error).split())[:160]}"
    return "accepted"


def rebuilt(model: keras.Model) -> Any:
    """The model from `tf_keras` layers, with the same weights."""
    image = tf_keras.Input(model.input_shape[1:])
    tensors = {id(model.input): image}
    for level in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[level]:
            if not node.input_tensors:
                continue
            layer = _counterpart(node.operation)
            arguments = node.arguments
            args, kwargs = keras.tree.map_structure(
                lambda one: tensors.get(id(one), one),
                (arguments.args, arguments.kwargs),
            )
            tensors[id(node.outputs[0])] = layer(*args, **kwargs)
            layer.set_weights([to_numpy(one) for one in node.operation.weights])
    return tf_keras.Model(image, tensors[id(model.output)])


def _counterpart(layer: Any) -> Any:
    config = layer.get_config()
    known = {key: value for key, value in config.items() if key in FIELDS}
    return getattr(tf_keras.layers, type(layer).__name__)(**known)


def trained(model: Any, data: ncl.Dataset, epochs: int, callbacks: list[Any]) -> Any:
    """The model after as many epochs as the techniques of this library get."""
    steps = epochs * -(-len(data.train) // BATCH)
    rate = tf_keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    model.fit(
        data.train.x,
        data.train.y,
        batch_size=BATCH,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
    )
    return model


def pruned(model: Any, data: ncl.Dataset, epochs: int) -> Any:
    """80 % of the weights of each layer at zero, fine-tuned, without the wrappers."""
    schedule = tfmot.sparsity.keras.ConstantSparsity(
        SPARSITY, begin_step=0, frequency=10
    )
    wrapped = tfmot.sparsity.keras.prune_low_magnitude(model, pruning_schedule=schedule)
    step = tfmot.sparsity.keras.UpdatePruningStep()
    return tfmot.sparsity.keras.strip_pruning(trained(wrapped, data, epochs, [step]))


def clustered(model: Any, data: ncl.Dataset, epochs: int) -> Any:
    """8 values in each kernel, fine-tuned, without the wrappers."""
    start = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS
    wrapped = tfmot.clustering.keras.cluster_weights(
        model, number_of_clusters=CLUSTERS, cluster_centroids_init=start
    )
    return tfmot.clustering.keras.strip_clustering(trained(wrapped, data, epochs, []))


TECHNIQUES: dict[str, Callable[..., Any]] = {
    f"pruning, {SPARSITY:.0%} zeros": pruned,
    f"clustering, {CLUSTERS} values": clustered,
}


def figures(model: Any, original: keras.Model, data: ncl.Dataset) -> dict[str, Any]:
    """Accuracy on the test images, bytes of the `.keras` file, plain and packed.

    Packed are the toolkit's weights in the Keras 3 model, by this library. A mask leaves
    some zeros negative, which are other bytes: they become 0.
    """
    plain = rebuilt(original)  # uncompiled
    weighted = [layer for layer in plain.layers if layer.weights]
    for layer in weighted:
        found = _weights_by_name(model.get_layer(layer.name))
        layer.set_weights([found[name] for name in _weights_by_name(layer)])
    predicted = plain.predict(data.test.x, verbose=0).argmax(axis=-1)
    back = ncl.copy_model(original)
    for layer in weighted:
        back.get_layer(layer.name).set_weights(layer.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        plain.save(path)
        return {
            "accuracy": float(np.mean(predicted == data.test.y)),
            "keras_bytes": path.stat().st_size,
            "packed_bytes": ncl.packed_bytes(back),
        }


def _weights_by_name(layer: Any) -> dict[str, Any]:
    """Clustering changes their order and takes the layer's name away from theirs."""
    prefix = f"{layer.name}/"
    return {one.name.removeprefix(prefix): one.numpy() + 0.0 for one in layer.weights}


def main() -> None:
    """Measure every model that was asked for, and keep the figures as JSON."""
    data = ncl.data.fashion_mnist()
    rows = []
    for name in sys.argv[1:] or EPOCHS:
        model = getattr(ncl.zoo, name)()
        rows.append({"model": name, "keras_3": offered_as_it_is(model)})
        for technique, run in TECHNIQUES.items():
            tf_keras.utils.set_random_seed(0)
            row = {"model": name, "technique": technique}
            try:
                result = run(rebuilt(model), data, EPOCHS[name])
                row |= figures(result, model, data)
            except (AttributeError, TypeError, ValueError) as error:
                row["refused"] = " ".join(str(error).split())[:160]
            rows.append(row)
            print(row, flush=True)
            save_results("tf_toolkit", rows, toolkit=tfmot.__version__, epochs=EPOCHS)
    ours = json.loads((FOLDER / "techniques.json").read_text())["figures"]
    print(toolkit_table(rows, ours))


if __name__ == "__main__":
    main()
