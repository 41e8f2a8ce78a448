# ---
# jupyter:
#   nncompress:
#     lesson: "08"
#     title: Model factorization
#     minutes: 55
#     difficulty: 4
#     cell_seconds: 120
# ---

# %% [markdown]
# # Model factorization
#
# | | |
# |---|---|
# | You will be able to | unfold a kernel and find the directions that it needs; put three small convolutions in the place of a large one; say which chain of layers suits which network, and when none does |
# | Time | 55 minutes, of which the computer needs about one |
# | Difficulty | 4 of 5 |
# | You need | lesson 01 (MACs, latency with noise), some NumPy; lesson 07 (singular values) helps |
# | Points | six exercises, one of them with a star; 13 points |
#
# A Dense layer is a matrix, and a matrix of low rank is a product of two thin ones. The kernel of a
# convolution is no matrix: it has four axes, height, width, input channels and output channels. **Model
# factorization** replaces such a layer by a **chain** of several smaller layers. The smaller layers are
# ordinary ones, so the result runs everywhere.
#
# At the end you have built the best known chain by hand, have a LeNet-5 with half of its multiplications
# that works without any training, and have raced a network with half of its multiplications against the
# original. It may well lose.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("08")

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
# All about networks that were *not* trained after their factorization. Guess first: replace each `...`.
# Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "accuracy of LeNet-5 with half of its MACs, Tucker-2": ...,  # 0 to 1
        "accuracy of LeNet-5 with half of its MACs, the best chain": ...,  # 0 to 1
        "times faster: ResNet-20 with half of its MACs, Tucker-2": ...,  # 0.5 to 4
    }
)

# %% [markdown]
# ## 1. A kernel has four axes
#
# What circulates about factorization is a sentence ("replace the layer by smaller ones") and the code for
# a matrix. Here it meets the kernel of LeNet-5's second convolution:

# %% tags=["check"]
kernel = keras.ops.convert_to_numpy(model.get_layer("conv2").kernel)


def low_rank_snippet(weights, rank):
    u, s, vt = np.linalg.svd(weights, full_matrices=False)
    return u[:, :rank] @ np.diag(s[:rank]) @ vt[:rank, :]


print("kernel (height, width, in, out):", kernel.shape)
print("singular values:", np.linalg.svd(kernel, compute_uv=False).shape)
try:
    low_rank_snippet(kernel, 8)
except ValueError as error:
    print(type(error).__name__ + ":", str(error).split("(")[0].strip())

# %% [markdown]
# NumPy took the kernel for 25 matrices, one for each tap of the 5 x 5 window, and decomposed each alone. What
# we want to know is something about the *channels*: do 20 input channels really bring 20 different things?
#
# So lay out the kernel as a matrix with a row for each input channel, whatever else the weight belongs
# to. That is the **unfolding** along the **mode** of the input channels; a mode is an axis. On a kernel of
# 1 x 2 taps, 2 input and 3 output channels, by hand:

# %%
tiny = np.array([[[[1.0, -2, 0], [3, 1, -1]], [[2, 0, -3], [-1, 2, 1]]]])
by_hand = np.hstack([tiny[0, 0], tiny[0, 1]])
figures.matrices(
    "Two taps (in x out) beside each other: a row for each input channel",
    reach=4,
    left_tap=tiny[0, 0],
    right_tap=tiny[0, 1],
    unfolded=by_hand,
)

# %% [markdown]
# ### Exercise 1 · Unfold a kernel along a mode
#
# By hand this worked for one mode and two taps. Write `unfold` for any mode: a matrix with a row for each
# index of that axis. The columns are all weights of that index, with the other axes in their order and
# the last one running fastest, as NumPy counts.


# %% tags=["exercise:unfold"]
def unfold(kernel, mode):
    """Return the unfolding, shape (kernel.shape[mode], all the rest).

    kernel: any number of axes. mode: which of them, from 0.
    """
    # BEGIN SOLUTION
    return np.moveaxis(kernel, mode, 0).reshape(kernel.shape[mode], -1)
    # END SOLUTION


# %% tags=["wrong:unfold:keeps_the_weights_of_a_channel_together"]
def unfold(kernel, mode):
    return kernel.reshape(kernel.shape[mode], -1)


# %% tags=["wrong:unfold:has_a_row_for_each_channel"]
def unfold(kernel, mode):
    return np.moveaxis(kernel, mode, 0).reshape(kernel.shape[mode], -1).T


