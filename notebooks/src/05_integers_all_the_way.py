# ---
# jupyter:
#   nncompress:
#     lesson: "05"
#     title: Integers all the way
#     minutes: 60
#     difficulty: 3
#     cell_seconds: 120
# ---

# %% [markdown]
# # Integers all the way
#
# | | |
# |---|---|
# | You will be able to | compute a layer with integers only; find the range of activations from data; write an int8 file for two runtimes and say where it is faster |
# | Time | 60 minutes, of which the computer needs about one |
# | Difficulty | 3 of 5 |
# | You need | lesson 04 (scale, zero point, codes) |
# | Points | seven exercises, one of them with a star; 14 points |
#
# Lesson 04 stored weights as integers, and Keras multiplied floats as before. To multiply *integers*, the
# other factor must be one too: the **activations**, what flows from layer to layer. They are not known
# beforehand. They depend on the image, so their range has to be found from data. That is
# **calibration**.
#
# At the end you have run one int8 network in two runtimes, and measured what became of its speed.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("05")

import tempfile
from pathlib import Path

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
# Validation data chooses; calibration looks at training images, without their labels.
images, calibration = data.validation.take(1000), data.train.take(512)
context = ncl.Context(calibration=calibration, progress=False)
original_accuracy = measure.accuracy(model, images)
lesson

# %% [markdown]
# ## Predict
#
# Guess first: replace each `...`. Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "accuracy lost when LeNet-5's weights and activations have 8 bits, in points": ...,
        "ResNet-20 with int8 in LiteRT: how many times as fast as its floats": ...,
        "ResNet-20 with int8 in ONNX Runtime: how many times as fast as its floats": ...,
    }
)

# %% [markdown]
# ## 1. What an integer runtime will make of a number
#
# Before integers are used anywhere we want to know what they cost in accuracy. So the float model is made
# to *pretend*: a number is turned into its code and at once back into the real number that the code
# stands for. This is **fake quantization**. With codes that mirror around 0 it looks like this:

# %%
activations = np.array([[-1.9, -0.6, 0.04], [0.31, 1.2, 2.4]])
step = 0.4
pretended = step * np.clip(np.rint(activations / step), -3, 3)
figures.matrices(
    "Symmetric, 3 bits, scale 0.4: what lies outside becomes the end of the range",
    reach=2.6,
    activations=activations,
    pretended=pretended,
)

# %% [markdown]
# ### Exercise 1 · Fake quantization, in one line
#
# Write it for *affine* quantization: codes from 0 to `2**bits - 1`, and
# $\hat x = s \cdot (q - z)$ with the scale $s$ and the zero point $z$.


# %% tags=["exercise:fake_quantize"]
def fake_quantize(x, scale, zero_point, bits):
    """Return the real numbers that the codes of x stand for."""
    # BEGIN SOLUTION
    codes = np.clip(np.rint(x / scale) + zero_point, 0, 2**bits - 1)
    return scale * (codes - zero_point)
    # END SOLUTION


# %% tags=["wrong:fake_quantize:returns_real_numbers"]
def fake_quantize(x, scale, zero_point, bits):
    return np.clip(np.rint(x / scale) + zero_point, 0, 2**bits - 1)


# %% tags=["wrong:fake_quantize:leaves_zero_alone"]
def fake_quantize(x, scale, zero_point, bits):
    return scale * np.clip(np.rint(x / scale) + zero_point, 0, 2**bits - 1)


# %% tags=["wrong:fake_quantize:stays_in_the_range"]
def fake_quantize(x, scale, zero_point, bits):
    return scale * np.rint(x / scale)


# %% tags=["check"]
fake_quantize = lesson.accept("fake_quantize", fake_quantize)

# %% [markdown]
# ## 2. Calibration, and an outlier
#
# Which scale? The range of a layer's inputs over some hundred images decides it. Here is what flows
# into `dense1` for 512 images:

# %%
into_dense1 = keras.Model(model.input, model.get_layer("dense1").input)
flowing = keras.ops.convert_to_numpy(into_dense1(calibration.x))


def affine_levels(lowest, highest, bits):
    """The values of affine quantization for this range, which must hold 0."""
    scale = (highest - lowest) / (2**bits - 1)
    return scale * (np.arange(2**bits) - round(-lowest / scale))


ends = flowing.min(), flowing.max()
middle = np.quantile(flowing, 0.005), np.quantile(flowing, 0.995)
figures.levels(
    "The farthest activation of all decides the levels of the others (3 bits)",
    {
        "all of them": (flowing, affine_levels(*ends, 3)),
        "the middle 99 %": (flowing, affine_levels(*middle, 3)),
    },
    what="activations",
)

