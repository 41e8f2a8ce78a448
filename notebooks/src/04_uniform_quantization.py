# ---
# jupyter:
#   nncompress:
#     lesson: "04"
#     title: Uniform quantization of weights
#     minutes: 50
#     difficulty: 2
#     cell_seconds: 120
# ---

# %% [markdown]
# # Uniform quantization of weights
#
# | | |
# |---|---|
# | You will be able to | store weights as integers of 8, 4 or 3 bits with a scale and a zero point; say what an outlier does and two ways out; make a file that is really that small |
# | Time | 50 minutes, of which the computer needs less than one |
# | Difficulty | 2 of 5 |
# | You need | lesson 01 (four sizes, latency with noise) and some NumPy |
# | Points | seven exercises, one of them with a star; 14 points |
#
# A float32 can take four billion values. Does a weight need so many? **Uniform quantization**
# allows it `2**bits` values, evenly spaced: 256 of them with 8 bits, 16 with 4. What is stored is
# the number of the value, a small integer called **code**, and one float for many weights, the
# **scale**, that says how far apart the values are.
#
# At the end of this lesson LeNet-5 is stored in a fifth of its bytes, and you have seen how a single
# weight among 431,080 can ruin that.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("04")

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
original_accuracy = measure.accuracy(model, images)
lesson

# %% [markdown]
# ## Predict
#
# Guess first: replace each `...`. Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "accuracy lost with 8-bit weights, in points": ...,  # 0 to 100
        "accuracy lost with 3-bit weights, in points": ...,  # 0 to 100
        "accuracy with 4-bit weights after one weight was set to 8": ...,  # 0 to 1
    }
)

# %% [markdown]
# ## 1. Evenly spaced values
#
# Twelve weights, and the code that is usually shown for making integers of them:

# %%
weights = np.array(
    [
        [0.02, -0.47, 0.12],
        [-0.61, 0.08, -0.29],
        [0.33, -0.01, 0.74],
        [0.05, 0.90, -0.03],
    ]
)


def quantize_snippet(w, bits):
    return np.round(w / np.max(np.abs(w)) * 2 ** (bits - 1))


figures.matrices(
    "The usual snippet, asked for 3 bits",
    reach=4.5,
    weights=weights,
    result=quantize_snippet(weights, 3),
)

# %% tags=["check"]
codes = quantize_snippet(weights, 3)
print("largest weight before and after:", weights.max(), "and", codes.max())
print("values from -4 to 4:", len(range(-4, 5)), "- codes of 3 bits:", 2**3)
with np.errstate(invalid="ignore"):
    print("a bias that is all zeros becomes", quantize_snippet(np.zeros(2), 3))

# %% [markdown]
# Three mistakes in one line:
#
# 1. The codes are returned as if they were the weights. Nobody multiplies the scale back, so the
#    layer's weights became more than four times as large.
# 2. From -4 to 4 there are nine values, and 3 bits can tell eight apart.
# 3. Where all weights are zero, it divides by zero.
#
# What we want is a pair of formulas, one for each direction, with a **scale** $s$:
#
# $$q = \mathrm{clip}\left(\mathrm{round}\left(\frac{w}{s}\right),\; q_{min},\; q_{max}\right)
# \qquad \hat w = s \cdot q$$
#
# $w$ is the weight, $q$ its code, $\hat w$ what the code stands for. **Symmetric** quantization mirrors
# the codes around 0: with 3 bits from -3 to 3, and the largest magnitude becomes the code 3. (The
# eighth code is given up so that both sides are alike.) In code, where each line is one formula:

# %%
qmax = 2 ** (3 - 1) - 1
scale = np.abs(weights).max() / qmax
codes = np.clip(np.rint(weights / scale), -qmax, qmax)
decoded = scale * codes
figures.matrices(
    f"Symmetric, 3 bits, scale {scale:.2f}: the codes, and what they stand for",
    reach=3.5,
    weights=weights,
    codes=codes,
    decoded=decoded,
)

# %%
figures.staircase(
    "Each weight goes to the nearest step; no error is larger than half a step",
    weights.ravel(),
    scale * np.arange(-qmax, qmax + 1),
)