# %% tags=["wrong:unfold:takes_every_mode"]
def unfold(kernel, mode):
    return np.moveaxis(kernel, 2, 0).reshape(kernel.shape[2], -1)


# %% tags=["wrong:unfold:leaves_the_other_axes_in_order"]
def unfold(kernel, mode):
    first = np.moveaxis(kernel, mode, 0)
    return first.reshape(kernel.shape[mode], -1, order="F")


# %% tags=["wrong:unfold:leaves_the_other_axes_in_order"]
def unfold(kernel, mode):
    return np.swapaxes(kernel, mode, 0).reshape(kernel.shape[mode], -1)


# %% tags=["check"]
unfold = lesson.accept("unfold", unfold)

# %% tags=["check"]
print("the same as by hand:", np.array_equal(unfold(tiny, 2), by_hand))
print("input channels:", unfold(kernel, 2).shape, "output:", unfold(kernel, 3).shape)

# %% [markdown]
# ## 2. The directions that a mode needs
#
# The unfolding is a matrix, so singular values say how many directions its rows need. The **energy** of
# the first $r$ is the part of the squared weights that they hold, $\sum_{i \le r} s_i^2 / \sum_i s_i^2$:

# %%
energies = {}
for name, mode in (("20 input channels", 2), ("50 output channels", 3)):
    values = np.linalg.svd(unfold(kernel, mode), compute_uv=False)
    energies[name] = np.cumsum(values**2) / np.sum(values**2)
fractions = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0]
figures.curves(
    "Half of the directions hold four fifths of the kernel",
    {
        name: [float(each[round(part * len(each)) - 1]) for part in fractions]
        for name, each in energies.items()
    },
    fractions,
    xlabel="part of the directions that is kept",
    ylabel="energy",
    level=("all of it", 1.0),
)

# %% [markdown]
# The best $r$ directions are the first $r$ left singular vectors, the columns of $U$ in
# $U \Sigma V^\top$. They are orthonormal, $U^\top U = I$. Both modes together are the **higher-order
# singular value decomposition** (HOSVD), and with bases $U$ for the inputs and $W$ for the outputs the
# kernel $K$ becomes a small **core** $G$:
#
# $$G_{h w a b} = \sum_{i, o} K_{h w i o}\, U_{i a}\, W_{o b}
# \qquad \hat K_{h w i o} = \sum_{a, b} G_{h w a b}\, U_{i a}\, W_{o b}$$
#
# $h, w$ are the taps, $i, o$ the channels, $a, b$ the directions that are kept. This is **Tucker-2**,
# because two of the four modes are shortened.
#
# ### Exercise 2 · The directions that a mode needs most
#
# Write `mode_basis`: the first `rank` left singular vectors of the unfolding, as columns. Their signs are
# free. (You can call `unfold`.)


# %% tags=["exercise:mode_basis"]
def mode_basis(kernel, mode, rank):
    """Return an orthonormal basis, shape (kernel.shape[mode], rank)."""
    # BEGIN SOLUTION
    left, _, _ = np.linalg.svd(unfold(kernel, mode), full_matrices=False)
    return left[:, :rank]
    # END SOLUTION


# %% tags=["wrong:mode_basis:is_as_long_as_the_mode"]
def mode_basis(kernel, mode, rank):
    _, _, right = np.linalg.svd(unfold(kernel, mode), full_matrices=False)
    return right[:rank].T


# %% tags=["wrong:mode_basis:is_orthonormal"]
def mode_basis(kernel, mode, rank):
    left, values, _ = np.linalg.svd(unfold(kernel, mode), full_matrices=False)
    return left[:, :rank] * values[:rank]


# %% tags=["wrong:mode_basis:points_where_the_weights_are"]
def mode_basis(kernel, mode, rank):
    left, _, _ = np.linalg.svd(unfold(kernel, mode), full_matrices=False)
    return left[:, -rank:]


# %% tags=["wrong:mode_basis:points_where_the_weights_are"]
def mode_basis(kernel, mode, rank):
    return np.eye(kernel.shape[mode])[:, :rank]


# %% tags=["wrong:mode_basis:keeps_most_of_the_kernel"]
def mode_basis(kernel, mode, rank):
    matrix = kernel.reshape(kernel.shape[mode], -1)
    return np.linalg.svd(matrix, full_matrices=False)[0][:, :rank]