# %% [markdown]
# ### Exercise 2 · A range from data
#
# Activations come in batches, and you cannot know beforehand which one holds an outlier. Write
# `calibrated_range`: the lowest and the highest end of the range that holds the middle `share` of **all
# values of all batches**, leaving out equally many below and above. `np.quantile` with its usual
# interpolation is the rule.


# %% tags=["exercise:calibrated_range"]
def calibrated_range(batches, share):
    """Return (lowest, highest) of the middle `share` of all values.

    batches: list of arrays of any shapes. share: above 0, at most 1.
    """
    # BEGIN SOLUTION
    values = np.concatenate([batch.ravel() for batch in batches])
    return np.quantile(values, (1 - share) / 2), np.quantile(values, (1 + share) / 2)
    # END SOLUTION


# %% tags=["wrong:calibrated_range:leaves_out_equally_many_at_each_end"]
def calibrated_range(batches, share):
    values = np.concatenate([batch.ravel() for batch in batches])
    return np.quantile(values, 1 - share), np.quantile(values, share)


# %% tags=["wrong:calibrated_range:leaves_out_equally_many_at_each_end"]
def calibrated_range(batches, share):
    values = np.concatenate([batch.ravel() for batch in batches])
    return values.min(), np.quantile(values, share)


# %% tags=["wrong:calibrated_range:counts_every_batch"]
def calibrated_range(batches, share):
    values = batches[0].ravel()
    return np.quantile(values, (1 - share) / 2), np.quantile(values, (1 + share) / 2)


# %% tags=["wrong:calibrated_range:pools_the_values"]
def calibrated_range(batches, share):
    ends = [np.quantile(b, [(1 - share) / 2, (1 + share) / 2]) for b in batches]
    return min(low for low, _ in ends), max(high for _, high in ends)


# %% tags=["check"]
calibrated_range = lesson.accept("calibrated_range", calibrated_range)

# %% [markdown]
# Does it matter? We spoil **one pixel** of one calibration image, as a broken camera would: 30 in place of a
# number between 0 and 1. The validation images stay as they are. Every layer's inputs are rounded to
# 4 bits, with two ways to choose the ranges: all values, or the least squared error.

# %%
spoiled = calibration.x.copy()
spoiled[0, 0, 0] = 30.0
broken_camera = ncl.Context(
    calibration=ncl.Data(spoiled, calibration.y), progress=False
)


def accuracy_with(how, context):
    """The accuracy when activations have 4 bits and ranges chosen in this way."""
    rounding = ncl.ActivationQuantization(bits=4, calibration=how)
    return measure.accuracy(rounding(model, context), images)


figures.panels(
    "One pixel among 401,408 breaks the model if the range must hold everything",
    {
        "accuracy, clean calibration": {
            "all values": accuracy_with("min_max", context),
            "least error": accuracy_with("mse", context),
        },
        "accuracy, one pixel spoiled": {
            "all values": accuracy_with("min_max", broken_camera),
            "least error": accuracy_with("mse", broken_camera),
        },
    },
)

# %% tags=["check"]
print("calibration pixels:", f"{calibration.x.size:,}")
print("of them changed:", int(np.count_nonzero(spoiled != calibration.x)))

# %% [markdown]
# ### Exercise 3 · Meet the goal with the control
#
# The control shows what goes into a layer on the 512 calibration images, and the levels that it is rounded to.
# Choose a layer, and see what each range leaves outside.
#
# Reach the goal that the control states, **without any training**: activations of at most 4 bits, and at most one
# point of accuracy lost. Weights may stay floats, as at the beginning. Press **Register** when the goal is met, then
# **Use this in my code** and **Insert as my answer**: the setting stands in the cell here as code. Run that cell,
# then the check. (Or write the pass by hand: it is one line.)

# %% tags=["exercise:chosen_calibration"]
# BEGIN SOLUTION
chosen_calibration = ncl.ActivationQuantization(bits=4, calibration="mse")
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import Goal, QuantizationExplorer

explorer = QuantizationExplorer(
    model,
    data,
    goal=Goal(activation_bits=4, accuracy_drop=0.01),
    answer="chosen_calibration",
)
explorer.bits, explorer.view, explorer.activations = 32, "activations", "min_max"
explorer

