# ---
# jupyter:
#   nncompress:
#     lesson: "06"
#     title: "Non-uniform quantization: codebooks"
#     minutes: 50
#     difficulty: 3
#     cell_seconds: 120
# ---

# %% [markdown]
# # Non-uniform quantization: codebooks
#
# | | |
# |---|---|
# | You will be able to | learn the 16, 8 or 4 values that a layer's weights need; say what codes and tables cost, and what entropy coding makes of them; say when free values are worth it and when even ones are better |
# | Time | 50 minutes, of which the computer needs less than one |
# | Difficulty | 3 of 5 |
# | You need | lesson 04 (codes, scale, per channel) and some NumPy |
# | Points | seven exercises, one of them with a star; 14 points |
#
# Lesson 04 gave each weight one of 16 values, and placed them evenly between the smallest and the
# largest weight. Few weights are out there; most are near 0. **Non-uniform quantization** puts the
# values where the weights are. The list of values is the **codebook** (or table), and a weight is
# stored as its place in the list.
#
# At the end you have written the best known way to find such a list, have a LeNet-5 that works
# with four values for each output channel, and know what an even spacing does better nevertheless.

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("06")

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
    for name in ("conv1", "conv2", "dense1", "logits")
}
lesson

# %% [markdown]
# ## Predict
#
# All kernels of LeNet-5 get 2-bit codes: four values for each kernel. Guess first: replace each `...`.
# Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "accuracy with four evenly spaced values": ...,  # 0 to 1
        "accuracy with four freely chosen values": ...,  # 0 to 1
        "bits that a 4-bit code of an even value needs on average": ...,  # 0 to 4
    }
)

# %% [markdown]
# ## 1. A table of values
#
# Search for "non-uniform quantization" and you find code of this kind, beside the one for the
# uniform case:

# %%
weights = np.array(
    [
        [0.02, -0.47, 0.12],
        [-0.61, 0.08, -0.29],
        [0.33, -0.01, 0.74],
        [0.05, 0.90, -0.03],
    ]
)


def uniform_snippet(w, bits):
    return np.round(w / np.max(np.abs(w)) * 2 ** (bits - 1))


def non_uniform_snippet(weights, num_bits):
    max_value = np.max(np.abs(weights))
    levels = 2 ** (num_bits - 1)
    return np.round(weights / max_value * levels)


figures.matrices(
    "The 'non-uniform' snippet, asked for 3 bits",
    reach=4.5,
    weights=weights,
    result=non_uniform_snippet(weights, 3),
)

# %% tags=["check"]
result = non_uniform_snippet(weights, 3)
print(
    "same as the uniform snippet:", np.array_equal(result, uniform_snippet(weights, 3))
)
every_value = np.unique(non_uniform_snippet(np.linspace(-1, 1, 1001), 3))
print("its values:", every_value.tolist())
print("distances between them:", np.unique(np.diff(every_value)))

# %% [markdown]
# It is the uniform formula, in longer words: all of its values have the same distance of 1. (And it
# keeps the mistakes that lesson 04 found: it returns codes for weights, and has a value too many.)
#
# What we want is a **table** $t$ of values that may stand anywhere, and for each weight a code $c$:
#
# $$\hat w = t[c]$$
#
# In NumPy this is literally the formula. Here with a table of four values, chosen by eye, and 2-bit
# codes:

# %%
table = np.array([-0.5, 0.0, 0.3, 0.8])
codes = np.array([[1, 0, 1], [0, 1, 0], [2, 1, 3], [1, 3, 1]])
decoded = table[codes]
figures.matrices(
    "Four values for twelve weights: the code is the place in the table",
    reach=3,
    weights=weights,
    codes=codes,
    decoded=decoded,
)

# %% [markdown]
# ### Exercise 1 · The nearest value of a table
#
# The codes above were written down by hand. Write `nearest_codes`: for each weight the place, in the
# table, of the value that is nearest to it. Where two are equally near, take either. It must work
# for weights of any number of axes.


# %% tags=["exercise:nearest_codes"]
def nearest_codes(weights, table):
    """Return the code of each weight: integers of the shape of the weights.

    weights: array of any shape. table: one axis, values in ascending order.
    """
    # BEGIN SOLUTION
    distances = np.abs(weights[..., np.newaxis] - table)
    return np.argmin(distances, axis=-1)
    # END SOLUTION