# %% tags=["check"]
mode_basis = lesson.accept("mode_basis", mode_basis)

# %% [markdown]
# The core is one line, the formula above. The library's `tucker2` begins with these bases and then
# improves each while the other is held, which brings a little more:

# %% tags=["check"]
from nncompress_lab.factorization.arrays.tucker import tucker2

inputs, outputs = mode_basis(kernel, 2, 8), mode_basis(kernel, 3, 16)
core = np.einsum("hwio,ia,ob->hwab", kernel, inputs, outputs)
rebuilt = np.einsum("hwab,ia,ob->hwio", core, inputs, outputs)


def relative_error(approximation):
    return np.linalg.norm(kernel - approximation) / np.linalg.norm(kernel)


library = relative_error(tucker2(kernel, ranks=(8, 16)).product())
print("core:", core.shape, "of the kernel", kernel.shape)
print(
    f"error of the kernel: {relative_error(rebuilt):.3f}, the library's {library:.3f}"
)
print("the library's is at most yours:", library <= relative_error(rebuilt) + 1e-6)

# %% [markdown]
# ## 3. Three layers for one
#
# Read the second formula from the right to the left of a network. $U$ mixes the input channels pixel by
# pixel: that is a 1 x 1 convolution. $G$ is a convolution with the old window between few channels. $W$
# mixes what comes out, pixel by pixel again. With $P$ positions in the input, $P'$ in the output, $C$
# and $C'$ channels, and a window of $k \times k$, the MACs are
#
# $$P\, C\, r \;+\; P'\, k^2\, r\, r' \;+\; P'\, r'\, C' \qquad \text{in place of} \qquad P'\, k^2\, C\, C'$$

# %% tags=["check"]
place_in, place_out, window = 12 * 12, 8 * 8, 5 * 5
chain = [place_in * 20 * 8, place_out * window * 8 * 16, place_out * 16 * 50]
whole = place_out * window * 20 * 50
print("one layer:", whole, "- three layers:", chain, "=", sum(chain))
only_conv2 = ncl.Selection(names=("conv2",))
by_library = ncl.Factorization("tucker2", rank=(8, 16), select=only_conv2)(model)
saved = measure.macs(model) - measure.macs(by_library)
print("the library's chain saves the same number:", saved == whole - sum(chain))

# %% [markdown]
# ### Exercise 3 · The three layers of Tucker-2
#
# Write `three_layers`: three `keras.layers.Conv2D`, not built yet, that can stand for a convolution. All five
# settings of that layer, kernel size, strides, padding, bias and activation, must be in the right one of the
# three, or the chain computes something else.


# %% tags=["exercise:three_layers"]
def three_layers(conv, rank_in, rank_out):
    """Return three Conv2D layers, from the input to the output, that replace one.

    conv: a Conv2D with filters, kernel_size, strides, padding, use_bias, activation.
    rank_in, rank_out: the channels between the three.
    """
    # BEGIN SOLUTION
    first = keras.layers.Conv2D(rank_in, 1, use_bias=False)
    middle = keras.layers.Conv2D(
        rank_out,
        conv.kernel_size,
        strides=conv.strides,
        padding=conv.padding,
        use_bias=False,
    )
    last = keras.layers.Conv2D(
        conv.filters, 1, use_bias=conv.use_bias, activation=conv.activation
    )
    return [first, middle, last]
    # END SOLUTION


# %% tags=["wrong:three_layers:steps_and_pads_in_the_middle"]
def three_layers(conv, rank_in, rank_out):
    return [
        keras.layers.Conv2D(rank_in, 1, strides=conv.strides, use_bias=False),
        keras.layers.Conv2D(
            rank_out, conv.kernel_size, padding=conv.padding, use_bias=False
        ),
        keras.layers.Conv2D(
            conv.filters, 1, use_bias=conv.use_bias, activation=conv.activation
        ),
    ]


# %% tags=["wrong:three_layers:steps_and_pads_in_the_middle"]
def three_layers(conv, rank_in, rank_out):
    return [
        keras.layers.Conv2D(rank_in, 1, use_bias=False),
        keras.layers.Conv2D(
            rank_out, conv.kernel_size, strides=conv.strides, use_bias=False
        ),
        keras.layers.Conv2D(
            conv.filters, 1, use_bias=conv.use_bias, activation=conv.activation
        ),
    ]