# %% tags=["wrong:chosen_calibration:keeps_enough_accuracy"]
chosen_calibration = ncl.ActivationQuantization(bits=4)

# %% tags=["wrong:chosen_calibration:rounds_to_few_enough_bits"]
chosen_calibration = ncl.ActivationQuantization(bits=8)

# %% tags=["wrong:chosen_calibration:rounds_to_few_enough_bits"]
chosen_calibration = ncl.UniformQuantization(bits=4)

# %% tags=["wrong:chosen_calibration:is_registered"]
chosen_calibration = "mse"

# %% tags=["check"]
lesson.check("chosen_calibration", chosen_calibration)

# %% [markdown]
# ## 3. A layer that computes with integers
#
# Put the two formulas into $y = \sum x \, w + b$. With inputs $x = s_x (q_x - z)$ and weights
# $w = s_w \, q_w$ the scales come out of the sum:
#
# $$y \;=\; s_x s_w \Big( \underbrace{\sum (q_x - z)\, q_w + q_b}_{\text{integers}} \Big),
# \qquad q_b = \mathrm{round}\left(\frac{b}{s_x s_w}\right)$$
#
# The sum in brackets is the **accumulator**. It counts in *steps* of $s_x s_w$, and so does the bias
# $q_b$ that is added to it. Products of two bytes add up to far more than a byte holds, so the accumulator has
# 32 bits. See what happens otherwise:

# %% tags=["check"]
bytes_only = np.array([200, 100], np.uint8)
print("200 * 2 + 100 * 2 in bytes:", (bytes_only * np.uint8(2)).sum(dtype=np.uint8))
print("in 32 bits:", (bytes_only.astype(np.int32) * 2).sum())

# %% [markdown]
# ### Exercise 4 · A Dense layer of integers
#
# Write `integer_dense`: from the codes of the inputs and the kernel to the accumulator, `np.int32`. The
# bias comes as real numbers with the steps of each output; make whole steps of it, rounded to the
# nearest (`np.rint`).


# %% tags=["exercise:integer_dense"]
def integer_dense(codes, zero_point, kernel_codes, bias, steps):
    """Return the accumulator, int32 of shape (examples, outputs).

    codes: uint8, (examples, inputs). zero_point: of the codes. kernel_codes: int8,
    (inputs, outputs). bias, steps: real, (outputs,); steps is s_x * s_w of each output.
    """
    # BEGIN SOLUTION
    shifted = codes.astype(np.int32) - zero_point
    bias_codes = np.rint(bias / steps).astype(np.int32)
    return shifted @ kernel_codes.astype(np.int32) + bias_codes
    # END SOLUTION


# %% tags=["wrong:integer_dense:accumulates_in_32_bits"]
def integer_dense(codes, zero_point, kernel_codes, bias, steps):
    products = (codes.astype(np.int8) - np.int8(zero_point)) @ kernel_codes
    return products.astype(np.int32) + np.rint(bias / steps).astype(np.int32)


# %% tags=["wrong:integer_dense:subtracts_the_zero_point"]
def integer_dense(codes, zero_point, kernel_codes, bias, steps):
    sums = codes.astype(np.int32) @ kernel_codes.astype(np.int32)
    return sums + np.rint(bias / steps).astype(np.int32)


# %% tags=["wrong:integer_dense:takes_codes_below_the_zero_point"]
def integer_dense(codes, zero_point, kernel_codes, bias, steps):
    shifted = (codes - np.uint8(zero_point)).astype(np.int32)
    bias_codes = np.rint(bias / steps).astype(np.int32)
    return shifted @ kernel_codes.astype(np.int32) + bias_codes


# %% tags=["wrong:integer_dense:counts_the_bias_in_steps"]
def integer_dense(codes, zero_point, kernel_codes, bias, steps):
    shifted = codes.astype(np.int32) - zero_point
    return shifted @ kernel_codes.astype(np.int32) + bias.astype(np.int32)


# %% tags=["wrong:integer_dense:is_all_integers"]
def integer_dense(codes, zero_point, kernel_codes, bias, steps):
    shifted = codes.astype(np.int32) - zero_point
    return shifted @ kernel_codes.astype(np.int32) + bias / steps


# %% tags=["check"]
integer_dense = lesson.accept("integer_dense", integer_dense)

# %% [markdown]
# Now the last layer of LeNet-5 with it, on real activations. Floats appear at both ends only:

# %% tags=["check"]
logits = model.get_layer("logits")
kernel, bias = map(keras.ops.convert_to_numpy, (logits.kernel, logits.bias))
into_logits = keras.Model(model.input, logits.input)
x = keras.ops.convert_to_numpy(into_logits(images.x))

