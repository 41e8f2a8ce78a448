# ---
# jupyter:
#   nncompress:
#     lesson: "11"
#     title: "Deep Compression, all together"
#     minutes: 60
#     difficulty: 4
#     cell_seconds: 120
# ---

# %% [markdown]
# # Deep Compression, all together
#
# | | |
# |---|---|
# | You will be able to | put zeros, shared values and coding together in the order that works; say what the positions and the values of a layer cost at least; account for every byte of a file |
# | Time | 60 minutes, of which the computer needs about one |
# | Difficulty | 4 of 5 |
# | You need | lessons 02 (zeros), 06 (tables, entropy) and 10 (training in the loop) |
# | Points | seven exercises, one of them with a star; 15 points |
#
# LeNet-5 has 431,080 weights, 1.7 million bytes. At the end of this lesson it is a file of a few thousand bytes, and you know
# what every one of them is for. The recipe is called **Deep Compression** (Han, Mao and Dally, 2016) and has three stages:
# set weights to zero, let the others share few values, and write down what is left in as few bits as it takes. Two of
# them you know. This lesson is about the third, and about what stages do to each other.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("11")

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

model, data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
original_accuracy = measure.accuracy(model, images)
names = ("conv1", "conv2", "dense1", "logits")
lesson

# %% [markdown]
# ## Predict
#
# Guess first: replace each `...`. Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "bytes of the file at the end": ...,  # it begins with 1,724,320
        "accuracy of the model in it": ...,  # 0 to 1
        "part of the kernels' bytes that says where weights are": ...,  # 0 to 1
    }
)

# %% [markdown]
# ## 1. Where are they?
#
# A pruned kernel is mostly zeros, and zeros need not be stored. But then each weight that is left has to say where it
# belongs. By the number of its place? In LeNet-5's largest kernel that takes more bits than the weight itself will:

# %% tags=["check"]
places = model.get_layer("dense1").kernel.shape
bits_of_a_place = int(np.ceil(np.log2(np.prod(places))))
print(f"{np.prod(places):,} places: {bits_of_a_place} bits for the number of one")

# %% [markdown]
# Cheaper is the **gap**: how many places lie between a weight and the one before, row by row. Gaps are small numbers, because
# weights follow each other in order:

