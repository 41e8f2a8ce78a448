"""Sums of products of bytes in ONNX Runtime: exact everywhere, slow where they must be."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from nncompress_lab.runtimes import onnx_runtime

ROWS = 64
ASKED = "session.x64quantprecision"


@pytest.fixture(scope="module")
def product() -> bytes:
    """A model: bytes times a kernel of integers, whose pairs overflow 16 bits."""
    kernel = np.full((ROWS, 16), 127, np.int8)
    kernel[:, ::2] = -128
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "kernel"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [None, ROWS])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [None, 16])],
        [onnx.numpy_helper.from_array(kernel, "kernel")],
    )
    opset = helper.make_opsetid("", 21)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    return model.SerializeToString()


def test_no_sum_overflows(product: bytes) -> None:
    session = onnx_runtime.OnnxRuntime(product)._session
    x = np.full((8, ROWS), 255, np.uint8)

    (sums,) = session.run(None, {"x": x})

    assert set(sums[:, 1]) == {ROWS * 255 * 127}
    assert set(sums[:, 0]) == {ROWS * 255 * -128}


@pytest.mark.parametrize(
    ("has", "exact_sums", "asked"),
    [
        (("AVX2",), True, "1"),
        (("AVX2",), False, "0"),
        ((), True, "1"),
        (("AVX2", "VNNI"), True, "0"),
        (("AMX",), True, "0"),
    ],
    ids=["avx2", "avx2, not exact", "unknown", "vnni", "amx"],
)
def test_exact_sums_are_asked_for_only_where_they_cost_and_are_missing(
    product: bytes,
    monkeypatch: pytest.MonkeyPatch,
    has: tuple[str, ...],
    exact_sums: bool,
    asked: str,
) -> None:
    seen = []

    def session(
        content: bytes, options: onnxruntime.SessionOptions, **others: object
    ) -> object:
        seen.append(options.get_session_config_entry(ASKED))
        return None

    monkeypatch.setattr(onnx_runtime, "instructions", lambda: has)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)

    onnx_runtime.OnnxRuntime(product, exact_sums=exact_sums)

    assert seen == [asked]