x_scale = x.max() / 255  # after a ReLU nothing is below 0: the zero point is 0
kernel_scales = np.abs(kernel).max(axis=0) / 127
steps = x_scale * kernel_scales
x_codes = np.rint(x / x_scale).astype(np.uint8)
kernel_codes = np.rint(kernel / kernel_scales).astype(np.int8)

in_integers = integer_dense(x_codes, 0, kernel_codes, bias, steps)
in_floats = x @ kernel + bias
agree = np.mean((in_integers * steps).argmax(1) == in_floats.argmax(1))
print("accumulator:", in_integers.dtype, "- classes alike in 98 of 100:", agree > 0.98)

# %% [markdown]
# ## 4. Normalization goes into the kernel
#
# A **BatchNormalization** between two layers would need floats again. In inference it multiplies each
# channel by a number and adds another, and the layer before it can do both: its kernel and bias are
# changed, and the normalization is gone. This is called **folding**.
#
# ### Exercise 5 · Fold the normalization away
#
# For each output of the layer, $y = \sum x\,w + b$, and then
# $\gamma \cdot (y - \mu) / \sqrt{\sigma^2 + \varepsilon} + \beta$. Write `fold_batch_norm`: the kernel and the bias
# of one layer that does both. Outputs are the last axis of the kernel.


# %% tags=["exercise:fold_batch_norm"]
def fold_batch_norm(kernel, bias, norm):
    """Return (kernel, bias) of a layer that normalizes as well.

    kernel: (..., outputs). bias: (outputs,). norm: a dict with the arrays gamma, beta,
    mean and variance, each (outputs,), and the number epsilon.
    """
    # BEGIN SOLUTION
    factor = norm["gamma"] / np.sqrt(norm["variance"] + norm["epsilon"])
    return kernel * factor, (bias - norm["mean"]) * factor + norm["beta"]
    # END SOLUTION


# %% tags=["wrong:fold_batch_norm:moves_the_bias"]
def fold_batch_norm(kernel, bias, norm):
    factor = norm["gamma"] / np.sqrt(norm["variance"] + norm["epsilon"])
    return kernel * factor, norm["beta"] - norm["mean"] * factor


# %% tags=["wrong:fold_batch_norm:moves_the_bias"]
def fold_batch_norm(kernel, bias, norm):
    factor = norm["gamma"] / np.sqrt(norm["variance"] + norm["epsilon"])
    return kernel * factor, bias * factor - norm["mean"] + norm["beta"]


# %% tags=["wrong:fold_batch_norm:scales_the_kernel"]
def fold_batch_norm(kernel, bias, norm):
    factor = norm["gamma"] / (norm["variance"] + norm["epsilon"])
    return kernel * factor, (bias - norm["mean"]) * factor + norm["beta"]


# %% tags=["check"]
fold_batch_norm = lesson.accept("fold_batch_norm", fold_batch_norm)

# %% [markdown]
# The library's pass does it for a whole model. ResNet-20 has a normalization after each convolution:

# %% tags=["check"]
resnet = ncl.zoo.resnet20()
folded = ncl.FoldBatchNorm()(resnet)
norms = keras.layers.BatchNormalization
counts = [sum(isinstance(layer, norms) for layer in m.layers) for m in (resnet, folded)]
print("normalizations before and after:", counts)
few = images.x[:64]
difference = np.abs(resnet.predict(few, verbose=0) - folded.predict(few, verbose=0))
print("outputs agree to 0.001:", difference.max() < 1e-3)

# %% [markdown]
# ### And Keras's own `quantize`?
#
# Keras has `model.quantize("int8")`. What does it do with a convolutional network?

# %% tags=["check"]
import warnings

with warnings.catch_warnings(
    action="ignore"
):  # one for each layer that it leaves alone
    by_keras = ncl.copy_model(resnet)
    by_keras.quantize("int8")
weighted = [layer for layer in by_keras.layers if hasattr(layer, "kernel")]
changed = [
    layer.name for layer in weighted if getattr(layer, "quantization_mode", None)
]
print(f"{len(changed)} of {len(weighted)} layers with a kernel: {changed}")
del by_keras, weighted, folded

# %% [markdown]
# The convolutions, nearly all of the weights and of the work, are left as they are.
#
# ## 5. One network, two runtimes
#
# Folded, weights as int8, activations rounded with ranges from 256 images: now the model is written into
# files, and the runtimes multiply integers. **ONNX Runtime** reads `.onnx`, **LiteRT** reads `.tflite` and
# runs on phones. Each file is checked against the Keras model when it is written.