# %% tags=["wrong:three_layers:adds_one_bias_at_the_end"]
def three_layers(conv, rank_in, rank_out):
    return [
        keras.layers.Conv2D(rank_in, 1),
        keras.layers.Conv2D(
            rank_out, conv.kernel_size, strides=conv.strides, padding=conv.padding
        ),
        keras.layers.Conv2D(conv.filters, 1, activation=conv.activation),
    ]


# %% tags=["wrong:three_layers:activates_at_the_end_only"]
def three_layers(conv, rank_in, rank_out):
    shared = {"activation": conv.activation, "use_bias": False}
    return [
        keras.layers.Conv2D(rank_in, 1, **shared),
        keras.layers.Conv2D(
            rank_out,
            conv.kernel_size,
            strides=conv.strides,
            padding=conv.padding,
            **shared,
        ),
        keras.layers.Conv2D(
            conv.filters, 1, use_bias=conv.use_bias, activation=conv.activation
        ),
    ]


# %% tags=["wrong:three_layers:activates_at_the_end_only"]
def three_layers(conv, rank_in, rank_out):
    return [
        keras.layers.Conv2D(rank_in, 1, use_bias=False),
        keras.layers.Conv2D(
            rank_out,
            conv.kernel_size,
            strides=conv.strides,
            padding=conv.padding,
            use_bias=False,
        ),
        keras.layers.Conv2D(conv.filters, 1, use_bias=conv.use_bias),
    ]


# %% tags=["wrong:three_layers:has_the_shapes_of_the_factors"]
def three_layers(conv, rank_in, rank_out):
    return [
        keras.layers.Conv2D(rank_out, 1, use_bias=False),
        keras.layers.Conv2D(
            rank_in,
            conv.kernel_size,
            strides=conv.strides,
            padding=conv.padding,
            use_bias=False,
        ),
        keras.layers.Conv2D(
            conv.filters, 1, use_bias=conv.use_bias, activation=conv.activation
        ),
    ]


# %% tags=["check"]
three_layers = lesson.accept("three_layers", three_layers)

# %% [markdown]
# Your layers with your factors, in the place of `conv2`. At the full ranks, 20 and 50, nothing is lost (and
# nothing is saved); below them something is:

# %%
conv2 = model.get_layer("conv2")


def outputs_error(rank_in, rank_out, x):
    """How far the outputs of the three layers are from those of conv2, relatively."""
    first, last = mode_basis(kernel, 2, rank_in), mode_basis(kernel, 3, rank_out)
    middle = np.einsum("hwio,ia,ob->hwab", kernel, first, last)
    value = x
    layers = three_layers(conv2, rank_in, rank_out)
    factors = first[None, None], middle, last.T[None, None]
    for layer, factor in zip(layers, factors, strict=True):
        layer.build(value.shape)
        layer.kernel.assign(factor)
        if layer.use_bias:
            layer.bias.assign(conv2.bias)
        value = layer(value)
    wanted = keras.ops.convert_to_numpy(conv2(x))
    lost = wanted - keras.ops.convert_to_numpy(value)
    return np.linalg.norm(lost) / np.linalg.norm(wanted)


before_conv2 = keras.Model(model.inputs, conv2.input)
x = before_conv2.predict(images.x[:64], verbose=0)
errors = {f"ranks {a}, {b}": outputs_error(a, b, x) for a, b in ((8, 16), (12, 32))}
errors["full ranks 20, 50"] = outputs_error(20, 50, x)
figures.bars(
    "The higher the ranks, the nearer to the outputs of conv2",
    errors,
    "error of the outputs",
)

# %% tags=["check"]
print(
    "at full rank the outputs are the same to 0.001:",
    errors["full ranks 20, 50"] < 1e-3,
)

# %% [markdown]
# ## 4. Other chains
#
# Tucker-2 shortens the channels and leaves the window alone. Other chains cut elsewhere:
#
# | chain | layers | what it assumes |
# |---|---|---|
# | Tucker-2 | 1 x 1, k x k, 1 x 1 | the channels repeat each other |
# | spatial | k x 1, 1 x k | a filter is a sum of few products of a column and a row |
# | CP | 1 x 1, depthwise k x 1 and 1 x k, 1 x 1 | all four axes are few products together |
# | separable | depthwise k x k, 1 x 1 | each input channel needs one filter (or few) |
#
# **Depthwise** means that each channel has a filter of its own and channels are not mixed, which costs next to
# nothing. All four for `conv2` at half of the network's MACs, without training:

