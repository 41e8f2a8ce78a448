# ---
# jupyter:
#   nncompress:
#     lesson: "07"
#     title: "Low-rank approximation"
#     minutes: 50
#     difficulty: 3
#     cell_seconds: 120
# ---

# %% [markdown]
# # Low-rank approximation
#
# | | |
# |---|---|
# | You will be able to | replace a layer by two thin ones; say from which rank on that pays, and what it costs; tell energy from accuracy; choose the factors by what the layer really sees |
# | Time | 50 minutes, of which the computer needs less than one |
# | Difficulty | 3 of 5 |
# | You need | lesson 01 (MACs, files, times), NumPy, and that a matrix has singular values |
# | Points | seven exercises, one of them with a star; 14 points |
#
# Pruning and quantization keep a layer and store it with fewer bits. This lesson replaces the layer: one wide
# matrix becomes **two thin ones**, ordinary layers again, with fewer weights and fewer multiplications. No
# runtime has to know about it.
#
# The question is how thin they may be. The usual answer looks at the weights alone. You will see two layers that
# it judges alike and that do not behave alike, and find out what it overlooks.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("07")

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
original_accuracy = measure.accuracy(model, images)
kernels = {
    name: keras.ops.convert_to_numpy(model.get_layer(name).kernel)
    for name in ("conv2", "dense1")
}
lesson

# %% [markdown]
# ## Predict
#
# `dense1` of LeNet-5 has a kernel of 800 x 500, `conv2` one that is seen as 500 x 50. Each has a **rank**, at
# most 500 and 50. Cut one of them, nothing else, and do not train. Guess first: replace each `...`. Guesses are
# kept and earn no points.

# %%
lesson.predict(
    {
        "accuracy with dense1 at rank 48 of 500": ...,  # 0 to 1
        "accuracy with conv2 at rank 16 of 50": ...,  # 0 to 1
        "part of dense1's summed squares that rank 48 keeps": ...,  # 0 to 1
    }
)

# %% [markdown]
# ## 1. Two thin matrices
#
# A Dense layer multiplies its inputs $x$ with a kernel $W$ of $m$ rows and $n$ columns. If $W$ is the product of
# two thin matrices,
#
# $$W = L R, \qquad L: m \times r, \quad R: r \times n$$
#
# then $x W = (x L) R$: first to $r$ numbers, then to the $n$ outputs. $r$ is the **rank**. In NumPy, with a
# kernel of rank 1, in which each row is a multiple of any other:

# %%
left = np.array([[2.0], [-1.0], [0.5], [1.0]])
right = np.array([[1.0, -0.5, 0.2]])
kernel = left @ right
figures.matrices(
    "Twelve weights that are made of seven",
    reach=2.2,
    left=left,
    right=right,
    kernel=kernel,
)

# %% tags=["check"]
x = np.array([1.0, 2.0, 0.0, -1.0])
print("same outputs:", np.allclose(x @ kernel, (x @ left) @ right))

# %% [markdown]
# Few kernels are exactly of low rank; all can be approximated by one that is. Search the web for it and you find
# code of this kind:


# %% tags=["check"]
def low_rank_snippet(weights, rank):
    u, s, vt = np.linalg.svd(weights, full_matrices=False)
    return np.dot(u[:, :rank] * s[:rank], vt[:rank, :])


rebuilt = low_rank_snippet(kernels["dense1"], 48)
print("shape before and after:", kernels["dense1"].shape, rebuilt.shape)
print("exactly as many weights as before:", rebuilt.size == kernels["dense1"].size)
try:
    low_rank_snippet(np.ones(500), 48)
except np.linalg.LinAlgError as error:
    print("a bias:", error)
try:
    low_rank_snippet(np.ones((5, 5, 20, 50)), 16)
except ValueError as error:
    print("a convolution:", type(error).__name__)

# %% [markdown]
# It multiplies the two factors, and so it gives back a matrix of the old size: all of the loss, nothing of the gain.
# With a bias or a convolution it stops. To repair it, keep the two apart.
#
# Do two thin matrices always hold less? To scale, for `dense1`:

# %%
figures.thin(
    "At a high rank the two thin matrices are larger than the one",
    800,
    500,
    [16, 48, 200, 400],
)

