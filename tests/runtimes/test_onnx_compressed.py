"""What each technique becomes in an ONNX file: the same outputs, in fewer bytes.

"Exact" means that ONNX Runtime may not rewrite the graph, so that it computes with the
numbers that the file stands for. Rewritten, its products of integers round what goes into
them to 8 bits as well.
"""

import functools

import keras
import numpy as np
import onnx
import pytest
import tiny_models
from keras import layers
from onnx_files import (
    TOLERANCE,
    apart,
    assert_equal_but_for_steps,
    checked,
    randomized,
    rewritten,
)

import nncompress_lab as ncl
from nncompress_lab.runtimes.onnx_graph.walk import to_onnx
from nncompress_lab.runtimes.onnx_runtime import OnnxRuntime
from nncompress_lab.zoo import architectures

BLOCKS = {"granularity": "per_group", "group_size": 16}
INTEGERS = ncl.pipeline(
    ncl.FoldBatchNorm(), ncl.UniformQuantization(bits=8), ncl.ActivationQuantization()
)
PASSES = {
    "8 bits": ncl.UniformQuantization(bits=8),
    "8 bits affine": ncl.UniformQuantization(bits=8, symmetric=False),
    "8 bits per tensor": ncl.UniformQuantization(bits=8, granularity="per_tensor"),
    "4 bits": ncl.UniformQuantization(bits=4),
    "4 bits in blocks": ncl.UniformQuantization(bits=4, **BLOCKS),
    "4 bits affine in blocks": ncl.UniformQuantization(
        bits=4, symmetric=False, **BLOCKS
    ),
    "3 bits": ncl.UniformQuantization(bits=3),
    "2 bits in blocks": ncl.UniformQuantization(bits=2, **BLOCKS),
    "GPTQ": ncl.GPTQ(bits=4),
    "codes": ncl.CodebookQuantization(bits=2),
    "codes per channel": ncl.CodebookQuantization(bits=1, granularity="per_channel"),
    "codes times scales": ncl.CodebookQuantization(
        bits=4, table="mxfp4", granularity="per_group", group_size=32
    ),
    "zeros": ncl.MagnitudePruning(sparsity=0.9),
    "zeros in 8 bits": ncl.pipeline(
        ncl.MagnitudePruning(sparsity=0.9), ncl.UniformQuantization(bits=8)
    ),
    "low rank": ncl.LowRank(energy=0.8),
    "low rank in 4 bits": ncl.pipeline(
        ncl.LowRank(energy=0.8), ncl.UniformQuantization(bits=4)
    ),
    "tucker2": ncl.Factorization("tucker2", energy=0.8),
    "spatial": ncl.Factorization("spatial", energy=0.8),
    "cp": ncl.Factorization("cp", rank=3),
}
# Its projections are EinsumDense layers, and a low rank makes models of them.
IN_ATTENTION = ("8 bits", "4 bits in blocks", "codes per channel", "low rank in 4 bits")
# Of each kind of kernel one: their channels are scaled when normalization is folded.
SCALED = ("8 bits", "8 bits affine", "2 bits in blocks", "codes", "zeros in 8 bits")


ROUNDINGS = {
    "8 bits": ncl.ActivationQuantization(),
    "8 bits symmetric": ncl.ActivationQuantization(symmetric=True),
    "4 bits": ncl.ActivationQuantization(bits=4),
    "dynamic": ncl.ActivationQuantization(calibration="dynamic"),
    "dynamic symmetric": ncl.ActivationQuantization(
        calibration="dynamic", symmetric=True
    ),
}


@pytest.mark.parametrize("name", PASSES)
def test_the_file_computes_exactly_what_the_compressed_model_computes(name):
    compressed = PASSES[name](
        tiny_models.built(tiny_models.every_layer), tiny_models.context()
    )

    assert apart(compressed, tiny_models.images(), optimized=False) <= TOLERANCE


@pytest.mark.parametrize("name", IN_ATTENTION)
def test_the_projections_of_attention_may_be_compressed(name):
    compressed = PASSES[name](tiny_models.built(tiny_models.transformer))

    assert apart(compressed, tiny_models.images(), optimized=False) <= TOLERANCE