# %%
to_integers = ncl.pipeline(
    ncl.FoldBatchNorm(), ncl.UniformQuantization(bits=8), ncl.ActivationQuantization()
)
networks = {"LeNet-5": model, "ResNet-20": resnet}
folder, files = Path(tempfile.mkdtemp()), {}
some = calibration.take(256)
for name, network in networks.items():
    integers = to_integers(network, ncl.Context(calibration=some, progress=False))
    for suffix, kind, exported, quantize in (
        ("onnx", "float", network, None),
        ("onnx", "int8", integers, None),
        ("tflite", "float", network, None),
        ("tflite", "int8", network, "int8"),
    ):
        path = folder / f"{name}-{kind}.{suffix}"
        ncl.export(exported, path, quantize=quantize, calibration=some.x)
        files[name, suffix, kind] = path
        print(f"{path.name}: {path.stat().st_size / 1000:,.0f} kB")

# %% [markdown]
# Accuracy is what the runtimes say, on the validation images, and time is measured in turns, one
# image at a time on one thread:

# %% tags=["predicted", "timing"]
RUNTIMES = {"onnx": "ONNX Runtime", "tflite": "LiteRT"}
accuracies, races = {}, {}
for (name, suffix, kind), path in files.items():
    runtime = ncl.runtimes.load(path)
    batches = np.split(images.x, 10)  # each runtime holds the activations of a batch
    outputs = np.concatenate([runtime.predict(batch) for batch in batches])
    right = np.mean(outputs.argmax(axis=-1) == images.y)
    accuracies[f"{name}, {RUNTIMES[suffix]}, {kind}"] = float(right)
for name in networks:
    for suffix, runtime in RUNTIMES.items():
        loaded = {
            kind: ncl.runtimes.load(files[name, suffix, kind])
            for kind in ("float", "int8")
        }
        races[f"{name}, {runtime}"] = measure.race(
            {
                kind: (lambda each=each: each.runner(images.x[:1]))
                for kind, each in loaded.items()
            },
            threads=1,
            batch_size=1,
        )

speedups = {name: race.speedup("int8") for name, race in races.items()}
figures.bars(
    "int8 against float in each runtime: above 1 is faster, below 1 slower",
    speedups,
    "times as fast as float",
    marked=[name for name, speedup in speedups.items() if speedup < 1],
)
for name, race in races.items():
    print(f"{name:24} int8: {race.verdict('int8')}  (noise ±{100 * race.band:.0f} %)")

# %% tags=["predicted"]
figures.bars("What the runtimes classify rightly", accuracies, "validation accuracy")

# %% tags=["check"]
worst = original_accuracy - min(
    value for name, value in accuracies.items() if name.startswith("LeNet")
)
print("LeNet-5 loses at most a point with int8 in both runtimes:", worst <= 0.01)

# %% [markdown]
# Compare the bars of ResNet-20. The arithmetic is that of one network, the bytes are alike, and the speeds
# are not. On this processor LiteRT's integer convolutions are several times as fast as its float ones. ONNX
# Runtime's are not, or hardly: its float convolutions are very good, and around each addition of the
# ResNet it converts between integers and floats. Your machine may show other ratios; the instructions of
# the processor matter too. So: measure, on the machine that counts.
#
# ### Exercise 6 · One network, two runtimes
#
# Why can one int8 network be faster than its floats in one runtime and slower in another?
#
# a) One of the two files is larger, and reading it takes longer.
#
# b) Integers of 8 bits are slower on this processor than floats.
#
# c) How good a runtime's integer kernels are for these layers and this processor, beside its float ones,
# decides; int8 alone decides nothing.
#
# d) The int8 file has more multiplications.

# %% tags=["exercise:why_slower"]
# BEGIN SOLUTION
why_slower = "c"
# END SOLUTION

# %% tags=["wrong:why_slower:is_not_b"]
why_slower = "b"

# %% tags=["wrong:why_slower:is_not_d"]
why_slower = "d"

# %% tags=["check"]
lesson.check("why_slower", why_slower)

# %% [markdown]
# ### Timing in Keras, on the CPU and on the GPU if there is one
#
# Keras itself pretends: floats, and the rounding on top.

# %% tags=["timing", "predicted"]
pretending = to_integers(model, context)
measure.time_on_devices({"original": model, "8 bits, pretended": pretending})