# %% tags=["check"]
for rank in (16, 48, 200, 400):
    weights = rank * (800 + 500)
    print(f"rank {rank}: always {weights:,} weights; fewer: {weights < 800 * 500}")

# %% [markdown]
# ### Exercise 1 · From which rank on is it no smaller?
#
# Write `break_even`: the largest rank at which two thin matrices hold *fewer* weights than a matrix of `rows` x
# `columns`. It is 0 if there is none.


# %% tags=["exercise:break_even"]
def break_even(rows, columns):
    """Return the largest rank with fewer weights than rows * columns, an integer."""
    # BEGIN SOLUTION
    return (rows * columns - 1) // (rows + columns)
    # END SOLUTION


# %% tags=["wrong:break_even:equal_is_not_smaller"]
def break_even(rows, columns):
    return rows * columns // (rows + columns)


# %% tags=["wrong:break_even:is_a_whole_number"]
def break_even(rows, columns):
    return rows * columns / (rows + columns)


# %% tags=["wrong:break_even:is_a_whole_number"]
def break_even(rows, columns):
    return round(rows * columns / (rows + columns) + 0.5)


# %% tags=["wrong:break_even:counts_both_matrices"]
def break_even(rows, columns):
    return min(rows, columns) // 2


# %% tags=["wrong:break_even:counts_both_matrices"]
def break_even(rows, columns):
    return min(rows, columns) - 1


# %% tags=["check"]
break_even = lesson.accept("break_even", break_even)
for name, shape in (
    ("conv2", (500, 50)),
    ("dense1", (800, 500)),
    ("logits", (500, 10)),
):
    print(f"{name}: up to rank {break_even(*shape)} of {min(shape)}")

# %% [markdown]
# ## 2. Which two?
#
# Every matrix is a sum of matrices of rank 1, each with a weight, the **singular value** $s_i$, the largest
# first (the *singular value decomposition*, SVD):
#
# $$W = \sum_i s_i\, u_i v_i^T$$
#
# Keep the first $r$ terms, and no matrix of rank $r$ is nearer to $W$ (Eckart and Young, 1936). `u, s, vt =
# np.linalg.svd(W, full_matrices=False)` gives the $u_i$ as columns and the $v_i$ as rows. A kernel with two
# singular values, 3.8 and 1.1, and what is left of it at rank 1:

# %%
small = np.array([[2.0, -1.8], [2.0, -1.8], [0.6, 0.9]])
u, s, vt = np.linalg.svd(small, full_matrices=False)
figures.matrices(
    "The first term is most of the kernel, the second the rest",
    reach=2.5,
    kernel=small,
    first_term=s[0] * np.outer(u[:, 0], vt[0]),
    second_term=s[1] * np.outer(u[:, 1], vt[1]),
)
print("singular values:", np.round(s, 2))

# %% [markdown]
# ### Exercise 2 · The two thin matrices
#
# Write `two_factors`, the repaired snippet: `left` of shape `(rows, rank)` and `right` of shape `(rank, columns)`
# whose product is as near to `matrix` as any of that rank. How the singular values are shared between the two is
# up to you.


# %% tags=["exercise:two_factors"]
def two_factors(matrix, rank):
    """Return (left, right) with shapes (rows, rank) and (rank, columns).

    matrix: floats with two axes. rank: 1 to the smaller of rows and columns.
    """
    # BEGIN SOLUTION
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank] * s[:rank], vt[:rank]
    # END SOLUTION


# %% tags=["wrong:two_factors:are_two_thin_matrices"]
def two_factors(matrix, rank):
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    return np.dot(u[:, :rank] * s[:rank], vt[:rank])


# %% tags=["wrong:two_factors:multiply_to_the_matrix_at_full_rank"]
def two_factors(matrix, rank):
    u, _, vt = np.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank], vt[:rank]


# %% tags=["wrong:two_factors:multiply_to_the_matrix_at_full_rank"]
def two_factors(matrix, rank):
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank] * s[:rank], s[:rank, np.newaxis] * vt[:rank]


# %% tags=["wrong:two_factors:keep_the_largest_singular_values"]
def two_factors(matrix, rank):
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    return u[:, -rank:] * s[-rank:], vt[-rank:]