# %% tags=["wrong:nearest_codes:returns_places_in_the_table"]
def nearest_codes(weights, table):
    return table[np.argmin(np.abs(weights[..., np.newaxis] - table), axis=-1)]


# %% tags=["wrong:nearest_codes:finds_each_value_itself"]
def nearest_codes(weights, table):
    return np.argmax(np.abs(weights[..., np.newaxis] - table), axis=-1)


# %% tags=["wrong:nearest_codes:finds_each_value_itself"]
def nearest_codes(weights, table):
    return np.argmin(weights[..., np.newaxis] - table, axis=-1)


# %% tags=["wrong:nearest_codes:looks_at_the_neighbours_on_both_sides"]
def nearest_codes(weights, table):
    return np.clip(np.searchsorted(table, weights), 0, len(table) - 1)


# %% tags=["wrong:nearest_codes:does_not_take_the_table_for_even"]
def nearest_codes(weights, table):
    step = (table[-1] - table[0]) / (len(table) - 1)
    codes = np.rint((weights - table[0]) / step).astype(int)
    return np.clip(codes, 0, len(table) - 1)


# %% tags=["check"]
nearest_codes = lesson.accept("nearest_codes", nearest_codes)

# %% [markdown]
# ## 2. Where should the values stand?
#
# For given codes the best place of a value is the **mean** of the weights that have its code: no other
# number has a smaller summed squared distance to them. So take turns:
#
# 1. each weight takes the nearest value (exercise 1),
# 2. each value moves to the mean of the weights that took it.
#
# This is **k-means** on a line; engineers know it as Lloyd's algorithm. No step can make the error larger.
#
# Two details decide whether it can be used. A value that no weight took has no mean and stays where it is. And
# the value **0** stays 0, whatever its weights are: a pruned weight must remain zero, or pruning was for nothing.
#
# ### Exercise 2 · Each value moves to the mean of its weights
#
# Write `moved_table`, the second step.


# %% tags=["exercise:moved_table"]
def moved_table(weights, codes, table):
    """Return the table after each value has moved to the mean of its weights.

    weights and codes: arrays of one shape. table: floats, one axis. A value that no
    weight has taken, and a value of 0, stay as they are.
    """
    # BEGIN SOLUTION
    moved = table.copy()
    for code in range(table.size):
        taken = weights[codes == code]
        if taken.size > 0 and table[code] != 0:
            moved[code] = taken.mean()
    return moved
    # END SOLUTION


# %% tags=["wrong:moved_table:leaves_an_unused_value_where_it_is"]
def moved_table(weights, codes, table):
    means = np.array([weights[codes == code].mean() for code in range(table.size)])
    return np.where(table == 0, 0, means)


# %% tags=["wrong:moved_table:keeps_zero_at_zero"]
def moved_table(weights, codes, table):
    moved = table.copy()
    for code in np.unique(codes):
        moved[code] = weights[codes == code].mean()
    return moved


# %% tags=["wrong:moved_table:is_the_mean_of_its_weights"]
def moved_table(weights, codes, table):
    moved = table.copy()
    for code in np.unique(codes[table[codes] != 0]):
        moved[code] = np.median(weights[codes == code])
    return moved


# %% tags=["wrong:moved_table:is_the_mean_of_its_weights"]
def moved_table(weights, codes, table):
    moved = table.copy()
    for code in np.unique(codes[table[codes] != 0]):
        moved[code] = weights[codes == code].sum() / weights.size
    return moved


# %% tags=["check"]
moved_table = lesson.accept("moved_table", moved_table)

# %% [markdown]
# Both steps together, on every eighth row of LeNet-5's largest kernel, `dense1`. We begin with 16 even
# values:


# %%
def error_of(weights, table):
    """The root mean squared error of each weight's nearest value."""
    return np.sqrt(np.mean((weights - table[nearest_codes(weights, table)]) ** 2))


def k_means(weights, table, rounds):
    """The tables before the first round and after each."""
    tables = [table]
    for _ in range(rounds):
        codes = nearest_codes(weights, tables[-1])
        tables.append(moved_table(weights, codes, tables[-1]))
    return tables


sample = kernels["dense1"][::8].astype(np.float64)
even_start = np.linspace(sample.min(), sample.max(), 16)
tables = k_means(sample, even_start, rounds=25)
errors = [error_of(sample, table) for table in tables]
figures.rounds(
    "The values move to where the weights are, quickly at first, then slowly",
    tables,
    errors,
)