# %% tags=["predicted"]
steps = {
    "Tucker-2": ncl.Factorization("tucker2", rank=(11, 20), select=only_conv2),
    "spatial": ncl.Factorization("spatial", rank=17, select=only_conv2),
    "CP": ncl.Factorization("cp", rank=64, select=only_conv2),
    "separable": ncl.Factorization("separable", rank=4, select=only_conv2),
}
chains = {name: step(model) for name, step in steps.items()}
accuracies = {name: measure.accuracy(one, images) for name, one in chains.items()}
figures.bars(
    "Half of the MACs, no training: it matters which chain",
    {"original": original_accuracy, **accuracies},
    "validation accuracy",
)

# %% tags=["check"]
parts = [measure.macs(one) / measure.macs(model) for one in chains.values()]
print("each has 46 to 50 % of the MACs:", all(0.46 < part <= 0.5 for part in parts))

# %% [markdown]
# Spatial and CP, which split the 5 x 5 window, lose least here: what repeats itself is in the window more than in
# the channels. In a network of 3 x 3 windows and many channels Tucker-2 is the usual choice. Look, then choose.
#
# ## 5. Your turn, with the control
#
# ### Exercise 4 · Meet the goal
#
# Factorize LeNet-5 **without any training**: at most 1,150,000 MACs, about half, and at most one and a half
# points of accuracy lost. The boxes are the layers of the chain, as wide as their MACs; below them are filters
# before and after. Press **Register** when the goal is met, then **Use this in my code** and **Insert as my
# answer**. (Or write the pass by hand, `ncl.Factorization(...)`: it is one line.)

# %% tags=["exercise:chosen_factorization"]
# BEGIN SOLUTION
chosen_factorization = ncl.Factorization(
    "cp", rank=60, select=ncl.Selection(names=("conv2",))
)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import FactorizationExplorer, Goal

explorer = FactorizationExplorer(
    model,
    data,
    goal=Goal(macs=1_150_000, accuracy_drop=0.015),
    answer="chosen_factorization",
)
explorer

# %% tags=["wrong:chosen_factorization:takes_few_enough_macs"]
chosen_factorization = ncl.Factorization("spatial", rank=24)

# %% tags=["wrong:chosen_factorization:keeps_enough_accuracy"]
chosen_factorization = ncl.Factorization("tucker2", rank=(8, 16))

# %% tags=["wrong:chosen_factorization:keeps_the_filters"]
chosen_factorization = ncl.ChannelPruning(macs=0.5)

# %% tags=["wrong:chosen_factorization:is_registered"]
chosen_factorization = 60

# %% tags=["check"]
lesson.check("chosen_factorization", chosen_factorization)

# %% [markdown]
# ## 6. The clock
#
# MACs are counted, time is measured. ResNet-20 has 3 x 3 convolutions between 16, 32 or 64 channels. Here are
# three chains of it and, for comparison, the network with fewer channels (lesson 03), in ONNX Runtime, one image
# at a time on one thread:

# %% tags=["timing", "predicted"]
from nncompress_lab.runtimes.racing import race_models

resnet = ncl.zoo.resnet20()
forms = {
    "original": resnet,
    "Tucker-2, half": ncl.Factorization("tucker2", macs=0.5)(resnet),
    "Tucker-2, a quarter": ncl.Factorization("tucker2", macs=0.25)(resnet),
    "CP, a quarter": ncl.Factorization("cp", macs=0.25)(resnet),
    "fewer channels, a quarter": ncl.ChannelPruning(sparsity=0.5)(resnet),
}
with lesson.working("Racing five networks", seconds=15):
    race = race_models(forms).race
parts = {name: measure.macs(one) / measure.macs(resnet) for name, one in forms.items()}
times = {name: 1 / race.speedup(name) for name in forms}
figures.panels(
    "What the MACs promise, and what the clock says (original = 1)",
    {"MACs": parts, "time": times},
)
for name in list(forms)[1:]:
    print(f"{name:25} {race.verdict(name)}  (noise ±{100 * race.band:.0f} %)")

# %% tags=["check"]
print("MACs, rounded:", {name: round(part, 2) for name, part in parts.items()})
kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
layers = {
    name: sum(isinstance(layer, kinds) for layer in one.layers)
    for name, one in forms.items()
}
print("convolutions:", layers)