# %% tags=["wrong:two_factors:are_two_thin_matrices"]
def two_factors(matrix, rank):
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank] * s[:rank], vt[:, :rank]


# %% tags=["check"]
two_factors = lesson.accept("two_factors", two_factors)

# %% [markdown]
# The library finds the factors from a smaller matrix, in a fraction of the time, and they are as good. What is
# dropped can be read from the singular values alone:

# %% tags=["check"]
from nncompress_lab.lowrank.arrays.svd import low_rank_factors

kernel = kernels["dense1"]
left, right = two_factors(kernel, 48)
theirs = low_rank_factors(kernel, rank=48)
yours_off = np.linalg.norm(kernel - left @ right)
theirs_off = np.linalg.norm(kernel - theirs.product())
values = {
    name: np.linalg.svd(each.reshape(-1, each.shape[-1]), compute_uv=False)
    for name, each in kernels.items()
}
dropped = np.sqrt(np.sum(values["dense1"][48:] ** 2))
print("same error as the library's:", np.isclose(yours_off, theirs_off, rtol=1e-3))
print(
    "exactly the root of the dropped squares:",
    np.isclose(yours_off, dropped, rtol=1e-3),
)

# %% [markdown]
# Where to cut is not written in the spectrum: trained kernels seldom have a rank at which it breaks off.

# %%
figures.spectra("Neither kernel has a place where the values end", values)

# %% [markdown]
# ## 3. The layer becomes two
#
# A layer also has a bias and an activation $\sigma$:
#
# $$y = \sigma(x W + b) \approx \sigma((x L) R + b)$$
#
# Two Dense layers in a row can compute that. A convolution is split likewise: its kernel, 5 x 5 x 20 x
# 50 in `conv2`, is a matrix with one column for each filter, 500 x 50. The first layer is a convolution like it with
# $r$ filters, the second one of 1 x 1. Lesson 08 has better ways for these.
#
# ### Exercise 3 · One layer becomes two
#
# Write `split_dense`. It gets a built Keras `Dense` layer with a bias and returns two built `Dense` layers that, one
# after the other, compute what the layer computes with the best kernel of that rank. Use `two_factors`, and no more
# weights than needed. (`layer.get_weights()` returns kernel and bias as NumPy arrays.)


# %% tags=["exercise:split_dense"]
def split_dense(layer, rank):
    """Return (first, second), two built Dense layers for the one.

    layer: a built keras.layers.Dense. rank: units of the first.
    """
    # BEGIN SOLUTION
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    left, right = two_factors(kernel, rank)
    first = keras.layers.Dense(rank, use_bias=False)
    second = keras.layers.Dense(layer.units, activation=layer.activation)
    first.build((None, kernel.shape[0]))
    second.build((None, rank))
    first.set_weights([left])
    second.set_weights([right, keras.ops.convert_to_numpy(layer.bias)])
    return first, second
    # END SOLUTION


# %% tags=["wrong:split_dense:has_nothing_in_between"]
def split_dense(layer, rank):
    left, right = two_factors(keras.ops.convert_to_numpy(layer.kernel), rank)
    first = keras.layers.Dense(rank, use_bias=False, activation=layer.activation)
    second = keras.layers.Dense(layer.units, activation=layer.activation)
    first.build((None, left.shape[0]))
    second.build((None, rank))
    first.set_weights([left])
    second.set_weights([right, keras.ops.convert_to_numpy(layer.bias)])
    return first, second


# %% tags=["wrong:split_dense:has_the_activation_of_the_layer_at_the_end"]
def split_dense(layer, rank):
    left, right = two_factors(keras.ops.convert_to_numpy(layer.kernel), rank)
    first = keras.layers.Dense(rank, use_bias=False)
    second = keras.layers.Dense(layer.units)
    first.build((None, left.shape[0]))
    second.build((None, rank))
    first.set_weights([left])
    second.set_weights([right, keras.ops.convert_to_numpy(layer.bias)])
    return first, second


# %% tags=["wrong:split_dense:has_one_bias_and_that_is_the_layers"]
def split_dense(layer, rank):
    left, right = two_factors(keras.ops.convert_to_numpy(layer.kernel), rank)
    first = keras.layers.Dense(rank)
    second = keras.layers.Dense(layer.units, activation=layer.activation)
    first.build((None, left.shape[0]))
    second.build((None, rank))
    first.set_weights([left, np.zeros(rank)])
    second.set_weights([right, keras.ops.convert_to_numpy(layer.bias)])
    return first, second