# %% tags=["check"]
print("the error never rises:", bool(np.all(np.diff(errors) <= 0)))
pruned = np.where(np.abs(sample) < 0.1, 0, sample)
table = k_means(pruned, np.sort(np.append(even_start[::2], 0)), rounds=5)[-1]
zeros = table[nearest_codes(pruned, table)][pruned == 0]
print("each pruned weight is still zero:", bool(np.all(zeros == 0)))

# %%
figures.cells(
    "Even values waste cells on the ends; free ones make narrow cells in the middle",
    {
        f"even values: error {errors[0]:.4f}": (sample, tables[0]),
        f"after 25 rounds of k-means: error {errors[-1]:.4f}": (sample, tables[-1]),
    },
)

# %% [markdown]
# k-means goes downhill only, so where it ends depends on where it begins. From 16 values that split the
# weights into equal parts it comes further in as many rounds. The library does not depend on a start: on
# a line the best table can be computed (that is the exercise with the star), and it does so.

# %% tags=["check"]
from nncompress_lab.quantization.arrays.codebook import learn_codebook

equal_parts = np.quantile(sample, (np.arange(16) + 0.5) / 16)
book = learn_codebook(sample, size=16)
print(f"k-means from even values:   {errors[-1]:.4f}")
print(
    f"k-means from equal parts:   {error_of(sample, k_means(sample, equal_parts, 25)[-1]):.4f}"
)
print(f"the library's, the optimum: {error_of(sample, book.table):.4f}")
yours = nearest_codes(sample, book.table)
print("your codes are the same as the library's:", np.array_equal(yours, book.codes))

# %% [markdown]
# ## 3. What does the model say?
#
# All kernels of LeNet-5, with one table for each kernel, and with lesson 04's even values over the range
# of each kernel:

# %% tags=["predicted"]
widths = [6, 5, 4, 3, 2]


def even(bits):
    """2**bits even values from the smallest to the largest weight of each kernel."""
    return ncl.UniformQuantization(
        bits=bits, granularity="per_tensor", symmetric=False
    )(model)


def free(bits):
    """2**bits values of each kernel's own choice."""
    return ncl.CodebookQuantization(bits=bits)(model)


accuracies = {
    "even values": [measure.accuracy(even(bits), images) for bits in widths],
    "free values": [measure.accuracy(free(bits), images) for bits in widths],
}
figures.curves(
    "The fewer values there are, the more it matters where they stand",
    accuracies,
    widths,
    xlabel="bits of a code",
    ylabel="validation accuracy",
    level=("original model", original_accuracy),
)

# %% [markdown]
# At 4 bits the error of the weights is less than half, and the model hardly notices, because it bears
# both. At 2 bits one model works and the other does not.
#
# ## 4. The bill
#
# How many bytes is that? A code of $b$ bits takes $b$ bits, packed without gaps as in lesson 04, and the
# table has $2^b$ values, float32, four bytes each.
#
# But why should all codes take the same number of bits? A code that makes up a share $p$ of all codes can be
# written with $\log_2(1/p)$ bits: 1 bit if it is every second one, 3 bits if it is every eighth. The
# frequent ones get short words, the rare ones long words. The average is the **entropy**:
#
# $$H = -\sum_i p_i \log_2 p_i$$
#
# and no way of writing the codes one by one can do with less (Shannon, 1948). A Huffman code comes
# within a bit of it, arithmetic coding, which `ncl.pack` uses, much nearer.

# %% tags=["check"]
shares = np.array([1 / 2, 1 / 4, 1 / 4])
print("bits of each code:", np.log2(1 / shares))
print(
    "on average:",
    np.sum(shares * np.log2(1 / shares)),
    "- two bits if all have the same",
)

# %% [markdown]
# ### Exercise 3 · What the codes cost, and what they would have to
#
# Write `code_bytes`. It returns two numbers of bytes, both with the whole table of `2**bits` values:
# first with `bits` bits for each code, rounded up to whole bytes, then with the entropy of the codes in
# place of `bits`, not rounded. Not every code need occur.


# %% tags=["exercise:code_bytes"]
def code_bytes(codes, bits):
    """Return (stored, least): bytes of the codes and their table.

    codes: array of integers from 0 to 2**bits - 1, any shape.
    """
    # BEGIN SOLUTION
    counts = np.bincount(codes.ravel())
    shares = counts[counts > 0] / codes.size
    entropy = -np.sum(shares * np.log2(shares))
    table = 4 * 2**bits
    stored = int(np.ceil(codes.size * bits / 8)) + table
    return stored, codes.size * entropy / 8 + table
    # END SOLUTION