# %% [markdown]
# ### ★ Exercise 7 · A multiplication without floats
#
# One float is left: the accumulator must be multiplied by $s_x s_w / s_y$ to become the code of the next layer.
# Processors without floating point do it with integers: they multiply by a whole **mantissa** and shift
# the product to the right. Write `fixed_point`: for a multiplier between 0 and 1 (both excluded) the pair
# `mantissa, shift` with `mantissa / 2**shift` as near to it as possible and `2**30 <= mantissa < 2**31`.
# There is no recipe for this one.


# %% tags=["exercise:fixed_point"]
def fixed_point(multiplier):
    """Return (mantissa, shift): multiplier is about mantissa / 2**shift."""
    # BEGIN SOLUTION
    fraction, exponent = np.frexp(multiplier)  # fraction in [0.5, 1), times 2**exponent
    mantissa, shift = round(float(fraction) * 2**31), 31 - int(exponent)
    if mantissa == 2**31:
        mantissa, shift = 2**30, shift - 1
    return mantissa, shift
    # END SOLUTION


# %% tags=["wrong:fixed_point:uses_all_31_bits"]
def fixed_point(multiplier):
    return round(multiplier * 2**60), 60


# %% tags=["wrong:fixed_point:uses_all_31_bits"]
def fixed_point(multiplier):
    mantissa, exponent = np.frexp(multiplier)
    return round(mantissa * 2**31), 31 - int(exponent)


# %% tags=["wrong:fixed_point:is_the_nearest"]
def fixed_point(multiplier):
    mantissa, exponent = np.frexp(multiplier)
    return int(mantissa * 2**31), 31 - int(exponent)


# %% tags=["wrong:fixed_point:stands_for_the_multiplier"]
def fixed_point(multiplier):
    mantissa, exponent = np.frexp(multiplier)
    return int(mantissa * 2**31), 31 + int(exponent)


# %% tags=["check"]
fixed_point = lesson.accept("fixed_point", fixed_point)

# %% tags=["check"]
y_scale = np.abs(in_floats).max() / 127
pairs = [fixed_point(float(each)) for each in steps / y_scale]
mantissas, shifts = np.array(pairs, dtype=np.int64).T
# Half of the last bit is added before the shift, so that it rounds to the nearest.
y_codes = (in_integers * mantissas + (1 << (shifts - 1))) >> shifts
by_floats = np.rint(in_integers * steps / y_scale)
print(
    "largest difference to the float multiplication:", np.abs(y_codes - by_floats).max()
)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
lost = 100 * (original_accuracy - accuracies["LeNet-5, LiteRT, int8"])
lesson.compare_predictions(
    {
        "accuracy lost when LeNet-5's weights and activations have 8 bits, in points": round(
            lost, 1
        ),
        "ResNet-20 with int8 in LiteRT: how many times as fast as its floats": round(
            speedups["ResNet-20, LiteRT"], 2
        ),
        "ResNet-20 with int8 in ONNX Runtime: how many times as fast as its floats": round(
            speedups["ResNet-20, ONNX Runtime"], 2
        ),
    }
)

# %% [markdown]
# ## Into the table

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

report = measure_stages(
    {"original": model, "8 bits, activations too": pretending},
    data=data.validation,
)
lesson.table.add(report, model="LeNet-5", technique="integers throughout")

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in.

# %%
import tempfile

import nncompress_lab as ncl

my_model, my_images = ncl.zoo.lenet5(), ncl.data.fashion_mnist().train.take(512).x

path = f"{tempfile.mkdtemp()}/small.tflite"
difference = ncl.export(my_model, path, quantize="int8", calibration=my_images)
runtime = ncl.runtimes.load(path)
runtime.latency(my_images[:1])

# %% [markdown]
# ## Further reading
#
# - Jacob et al., [Quantization and Training of Neural Networks for Efficient
#   Integer-Arithmetic-Only Inference](https://arxiv.org/abs/1712.05877), CVPR 2018: accumulator,
#   integer bias, the multiplier of the exercise with the star, folding.
# - Nagel et al., [A White Paper on Neural Network Quantization](https://arxiv.org/abs/2106.08295), 2021:
#   how ranges are chosen, and what to try when accuracy falls.
# - Wu et al., [Integer Quantization for Deep Learning Inference: Principles and Empirical
#   Evaluation](https://arxiv.org/abs/2004.09602), 2020: calibration compared on many networks.

# %% tags=["check"]
lesson.score()