# %% tags=["wrong:split_dense:has_one_bias_and_that_is_the_layers"]
def split_dense(layer, rank):
    left, right = two_factors(keras.ops.convert_to_numpy(layer.kernel), rank)
    first = keras.layers.Dense(rank, use_bias=False)
    second = keras.layers.Dense(
        layer.units, activation=layer.activation, use_bias=False
    )
    first.build((None, left.shape[0]))
    second.build((None, rank))
    first.set_weights([left])
    second.set_weights([right])
    return first, second


# %% tags=["wrong:split_dense:are_two_dense_layers"]
def split_dense(layer, rank):
    first = keras.layers.Dense(rank, use_bias=False)
    second = keras.layers.Dense(layer.units, activation=layer.activation)
    return first, second


# %% tags=["check"]
split_dense = lesson.accept("split_dense", split_dense)

# %% [markdown]
# Into the model with them, and beside it what the library makes. Its pass does the same for Dense layers,
# convolutions, attention and embeddings, and leaves a layer alone whose rank is above break-even:


# %% tags=["check"]
def with_two_layers(model, name, rank):
    """A model in which `split_dense` has replaced one Dense layer."""
    x = model.inputs[0]
    for layer in model.layers[1:]:
        for part in split_dense(layer, rank) if layer.name == name else (layer,):
            x = part(x)
    return keras.Model(model.inputs[0], x)


def cut(name, rank):
    """LeNet-5 with one layer at a rank."""
    return ncl.LowRank(rank=rank, select=ncl.Selection(names=(name,)))(model)


def outputs_of(model):
    """What a model says to 100 images."""
    return keras.ops.convert_to_numpy(model(images.take(100).x, training=False))


yours, theirs = with_two_layers(model, "dense1", 48), cut("dense1", 48)
print(
    "same outputs as the library's:",
    np.allclose(outputs_of(yours), outputs_of(theirs), atol=1e-3),
)
print("parameters:", measure.parameters(model), "->", measure.parameters(yours))
print("its layers:", ", ".join(layer.name for layer in theirs.layers[-3:]))

# %% [markdown]
# ## 4. How far?
#
# The usual answer goes by **energy**, the part of the summed squares that is kept:
#
# $$E(r) = \frac{s_1^2 + \dots + s_r^2}{\sum_i s_i^2}$$
#
# For singular values 3, 2, 1 rank 1 keeps 9 of 14, 64 %, and rank 2 keeps 93 %.
#
# ### Exercise 4 · The smallest rank that keeps enough energy
#
# Write `rank_for_energy`: the smallest rank with at least this energy.


# %% tags=["exercise:rank_for_energy"]
def rank_for_energy(values, energy):
    """Return the smallest rank, from 1, that keeps at least this energy.

    values: singular values, the largest first. energy: above 0 and below 1.
    """
    # BEGIN SOLUTION
    kept = np.cumsum(values**2) / np.sum(values**2)
    return int(np.argmax(kept >= energy)) + 1
    # END SOLUTION


# %% tags=["wrong:rank_for_energy:counts_squares"]
def rank_for_energy(values, energy):
    kept = np.cumsum(values) / np.sum(values)
    return int(np.argmax(kept >= energy)) + 1


# %% tags=["wrong:rank_for_energy:counts_squares"]
def rank_for_energy(values, energy):
    kept = np.cumsum(values**2) / np.sum(values**2)
    return int(np.argmax(kept >= energy))


# %% tags=["wrong:rank_for_energy:at_least_is_enough"]
def rank_for_energy(values, energy):
    kept = np.cumsum(values**2) / np.sum(values**2)
    return int(np.argmax(kept > energy)) + 1


# %% tags=["wrong:rank_for_energy:counts_squares"]
def rank_for_energy(values, energy):
    kept = np.cumsum(values**2) / np.sum(values**2)
    return int(np.sum(kept < energy))


# %% tags=["check"]
rank_for_energy = lesson.accept("rank_for_energy", rank_for_energy)
ranks = {name: rank_for_energy(each, 0.9) for name, each in values.items()}
print("for 90 % of the energy:", ranks)