# %% tags=["wrong:code_bytes:packs_the_codes_without_gaps"]
def code_bytes(codes, bits):
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    entropy = -np.sum(shares * np.log2(shares))
    table = 4 * 2**bits
    return codes.size + table, codes.size * entropy / 8 + table


# %% tags=["wrong:code_bytes:counts_the_whole_table"]
def code_bytes(codes, bits):
    counts = np.unique(codes, return_counts=True)[1]
    shares = counts / codes.size
    entropy = -np.sum(shares * np.log2(shares))
    table = 4 * len(counts)
    return -(-codes.size * bits // 8) + table, codes.size * entropy / 8 + table


# %% tags=["wrong:code_bytes:measures_the_entropy_in_bits"]
def code_bytes(codes, bits):
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    entropy = -np.sum(shares * np.log(shares))
    table = 4 * 2**bits
    return -(-codes.size * bits // 8) + table, codes.size * entropy / 8 + table


# %% tags=["wrong:code_bytes:leaves_out_codes_that_do_not_occur"]
def code_bytes(codes, bits):
    shares = np.bincount(codes.ravel(), minlength=2**bits) / codes.size
    entropy = -np.sum(shares * np.log2(shares))
    table = 4 * 2**bits
    return -(-codes.size * bits // 8) + table, codes.size * entropy / 8 + table


# %% tags=["wrong:code_bytes:rounds_up_to_whole_bytes"]
def code_bytes(codes, bits):
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    entropy = -np.sum(shares * np.log2(shares))
    table = 4 * 2**bits
    return codes.size * bits // 8 + table, codes.size * entropy / 8 + table


# %% tags=["check"]
code_bytes = lesson.accept("code_bytes", code_bytes)

# %% [markdown]
# Now the codes of `dense1`, 16 even values and 16 free ones:

# %% tags=["predicted"]
kernel = kernels["dense1"]


def even_table(weights, size):
    return np.linspace(weights.min(), weights.max(), size)


def free_table(weights, size):
    return learn_codebook(weights, size=size).table


def bits_a_weight(codes, bits):
    """The entropy: what the codes need at least, without their table."""
    return 8 * (code_bytes(codes, bits)[1] - 4 * 2**bits) / codes.size


tables = {"even": even_table(kernel, 16), "free": free_table(kernel, 16)}
codes = {name: nearest_codes(kernel, table) for name, table in tables.items()}
entropy = {name: bits_a_weight(each, 4) for name, each in codes.items()}
figures.code_counts(
    "Even values are used unequally, free ones almost alike",
    {
        f"16 {name} values: {entropy[name]:.2f} bits on average": np.bincount(
            each.ravel(), minlength=16
        )
        for name, each in codes.items()
    },
)

# %% [markdown]
# Almost half of what the 4-bit codes of even values store is air, and entropy coding lets it out. In free
# values there is little air. So which is better for the *file*? Error against bits, for both ways of counting
# the bits:

# %% tags=["predicted"]
lines = {}
for name, make_table in (("even", even_table), ("free", free_table)):
    stored, least = [], []
    for bits in (2, 3, 4, 5):
        table = make_table(kernel, 2**bits)
        error = error_of(kernel, table)
        stored.append((bits, error))
        least.append((bits_a_weight(nearest_codes(kernel, table), bits), error))
    lines |= {
        f"{name} values, bits as stored": stored,
        f"{name} values, entropy": least,
    }
figures.rates("Stored as they are, free values win; entropy coded, even ones do", lines)

# %% [markdown]
# That is no accident of this layer. Where every code is written with its own number of bits, even
# spacing is nearly the best there is (Gish and Pierce, 1968): what its values waste, the entropy coder
# gets back. Where each code takes the same number of bits, in memory and in a `.keras` file, the
# values had better be free.
#
# Does a real file show it? `ncl.pack` writes codes near their entropy:

# %% tags=["check"]
packed = {
    "even": measure.file_sizes(even(4)).packed,
    "free": measure.file_sizes(free(4)).packed,
}
in_memory = {
    "even": measure.file_sizes(even(4)).keras,
    "free": measure.file_sizes(free(4)).keras,
}
biases = sum(4 * each.shape[-1] for each in kernels.values())
for name, make_table in (("even", even_table), ("free", free_table)):
    codes_of = {k: nearest_codes(w, make_table(w, 16)) for k, w in kernels.items()}
    bound = biases + sum(code_bytes(each, 4)[1] for each in codes_of.values())
    print(
        f"{name}: the packed file is within 3 % of the bound:",
        abs(packed[name] / bound - 1) < 0.03,
    )
print(
    "the .keras files are of the same size, within 1 %:",
    abs(in_memory["even"] / in_memory["free"] - 1) < 0.01,
)
print(
    "the packed file of free values is more than half as large again:",
    packed["free"] > 1.5 * packed["even"],
)

# %% [markdown]
# ### Exercise 4 · Why is the file of even values smaller?
#
# Both models have 4-bit codes, and their `.keras` files are equally large. Why is the packed file of the
# even values so much smaller?
#
# a) Even values need no table.
#
# b) Free values are used about equally often, so their codes have a higher entropy.
#
# c) `ncl.pack` cannot code tables and codes as well as integers.
#
# d) The model with even values lost more weights to zero, and zeros are left out.

# %% tags=["exercise:why_smaller"]
# BEGIN SOLUTION
why_smaller = "b"
# END SOLUTION

# %% tags=["wrong:why_smaller:is_not_a"]
why_smaller = "a"

# %% tags=["wrong:why_smaller:is_not_c"]
why_smaller = "c"

# %% tags=["wrong:why_smaller:is_not_d"]
why_smaller = "d"

# %% tags=["check"]
lesson.check("why_smaller", why_smaller)

# %% [markdown]
# ## 5. A table for each channel
#
# In lesson 04 a scale for each channel was the cure for an outlier, and cost next to nothing: 4 bytes a
# channel. A *table* for each channel costs $4 \cdot 2^b$ bytes, or $32 \cdot 2^b$ bits, each time. The rival is
# any other way to spend bits: one more bit for each code, with a single table whose bytes we may neglect;
# or 32 bits, the floats.
#
# A channel of 100 weights with 4-bit codes, for example, has 400 bits of codes and 512 bits of table, 9.1 bits
# a weight in all. One table for the whole kernel and 5-bit codes would be cheaper.
#
# ### Exercise 5 · When does a table for each channel pay?
#
# Write `fewest_weights`: the smallest number of weights in a channel for which codes of `bits` bits with a
# table of their own cost *at most* as many bits as codes of `rival_bits` bits whose table costs nothing.


# %% tags=["exercise:fewest_weights"]
def fewest_weights(bits, rival_bits):
    """Return the fewest weights of a channel for which a table of its own pays.

    bits: of a code, with a table of 2**bits float32 values. rival_bits: more than bits.
    """
    # BEGIN SOLUTION
    table_bits = 32 * 2**bits
    return int(np.ceil(table_bits / (rival_bits - bits)))
    # END SOLUTION


# %% tags=["wrong:fewest_weights:measures_all_in_bits"]
def fewest_weights(bits, rival_bits):
    return -(-4 * 2**bits // (rival_bits - bits))


# %% tags=["wrong:fewest_weights:measures_all_in_bits"]
def fewest_weights(bits, rival_bits):
    return -(-32 * bits // (rival_bits - bits))


# %% tags=["wrong:fewest_weights:measures_all_in_bits"]
def fewest_weights(bits, rival_bits):
    return -(-32 * 2**bits // rival_bits)


# %% tags=["wrong:fewest_weights:pays_at_the_very_break_even"]
def fewest_weights(bits, rival_bits):
    return 32 * 2**bits // (rival_bits - bits) + 1


# %% tags=["wrong:fewest_weights:rounds_up_to_a_whole_weight"]
def fewest_weights(bits, rival_bits):
    return 32 * 2**bits // (rival_bits - bits)


# %% tags=["wrong:fewest_weights:rounds_up_to_a_whole_weight"]
def fewest_weights(bits, rival_bits):
    return 32 * 2**bits / (rival_bits - bits)


# %% tags=["check"]
fewest_weights = lesson.accept("fewest_weights", fewest_weights)

# %% tags=["check"]
for bits in (2, 3, 4):
    fewest = fewest_weights(bits, bits + 1)
    paying = [name for name, each in kernels.items() if each[..., 0].size >= fewest]
    print(f"{bits} bits: from {fewest} weights, so it pays in {', '.join(paying)}")
print(
    "weights of a channel:", {name: each[..., 0].size for name, each in kernels.items()}
)

# %% [markdown]
# In `dense1`, where nearly all weights are, a channel has 800. With four values a table costs 0.16 bits a weight,
# with 16 values 0.64. Few bits and long channels: that is the place of codebooks.

# %% tags=["predicted"]
of_channels = ncl.CodebookQuantization(bits=2, granularity="per_channel")(model)
figures.bars(
    "Four values for each channel do what four for a whole kernel cannot",
    {
        "original": original_accuracy,
        "4 even values for a kernel": accuracies["even values"][-1],
        "4 free values for a kernel": accuracies["free values"][-1],
        "4 free values for a channel": measure.accuracy(of_channels, images),
    },
    "validation accuracy",
    marked=["4 free values for a channel"],
)

# %% [markdown]
# ## 6. Your turn, with the control
#
# Each accuracy below is measured on 1,000 validation images, each number of bytes on a real file.
#
# ### Exercise 6 · Meet the goal
#
# Store LeNet-5 with codebooks, **without any training**: at most 115 kB packed, and at most two points of
# accuracy lost. Press **Register** when the goal is met, then **Use this in my code** and **Insert as my
# answer**: the setting stands in the cell here as code. Run that cell, then the check. (Or write the pass by
# hand, `ncl.CodebookQuantization(...)`: it is one line.) The view **k-means** steps through its rounds.

# %% tags=["exercise:chosen_codebook"]
# BEGIN SOLUTION
chosen_codebook = ncl.CodebookQuantization(bits=2, granularity="per_channel")
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import CodebookExplorer, Goal

explorer = CodebookExplorer(
    model,
    data,
    goal=Goal(packed_bytes=115_000, accuracy_drop=0.02),
    answer="chosen_codebook",
)
explorer

# %% tags=["wrong:chosen_codebook:is_small_enough"]
chosen_codebook = ncl.CodebookQuantization(bits=3)

# %% tags=["wrong:chosen_codebook:keeps_enough_accuracy"]
chosen_codebook = ncl.CodebookQuantization(bits=2)

# %% tags=["wrong:chosen_codebook:stores_codebooks"]
chosen_codebook = ncl.UniformQuantization(bits=4, granularity="per_tensor")

# %% tags=["wrong:chosen_codebook:is_registered"]
chosen_codebook = 2

# %% tags=["check"]
lesson.check("chosen_codebook", chosen_codebook)

# %% [markdown]
# ## 7. What did it save?

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

last, small = "4 free for a channel", of_channels
if isinstance(chosen_codebook, ncl.Pass):
    last, small = "your choice", chosen_codebook(model, ncl.Context.of(data))
report = measure_stages(
    {
        "original": model,
        "16 even values": even(4),
        "16 free values": free(4),
        "4 free values": free(2),
        last: small,
    },
    data=data.validation,
)
report

# %% [markdown]
# - **Accuracy**: 16 values are enough, even or free.
# - **In memory and the .keras file**: they depend on the bits of a code only, and on the tables. This
#   is where free values are worth it.
# - **Packed**: nearly what the entropy says. 16 even values come out smaller than 16 free ones.
# - **Latency**: ONNX Runtime decodes the codes of a table once, when it loads the file, and computes with
#   floats. The even values of Dense layers it multiplies as integers.
#
# The packed file is a real file, and it comes back:

# %% tags=["check"]
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "lenet5.ncz"
    ncl.pack(small, file)
    restored = ncl.unpack(file)
    print(
        "at most a sixth of the original's:",
        file.stat().st_size < measure.file_sizes(model).packed / 6,
    )
same = all(map(np.array_equal, small.get_weights(), restored.get_weights()))
print("same codes and tables:", same)

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# The models in Keras itself, one image at a time and 64 together:

# %% tags=["timing", "predicted"]
measure.time_on_devices(
    {"original": model, "16 free values": free(4), last: small},
    batch_sizes=(1, 64),
)

# %% [markdown]
# In Keras a layer looks its codes up in their table when it is first used, keeps the floats, and multiplies those. (After
# `ncl.keep_decoded(False)` it looks them up at each call, which takes less memory and far more time.) A codebook saves
# bytes and no milliseconds.
#
# ### ★ Exercise 7 · The table with the least error of all
#
# k-means stops where a step helps no more, and that need not be the best table. Weights are numbers on
# a line, and there the best table can be found. Write `best_table`: at most `size` values with the least
# summed squared error. Within 1 % of the least error is enough; no value has to be 0. There are at most 30
# weights, at least `size` of them different. There is no recipe for this one.


# %% tags=["exercise:best_table"]
def best_table(weights, size):
    """Return the values with the least squared error, floats with one axis."""
    # BEGIN SOLUTION
    line = np.sort(weights, axis=None)
    best = {
        0: (0.0, [])
    }  # of the first 0, 1, 2, ... weights: least error and its table
    for _ in range(size):
        best = {
            end: min(
                (
                    error + line[start:end].var() * (end - start),
                    [*table, line[start:end].mean()],
                )
                for start, (error, table) in best.items()
                if start < end
            )
            for end in range(1 + min(best), line.size + 1)
        }
    return np.array(best[line.size][1])
    # END SOLUTION


# %% tags=["wrong:best_table:does_not_stay_in_a_bad_start"]
def best_table(weights, size):
    table = np.linspace(weights.min(), weights.max(), size)
    for _ in range(100):
        table = moved_table(weights, nearest_codes(weights, table), table)
    return table


# %% tags=["wrong:best_table:does_not_stay_in_a_bad_start"]
def best_table(weights, size):
    parts = np.array_split(np.sort(weights, axis=None), size)
    return np.array([part.mean() for part in parts])


# %% tags=["wrong:best_table:meets_few_values_without_an_error"]
def best_table(weights, size):
    return np.linspace(weights.min(), weights.max(), size)


# %% tags=["wrong:best_table:has_the_least_error"]
def best_table(weights, size):
    table = np.quantile(weights, (np.arange(size) + 0.5) / size)
    for _ in range(100):
        table = moved_table(weights, nearest_codes(weights, table), table)
    return table


# %% tags=["check"]
best_table = lesson.accept("best_table", best_table)

# %%
few = kernels["conv1"][..., 0].astype(np.float64)
from_even = k_means(few, even_table(few, 6), rounds=50)[-1]
yours = best_table(few, 6)
figures.cells(
    "The 25 weights of one filter: k-means stopped early, the best table did not",
    {
        f"k-means from even values: error {error_of(few, from_even):.4f}": (
            few,
            from_even,
        ),
        f"the best table: error {error_of(few, np.sort(yours)):.4f}": (
            few,
            np.sort(yours),
        ),
    },
)

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
lesson.compare_predictions(
    {
        "accuracy with four evenly spaced values": round(
            accuracies["even values"][-1], 2
        ),
        "accuracy with four freely chosen values": round(
            accuracies["free values"][-1], 2
        ),
        "bits that a 4-bit code of an even value needs on average": round(
            float(entropy["even"]), 2
        ),
    }
)

# %% [markdown]
# ## Into the table
#
# Your models beside those of the lessons before:

# %% tags=["predicted"]
free_ones = ("16 free values", "4 free values", last)
lesson.table.add(
    report, model="LeNet-5", technique=dict.fromkeys(free_ones, "codebook")
)

# %% tags=["predicted"]
lesson.table.scatter(model="LeNet-5")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in, and train on all of it.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.lenet5(), ncl.data.fashion_mnist()

result = ncl.compress(
    my_model,
    ncl.CodebookQuantization(bits=2, granularity="per_channel"),
    ncl.FineTuneCodebook(epochs=1),
    context=ncl.Context.of(my_data, train=my_data.train.take(2560), progress=False),
)
result.measured(latency=False)

# %% [markdown]
# ## Further reading
#
# - Han, Mao, Dally, [Deep Compression](https://arxiv.org/abs/1510.00149), ICLR 2016: pruning, codebooks and
#   Huffman coding together; lesson 11 builds it.
# - Lloyd, [Least squares quantization in PCM](https://doi.org/10.1109/TIT.1982.1056489), 1982 (written
#   in 1957): the two steps of k-means, for telephone lines.
# - Shannon, [A Mathematical Theory of
#   Communication](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x), 1948: sections 6 to 9, the entropy
#   and why nothing beats it.
# - Gish, Pierce, [Asymptotically efficient quantizing](https://doi.org/10.1109/TIT.1968.1054193), 1968: why
#   even values are so good once they are entropy coded.

# %% tags=["check"]
lesson.score()