@pytest.mark.parametrize("name", SCALED)
def test_normalization_is_folded_into_any_kernel(name):
    model = ncl.copy_model(tiny_models.built(tiny_models.residual))
    for norm in ("stem_bn", "conv_bn"):  # some channels change their sign
        model.get_layer(norm).gamma.assign([1.5, -1.0, 0.5, -0.5, 1.0, -1.5])

    compressed = PASSES[name](model)

    assert apart(compressed, tiny_models.images(), optimized=False) <= TOLERANCE


@pytest.mark.parametrize("name", ROUNDINGS)
def test_activations_are_rounded_as_keras_rounds_them(name):
    context = tiny_models.context()
    rounding = ROUNDINGS[name](tiny_models.built(tiny_models.every_layer), context)
    x = context.calibration.x

    outputs = OnnxRuntime(checked(rounding)).predict(x)

    expected = keras.ops.convert_to_numpy(rounding(x, training=False))
    assert_equal_but_for_steps(outputs, expected)


def test_channels_that_are_gone_are_gone_in_the_file():
    narrow = ncl.ChannelPruning(sparsity=0.5)(tiny_models.built(tiny_models.residual))

    graph = onnx.load_from_string(checked(narrow)).graph

    stem = next(one for one in graph.initializer if one.name == "stem/kernel")
    assert list(stem.dims) == [3, 3, 3, 3]
    assert apart(narrow, tiny_models.images()) <= TOLERANCE


# --- what ONNX Runtime makes of the files


def perceptron(*, width: int = 64) -> keras.Model:
    hidden = layers.Dense(width, activation="relu", name="hidden")
    logits = layers.Dense(32, name="logits")
    return keras.Sequential([keras.Input((64,)), hidden, logits])


@pytest.mark.parametrize(
    "name", ["8 bits", "8 bits per tensor", "4 bits", "4 bits in blocks", "3 bits"]
)
def test_products_with_integer_kernels_are_those_of_the_runtime(name, tmp_path):
    content = to_onnx(PASSES[name](randomized(perceptron())))

    ran = rewritten(content, tmp_path / "rewritten.onnx")

    # A Gemm, or a DequantizeLinear left over, would decode the kernel at every call.
    assert ran.count("MatMulNBits") == 2
    assert not {"DequantizeLinear", "Gemm", "FusedGemm", "MatMul"} & set(ran)


@pytest.mark.parametrize("name", ["8 bits", "4 bits in blocks", "3 bits"])
def test_kernels_of_convolutions_are_decoded_once(name, tmp_path):
    content = to_onnx(PASSES[name](tiny_models.built(tiny_models.depthwise)))

    ran = rewritten(content, tmp_path / "rewritten.onnx")

    before_logits = ran[: ran.index("MatMulNBits")] if "MatMulNBits" in ran else ran
    assert not {"DequantizeLinear", "Cast", "Mul", "Gather"} & set(before_logits)


def deep(*, pool: bool = True) -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, activation="relu", name="first")(image)
    if pool:
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(8, 3, name="second")(x)
    x = layers.ReLU()(x)
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(4, name="logits")(x))


def test_convolutions_between_rounded_tensors_are_computed_in_integers(tmp_path):
    content = to_onnx(INTEGERS(deep(), tiny_models.context()))

    ran = rewritten(content, tmp_path / "rewritten.onnx")

    assert ran.count("QLinearConv") == 2
    assert ran.count("MatMulIntegerToFloat") == 1
    assert "Conv" not in ran


def test_integers_give_what_the_rounded_floats_give():
    model = INTEGERS(randomized(deep()), tiny_models.context())
    x = tiny_models.context().calibration.x

    outputs = OnnxRuntime(to_onnx(model)).predict(x)

    # Sums of integers are exact, and the bias is rounded to one of them.
    assert_equal_but_for_steps(outputs, model.predict_on_batch(x))