# %%
some = np.array(
    [
        [0.0, 0.6, 0.0, 0.0, -0.3, 0.0],
        [0.0, 0.0, 0.0, 0.8, 0.0, -0.7],
        [0.4, 0.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
told = np.array([[1, 2, 4, 1, 0], [0.6, -0.3, 0.8, -0.7, 0.4]])
figures.matrices(
    "18 places, five weights: each is told by the gap before it (above) and its value",
    reach=5,
    pruned_kernel=some,
    entries=told,
)

# %% [markdown]
# ### Exercise 1 · Positions as gaps
#
# Write `gaps_of`: for each weight that is kept how many places lie between it and the kept one before; for the first one, how
# many lie before it.


# %% tags=["exercise:gaps_of"]
def gaps_of(kept):
    """Return the gaps, an array of integers: one for each True.

    kept: truth values with one axis.
    """
    # BEGIN SOLUTION
    return np.diff(np.flatnonzero(kept), prepend=-1) - 1
    # END SOLUTION


# %% tags=["wrong:gaps_of:counts_what_lies_between"]
def gaps_of(kept):
    return np.diff(np.flatnonzero(kept), prepend=0)  # distances


# %% tags=["wrong:gaps_of:counts_what_lies_between"]
def gaps_of(kept):
    return np.flatnonzero(kept)


# %% tags=["wrong:gaps_of:counts_what_lies_before_the_first"]
def gaps_of(kept):
    return np.diff(np.flatnonzero(kept), prepend=0) - 1


# %% tags=["wrong:gaps_of:has_a_gap_for_each_weight"]
def gaps_of(kept):
    return np.diff(np.flatnonzero(kept)) - 1


# %% tags=["check"]
gaps_of = lesson.accept("gaps_of", gaps_of)

# %% [markdown]
# With 95 % zeros, all chosen by one threshold:

# %%
pruned = ncl.MagnitudePruning(sparsity=0.95, scope="global")(model)
kernel = keras.ops.convert_to_numpy(pruned.get_layer("dense1").kernel)
flat = kernel.ravel()
gaps = gaps_of(flat != 0)

# %% tags=["check"]
print(f"{gaps.size:,} weights are left; gaps: {gaps.mean():.0f} on average,", end=" ")
print(f"{np.median(gaps):.0f} in the middle, {gaps.max()} the longest")

# %% [markdown]
# How many bits should a gap have? Enough for the longest would be many, and nearly all gaps are short. The paper's way
# out: give each gap few bits, and where one is too long, put an entry in between whose *value* is zero. Such a **filling
# zero** stands at a place itself. With 3 bits, gaps of 0 to 7, eleven zeros and then 0.5 are two entries: gap 7 and value 0 (that is
# eight zeros), gap 3 and value 0.5.
#
# ### Exercise 2 · Gaps of few bits
#
# Write `short_gaps`: the gaps and values of all entries, with gaps of at most `2**bits - 1`. Take as few entries as
# possible; what lies behind the last weight is not stored.


# %% tags=["exercise:short_gaps"]
def short_gaps(weights, bits):
    """Return two arrays of one length: the gaps, integers, and the values.

    weights: floats with one axis, most of them 0. bits: of a gap.
    """
    # BEGIN SOLUTION
    gaps, values, gap = [], [], 0
    for weight in np.trim_zeros(weights, "b"):
        if weight == 0 and gap < 2**bits - 1:
            gap += 1
        else:
            gaps.append(gap)
            values.append(weight)
            gap = 0
    return np.array(gaps), np.array(values)
    # END SOLUTION


# %% tags=["wrong:short_gaps:keeps_gaps_within_their_bits"]
def short_gaps(weights, bits):
    places = np.flatnonzero(weights)
    return np.diff(places, prepend=-1) - 1, weights[places]


# %% tags=["wrong:short_gaps:keeps_gaps_within_their_bits"]
def short_gaps(weights, bits):
    gaps, values, gap = [], [], 0
    for weight in np.trim_zeros(weights, "b"):
        if weight == 0 and gap < 2**bits:  # one too many
            gap += 1
        else:
            gaps.append(gap)
            values.append(weight)
            gap = 0
    return np.array(gaps), np.array(values)


# %% tags=["wrong:short_gaps:gives_a_filling_zero_its_place"]
def short_gaps(weights, bits):
    gaps, values = [], []
    places = np.flatnonzero(weights)
    for long, place in zip(np.diff(places, prepend=-1) - 1, places, strict=True):
        gap = long
        while gap > 2**bits - 1:
            gaps.append(2**bits - 1)
            values.append(0)
            gap = gap - (2**bits - 1)  # forgets the place of the zero itself
        gaps.append(gap)
        values.append(weights[place])
    return np.array(gaps), np.array(values)


# %% tags=["wrong:short_gaps:gives_a_filling_zero_its_place"]
def short_gaps(weights, bits):
    places = np.flatnonzero(weights)
    gaps = np.diff(places, prepend=-1) - 1
    return np.minimum(gaps, 2**bits - 1), weights[places]


# %% tags=["wrong:short_gaps:fills_only_where_it_must"]
def short_gaps(weights, bits):
    gaps, values, gap = [], [], 0
    for weight in weights:  # also what lies behind the last weight
        if weight == 0 and gap < 2**bits - 1:
            gap += 1
        else:
            gaps.append(gap)
            values.append(weight)
            gap = 0
    return np.array(gaps), np.array(values)


# %% tags=["wrong:short_gaps:fills_only_where_it_must"]
def short_gaps(weights, bits):
    gaps, values, gap = [], [], 0
    for weight in np.trim_zeros(weights, "b"):
        if weight == 0 and gap < 2**bits - 2:
            gap += 1
        else:
            gaps.append(gap)
            values.append(weight)
            gap = 0
    return np.array(gaps), np.array(values)


# %% tags=["check"]
short_gaps = lesson.accept("short_gaps", short_gaps)

# %% [markdown]
# Your function on `dense1`, with gaps of 1 to 9 bits and 4 bits for each value:

# %%
entries = {bits: short_gaps(flat, bits)[0].size for bits in range(1, 10)}
kilobytes = {
    f"{bits} bit{'s' * (bits > 1)}, {count - gaps.size:,} filling zeros": count
    * (bits + 4)
    / 8
    / 1000
    for bits, count in entries.items()
}
figures.bars(
    "Few bits are filled with zeros, many bits with air",
    kilobytes,
    "kB of gaps and values",
    marked=[min(kilobytes, key=kilobytes.get)],
)

# %% tags=["check"]
best = min(entries, key=lambda bits: entries[bits] * (bits + 4))
print("fewest bytes with gaps of", best, "bits")

# %% [markdown]
# The paper takes 5 bits in such layers and 8 in convolutions. It is a fine compromise, and a compromise: some gaps have too few
# bits, most too many. Section 3 does without one.
#
# ## 2. Which comes first?
#
# Zeros, and shared values: which stage comes first? This is the code if one shares values first, with `learn(weights, size)` for the
# best values (lesson 06):


# %%
from nncompress_lab.quantization.arrays.codebook import learn_codebook


def learn(weights, size):
    """The values that represent weights best, in ascending order."""
    return learn_codebook(weights, size=size, keep_zeros=False).table


def nearest(weights, values):
    """Each weight's nearest value."""
    return values[np.argmin(np.abs(weights[..., np.newaxis] - values), axis=-1)]


def share_then_prune(weights, sparsity, size, learn):
    shared = nearest(weights, learn(weights, size))
    smallest = np.argsort(np.abs(shared), axis=None)
    smallest = smallest[: round(sparsity * weights.size)]
    return np.where(
        np.isin(np.arange(weights.size), smallest).reshape(weights.shape), 0, shared
    )


twelve = np.array(
    [[0.02, -0.47, 0.12], [-0.61, 0.08, -0.29], [0.33, -0.01, 0.74], [0.05, 0.9, -0.03]]
)
figures.matrices(
    "Four values, then half to zero: one value was learned for weights that are gone",
    weights=twelve,
    shared=nearest(twelve, learn(twelve, 4)),
    then_pruned=share_then_prune(twelve, 0.5, 4, learn),
)

# %% [markdown]
# The value near zero stood for the smallest weights, and these went. Three values are left for the others. What is more, weights that
# share a value can no longer be told apart, so which of them go is left to chance.
#
# ### Exercise 3 · Zeros first
#
# Write `prune_then_share`: the `round(sparsity * size of the array)` smallest magnitudes become 0, all others the nearest of the
# learned values. With the 0 there may be `size` different values.


# %% tags=["exercise:prune_then_share"]
def prune_then_share(weights, sparsity, size, learn):
    """Return what becomes of the weights: floats of their shape.

    weights: any shape. size: how many different values, 0 among them. learn: a function;
    learn(some_weights, count) returns the count best values, ascending.
    """
    # BEGIN SOLUTION
    order = np.argsort(np.abs(weights), axis=None)
    kept = np.ones(weights.size, bool)
    kept[order[: round(sparsity * weights.size)]] = False
    kept = kept.reshape(weights.shape)
    values = learn(weights[kept], size - 1)
    places = np.argmin(np.abs(weights[..., np.newaxis] - values), axis=-1)
    return np.where(kept, values[places], 0)
    # END SOLUTION


# %% tags=["wrong:prune_then_share:learns_from_what_is_left"]
def prune_then_share(weights, sparsity, size, learn):
    order = np.argsort(np.abs(weights), axis=None)
    kept = np.ones(weights.size, bool)
    kept[order[: round(sparsity * weights.size)]] = False
    kept = kept.reshape(weights.shape)
    values = learn(weights, size - 1)  # of all weights
    places = np.argmin(np.abs(weights[..., np.newaxis] - values), axis=-1)
    return np.where(kept, values[places], 0)


# %% tags=["wrong:prune_then_share:learns_from_what_is_left"]
def prune_then_share(weights, sparsity, size, learn):
    order = np.argsort(np.abs(weights), axis=None)
    pruned = weights.copy()
    pruned.flat[order[: round(sparsity * weights.size)]] = 0
    values = learn(pruned, size)  # zeros, too
    places = np.argmin(np.abs(pruned[..., np.newaxis] - values), axis=-1)
    return np.where(pruned == 0, 0, values[places])


# %% tags=["wrong:prune_then_share:counts_zero_among_the_values"]
def prune_then_share(weights, sparsity, size, learn):
    order = np.argsort(np.abs(weights), axis=None)
    kept = np.ones(weights.size, bool)
    kept[order[: round(sparsity * weights.size)]] = False
    kept = kept.reshape(weights.shape)
    values = learn(weights[kept], size)
    places = np.argmin(np.abs(weights[..., np.newaxis] - values), axis=-1)
    return np.where(kept, values[places], 0)


# %% tags=["wrong:prune_then_share:prunes_the_smallest"]
def prune_then_share(weights, sparsity, size, learn):
    order = np.argsort(weights, axis=None)  # the most negative ones
    kept = np.ones(weights.size, bool)
    kept[order[: round(sparsity * weights.size)]] = False
    kept = kept.reshape(weights.shape)
    values = learn(weights[kept], size - 1)
    places = np.argmin(np.abs(weights[..., np.newaxis] - values), axis=-1)
    return np.where(kept, values[places], 0)


# %% tags=["check"]
prune_then_share = lesson.accept("prune_then_share", prune_then_share)

# %% [markdown]
# Both orders on all kernels of LeNet-5: 80 % zeros, four values, no training:


# %%
def with_kernels(change):
    """A copy of LeNet-5 whose kernels are `change(kernel)`."""
    changed = ncl.copy_model(model)
    for name in names:
        layer = changed.get_layer(name)
        layer.kernel.assign(change(keras.ops.convert_to_numpy(layer.kernel)))
    return changed


values_first = with_kernels(lambda each: share_then_prune(each, 0.8, 4, learn))
zeros_first = with_kernels(lambda each: prune_then_share(each, 0.8, 4, learn))

# %% tags=["predicted"]
orders = {
    "original": original_accuracy,
    "values first, then zeros": measure.accuracy(values_first, images),
    "zeros first, then values": measure.accuracy(zeros_first, images),
}
figures.bars(
    "80 % zeros and four values: which comes first decides",
    orders,
    "validation accuracy",
    marked=["zeros first, then values"],
)

# %% tags=["check"]
lost = {name: original_accuracy - found for name, found in orders.items()}
zeros = [
    sum(int(np.sum(w == 0)) for w in one.get_weights() if w.ndim > 1)
    for one in (values_first, zeros_first)
]
print("zeros in both:", *[f"{count:,}" for count in zeros])
first, second = list(lost)[1:]
print("zeros first loses less:", lost[second] < lost[first])

# %% [markdown]
# And a stage that comes later can undo one that came before. Train the model with shared values like any other model:

# %%
few = ncl.Context(
    train=data.train.take(512), validation=images.take(128), progress=False
)
shared = ncl.CodebookQuantization(bits=3)(pruned)
trained = ncl.FineTune(epochs=1)(ncl.dequantized(shared), few)


def different(one):
    """How many different values dense1 has."""
    return np.unique(keras.ops.convert_to_numpy(one.get_layer("dense1").kernel)).size


# %% tags=["check"]
print("different values in dense1:", different(shared))
print("after four steps of training more than 10,000:", different(trained) > 10_000)

# %% [markdown]
# Training moves each weight by itself. Whoever trains after sharing trains the *values*, which is `ncl.FineTuneCodebook`, or trains through
# the nearest value, as lesson 10 did through rounding, `ncl.CodebookAwareTraining`.
#
# ## 3. The least that it can cost
#
# Lesson 06 asked what codes cost at least: with shares $p_i$, $H = -\sum_i p_i \log_2 p_i$ bits each, their entropy. A pruned
# kernel asks two questions. At each of its $n$ places: is there a weight? At each of the $m$ places where there is one: which value?
#
# $$\text{bits} \ge n \cdot H(\text{zero or not}) + m \cdot H(\text{value})$$
#
# For example 1,000 places of which 100 hold a weight, with two values that are equally frequent:

# %% tags=["check"]
shares = np.array([0.9, 0.1])
places_bits = 1000 * -np.sum(shares * np.log2(shares))
values_bits = 100 * 1
print(f"{places_bits:.0f} bits for the positions, {values_bits} for the values")

# %% [markdown]
# ### Exercise 4 · The bill of a kernel
#
# Write `kernel_bill`: the least bytes for the positions of a kernel's weights and for their values, not rounded. A kernel may also be full, or
# empty: what is certain costs nothing.


# %% tags=["exercise:kernel_bill"]
def kernel_bill(kernel):
    """Return (positions, values): bytes.

    kernel: an array of any shape that holds zeros and few different values.
    """
    # BEGIN SOLUTION
    found = []
    for symbols in (kernel != 0, kernel[kernel != 0]):
        counts = np.unique(symbols, return_counts=True)[1]
        found.append(np.sum(counts * np.log2(symbols.size / counts)) / 8)
    return tuple(found)
    # END SOLUTION


# %% tags=["wrong:kernel_bill:counts_the_values_of_what_is_left"]
def kernel_bill(kernel):
    found = []
    for symbols in (kernel != 0, kernel):  # zero is no value
        counts = np.unique(symbols, return_counts=True)[1]
        shares = counts / symbols.size
        found.append(symbols.size * -np.sum(shares * np.log2(shares)) / 8)
    return tuple(found)


# %% tags=["wrong:kernel_bill:counts_the_values_of_what_is_left"]
def kernel_bill(kernel):
    found = []
    for symbols in (kernel != 0, kernel[kernel != 0]):
        counts = np.unique(symbols, return_counts=True)[1]
        shares = counts / symbols.size
        found.append(kernel.size * -np.sum(shares * np.log2(shares)) / 8)
    return tuple(found)


# %% tags=["wrong:kernel_bill:measures_in_bytes"]
def kernel_bill(kernel):
    found = []
    for symbols in (kernel != 0, kernel[kernel != 0]):
        counts = np.unique(symbols, return_counts=True)[1]
        shares = counts / symbols.size
        found.append(symbols.size * -np.sum(shares * np.log(shares)) / 8)
    return tuple(found)


# %% tags=["wrong:kernel_bill:asks_at_every_place"]
def kernel_bill(kernel):
    kept = kernel[kernel != 0]
    share = kept.size / kernel.size
    counts = np.unique(kept, return_counts=True)[1]
    shares = counts / kept.size
    values = kept.size * -np.sum(shares * np.log2(shares)) / 8
    return kept.size * -np.log2(share) / 8, values  # where none is tells, too


# %% tags=["wrong:kernel_bill:knows_that_what_is_certain_is_free"]
def kernel_bill(kernel):
    kept = kernel[kernel != 0]
    share = kept.size / kernel.size
    places = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    shares = np.unique(kept, return_counts=True)[1] / kept.size
    values = -np.sum(shares * np.log2(shares))
    return kernel.size * places / 8, kept.size * values / 8


# %% tags=["check"]
kernel_bill = lesson.accept("kernel_bill", kernel_bill)

# %% [markdown]
# Two questions or one? One could as well code all places at once, with 0 as one of the values. It makes no difference:

# %% tags=["check"]
coded = keras.ops.convert_to_numpy(shared.get_layer("dense1").kernel)
positions, values = kernel_bill(coded)
counts = np.unique(coded, return_counts=True)[1]
at_once = -np.sum(counts * np.log2(counts / coded.size)) / 8
print("the same bytes:", np.isclose(positions + values, at_once))

# %% [markdown]
# That is the **chain rule** of entropy. So where do gaps come in? The paper codes with **Huffman's** words, short ones for frequent symbols, and a word
# has one bit or more. Asked at each place, "zero or not" costs one bit there, even if the answer is nearly certain. A gap
# answers for many places at once. Huffman's rule: take the two rarest symbols, make them one, and again; each time all symbols inside become one bit longer:

# %%
import heapq


def huffman_bytes(symbols):
    """What the symbols take with the best words of whole bits."""
    counts = np.unique(symbols, return_counts=True)[1].tolist()
    if len(counts) == 1:
        return len(symbols) / 8
    heapq.heapify(counts)
    bits = 0
    while len(counts) > 1:
        pair = heapq.heappop(counts) + heapq.heappop(counts)
        bits += pair
        heapq.heappush(counts, pair)
    return bits / 8


kept = coded.ravel() != 0
ways = {
    "number of the place": gaps.size * bits_of_a_place / 8,
    "one bit a place, Huffman": huffman_bytes(kept),
    f"gaps of {best} bits": entries[best] * best / 8,
    "gaps, Huffman": huffman_bytes(gaps_of(kept)),
    "entropy of the places": positions,
}
figures.bars(
    "Where the weights of dense1 are: five ways to say it",
    {name: found / 1000 for name, found in ways.items()},
    "kB",
    marked=["entropy of the places"],
)

# %% tags=["check"]
mask = ways["one bit a place, Huffman"] == kept.size / 8
print("Huffman's bits for the places are those of a plain mask:", mask)
print(
    "his words for the gaps take less than the least:",
    ways["gaps, Huffman"] < positions,
)

# %% [markdown]
# Look at the last two bars again. Words of whole bits take *less* than the entropy of the places, which was to be the least.
#
# ### Exercise 5 · Less than the least?
#
# How can that be?
#
# a) The bound is wrong for kernels with many zeros.
#
# b) The bound knows one share of zeros for the whole kernel. But some rows hold far more weights than others, and gaps show it.
#
# c) The words leave out the gaps that are too long.
#
# d) Huffman's words are shorter than the entropy of what they code.

# %% tags=["exercise:less_than_least"]
# BEGIN SOLUTION
less_than_least = "b"
# END SOLUTION

# %% tags=["wrong:less_than_least:is_not_a"]
less_than_least = "a"

# %% tags=["wrong:less_than_least:is_not_c"]
less_than_least = "c"

# %% tags=["wrong:less_than_least:is_not_d"]
less_than_least = "d"

# %% tags=["check"]
lesson.check("less_than_least", less_than_least)

# %% [markdown]
# The places again, asked row by row with the share of each row. A row of `dense1` is one of its 800 inputs:

# %% tags=["predicted"]
rows = [kernel_bill(row)[0] for row in coded]
in_a_row = np.count_nonzero(coded, axis=1)
print(f"positions with one share: {positions:,.0f} bytes", end=", ")
print(f"with a share for each row: {sum(rows):,.0f}")
print(f"weights in a row: from {in_a_row.min()} to {in_a_row.max()}")

# %% [markdown]
# `ncl.pack` tries gaps by rows, gaps by columns, and shares for kinds of rows and columns, and takes what is shortest.
#
# ## 4. All together
#
# The whole recipe, really trained, if briefly: 10,000 images, a few epochs for each stage, with the original as the teacher (lesson 09).
# Channels go before single weights (lesson 03), because what is narrow trains fast:

# %%
from dataclasses import replace

context = ncl.Context(
    train=data.train, validation=data.validation, original=model, progress=False
)
stages = {
    "narrow": ncl.pipeline(
        ncl.ChannelPruning(macs=0.2, scope="global"),
        ncl.FineTune(epochs=1, batch_size=64, learning_rate=2e-3, teacher="original"),
    ),
    "zeros": ncl.pipeline(
        ncl.GradualPruning(
            sparsity=0.9,
            scope="global",
            epochs=2,
            batch_size=64,
            learning_rate=2e-3,
            teacher="original",
            select=ncl.Selection(types=("Dense",)),
        ),
        ncl.RemoveDeadChannels(),
    ),
    "shared values": ncl.pipeline(
        ncl.CodebookQuantization(bits=3),
        ncl.FineTuneCodebook(epochs=1, learning_rate=3e-3, teacher="original"),
        ncl.ShortFloats(significant_bits=8, values=16),
    ),
}
brief = replace(context, train=data.train.take(2560))  # enough for a few values
made, small = {"original": model}, model
with lesson.working("Training for four epochs", seconds=15):
    for name, stage in stages.items():
        given = brief if name == "shared values" else context
        small = made[name] = stage(small, given)

# %% tags=["predicted"]
packed = {name: measure.file_sizes(one).packed for name, one in made.items()}
whole = packed["shared values"]
small_accuracy = measure.accuracy(small, images)
figures.bars(
    f"431,080 weights in {whole:,} bytes, {1_724_320 / whole:.0f} times smaller",
    {"float32, in memory": 1724.32}
    | {f"{n}, packed": b / 1000 for n, b in packed.items()},
    "kB",
    marked=["shared values, packed"],
)
print(f"accuracy: {original_accuracy:.3f} before, {small_accuracy:.3f} after")

# %% tags=["check"]
print("100 times smaller or more:", whole < 17_243)
print("and fewer than 9 points lost:", original_accuracy - small_accuracy < 0.09)
print("different values in dense1, tables trained:", different(small))

# %% [markdown]
# What is each byte for? The bill of each kernel, and what its layer takes in the file, with table and biases. What is left of the file
# is the index, which says how the network is built, and checksums:

# %% tags=["predicted"]
from nncompress_lab.packing.model_file import layer_bytes

layers = {one.name: one for one in small.layers if hasattr(one, "kernel")}
bills = {
    name: kernel_bill(keras.ops.convert_to_numpy(one.kernel))
    for name, one in layers.items()
}
in_file = {name: layer_bytes(one) for name, one in layers.items()}
in_file["index"] = whole - sum(in_file.values())
figures.panels(
    f"Every one of the {whole:,} bytes",
    {
        "positions, at least": {name: bills.get(name, (0, 0))[0] for name in in_file},
        "values, at least": {name: bills.get(name, (0, 0))[1] for name in in_file},
        "in the file": in_file,
    },
    one_scale=True,
)
part = sum(bill[0] for bill in bills.values()) / sum(map(sum, bills.values()))
print(f"of the bills {100 * part:.0f} % are for positions")

# %% tags=["check"]
least = sum(map(sum, bills.values()))
print("the whole file is within a quarter of the bills:", 0.75 < whole / least < 1.25)
print("positions are 40 to 65 % of the bills:", 0.4 < part < 0.65)

# %% [markdown]
# About half of what the kernels need says *where* a weight is, not *what* it is: whoever could do with whole rows and channels, as the first
# stage did, saves that.
#
# And with all training images and more epochs? That takes most of an hour, so `benchmarks/deep_compression.py` did it, and the
# results are in the package. Here is LeNet-5 on the *test* images. (The paper has 39 times and an error of 0.74 % for MNIST.)

# %%
from nncompress_lab.course import measured

runs = measured.rows("deep_compression")
for name in ("MNIST", "Fashion-MNIST"):
    of = [row for row in runs if row["data"] == name]
    size = np.mean([row["packed_bytes"] for row in of])
    ratio = np.mean([row["float32_bytes"] / row["packed_bytes"] for row in of])
    error = np.mean([row["error"] for row in of])
    print(f"{name}: {size:,.0f} bytes, {ratio:.0f} times smaller, ", end="")
    print(f"error {100 * error:.2f} % (mean over the seeds: {len(of)})")

# %% [markdown]
# ## 5. Your turn, with the control
#
# A pipeline is a row of cards, one for each pass. The picture shows accuracy and bytes after each card, on 1,000 validation images and
# in real files. Cards can be moved, changed and switched off.
#
# ### Exercise 6 · Put it together
#
# The two cards below stand in an order in which they do not work together, and one of them asks for too much. Reach the goal that the control states, without
# any training. Press **Register** when it is met, then **Use this in my code** and **Insert as my answer**. (Or write the pipeline by hand: it is one
# call of `ncl.pipeline`.)

# %% tags=["exercise:chosen_pipeline"]
# BEGIN SOLUTION
chosen_pipeline = ncl.pipeline(
    ncl.MagnitudePruning(sparsity=0.8, scope="adaptive"),
    ncl.CodebookQuantization(bits=4),
)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import CompressionStudio, Goal

studio = CompressionStudio(
    model,
    data,
    steps=[
        ncl.CodebookQuantization(bits=4),
        ncl.MagnitudePruning(sparsity=0.9, scope="adaptive"),
    ],
    goal=Goal(packed_bytes=80_000, accuracy_drop=0.035),
    answer="chosen_pipeline",
)
studio

# %% tags=["wrong:chosen_pipeline:is_small_enough"]
chosen_pipeline = ncl.pipeline(
    ncl.CodebookQuantization(bits=4),
    ncl.MagnitudePruning(sparsity=0.8, scope="adaptive"),
)

# %% tags=["wrong:chosen_pipeline:keeps_enough_accuracy"]
chosen_pipeline = ncl.pipeline(
    ncl.MagnitudePruning(sparsity=0.9, scope="adaptive"),
    ncl.CodebookQuantization(bits=4),
)

# %% tags=["wrong:chosen_pipeline:is_registered"]
chosen_pipeline = [
    ncl.MagnitudePruning(sparsity=0.8, scope="adaptive"),
    ncl.CodebookQuantization(bits=4),
]

# %% tags=["check"]
lesson.check("chosen_pipeline", chosen_pipeline)

# %% [markdown]
# ## 6. The file, and what it does not save
#
# Your small network as a real file, read again, and in a real runtime:

# %% tags=["check"]
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "lenet5.ncz"
    ncl.pack(small, file)
    print("the file has the bytes of the bill:", file.stat().st_size == whole)
    again = ncl.unpack(file)
    exported = file.with_suffix(".onnx")
    ncl.export(small, exported)
    outputs = ncl.runtimes.load(exported).predict(images.x[:64])
predictions = [one.predict(images.x[:64], verbose=0) for one in (small, again)]
print("read again, the same predictions:", np.array_equal(*predictions))
classes = [each.argmax(axis=1) for each in (outputs, predictions[0])]
print("in ONNX Runtime the same classes:", np.array_equal(*classes))

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one

# %% tags=["timing", "predicted"]
measure.time_on_devices(
    {name: made[name] for name in ("original", "narrow", "shared values")},
    batch_sizes=(1, 64),
)

# %% [markdown]
# What made it faster are the channels that went first. Zeros, codes and coding are for whoever stores or sends a network; a runtime
# decodes them and then multiplies as before.
#

# ### ★ Exercise 7 · A layer in one number
#
# How does a file come so near to the entropy, if Huffman's words cannot? With words of *fractions* of a bit. You know a coder of this
# kind: the decimal system. A number holds digits; `number * 10 + digit` writes one more, `number % 10` reads it and `number // 10` is what was there before.
# Each of the ten digits gets one of ten remainders. A coder for symbols that are not equally frequent gives a symbol as many remainders as
# its **count**: of `total = sum(counts)` remainders the first `counts[0]` belong to symbol 0, the next `counts[1]` to symbol 1, and so on.
# A symbol with many remainders lets the number grow little. This is **asymmetric numeral systems** (Duda, 2009), and here is what writes:


# %%
def write_number(symbols, counts):
    """One number that holds all symbols; the last one is written first."""
    starts = [sum(counts[:symbol]) for symbol in range(len(counts))]
    number = 0
    for symbol in reversed(symbols):
        whole, rest = divmod(number, counts[symbol])
        number = whole * sum(counts) + starts[symbol] + rest
    return number


# %% tags=["check"]
print("digits, all with the count 1:", write_number([3, 0, 7, 5], [1] * 10))
rare = write_number([1, 0, 0, 0, 0, 0, 0, 0], [7, 1])
print("eight symbols, one of them rare:", rare.bit_length(), "bits")

# %% [markdown]
# Write `read_number`, which reads them again. There is no recipe for this one. Python's integers are exact, however long: use `//` and `%`, and no floats.


# %% tags=["exercise:read_number"]
def read_number(number, counts, length):
    """Return the list of the `length` symbols that write_number wrote.

    counts: a list; how often each symbol is said to occur. Symbols are 0, 1, 2, ...
    """
    # BEGIN SOLUTION
    shares = [symbol for symbol, count in enumerate(counts) for _ in range(count)]
    found = []
    for _ in range(length):
        whole, rest = divmod(number, len(shares))
        symbol = shares[rest]
        number = whole * counts[symbol] + rest - shares.index(symbol)
        found.append(symbol)
    return found
    # END SOLUTION


# %% tags=["wrong:read_number:reads_equal_counts_like_digits"]
def read_number(number, counts, length):
    shares = [symbol for symbol, count in enumerate(counts) for _ in range(count)]
    found = []
    for _ in range(length):
        whole, rest = divmod(number, len(shares))
        symbol = shares[rest]
        number = whole * counts[symbol] + rest - shares.index(symbol)
        found.insert(0, symbol)  # turned round
    return found


# %% tags=["wrong:read_number:puts_the_rest_back"]
def read_number(number, counts, length):
    shares = [symbol for symbol, count in enumerate(counts) for _ in range(count)]
    found = []
    for _ in range(length):
        number, rest = divmod(number, len(shares))  # the rest is lost
        found.append(shares[rest])
    return found


# %% tags=["wrong:read_number:reads_equal_counts_like_digits"]
def read_number(number, counts, length):
    shares = [symbol for symbol, count in enumerate(counts) for _ in range(count)]
    found = []
    for _ in range(length):
        whole, rest = divmod(number, len(shares))
        symbol = shares[rest]
        number = whole * counts[symbol] + rest  # where its share begins is forgotten
        found.append(symbol)
    return found


# %% tags=["wrong:read_number:reads_one_symbol"]
def read_number(number, counts, length):
    found = []
    for _ in range(length):
        number, rest = divmod(number, len(counts))  # as if all were equally frequent
        found.append(rest)
    return found


# %% tags=["wrong:read_number:reads_any_symbols"]
def read_number(number, counts, length):
    shares = [symbol for symbol, count in enumerate(counts) for _ in range(count)]
    found = []
    for _ in range(length):
        whole, rest = int(number / len(shares)), number % len(shares)  # a float
        symbol = shares[rest]
        number = whole * counts[symbol] + rest - shares.index(symbol)
        found.append(symbol)
    return found


# %% tags=["check"]
read_number = lesson.accept("read_number", read_number)

# %% [markdown]
# And now the file's trick on a real layer: the codes of `conv2`, 25,000 places, as one number with as many bits as their entropy says:

# %% tags=["check"]
kernel = keras.ops.convert_to_numpy(shared.get_layer("conv2").kernel)
table, codes = np.unique(kernel, return_inverse=True)
codes, counts = codes.ravel().tolist(), np.bincount(codes.ravel()).tolist()
number = write_number(codes, counts)
print(
    "your function reads all of them:", read_number(number, counts, len(codes)) == codes
)
least = 8 * sum(kernel_bill(kernel))
print("bits over the entropy:", f"{number.bit_length() / least - 1:.2%}")
print("less than a bit a weight:", number.bit_length() < kernel.size)

# %% [markdown]
# A file cuts such a number into words of 32 bits, so that the arithmetic stays fast; else `ncl.pack` does what you did.
#
# ## What you predicted and what came out

# %% tags=["predicted"]
lesson.compare_predictions(
    {
        "bytes of the file at the end": whole,
        "accuracy of the model in it": round(small_accuracy, 2),
        "part of the kernels' bytes that says where weights are": round(float(part), 2),
    }
)

# %% [markdown]
# ## Into the table
#
# Your models beside those of the lessons before:

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

report = measure_stages(
    {"original": model, "Deep Compression": small}, data=data.validation
)
lesson.table.add(report, model="LeNet-5", technique="Deep Compression")

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in, all of the images, and more epochs.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

result = ncl.compress(
    my_model,
    ncl.GradualPruning(sparsity=0.9, scope="adaptive", epochs=1),
    ncl.RemoveDeadChannels(),
    ncl.CodebookQuantization(bits=4),
    ncl.ShortFloats(significant_bits=8, values=16),
    context=ncl.Context.of(my_data, train=my_data.train.take(1280), progress=False),
)
print(
    f"{ncl.packed_bytes(my_model):,} bytes before, {ncl.packed_bytes(result.model):,} after"
)

# %% [markdown]
# ## Further reading
#
# - Han, Mao, Dally, [Deep Compression](https://arxiv.org/abs/1510.00149), ICLR 2016: the three stages; section 2 has the
#   filling zeros.
# - Duda, [Asymmetric numeral systems](https://arxiv.org/abs/0902.0271), 2009: the coder of exercise 7.
# - Oktay, Ballé, Singh, Shrivastava, [Scalable Model Compression by Entropy Penalized
#   Reparameterization](https://arxiv.org/abs/1906.06624), ICLR 2020: train for few bits, instead of coding what training leaves.

# %% tags=["check"]
lesson.score()
