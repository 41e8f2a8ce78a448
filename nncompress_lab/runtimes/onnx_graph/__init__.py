"""Our own way from a Keras model to an ONNX file, along the graph of the model."""