# %% tags=["check"]
largest_error = np.abs(weights - decoded).max()
print("largest error within half a step:", largest_error <= scale / 2)

# %% [markdown]
# Weights are not always spread evenly around 0. **Affine** quantization uses the codes 0 to
# `2**bits - 1` for the range from the smallest weight to the largest, and a **zero point** $z$ says
# which code the real number 0 has:
#
# $$\hat w = s \cdot (q - z)$$
#
# Zero is special: it must be met *without* an error, or every weight that pruning set to zero would
# become a small wrong number. Two rules take care of that. The range is widened until it holds 0, and
# the zero point is a whole number.
#
# ### Exercise 1 · Scale and zero point of a range
#
# Write `scale_and_zero_point` for affine quantization: from the smallest and the largest weight
# to the scale and the zero point, a whole number.


# %% tags=["exercise:scale_and_zero_point"]
def scale_and_zero_point(lowest, highest, bits):
    """Return (scale, zero_point) with the codes 0 to 2**bits - 1 for this range.

    lowest, highest: the smallest and the largest weight. bits: 2 to 8.
    """
    # BEGIN SOLUTION
    lowest, highest = min(lowest, 0), max(highest, 0)
    scale = (highest - lowest) / (2**bits - 1)
    return scale, round(-lowest / scale)
    # END SOLUTION


# %% tags=["wrong:scale_and_zero_point:has_one_gap_fewer_than_levels"]
def scale_and_zero_point(lowest, highest, bits):
    lowest, highest = min(lowest, 0), max(highest, 0)
    scale = (highest - lowest) / 2**bits
    return scale, round(-lowest / scale)


# %% tags=["wrong:scale_and_zero_point:widens_the_range_to_hold_zero"]
def scale_and_zero_point(lowest, highest, bits):
    scale = (highest - lowest) / (2**bits - 1)
    return scale, round(-lowest / scale)


# %% tags=["wrong:scale_and_zero_point:zero_point_is_the_code_of_zero"]
def scale_and_zero_point(lowest, highest, bits):
    lowest, highest = min(lowest, 0), max(highest, 0)
    scale = (highest - lowest) / (2**bits - 1)
    return scale, round(lowest / scale)


# %% tags=["wrong:scale_and_zero_point:zero_point_is_a_whole_number"]
def scale_and_zero_point(lowest, highest, bits):
    lowest, highest = min(lowest, 0), max(highest, 0)
    scale = (highest - lowest) / (2**bits - 1)
    return scale, -lowest / scale


# %% tags=["check"]
scale_and_zero_point = lesson.accept("scale_and_zero_point", scale_and_zero_point)

# %% [markdown]
# ## 2. Into codes and back
#
# ### Exercise 2 · From weights to codes
#
# Write `quantize` for affine quantization. It returns the codes: integers from 0 to `2**bits - 1`, of the
# shape of the weights. Round to the nearest (`np.rint`; halves go to the even integer, which is
# the rule of the library too), and let weights outside the range become its nearer end.


# %% tags=["exercise:quantize"]
def quantize(weights, scale, zero_point, bits):
    """Return the codes of the weights, integers from 0 to 2**bits - 1."""
    # BEGIN SOLUTION
    steps = np.rint(weights / scale) + zero_point
    return np.clip(steps, 0, 2**bits - 1).astype(np.uint8)
    # END SOLUTION


# %% tags=["wrong:quantize:clamps_to_the_range"]
def quantize(weights, scale, zero_point, bits):
    return (np.rint(weights / scale) + zero_point).astype(np.uint8)


# %% tags=["wrong:quantize:rounds_to_the_nearest"]
def quantize(weights, scale, zero_point, bits):
    steps = (weights / scale).astype(int) + zero_point
    return np.clip(steps, 0, 2**bits - 1).astype(np.uint8)


# %% tags=["wrong:quantize:divides_by_the_scale"]
def quantize(weights, scale, zero_point, bits):
    steps = np.rint(weights * scale) + zero_point
    return np.clip(steps, 0, 2**bits - 1).astype(np.uint8)


# %% tags=["wrong:quantize:adds_the_zero_point"]
def quantize(weights, scale, zero_point, bits):
    steps = np.rint(weights / scale) - zero_point
    return np.clip(steps, 0, 2**bits - 1).astype(np.uint8)