# %% [markdown]
# On the quiet machine of `docs/measured-techniques.md`, Tucker-2 with half of the MACs took 8 % *longer* than
# the original, while half of the channels, which is a quarter of the MACs, made it 2.7 times as fast. What does
# your machine say?
#
# ### Exercise 5 · Where does the time go?
#
# Why does a factorized ResNet-20 gain so little time from so many saved multiplications?
#
# a) The factorized network has more parameters to read.
#
# b) Its layers are many and thin: each reads and writes whole images for few multiplications, and memory and
#    overhead take the time.
#
# c) ONNX Runtime multiplies the factors together again.
#
# d) 1x1 convolutions cannot use the vector instructions of a processor.

# %% tags=["exercise:why_slower"]
# BEGIN SOLUTION
why_slower = "b"
# END SOLUTION

# %% tags=["wrong:why_slower:is_not_a"]
why_slower = "a"

# %% tags=["wrong:why_slower:is_not_c"]
why_slower = "c"

# %% tags=["wrong:why_slower:is_not_d"]
why_slower = "d"

# %% tags=["check"]
lesson.check("why_slower", why_slower)

# %% [markdown]
# In a network four times as wide the arithmetic does take the time: there Tucker-2 at a quarter of the ranks
# was seven times as fast, in LiteRT (`benchmarks/factorization.py`). MACs are a promise of the layer's shape; the machine
# keeps it or not.
#
# ### Timing, on the CPU and on the GPU if there is one
#
# LeNet-5 in Keras itself, one image at a time and 64 together:

# %% tags=["timing", "predicted"]
last, small = "CP", chains["CP"]
if isinstance(chosen_factorization, ncl.Pass):
    last, small = "your choice", chosen_factorization(model, ncl.Context.of(data))
measure.time_on_devices({"original": model, last: small}, batch_sizes=(1, 64))

# %% [markdown]
# ## 7. Half of the MACs, five ways, after training
#
# Nobody stops before training. Pruned channels, low rank and Tucker-2 at half of the MACs, a narrower student with
# channels of the original, and one from scratch, with random weights, were each trained for the same few epochs
# with the original as the teacher, three times with different random numbers. That takes too long for a lesson: `benchmarks/equal_macs.py` did it and the results are in the
# package. This is the *test* accuracy, with 95 % intervals over the three runs:

# %% tags=["check"]
from nncompress_lab.course import measured

rows = [row for row in measured.rows("equal_macs") if row["model"] == "lenet5"]
of = {
    way: [row["accuracy"] for row in rows if row["way"] == way]
    for way in dict.fromkeys(row["way"] for row in rows)
}
(before,) = of.pop("original")
print("runs of each:", {way: len(runs) for way, runs in of.items()})
same = all(0.46 < row["macs"] <= 0.5 for row in rows if row["way"] != "original")
print("each has 46 to 50 % of the MACs:", same)
means = [np.mean(of[way]) for way in of if way != "student from scratch"]
print("the others' means within a point of the original:", before - min(means) < 0.01)

# %%
figures.intervals(
    "LeNet-5 with half of its MACs: who begins with trained weights comes back",
    of,
    "test accuracy",
    level=("original", before),
)

# %% [markdown]
# The four that began with the original's weights end within a point of it, and so of each other. For the student
# from scratch six epochs are not enough: lesson 09 gives it more. So accuracy after training hardly chooses
# between the four. Time does, and bytes.
#
# ### ★ Exercise 6 · The nearest separable kernel
#
# A **separable** kernel has one filter for each input channel and mixes channels with a 1 x 1 kernel:
#
# $$\hat K_{h w i o} = D_{h w i}\, M_{i o}$$
#
# Write `separable`: for a given kernel the arrays $D$ and $M$ with the least squared error, to within a tenth of
# a per cent. There is no recipe for this one.


# %% tags=["exercise:separable"]
def separable(kernel):
    """Return (depthwise, pointwise), shapes (height, width, in) and (in, out)."""
    # BEGIN SOLUTION
    height, width, inputs, outputs = kernel.shape
    depthwise = np.zeros((height, width, inputs))
    pointwise = np.zeros((inputs, outputs))
    for channel in range(inputs):
        matrix = kernel[:, :, channel].reshape(height * width, outputs)
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        depthwise[:, :, channel] = left[:, 0].reshape(height, width)
        pointwise[channel] = values[0] * right[0]
    return depthwise, pointwise
    # END SOLUTION