# %% [markdown]
# Now cut `conv2` and `dense1` so that both keep the same energy, and look at the accuracy. (`LowRankTrial` puts the
# product into the kernel of a copy, which is quicker than a new model each time.)

# %% tags=["predicted"]
from nncompress_lab.trials.low_rank import LowRankTrial

trial = LowRankTrial(model, data)
energies = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
accuracies = {
    name: [
        trial.accuracy({name: ncl.LowRank(rank=rank_for_energy(values[name], energy))})
        for energy in energies
    ]
    for name in kernels
}
figures.curves(
    "With as much energy kept, conv2 loses far more than dense1",
    {f"only {name} cut": each for name, each in accuracies.items()},
    energies,
    xlabel="energy kept",
    ylabel="validation accuracy",
    level=("original model", original_accuracy),
)

# %% tags=["predicted"]
lost = {
    name: original_accuracy - trial.accuracy({name: ncl.LowRank(rank=rank)})
    for name, rank in (("dense1", 48), ("conv2", 16))
}
for name, rank in (("dense1", 48), ("conv2", 16)):
    energy = np.sum(values[name][:rank] ** 2) / np.sum(values[name] ** 2)
    print(
        f"{name} at rank {rank}: {energy:.0%} of the energy, {100 * lost[name]:.1f} points lost"
    )

# %% [markdown]
# A third of the energy of `dense1` can go, and nine tenths of its rank, for a fraction of a point. `conv2` with nearly
# as much energy kept loses many times that. **Energy is not accuracy.** Why?
#
# What a layer hands on is not its weights but its outputs. So measure the error there: multiply what was
# dropped with real inputs of the layer, and with random numbers for comparison.

# %% tags=["predicted"]
from nncompress_lab.models.layer_inputs import layer_inputs

generator = np.random.default_rng(0)
errors = {}
for layer in ncl.select(model, names=("dense1", "conv2")):
    name, rank = layer.path, {"dense1": 48, "conv2": 16}[layer.path]
    matrix = kernels[name].reshape(-1, kernels[name].shape[-1])
    left, right = two_factors(matrix, rank)
    inputs = np.concatenate(
        [each.rows[0] for each in layer_inputs(model, [layer], images.take(64).x)]
    )
    noise = generator.normal(size=(500, len(matrix)))
    errors[name] = {
        "the weights": np.linalg.norm(matrix - left @ right) / np.linalg.norm(matrix),
        "outputs of random inputs": np.linalg.norm(noise @ (matrix - left @ right))
        / np.linalg.norm(noise @ matrix),
        "outputs of real images": np.linalg.norm(inputs @ (matrix - left @ right))
        / np.linalg.norm(inputs @ matrix),
    }
figures.panels(
    "How far off they are: real images hardly see what dense1 has lost",
    {
        f"{name} at rank {rank}": errors[name]
        for name, rank in (("dense1", 48), ("conv2", 16))
    },
)

# %% tags=["check"]
of_dense1, of_conv2 = errors["dense1"], errors["conv2"]
print(
    "the weights are off by about the same, three fifths:",
    all(abs(each["the weights"] - 0.6) < 0.05 for each in (of_dense1, of_conv2)),
)
print(
    "random inputs see about the same error as the weights:",
    all(
        abs(each["outputs of random inputs"] / each["the weights"] - 1) < 0.1
        for each in (of_dense1, of_conv2)
    ),
)
print(
    "on real images dense1 is off by less than half of that:",
    of_dense1["outputs of real images"] < of_dense1["the weights"] / 2,
)
print(
    "and conv2 by nearly as much as before:",
    of_conv2["outputs of real images"] > 0.9 * of_conv2["the weights"],
)

# %% [markdown]
# ### Exercise 5 · Why do the outputs of `dense1` change so little?
#
# a) `dense1` has more weights, so more of them can go.
#
# b) The inputs of `dense1` lie mostly in directions that were kept.
#
# c) The ReLU behind `dense1` repairs the error.
#
# d) The bias, which was not touched, makes up for it.

# %% tags=["exercise:why_outputs"]
# BEGIN SOLUTION
why_outputs = "b"
# END SOLUTION