# %% tags=["wrong:quantize:makes_integers"]
def quantize(weights, scale, zero_point, bits):
    return np.clip(np.rint(weights / scale) + zero_point, 0, 2**bits - 1)


# %% tags=["check"]
quantize = lesson.accept("quantize", quantize)

# %% [markdown]
# The library has these functions, with the same rules. On the largest kernel of LeNet-5:

# %% tags=["check"]
from nncompress_lab.quantization.arrays import affine

kernel = keras.ops.convert_to_numpy(model.get_layer("dense1").kernel)
scale, zero_point = scale_and_zero_point(kernel.min(), kernel.max(), 4)
yours = quantize(kernel, scale, zero_point, 4)
params = affine.affine_params(kernel, bits=4, symmetric=False)
library = affine.quantize(kernel, params, bits=4, symmetric=False)
print("same codes:", np.array_equal(yours, library))

# %% [markdown]
# ## 3. One outlier decides
#
# So far one scale served the whole kernel: quantization **per tensor**. We now change *one* of LeNet-5's
# weights, one of 400,000 in the layer `dense1`, to 8.0. It is an **outlier**: the others are smaller
# than 1. Real models have such weights, large language models in every layer.

# %%
spoiled = ncl.zoo.lenet5()
outlier = kernel.copy()
outlier[0, 0] = 8.0
spoiled.get_layer("dense1").kernel.assign(outlier)


def levels_of(weights, bits):
    """The values that symmetric quantization per tensor allows."""
    qmax = 2 ** (bits - 1) - 1
    return np.abs(weights).max() / qmax * np.arange(-qmax, qmax + 1)


figures.levels(
    "One weight at 8.0 stretches the range, and the others share what is left",
    {
        "as trained": (kernel, levels_of(kernel, 4)),
        "with the outlier": (outlier, levels_of(outlier, 4)),
    },
)

# %% [markdown]
# The second histogram shows these weights again, with hardly a level for them. What does the model say?

# %% tags=["predicted"]
per_tensor = ncl.UniformQuantization(bits=4, granularity="per_tensor")
accuracy_of = {
    "as trained, float": original_accuracy,
    "as trained, 4 bits": measure.accuracy(per_tensor(model), images),
    "with the outlier, float": measure.accuracy(spoiled, images),
    "with the outlier, 4 bits": measure.accuracy(per_tensor(spoiled), images),
}
figures.bars(
    "The float model does not notice the outlier; the quantized one breaks",
    accuracy_of,
    "validation accuracy",
    marked=["with the outlier, 4 bits"],
)

# %% [markdown]
# There are two ways out. The first: do not let one scale serve everybody. With one scale for each
# output of the layer, **per channel**, the outlier spoils its own channel only.
#
# ### Exercise 3 · One scale for each output channel
#
# Write `channel_scales` for *symmetric* quantization: the largest magnitude of each output, divided by
# the largest code. The outputs are the **last** axis of every Keras kernel, `(inputs, outputs)` or
# `(height, width, inputs, outputs)`. The result must broadcast against the kernel, so it keeps axes of
# length 1. A channel of zeros gets the scale 1.


# %% tags=["exercise:channel_scales"]
def channel_scales(kernel, bits):
    """Return one symmetric scale for each output, of shape (1, ..., 1, outputs)."""
    # BEGIN SOLUTION
    axes = tuple(range(kernel.ndim - 1))
    largest = np.max(np.abs(kernel), axis=axes, keepdims=True)
    return np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)
    # END SOLUTION


# %% tags=["wrong:channel_scales:works_for_convolutions"]
def channel_scales(kernel, bits):
    largest = np.max(np.abs(kernel), axis=0, keepdims=True)
    return np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)


# %% tags=["wrong:channel_scales:counts_negative_weights"]
def channel_scales(kernel, bits):
    axes = tuple(range(kernel.ndim - 1))
    largest = np.max(kernel, axis=axes, keepdims=True)
    return np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)