def test_activations_are_unsigned_and_kernels_signed():
    graph = onnx.load_from_string(
        to_onnx(INTEGERS(deep(), tiny_models.context()))
    ).graph
    types = {one.name: one.data_type for one in graph.initializer}

    zero_points = [
        types[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"
    ]
    kernels = [types[name] for name in types if name.endswith("/kernel")]

    assert set(zero_points) == {onnx.TensorProto.UINT8}
    assert set(kernels) == {onnx.TensorProto.INT8}


def test_float_kernels_between_rounded_tensors_are_not_rounded():
    # ONNX Runtime would, with one scale for all channels, if it saw a pair of
    # QuantizeLinear and DequantizeLinear on both sides of them.
    model = ncl.ActivationQuantization()(randomized(deep()), tiny_models.context())
    x = tiny_models.context().calibration.x

    outputs = OnnxRuntime(to_onnx(model)).predict(x)

    assert_equal_but_for_steps(outputs, model.predict_on_batch(x))


def test_convolutions_into_a_sum_need_inputs_to_see_their_range(tmp_path):
    context = tiny_models.context()
    model = INTEGERS(tiny_models.built(tiny_models.residual), context)
    x = context.calibration.x

    floats, integers = to_onnx(model), to_onnx(model, calibration=x)

    assert "QLinearConv" not in rewritten(floats, tmp_path / "floats.onnx")
    assert rewritten(integers, tmp_path / "integers.onnx").count("QLinearConv") == 2
    expected = model.predict_on_batch(x)
    assert_equal_but_for_steps(OnnxRuntime(floats).predict(x), expected)
    # Two more tensors are rounded to 1/255 of their ranges.
    difference = np.abs(OnnxRuntime(integers).predict(x) - expected).max()
    assert 0 < difference <= 0.02 * np.abs(expected).max()


def test_projections_of_attention_are_computed_in_integers(tmp_path):
    model = INTEGERS(tiny_models.built(tiny_models.transformer), tiny_models.context())

    ran = rewritten(to_onnx(model), tmp_path / "rewritten.onnx")

    # Query, key, value and output of the attention, the MLP and the logits.
    assert ran.count("MatMulIntegerToFloat") == 6


def test_many_tokens_are_multiplied_as_floats(tmp_path):
    tokens = keras.Sequential([keras.Input((196, 64)), layers.Dense(64)])
    content = to_onnx(PASSES["8 bits"](tokens))

    assert "MatMulNBits" not in rewritten(content, tmp_path / "rewritten.onnx")


# --- bytes


@functools.cache
def lenet() -> keras.Model:
    keras.utils.set_random_seed(7)
    return architectures.lenet5()


# Bytes of the float file over bytes of the file: what the bits promise, less scales,
# tables, biases and names.
RATIOS = {
    "8 bits": (ncl.UniformQuantization(bits=8), 3.9),
    "4 bits": (ncl.UniformQuantization(bits=4), 7.6),
    "4 bits in blocks of 32": (
        ncl.UniformQuantization(bits=4, granularity="per_group", group_size=32),
        6.2,
    ),
    "3 bits": (ncl.UniformQuantization(bits=3), 9.8),
    "2 bits": (ncl.UniformQuantization(bits=2), 14.0),
    "256 values": (ncl.CodebookQuantization(bits=8), 3.9),
    "16 values": (ncl.CodebookQuantization(bits=4), 7.6),
    "90 % zeros": (ncl.MagnitudePruning(sparsity=0.9), 7.2),
    "99 % zeros": (ncl.MagnitudePruning(sparsity=0.99), 42.0),
    "90 % zeros in 8 bits": (PASSES["zeros in 8 bits"], 15.5),
}


@pytest.mark.parametrize("name", RATIOS)
def test_the_file_is_as_small_as_the_technique_promises(name):
    compress, ratio = RATIOS[name]

    small = to_onnx(compress(lenet()))

    assert len(to_onnx(lenet())) / len(small) >= ratio


def test_half_of_the_channels_and_low_rank_make_the_file_smaller():
    whole = len(to_onnx(lenet()))

    assert whole / len(to_onnx(ncl.ChannelPruning(sparsity=0.5)(lenet()))) > 3.5
    assert whole / len(to_onnx(ncl.LowRank(energy=0.5)(lenet()))) > 2


def test_nothing_is_added_to_a_model_of_floats():
    floats = 4 * lenet().count_params()

    assert len(to_onnx(lenet())) <= 1.01 * floats