# %% tags=["wrong:why_outputs:is_not_a"]
why_outputs = "a"

# %% tags=["wrong:why_outputs:is_not_c"]
why_outputs = "c"

# %% tags=["wrong:why_outputs:is_not_d"]
why_outputs = "d"

# %% tags=["check"]
lesson.check("why_outputs", why_outputs)

# %% [markdown]
# ## 5. Your turn, with the control
#
# On top are the singular values of a layer and the cut; below them the kernel, what the two factors multiply to, and what
# that drops; at the bottom the two, to scale. Each layer keeps a rank of its own.
#
# ### Exercise 6 · Meet the goal
#
# Make LeNet-5 smaller with low rank, **without any training**: at most 1.5 million MACs an image (it has 2.29), at
# most 100,000 parameters (431,080), and at most two and a half points of accuracy lost. Press **Register** when
# the goal is met, then **Use this in my code** and **Insert as my answer**: the setting stands in the cell here as
# code. Run that cell, then the check. (Or write the pass by hand: `ncl.pipeline(ncl.LowRank(...), ncl.LowRank(...))`.)

# %% tags=["exercise:chosen_ranks"]
# BEGIN SOLUTION
chosen_ranks = ncl.pipeline(
    ncl.LowRank(rank=30, select=ncl.Selection(names=("conv2",))),
    ncl.LowRank(rank=48, select=ncl.Selection(names=("dense1",))),
)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import Goal, LowRankExplorer

explorer = LowRankExplorer(
    model,
    data,
    goal=Goal(macs=1_500_000, parameters=100_000, accuracy_drop=0.025),
    answer="chosen_ranks",
)
explorer

# %% tags=["wrong:chosen_ranks:takes_few_enough_macs"]
chosen_ranks = ncl.LowRank(rank=48, select=ncl.Selection(names=("dense1",)))

# %% tags=["wrong:chosen_ranks:has_few_enough_parameters"]
chosen_ranks = ncl.LowRank(rank=20, select=ncl.Selection(names=("conv2",)))

# %% tags=["wrong:chosen_ranks:keeps_enough_accuracy"]
chosen_ranks = ncl.LowRank(rank=16)

# %% tags=["wrong:chosen_ranks:splits_layers"]
chosen_ranks = ncl.LowRank(rank=48, same_shape=True)

# %% tags=["wrong:chosen_ranks:is_registered"]
chosen_ranks = 48

# %% tags=["check"]
lesson.check("chosen_ranks", chosen_ranks)

# %% [markdown]
# ## 6. What did it save?

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

stages = {"original": model, "dense1 at rank 48": theirs}
if isinstance(chosen_ranks, ncl.Pass):
    stages["your choice"] = chosen_ranks(model, ncl.Context.of(data))
small = list(stages.values())[-1]
report = measure_stages(stages, data=data.validation)
report

# %% [markdown]
# - **Parameters and MACs** go down by what the ranks say, in each kind of file, in each runtime.
# - **Packed** the model shrinks less than its parameters: the weights of the factors are full floats. Quantize them
#   afterwards: lessons 04 to 06 work on the two thin layers as on any other.
# - **Latency** goes down too, and by neither ratio. With one image each weight of a Dense layer is read for a single
#   multiplication, so that its bytes count as well as its MACs; and each layer more has a beginning of its own.
#
# The file is an ordinary one. Here it is in ONNX Runtime:

# %% tags=["check"]
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "lenet5.onnx"
    ncl.export(small, file)
    runtime = ncl.runtimes.load(file)
    outputs = runtime.predict(images.take(100).x)
    print(
        "the file is less than a third of the original's:",
        file.stat().st_size < measure.file_sizes(model).keras / 3,
    )
same = np.allclose(outputs, outputs_of(small), atol=1e-3)
print("same outputs as in Keras:", same)

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# The models in Keras itself, one image at a time and 64 together:

# %% tags=["timing", "predicted"]
measure.time_on_devices(stages, batch_sizes=(1, 64))

# %% [markdown]
# ### ★ Exercise 7 · The factors that the inputs ask for
#
# The SVD knows the weights only, and you have seen that the inputs matter. Write `output_factors`: of all pairs
# `left`, `right` of that rank the one with the least squared error of the *outputs*,
#
# $$\min_{L, R} \lVert X W - X L R \rVert$$
#
# where the rows of `inputs` are $X$. Within 0.1 % of the least error is enough. There may be fewer inputs than rows of
# the matrix. There is no recipe for this one; the answer is not longer than that of exercise 2.