# %% tags=["wrong:channel_scales:never_divides_by_zero"]
def channel_scales(kernel, bits):
    axes = tuple(range(kernel.ndim - 1))
    return np.max(np.abs(kernel), axis=axes, keepdims=True) / (2 ** (bits - 1) - 1)


# %% tags=["wrong:channel_scales:is_one_scale_an_output"]
def channel_scales(kernel, bits):
    largest = np.max(np.abs(kernel), axis=-1, keepdims=True)
    return np.where(largest > 0, largest / (2 ** (bits - 1) - 1), 1.0)


# %% tags=["wrong:channel_scales:is_one_scale_an_output"]
def channel_scales(kernel, bits):
    return np.max(np.abs(kernel)) / (2 ** (bits - 1) - 1)


# %% tags=["check"]
channel_scales = lesson.accept("channel_scales", channel_scales)

# %%
scales = channel_scales(outlier, 4)
rounded = scales * np.clip(np.rint(outlier / scales), -7, 7)
one_scale = np.abs(outlier).max() / 7
figures.bars(
    "Per channel the other channels are as good as ever",
    {
        "one scale": float(
            np.sqrt(np.mean((one_scale * np.rint(outlier / one_scale) - outlier) ** 2))
        ),
        "a scale for each output": float(np.sqrt(np.mean((rounded - outlier) ** 2))),
    },
    "root mean squared error of the weights",
)

# %% tags=["predicted"]
per_channel = ncl.UniformQuantization(bits=4, granularity="per_channel")
rescued = measure.accuracy(per_channel(spoiled), images)
print(
    f"4 bits with the outlier, per tensor:  {accuracy_of['with the outlier, 4 bits']:.3f}"
)
print(f"4 bits with the outlier, per channel: {rescued:.3f}")

# %% [markdown]
# The second way out: leave the outlier *outside* the range and let it be **clipped** to its end. One
# weight gets a large error, all others a small one. Which range has the least squared error can be
# computed; the library calls it `clipping="mse"`, and the exercise with the star asks you for it.
#
# ## 4. Which layer bears how few bits?
#
# One layer at a time, symmetric, per channel:

# %%
layers = ["conv1", "conv2", "dense1", "logits"]
widths = [8, 6, 5, 4, 3, 2]


def accuracy_with(name, bits):
    """The accuracy when this layer alone is quantized."""
    only_this = ncl.Selection(names=(name,))
    return measure.accuracy(
        ncl.UniformQuantization(bits=bits, select=only_this)(model), images
    )


figures.curves(
    "Down to 4 bits no layer minds; at 2 bits they differ",
    {name: [accuracy_with(name, bits) for bits in widths] for name in layers},
    widths,
    xlabel="bits of the one layer",
    ylabel="validation accuracy",
    level=("original model", original_accuracy),
)

# %% [markdown]
# ## 5. A file that is really so small
#
# NumPy's smallest integer has 8 bits. A 4-bit code kept in one of them wastes half, so two codes
# share a byte.
#
# ### Exercise 4 · Two codes in a byte
#
# Write `pack_nibbles`: an array of 4-bit codes, one after the other, becomes an array of bytes. The first
# code of a pair is the **low** half of its byte. If the number of codes is odd, the last upper half
# is 0.


# %% tags=["exercise:pack_nibbles"]
def pack_nibbles(codes):
    """Return uint8 bytes with two codes in each.

    codes: one-axis uint8 array of values from 0 to 15.
    """
    # BEGIN SOLUTION
    even = np.append(codes, np.uint8(0)) if codes.size % 2 else codes
    return (even[0::2] + 16 * even[1::2]).astype(np.uint8)
    # END SOLUTION


# %% tags=["wrong:pack_nibbles:puts_the_first_code_into_the_low_half"]
def pack_nibbles(codes):
    even = np.append(codes, np.uint8(0)) if codes.size % 2 else codes
    return (16 * even[0::2] + even[1::2]).astype(np.uint8)


# %% tags=["wrong:pack_nibbles:fills_an_odd_end"]
def pack_nibbles(codes):
    even = np.append(np.uint8(0), codes) if codes.size % 2 else codes
    return (even[0::2] + 16 * even[1::2]).astype(np.uint8)


# %% tags=["wrong:pack_nibbles:makes_half_as_many_bytes"]
def pack_nibbles(codes):
    return codes.astype(np.uint8)