# %% tags=["wrong:separable:is_as_large_as_the_kernel"]
def separable(kernel):
    return kernel.mean(axis=3), kernel.mean(axis=(0, 1))


# %% tags=["wrong:separable:returns_two_arrays"]
def separable(kernel):
    height, width, inputs, outputs = kernel.shape
    matrix = kernel.reshape(height * width, inputs * outputs)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return left[:, 0].reshape(height, width), values[0] * right[0].reshape(
        inputs, outputs
    )


# %% tags=["wrong:separable:meets_a_separable_kernel_without_an_error"]
def separable(kernel):
    height, width, inputs, outputs = kernel.shape
    matrix = kernel.reshape(height * width, inputs * outputs)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    depthwise = np.repeat(left[:, 0].reshape(height, width, 1), inputs, axis=2)
    return depthwise, values[0] * right[0].reshape(inputs, outputs)


# %% tags=["wrong:separable:is_as_large_as_the_kernel"]
def separable(kernel):
    height, width, inputs, outputs = kernel.shape
    slices = kernel.reshape(height * width, inputs, outputs).transpose(1, 0, 2)
    left, _, right = np.linalg.svd(slices, full_matrices=False)
    return left[:, :, 0].T.reshape(height, width, inputs), right[:, 0]


# %% tags=["wrong:separable:has_the_least_error"]
def separable(kernel):
    depthwise = kernel.mean(axis=3)
    norms = np.sum(depthwise**2, axis=(0, 1))
    return depthwise, np.einsum("hwi,hwio->io", depthwise, kernel) / norms[
        :, np.newaxis
    ]


# %% tags=["check"]
separable = lesson.accept("separable", separable)

# %% tags=["check"]
from nncompress_lab.factorization.arrays.separable import separable_factors

depthwise, pointwise = separable(kernel)
yours = relative_error(depthwise[..., np.newaxis] * pointwise)
library = relative_error(separable_factors(kernel).product())
print("the same error as the library's:", abs(yours - library) < 1e-4)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
lesson.compare_predictions(
    {
        "accuracy of LeNet-5 with half of its MACs, Tucker-2": round(
            accuracies["Tucker-2"], 2
        ),
        "accuracy of LeNet-5 with half of its MACs, the best chain": round(
            max(accuracies.values()), 2
        ),
        "times faster: ResNet-20 with half of its MACs, Tucker-2": round(
            race.speedup("Tucker-2, half"), 1
        ),
    }
)

# %% [markdown]
# ## A real file, and into the table
#
# The chain is ordinary layers, so any runtime takes it; the file of ONNX Runtime is checked against the Keras
# model when it is written:

# %% tags=["check"]
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "lenet5.onnx"
    ncl.export(small, file)
    print("written, and read by ONNX Runtime:", file.stat().st_size > 0)

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

report = measure_stages(
    {"original": model, "Tucker-2": chains["Tucker-2"], last: small},
    data=data.validation,
)
lesson.table.add(report, model="LeNet-5", technique="factorization")
report

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# LeNet-5's bytes are in `dense1`, which no convolution's chain touches: factorization saved MACs, and hardly a
# byte. For the bytes there is lesson 07.
#
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in, and train on all of it. (The weights of the library's own
# models are rounded to float16 and pack twice as well as weights that were just trained.)

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

result = ncl.compress(
    my_model,
    ncl.Factorization("tucker2", macs=0.5, data_aware=True),
    ncl.FineTune(epochs=1, teacher="original"),
    context=ncl.Context.of(my_data, train=my_data.train.take(2560), progress=False),
)
result.measured(latency=True)

# %% [markdown]
# ## Further reading
#
# - Kim et al., [Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile
#   Applications](https://arxiv.org/abs/1511.06530), ICLR 2016: Tucker-2 for whole networks, measured on phones.
# - Lebedev et al., [Speeding-up Convolutional Neural Networks Using Fine-tuned
#   CP-Decomposition](https://arxiv.org/abs/1412.6553), ICLR 2015: four layers for one, and why that is hard to train.
# - Jaderberg, Vedaldi, Zisserman, [Speeding up Convolutional Neural Networks with Low Rank
#   Expansions](https://arxiv.org/abs/1405.3866), BMVC 2014: the spatial split.

# %% tags=["check"]
lesson.score()