# %% tags=["exercise:output_factors"]
def output_factors(inputs, matrix, rank):
    """Return (left, right) with the least squared error of inputs @ matrix.

    inputs: one input a row, shape (count, rows). matrix: shape (rows, columns).
    """
    # BEGIN SOLUTION
    vt = np.linalg.svd(inputs @ matrix, full_matrices=False)[2]
    return matrix @ vt[:rank].T, vt[:rank]
    # END SOLUTION


# %% tags=["wrong:output_factors:looks_at_the_inputs"]
def output_factors(inputs, matrix, rank):
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank] * s[:rank], vt[:rank]


# %% tags=["wrong:output_factors:weighs_inputs_and_matrix_together"]
def output_factors(inputs, matrix, rank):
    vt = np.linalg.svd(inputs, full_matrices=False)[2]
    return vt[:rank].T, vt[:rank] @ matrix


# %% tags=["wrong:output_factors:sees_inputs_that_go_together"]
def output_factors(inputs, matrix, rank):
    sizes = np.sqrt(np.sum(inputs**2, axis=0)) + 1e-9
    u, s, vt = np.linalg.svd(sizes[:, np.newaxis] * matrix, full_matrices=False)
    return u[:, :rank] * s[:rank] / sizes[:, np.newaxis], vt[:rank]


# %% tags=["check"]
output_factors = lesson.accept("output_factors", output_factors)

# %% [markdown]
# With your factors, from the inputs of 512 training images, `dense1` bears a lower rank. The library has them
# behind one setting, `data_aware=True`:

# %% tags=["predicted"]
before_dense1 = keras.Model(model.inputs[0], model.get_layer("dense1").input)
seen = before_dense1.predict(data.train.take(512).x, verbose=0)


def accuracy_with(left, right):
    """The accuracy with this product in dense1."""
    changed = ncl.copy_model(model)
    changed.get_layer("dense1").kernel.assign(left @ right)
    return measure.accuracy(changed, images)


low_ranks = [8, 16, 24, 32, 48]
figures.curves(
    "At a low rank it pays to know the inputs",
    {
        "nearest weights": [
            accuracy_with(*two_factors(kernels["dense1"], rank)) for rank in low_ranks
        ],
        "nearest outputs": [
            accuracy_with(*output_factors(seen, kernels["dense1"], rank))
            for rank in low_ranks
        ],
    },
    low_ranks,
    xlabel="rank of dense1",
    ylabel="validation accuracy",
    level=("original model", original_accuracy),
)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
lesson.compare_predictions(
    {
        "accuracy with dense1 at rank 48 of 500": round(
            original_accuracy - lost["dense1"], 3
        ),
        "accuracy with conv2 at rank 16 of 50": round(
            original_accuracy - lost["conv2"], 3
        ),
        "part of dense1's summed squares that rank 48 keeps": round(
            float(np.sum(values["dense1"][:48] ** 2) / np.sum(values["dense1"] ** 2)), 2
        ),
    }
)

# %% [markdown]
# ## Into the table
#
# Your models beside those of the lessons before:

# %% tags=["predicted"]
lesson.table.add(report, model="LeNet-5", technique="low rank")

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
    ncl.LowRank(parameters=0.2, data_aware=True),
    context=ncl.Context.of(my_data, progress=False),
)
result.measured(latency=False)

# %% [markdown]
# ## Further reading
#
# - Denton, Zaremba, Bruna, LeCun, Fergus, [Exploiting Linear Structure Within Convolutional
#   Networks](https://arxiv.org/abs/1404.0736), NIPS 2014: where it began for networks.
# - Zhang, Zou, He, Sun, [Accelerating Very Deep Convolutional Networks](https://arxiv.org/abs/1505.06798), 2015,
#   section 3.1: the outputs in place of the weights, the exercise with the star.
# - Hu and others, [LoRA](https://arxiv.org/abs/2106.09685), 2021: two thin matrices beside a kernel, to
#   train them, and not in its place.

# %% tags=["check"]
lesson.score()