# %% tags=["check"]
pack_nibbles = lesson.accept("pack_nibbles", pack_nibbles)

# %% tags=["check"]
packed = pack_nibbles(yours.ravel())
print(f"dense1: {kernel.nbytes:,} bytes of float32, {packed.nbytes:,} of 4-bit codes")
print("the codes come back:", np.array_equal(packed & 15, yours.ravel()[0::2]))

# %% [markdown]
# ## 6. Your turn, with the control
#
# Each accuracy below is measured on 1,000 validation images, each number of bytes on a real file.
#
# ### Exercise 5 · Meet the goal
#
# Reach the goal that the control states, **without any training**: at most 160 kB packed, and at most
# one point of accuracy lost. Press **Register** when the goal is met, then **Use this in my code** and
# **Insert as my answer**: the setting stands in the cell here as code, which survives the night. Run
# that cell, then the check. (Or write the pass by hand: it is one line.)

# %% tags=["exercise:chosen_quantization"]
# BEGIN SOLUTION
chosen_quantization = ncl.UniformQuantization(
    bits=3, granularity="per_tensor", clipping="mse"
)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import Goal, QuantizationExplorer

explorer = QuantizationExplorer(
    model,
    data,
    goal=Goal(packed_bytes=160_000, accuracy_drop=0.01),
    answer="chosen_quantization",
)
explorer

# %% tags=["wrong:chosen_quantization:is_small_enough"]
chosen_quantization = ncl.UniformQuantization(bits=4)

# %% tags=["wrong:chosen_quantization:keeps_enough_accuracy"]
chosen_quantization = ncl.UniformQuantization(bits=3)

# %% tags=["wrong:chosen_quantization:is_registered"]
chosen_quantization = 3

# %% tags=["check"]
lesson.check("chosen_quantization", chosen_quantization)

# %% [markdown]
# ## 7. What did it save?

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

quantized = {
    "8 bits": ncl.UniformQuantization(bits=8)(model),
    "4 bits": per_channel(model),
    "3 bits": ncl.UniformQuantization(bits=3)(model),
}
if isinstance(chosen_quantization, ncl.Pass):
    quantized["your choice"] = chosen_quantization(model, ncl.Context.of(data))
report = measure_stages({"original": model} | quantized, data=data.validation)
report

# %% [markdown]
# - **Accuracy**: 8 bits cost nothing, 4 bits hardly anything. Below that the range decides.
# - **In memory and the .keras file**: smaller, because codes are what the layer holds and what Keras
#   saves. No unpacking is needed to use the file. (From its first use in Keras on a layer also keeps the floats
#   that its codes stand for; after `ncl.keep_decoded(False)` it works them out at each call.)
# - **Packed**: smaller still. Not every code occurs equally often, and `ncl.pack` spends fewer bits on
#   the frequent ones: lesson 06 is about that.
# - **Latency**: it is ONNX Runtime's. It multiplies the codes of Dense layers as integers, and has fewer
#   bytes to fetch. Keras itself does neither, as the next cell shows.

# %% tags=["check"]
sizes = {name: measure.file_sizes(each) for name, each in quantized.items()}
original_sizes = measure.file_sizes(model)
print(
    "a .keras file of 8 bits is about a quarter:",
    3.5 < original_sizes.keras / sizes["8 bits"].keras < 4,
)
print(
    "a .keras file of 4 bits is about an eighth:",
    6.5 < original_sizes.keras / sizes["4 bits"].keras < 8,
)

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# The models in Keras itself, one image at a time and 64 together:

# %% tags=["timing", "predicted"]
measure.time_on_devices(
    {"original": model, "8 bits": quantized["8 bits"], "4 bits": quantized["4 bits"]},
    batch_sizes=(1, 64),
)

# %% [markdown]
# ### Exercise 6 · Why is Keras not faster?
#
# The quantized models need fewer bytes, and in Keras they are no faster. Why?
#
# a) The layer decodes the codes to floats and multiplies the floats.
#
# b) Integer multiplications are slower than float ones.
#
# c) A model of 430,000 weights is too small for any speedup.
#
# d) The timing is too noisy to see the speedup.

# %% tags=["exercise:why_not_faster"]
# BEGIN SOLUTION
why_not_faster = "a"
# END SOLUTION

# %% tags=["wrong:why_not_faster:is_not_b"]
why_not_faster = "b"

# %% tags=["wrong:why_not_faster:is_not_c"]
why_not_faster = "c"

# %% tags=["check"]
lesson.check("why_not_faster", why_not_faster)

# %% [markdown]
# ### ★ Exercise 7 · The range with the least error
#
# Write `best_range` for symmetric quantization of one array with one scale: the magnitude, up to the
# largest of the weights, at which the range should end so that the summed squared error of all
# weights, the clipped ones too, is least. There is no recipe for this one. Coming within 0.2 % of the
# least error is enough.


# %% tags=["exercise:best_range"]
def best_range(weights, bits):
    """Return the magnitude at which the symmetric range should end."""
    # BEGIN SOLUTION
    qmax = 2 ** (bits - 1) - 1
    largest = np.abs(weights).max()
    best, least = largest, np.inf
    for reach in np.linspace(0, largest, 501)[1:]:
        scale = reach / qmax
        rounded = scale * np.clip(np.rint(weights / scale), -qmax, qmax)
        error = np.sum((weights - rounded) ** 2)
        if error < least:
            best, least = reach, error
    return best
    # END SOLUTION


# %% tags=["wrong:best_range:leaves_an_outlier_outside"]
def best_range(weights, bits):
    return np.abs(weights).max()


# %% tags=["wrong:best_range:depends_on_the_bits"]
def best_range(weights, bits):
    return np.quantile(np.abs(weights), 0.99)


# %% tags=["wrong:best_range:is_a_range_and_not_a_scale"]
def best_range(weights, bits):
    return np.abs(weights).max() / (2 ** (bits - 1) - 1)


# %% tags=["wrong:best_range:has_the_least_error"]
def best_range(weights, bits):
    rule_of_thumb = (bits - 0.5) * np.std(weights)
    return min(np.abs(weights).max(), rule_of_thumb)


# %% tags=["check"]
best_range = lesson.accept("best_range", best_range)

# %%
reach = best_range(kernel, 3)
figures.levels(
    f"dense1 at 3 bits: clipped at {reach:.2f}, the levels stand where the weights are",
    {
        "largest weight": (kernel, levels_of(kernel, 3)),
        "least error": (kernel, reach / 3 * np.arange(-3, 4)),
    },
)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
stages = {stage.name: stage.accuracy for stage in report.stages}
lesson.compare_predictions(
    {
        "accuracy lost with 8-bit weights, in points": round(
            100 * (stages["original"] - stages["8 bits"]), 1
        ),
        "accuracy lost with 3-bit weights, in points": round(
            100 * (stages["original"] - stages["3 bits"]), 1
        ),
        "accuracy with 4-bit weights after one weight was set to 8": round(
            accuracy_of["with the outlier, 4 bits"], 2
        ),
    }
)

# %% [markdown]
# ## Into the table
#
# Your models beside those of the lessons before:

# %% tags=["predicted"]
lesson.table.add(report, model="LeNet-5", technique="uniform quantization")

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

result = ncl.compress(
    my_model,
    ncl.UniformQuantization(bits=4, granularity="per_channel", clipping="mse"),
    context=ncl.Context.of(my_data, progress=False),
)
result.measured(latency=False)

# %% [markdown]
# ## Further reading
#
# - Krishnamoorthi, [Quantizing deep convolutional networks for efficient inference: A
#   whitepaper](https://arxiv.org/abs/1806.08342), 2018: the vocabulary, and per tensor against per
#   channel on real networks.
# - Jacob et al., [Quantization and Training of Neural Networks for Efficient
#   Integer-Arithmetic-Only Inference](https://arxiv.org/abs/1712.05877), CVPR 2018: scale and zero
#   point, and what the next lesson does with them.
# - Banner, Nahshan, Soudry, [Post training 4-bit quantization of convolutional networks for
#   rapid-deployment](https://arxiv.org/abs/1810.05723), NeurIPS 2019: where to clip.

# %% tags=["check"]
lesson.score()
