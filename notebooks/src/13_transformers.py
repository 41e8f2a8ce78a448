# ---
# jupyter:
#   nncompress:
#     lesson: "13"
#     title: Transformers
#     minutes: 60
#     difficulty: 4
#     cell_seconds: 120
# ---

# %% [markdown]
# # Transformers
#
# | | |
# |---|---|
# | You will be able to | say what a transformer block multiplies, and from how many tokens on attention is most of it; take attention heads out, with all that belongs to them; choose which; make queries and keys narrower together |
# | Time | 60 minutes, of which the computer needs about one |
# | Difficulty | 4 of 5 |
# | You need | lessons 03 (channels), 04 (bits) and 07 (low rank), and some NumPy |
# | Points | seven exercises, one of them with a star; 18 points |
#
# A **transformer** is made of blocks, and each block of two parts with about as many weights: an *attention*, in which
# places of the input look at each other, and an *MLP*, two Dense layers. All that you have learned works here too:
# zeros, bits, ranks, channels. But the two parts bear it differently, and attention has a channel of its own, the **head**.
# Here is a small transformer for images, `vit_tiny`. How many of its sixteen heads does it need?

# %%
from nncompress_lab.course import Lesson

lesson = Lesson("13")

import keras
import numpy as np

import nncompress_lab as ncl
from nncompress_lab import measure
from nncompress_lab.course import figures

model, data = ncl.zoo.vit_tiny(), ncl.data.fashion_mnist()
# Validation data chooses; the test data stays closed until the end.
images = data.validation.take(1000)
few = data.validation.take(64)
original_accuracy = measure.accuracy(model, images)
lesson

# %% [markdown]
# ## Predict
#
# Guess first: replace each `...`. Guesses are kept and earn no points.

# %%
lesson.predict(
    {
        "part of a block's MACs that its attention takes": ...,  # 0 to 1
        "accuracy without the whole MLP of the last block": ...,  # 0 to 1
        "accuracy without the whole attention of the last block": ...,  # 0 to 1
        "accuracy without half of the heads, before any training": ...,  # 0 to 1
    }
)

# %% [markdown]
# ## 1. What a block multiplies
#
# `vit_tiny` cuts an image into 7 x 7 patches of 4 x 4 pixels. A convolution makes a **token** of each, 64 numbers; 64 is the
# **width**. Four blocks change the tokens, and the mean of all tokens gives the ten classes. What goes on in a block, with $x$ the
# tokens, one a row:
#
# $$x \leftarrow x + \text{attention}(\text{norm}(x)), \qquad x \leftarrow x + \text{MLP}(\text{norm}(x))$$
#
# Both parts *add* something to the tokens. The MLP works on each token by itself: a Dense layer to the **hidden** units, and one
# back to the width. The attention of one block has these weights; *key_dim*, the size of a head, is the width over the number of heads:

# %% tags=["check"]
for weight in model.get_layer("block0_attention").weights:
    print(f"{weight.path.split('/', 1)[1]:24} {tuple(weight.shape)}")
for name in ("block0_attention", "block0_mlp1", "block0_mlp2"):
    print(name, "has", model.get_layer(name).count_params(), "weights and biases")

# %% [markdown]
# Each head has three **projections**, Dense layers that make a **query**, a **key** and a **value** of each token; a fourth, the output, brings
# what the heads have found back to the width. Between them are two products without weights: each query with each key, and
# the weights that come of it with the values. For example two tokens of width 4, with two heads of size 2:

# %%
figures.bars(
    "With 2 tokens of width 4 nearly all of the attention is projections",
    {
        "query, key, value, output": 4 * 2 * 4 * 4,
        "queries with keys": 2 * 2 * 4,
        "weights with values": 2 * 2 * 4,
    },
    "MACs",
    marked=["queries with keys", "weights with values"],
)

# %% [markdown]
# ### Exercise 1 · What does a block multiply?
#
# Write `block_macs`: the MACs of the attention and those of the MLP. Biases, softmax and normalization do not count, as in lesson 01.


# %% tags=["exercise:block_macs"]
def block_macs(tokens, width, heads, hidden):
    """Return (attention, mlp), the MACs of the two parts of a block.

    width: numbers a token. heads: each has size width // heads. hidden: units of the MLP.
    """
    # BEGIN SOLUTION
    projections = 4 * tokens * width * width
    products = 2 * tokens * tokens * width
    return projections + products, 2 * tokens * width * hidden
    # END SOLUTION


# %% tags=["wrong:block_macs:counts_four_projections_and_two_products"]
def block_macs(tokens, width, heads, hidden):
    attention = 3 * tokens * width * width + 2 * tokens * tokens * width
    return attention, 2 * tokens * width * hidden


# %% tags=["wrong:block_macs:counts_pairs_of_tokens"]
def block_macs(tokens, width, heads, hidden):
    return 4 * tokens * width * width + 2 * tokens * width, 2 * tokens * width * hidden


# %% tags=["wrong:block_macs:heads_share_the_width"]
def block_macs(tokens, width, heads, hidden):
    attention = heads * (4 * tokens * width * width + 2 * tokens * tokens * width)
    return attention, 2 * tokens * width * hidden


# %% tags=["wrong:block_macs:counts_both_layers_of_the_mlp"]
def block_macs(tokens, width, heads, hidden):
    attention = 4 * tokens * width * width + 2 * tokens * tokens * width
    return attention, tokens * width * hidden


# %% tags=["check"]
block_macs = lesson.accept("block_macs", block_macs)

# %% tags=["predicted"]
attention, mlp = block_macs(49, 64, 4, 128)
others = 49 * 16 * 64 + 49 * 9 * 64 + 64 * 10  # patches, position and logits
print("as measure.macs counts:", 4 * (attention + mlp) + others == measure.macs(model))
print(f"attention {attention:,} MACs, MLP {mlp:,}: {attention / (attention + mlp):.0%}")

# %% [markdown]
# Pairs of tokens are what grows fastest. With twice as many pixels a side there are four times as many tokens and sixteen times as many
# pairs. `vit_tiny` has 128 hidden units, twice its width; most transformers have four times their width.

# %% tags=["predicted"]
counts = [16, 49, 100, 196, 400, 784, 1024]
shares = {}
for times in (2, 4):
    pairs = [block_macs(tokens, 64, 4, times * 64) for tokens in counts]
    shares[f"hidden units: {times} x the width"] = [
        one / (one + other) for one, other in pairs
    ]
figures.curves(
    "The more tokens, the more of a block is attention",
    shares,
    counts,
    xlabel="tokens of width 64",
    ylabel="attention's part of the MACs",
    level=("half", 0.5),
)

# %% [markdown]
# ## 2. What a head computes
#
# With $q_i$, $k_j$ and $v_j$ the query, key and value of tokens $i$ and $j$, and $d$ the size of the head:
#
# $$a_{ij} = \frac{e^{s_{ij}}}{\sum_l e^{s_{il}}}, \quad s_{ij} = \frac{q_i \cdot k_j}{\sqrt d}, \qquad \text{out}_i = \sum_j a_{ij}\, v_j$$
#
# The **scores** $s_{ij}$ say how much token $i$ has to do with token $j$; the softmax makes weights of them that add up to 1 over $j$. Three
# queries and two keys:

# %%
queries = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
keys = np.array([[2.0, 0.0], [0.0, 1.0]])
scores = queries @ keys.T / np.sqrt(2)
exponentials = np.exp(scores)
figures.matrices(
    "Each query has a row of scores, and of weights that add up to 1",
    reach=2.0,
    queries=queries,
    keys=keys,
    scores=scores,
    weights=exponentials / exponentials.sum(axis=1, keepdims=True),
)

# %% [markdown]
# ### Exercise 2 · What a head computes
#
# Write `attend`: what each query gets of the values. Scores can be large; let nothing overflow.


# %% tags=["exercise:attend"]
def attend(queries, keys, values):
    """Return one row for each query.

    queries: shape (queries, size). keys: shape (keys, size). values: shape (keys, numbers).
    """
    # BEGIN SOLUTION
    scores = queries @ keys.T / np.sqrt(keys.shape[1])
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ values
    # END SOLUTION


# %% tags=["wrong:attend:divides_by_the_root_of_the_size"]
def attend(queries, keys, values):
    scores = queries @ keys.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ values


# %% tags=["wrong:attend:divides_by_the_root_of_the_size"]
def attend(queries, keys, values):
    scores = queries @ keys.T / keys.shape[1]
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ values


# %% tags=["wrong:attend:divides_by_the_root_of_the_size"]
def attend(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(len(keys))  # as many as there are keys
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ values


# %% tags=["wrong:attend:gives_each_query_a_mean_of_the_values"]
def attend(queries, keys, values):
    scores = queries @ keys.T / np.sqrt(keys.shape[1])
    weights = np.exp(scores - scores.max(axis=0))
    return weights / weights.sum(axis=0) @ values  # columns, not rows


# %% tags=["wrong:attend:bears_large_scores"]
def attend(queries, keys, values):
    weights = np.exp(queries @ keys.T / np.sqrt(keys.shape[1]))
    return weights / weights.sum(axis=1, keepdims=True) @ values


# %% tags=["check"]
attend = lesson.accept("attend", attend)

# %% [markdown]
# Now the first attention of `vit_tiny`, with your function, head by head, for one image. What the heads find goes through the output's
# kernel and is *added up*:

# %%
layer = model.get_layer("block0_attention")
weights = layer.get_weights()
query, query_bias, key, key_bias, value, value_bias, output, output_bias = weights
before = keras.Model(model.inputs, model.get_layer("block0_norm1").output)
seen = before.predict(few.x[:8], verbose=0)
tokens = seen[0]


def of_head(head):
    """What one head adds to the tokens."""
    found = attend(
        tokens @ query[:, head] + query_bias[head],
        tokens @ key[:, head] + key_bias[head],
        tokens @ value[:, head] + value_bias[head],
    )
    return found @ output[head]


# %% tags=["check"]
by_hand = output_bias + sum(of_head(head) for head in range(4))
theirs = keras.ops.convert_to_numpy(layer(seen[:1], seen[:1]))[0]
print("same as Keras's layer:", np.allclose(by_hand, theirs, atol=1e-4))

# %%
_, looks = layer(seen, seen, return_attention_scores=True)
looks = keras.ops.convert_to_numpy(looks)  # (images, heads, queries, keys)
shown = 1
figures.images(
    "Where the token in the middle of the image looks, head by head",
    [
        few.x[shown, ..., 0],
        *(looks[shown, head, 24].reshape(7, 7) for head in range(4)),
    ],
    ["image", "head 0", "head 1", "head 2", "head 3"],
)

# %% [markdown]
# ## 3. A head is a channel
#
# A sum of four heads: without one of them it is a sum of three. As with the channels of lesson 03, what belongs to the head has to go
# from more than one array. An example with three heads of size 1 and width 2:

# %%
made = np.array([[0.4, -0.7, 0.2], [-0.3, 0.9, 0.6]])
read = np.array([[0.5, -0.2], [0.8, 0.1], [-0.3, 0.7]])
figures.matrices(
    "Head 1 goes: its column where it is made, its row where it is read",
    value_kernel=made,
    without_head_1=np.delete(made, 1, axis=1),
    output_kernel=read,
    without_its_row=np.delete(read, 1, axis=0),
)

# %% [markdown]
# ### Exercise 3 · Take a head out
#
# Write `without_head`. It gets what `get_weights()` of a Keras `MultiHeadAttention` returns, the eight arrays in the order of the table above, and the number of
# a head, and returns the eight arrays of a layer without it.


# %% tags=["exercise:without_head"]
def without_head(weights, head):
    """Return a list of eight arrays without the parts of a head.

    weights: kernel and bias of query, key, value and output. head: 0 to heads - 1.
    """
    # BEGIN SOLUTION
    axes = [1, 0, 1, 0, 1, 0, 0]
    left = [np.delete(weights[place], head, axis) for place, axis in enumerate(axes)]
    return [*left, weights[7]]
    # END SOLUTION


# %% tags=["wrong:without_head:removes_and_does_not_zero"]
def without_head(weights, head):
    masked = [weight.copy() for weight in weights]
    masked[6][head] = 0  # nobody reads it any more
    return masked


# %% tags=["wrong:without_head:cuts_what_makes_the_head"]
def without_head(weights, head):
    left = [np.delete(weight, head, axis=0) for weight in weights[:7]]
    return [*left, weights[7]]


# %% tags=["wrong:without_head:cuts_what_makes_the_head"]
def without_head(weights, head):
    left = [np.delete(weight, head, axis=-1) for weight in weights[:6]]
    return [*left, np.delete(weights[6], head, axis=0), weights[7]]


# %% tags=["wrong:without_head:cuts_its_biases"]
def without_head(weights, head):
    left = list(weights)
    for place in (0, 2, 4):
        left[place] = np.delete(weights[place], head, axis=1)
    left[6] = np.delete(weights[6], head, axis=0)
    return left


# %% tags=["wrong:without_head:cuts_what_reads_the_head"]
def without_head(weights, head):
    axes = [1, 0, 1, 0, 1, 0]
    left = [np.delete(weights[place], head, axis) for place, axis in enumerate(axes)]
    return [*left, weights[6], weights[7]]


# %% tags=["wrong:without_head:cuts_what_reads_the_head"]
def without_head(weights, head):
    axes = [1, 0, 1, 0, 1, 0, 1]
    left = [np.delete(weights[place], head, axis) for place, axis in enumerate(axes)]
    return [*left, weights[7]]


# %% tags=["wrong:without_head:keeps_the_output_bias"]
def without_head(weights, head):
    axes = [1, 0, 1, 0, 1, 0, 0, 0]
    return [np.delete(weights[place], head, axis) for place, axis in enumerate(axes)]


# %% tags=["check"]
without_head = lesson.accept("without_head", without_head)

# %% [markdown]
# Put three of the four heads into a layer that was built for three. Beside it a masked one, whose output kernel has zeros for the head, and what
# the library does: `ChannelPruning` knows heads. It takes out the head with the smallest norm.

# %%
norms = sum(np.abs(kernel).sum(axis=(0, 2)) for kernel in (query, key, value))
smallest = int(np.argmin(norms))
narrow = keras.layers.MultiHeadAttention(3, 16)
narrow.build((None, 49, 64), (None, 49, 64))
narrow.set_weights(without_head(weights, smallest))
masked = keras.layers.MultiHeadAttention(4, 16)
masked.build((None, 49, 64), (None, 49, 64))
masked.set_weights(weights)
silent = output.copy()
silent[smallest] = 0
masked.set_weights([*weights[:6], silent, output_bias])
pruned = ncl.ChannelPruning(channels=(("block0_attention/query", 3),))(model)

# %% tags=["check"]
outputs = [keras.ops.convert_to_numpy(each(seen, seen)) for each in (narrow, masked)]
library = pruned.get_layer("block0_attention").get_weights()
print("same as the masked layer:", np.allclose(*outputs, atol=1e-4))
same_weights = all(map(np.array_equal, library, narrow.get_weights()))
print("same weights as the library's layer with 3 heads:", same_weights)
saved = measure.macs(model) - measure.macs(pruned)
print(f"a head is {saved:,} MACs, a quarter of the attention: {4 * saved == attention}")

# %% [markdown]
# What is left is an ordinary `MultiHeadAttention` with three heads, in an ordinary model.
#
# ## 4. Which heads?
#
# Ask every head two things: how large are its weights, and how far do the outputs move without it? The distance is the
# Kullback-Leibler divergence of lessons 09 and 12, which needs no labels. To silence a head it is enough to set its part of the
# output's kernel to zero, in one model that is used again and again:

# %%
spare = ncl.copy_model(model)
layers = [f"block{block}_attention" for block in range(4)]
original = {name: model.get_layer(name).get_weights() for name in layers}
heads = [(name, head) for name in layers for head in range(4)]


def log_probabilities(changed):
    logits = changed.predict_on_batch(few.x)
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def moved(changed):
    """How far the outputs are from the original's, in nats."""
    after = log_probabilities(changed)
    return float(np.mean(np.sum(np.exp(before_all) * (before_all - after), axis=1)))


def silence(gone):
    """Give the spare model all of its heads but these."""
    for name in layers:
        output = original[name][6].copy()
        output[[head for where, head in gone if where == name]] = 0
        spare.get_layer(name).weights[6].assign(output)


def loss_without(gone):
    silence(gone)
    return moved(spare)


before_all = log_probabilities(model)
alone = {head: loss_without([head]) for head in heads}
norm_of = {
    (name, head): sum(
        np.abs(original[name][place][:, head]).sum() for place in (0, 2, 4)
    )
    for name, head in heads
}

# %% tags=["predicted"]
figures.grid(
    "Each head of block 0 is missed more than any head behind it",
    np.reshape(list(alone.values()), (4, 4)),
    [f"block {block}" for block in range(4)],
    [f"head {head}" for head in range(4)],
    unit="divergence without this head, nats",
)

# %% tags=["check"]
by_norm = sorted(heads, key=norm_of.get)
by_loss = sorted(heads, key=alone.get)
print("most missed:", sorted({name for name, _ in by_loss[-4:]}))
in_first = sum(name == "block0_attention" for name, _ in by_norm[:4])
print(f"of the four heads with the smallest norms {in_first} are of that block")

# %% [markdown]
# The norms have it nearly upside down. So measure. But a head that can go alone is not yet one of two that can go together: if two heads do
# the same work, each can go as long as the other is there.
#
# ### Exercise 4 · Heads go one by one
#
# Write `one_by_one`. In each round, `loss_without` is asked about every head that is left, together with those that have gone; the one with the
# smallest loss goes. Of equal losses the one that comes first in `heads`.


# %% tags=["exercise:one_by_one"]
def one_by_one(heads, loss_without, count):
    """Return a list of `count` heads in the order in which they go.

    heads: a list. loss_without: takes a list of heads, returns the loss without all of them.
    """
    # BEGIN SOLUTION
    gone = []
    for _ in range(count):
        left = [head for head in heads if head not in gone]
        losses = [loss_without([*gone, head]) for head in left]
        gone.append(left[int(np.argmin(losses))])
    return gone
    # END SOLUTION


# %% tags=["wrong:one_by_one:measures_again_after_each_head"]
def one_by_one(heads, loss_without, count):
    return sorted(heads, key=lambda head: loss_without([head]))[:count]


# %% tags=["wrong:one_by_one:measures_again_after_each_head"]
def one_by_one(heads, loss_without, count):
    gone = []
    for _ in range(count):
        left = [head for head in heads if head not in gone]
        gone.append(min(left, key=lambda head: loss_without([head])))  # alone
    return gone


# %% tags=["wrong:one_by_one:measures_again_after_each_head"]
def one_by_one(heads, loss_without, count):
    gone = []
    for _ in range(count):
        left = [head for head in heads if head not in gone]
        losses = [loss_without([*gone, head]) for head in left]
        gone.append(heads[int(np.argmin(losses))])  # a place in another list
    return gone


# %% tags=["wrong:one_by_one:takes_the_least_missed_first"]
def one_by_one(heads, loss_without, count):
    gone = []
    for _ in range(count):
        left = [head for head in heads if head not in gone]
        gone.append(max(left, key=lambda head: loss_without([*gone, head])))
    return gone


# %% tags=["check"]
one_by_one = lesson.accept("one_by_one", one_by_one)

# %% [markdown]
# Let block 0 keep its heads. That eight of the other twelve go takes 12 + 11 + ... + 5 = 68 measurements. Beside them the two orders from
# before, in which any head may go:

# %%
behind = [head for head in heads if head[0] != "block0_attention"]
with lesson.working("Taking half of the heads out, one by one", seconds=8):
    by_rounds = one_by_one(behind, loss_without, 8)

# %% tags=["predicted"]
some = images.take(500)


def accuracy_without(gone):
    silence(gone)
    return measure.accuracy(spare, some)


counts = [2, 4, 8]
orders = {"one by one": by_rounds, "measured once": by_loss, "smallest norms": by_norm}
accuracies = {
    name: [accuracy_without(order[:count]) for count in counts]
    for name, order in orders.items()
}
figures.curves(
    "By their norms not even four heads can go; measured, eight go for some points",
    accuracies,
    counts,
    xlabel="heads gone, of 16",
    ylabel="accuracy on 500 validation images",
    level=("original model", accuracy_without([])),
)

# %% tags=["check"]
eight, four = accuracies["one by one"][2], accuracies["smallest norms"][1]
print("8 of 16 gone one by one, more than three quarters right:", eight > 0.75)
print("4 gone by their norms, less than half right:", four < 0.5)
silence([])
print("all heads again, and the outputs of the model:", moved(spare) == 0)

# %% [markdown]
# Measuring again after each head has hardly made a difference here: these heads share little of their work. You know that because you measured
# it.
#
# ### Exercise 5 · Why did the norms fail?
#
# a) They are sums of magnitudes; the roots of the sums of squares would have found the right heads.
#
# b) A norm says how large weights are. How far the outputs move depends on all that comes behind a head, which its weights do not know.
#
# c) The weights of block 0 are small because that block was not trained well.
#
# d) 64 images are too few to say which heads are missed.

# %% tags=["check"]
squares = {
    (name, head): sum(
        np.square(original[name][place][:, head]).sum() for place in (0, 2, 4)
    )
    for name, head in heads
}
by_squares = sorted(heads, key=squares.get)
in_first = sum(name == "block0_attention" for name, _ in by_squares[:4])
print(f"by the roots of squares, of the first four {in_first} are of block 0")

# %% tags=["exercise:why_norms"]
# BEGIN SOLUTION
why_norms = "b"
# END SOLUTION

# %% tags=["wrong:why_norms:is_not_a"]
why_norms = "a"

# %% tags=["wrong:why_norms:is_not_c"]
why_norms = "c"

# %% tags=["wrong:why_norms:is_not_d"]
why_norms = "d"

# %% tags=["check"]
lesson.check("why_norms", why_norms)

# %% [markdown]
# ## 5. Attention against MLP
#
# Now the two parts of each block. They have about as many weights; give both the same treatment, one part of one block at a time: round them to 2 bits, set
# the smaller 60 % of their weights to zero, take the whole part out, so that the tokens pass by it.

# %%
parts = {}
for block in range(4):
    parts[f"block {block} attention"] = [f"block{block}_attention"]
    parts[f"block {block} MLP"] = [f"block{block}_mlp1", f"block{block}_mlp2"]
with lesson.working("Two bits, and zeros", seconds=8):
    rounded = ncl.dequantized(ncl.UniformQuantization(bits=2, clipping="mse")(model))
    zeroed = ncl.MagnitudePruning(sparsity=0.6)(model)


def taken_out(name):
    """The weights of a layer that adds nothing: what it hands on is zero."""
    return [0 * weight for weight in model.get_layer(name).get_weights()]


divergences = []
for names in parts.values():
    row = []
    for new in (
        lambda name: rounded.get_layer(name).get_weights(),
        lambda name: zeroed.get_layer(name).get_weights(),
        taken_out,
    ):
        for name in names:
            spare.get_layer(name).set_weights(new(name))
        row.append(moved(spare))
        for name in names:
            spare.get_layer(name).set_weights(model.get_layer(name).get_weights())
    divergences.append(row)
divergences = np.array(divergences)

# %% tags=["predicted"]
figures.grid(
    "Attention bears less than the MLP of its block",
    divergences,
    list(parts),
    ["2 bits", "60 % zeros", "taken out"],
    unit="divergence, nats",
)

# %% tags=["check"]
attentions, mlps = divergences[::2], divergences[1::2]
for column, name in enumerate(("2 bits", "60 % zeros", "taken out")):
    less = np.sum(attentions[:, column] > mlps[:, column])
    print(f"{name}: the attention moves the outputs more in {less} of 4 blocks")
print("the most sensitive part:", list(parts)[int(divergences[:, 2].argmax())])

# %% tags=["predicted"]
for name in ("block3_mlp1", "block3_mlp2"):
    spare.get_layer(name).set_weights(taken_out(name))
without_mlp = measure.accuracy(spare, images)
for name in ("block3_mlp1", "block3_mlp2"):
    spare.get_layer(name).set_weights(model.get_layer(name).get_weights())
spare.get_layer("block3_attention").set_weights(taken_out("block3_attention"))
without_attention = measure.accuracy(spare, images)
spare.get_layer("block3_attention").set_weights(original["block3_attention"])
print(
    f"original {original_accuracy:.3f}, without the last block's MLP {without_mlp:.3f}"
)
print(f"without its attention {without_attention:.3f}")

# %% [markdown]
# An MLP works on each token by itself. In a block only the attention lets tokens learn of each other, and all blocks build on what the first one brings
# together. So if something has to go, look at the last blocks first, and at their MLPs: their hidden units are channels like those of any Dense layer.
#
# ## 6. Your turn, with the control
#
# It is the control of lesson 03, on a transformer. `block0_attention/query` stands for the heads of a block, which queries, keys and values lose
# together; `block0_mlp1` for the hidden units. Try a budget of MACs for the whole model first, then choose layers and how many of their heads or units stay. With
# the criterion `taylor` the loss is asked, and not the norms.
#
# ### Exercise 6 · Meet the goal
#
# Reach the goal that the control states, **without any training**. Press **Register** when the goal is met, then
# **Use this in my code** and **Insert as my answer**. (Or write the pass by hand: `ncl.ChannelPruning(channels=(("block3_mlp1", 64),))`.)

# %% tags=["exercise:chosen_heads"]
# BEGIN SOLUTION
chosen_heads = ncl.ChannelPruning(
    channels=(
        ("block1_mlp1", 32),
        ("block2_mlp1", 16),
        ("block3_attention/query", 1),
        ("block3_mlp1", 4),
    ),
    criterion="taylor",
)
# END SOLUTION

# %% tags=["control"]
from nncompress_widgets import ChannelExplorer, Goal

explorer = ChannelExplorer(
    model,
    data,
    goal=Goal(macs=5_000_000, accuracy_drop=0.03),
    answer="chosen_heads",
)
explorer

# %% tags=["wrong:chosen_heads:keeps_enough_accuracy"]
chosen_heads = ncl.ChannelPruning(macs=0.6)

# %% tags=["wrong:chosen_heads:takes_few_enough_macs"]
chosen_heads = ncl.ChannelPruning(channels=(("block3_mlp1", 4),))

# %% tags=["wrong:chosen_heads:takes_few_enough_macs"]
chosen_heads = ncl.MagnitudePruning(sparsity=0.3)

# %% tags=["wrong:chosen_heads:is_registered"]
chosen_heads = ncl.pipeline(ncl.ChannelPruning(macs=0.7), ncl.FineTune(epochs=1))

# %% tags=["check"]
lesson.check("chosen_heads", chosen_heads)

# %% [markdown]
# ## 7. Queries and keys, together
#
# Heads can also become *narrower*. Low rank as in lesson 07 would cut each projection by itself. But queries and keys meet
# in the scores and nowhere else, and so do their kernels:
#
# $$S = \frac{(X W_Q + b_Q)(X W_K + b_K)^T}{\sqrt d}$$
#
# with $X$ the tokens, one a row, and the biases added to each row. The bias of the key adds one number to all scores of a query, which the softmax does not see:

# %% tags=["check"]
example = np.array([[1.0, 2.0, 0.5]])
values = np.eye(3)
shifted = [
    attend(np.ones((1, 1)), scores.T, values) for scores in (example, example + 3)
]
print("same weights, all scores 3 larger:", np.allclose(*shifted))

# %% [markdown]
# So it can be dropped, and the matrix that decides about all scores of a head is
#
# $$M = \frac{1}{\sqrt d} \begin{bmatrix} W_Q \\ b_Q \end{bmatrix} W_K^T$$
#
# ### ★ Exercise 7 · Narrower queries and keys
#
# Write `narrow_scores`: kernel and bias of a query and the kernel of a key with `rank` numbers in place of $d$, so that the new $M$ has the least
# squared error. A Keras layer of that size divides by $\sqrt{\text{rank}}$. There is no recipe for this one.


# %% tags=["exercise:narrow_scores"]
def narrow_scores(query, bias, key, rank):
    """Return (query, bias, key) of a head of size rank.

    query, key: kernels of one head, shape (width, size). bias: of the query, shape (size,).
    """
    # BEGIN SOLUTION
    product = np.vstack([query, bias]) @ key.T
    u, s, vt = np.linalg.svd(product, full_matrices=False)
    left = u[:, :rank] * s[:rank] * np.sqrt(rank / key.shape[1])
    return left[:-1], left[-1], vt[:rank].T
    # END SOLUTION


# %% tags=["wrong:narrow_scores:looks_at_queries_and_keys_together"]
def narrow_scores(query, bias, key, rank):
    # each by itself: the directions in which the query's kernel is large
    vt = np.linalg.svd(np.vstack([query, bias]), full_matrices=False)[2]
    turn = vt[:rank].T * (rank / key.shape[1]) ** 0.25
    return query @ turn, bias @ turn, key @ turn


# %% tags=["wrong:narrow_scores:looks_at_queries_and_keys_together"]
def narrow_scores(query, bias, key, rank):
    factor = np.sqrt(rank / key.shape[1])
    return factor * query[:, :rank], factor * bias[:rank], key[:, :rank]


# %% tags=["wrong:narrow_scores:minds_what_keras_divides_by"]
def narrow_scores(query, bias, key, rank):
    product = np.vstack([query, bias]) @ key.T
    u, s, vt = np.linalg.svd(product, full_matrices=False)
    left = u[:, :rank] * s[:rank]
    return left[:-1], left[-1], vt[:rank].T


# %% tags=["wrong:narrow_scores:minds_what_keras_divides_by"]
def narrow_scores(query, bias, key, rank):
    product = np.vstack([query, bias]) @ key.T
    u, s, vt = np.linalg.svd(product, full_matrices=False)
    left = u[:, :rank] * s[:rank] * np.sqrt(key.shape[1] / rank)  # upside down
    return left[:-1], left[-1], vt[:rank].T


# %% tags=["wrong:narrow_scores:counts_the_bias_of_the_query"]
def narrow_scores(query, bias, key, rank):
    u, s, vt = np.linalg.svd(query @ key.T, full_matrices=False)
    left = u[:, :rank] * s[:rank] * np.sqrt(rank / key.shape[1])
    return left, np.zeros(rank), vt[:rank].T


# %% tags=["wrong:narrow_scores:returns_narrow_kernels"]
def narrow_scores(query, bias, key, rank):
    product = np.vstack([query, bias]) @ key.T
    u, s, vt = np.linalg.svd(product, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ vt[:rank]


# %% tags=["check"]
narrow_scores = lesson.accept("narrow_scores", narrow_scores)

# %% [markdown]
# The library has the two factors as `nearest_products`, and uses it where a student of distillation gets narrower heads:

# %% tags=["check"]
from nncompress_lab.distillation.arrays.heads import nearest_products

first_query, first_bias, first_key = query[:, 0], query_bias[0], key[:, 0]
yours = narrow_scores(first_query, first_bias, first_key, 4)
rows = np.vstack([first_query, first_bias])
left, right = nearest_products(rows[np.newaxis], first_key.T[np.newaxis], rank=4)
same = np.allclose(
    np.vstack(yours[:2]) @ yours[2].T / np.sqrt(4),
    left[0] @ right[0] / np.sqrt(16),
    atol=1e-4,
)
print("same scores as the library's:", same)

# %% [markdown]
# Now all sixteen heads, and beside it what comes of it if each kernel is approximated by itself. (The layers of the spare model keep their size,
# so what is narrow gets zeros at the end, and the factor for the root of its size is taken back.)


# %%
def together(query, bias, key, size):
    query, bias, key = narrow_scores(query, bias, key, size)
    factor = np.sqrt(16 / size)
    zeros = (0, 16 - size)
    return (
        np.pad(factor * query, ((0, 0), zeros)),
        np.pad(factor * bias, zeros),
        np.pad(key, ((0, 0), zeros)),
    )


def each_by_itself(query, bias, key, size):
    thin = []
    for kernel in (query, key):
        u, s, vt = np.linalg.svd(kernel, full_matrices=False)
        thin.append((u[:, :size] * s[:size]) @ vt[:size])
    return thin[0], bias, thin[1]


def moved_by(way, size):
    """How far the outputs move if all queries and keys are approximated in one way."""
    for name in layers:
        arrays = [array.copy() for array in original[name]]
        for head in range(4):
            parts = arrays[0][:, head], arrays[1][head], arrays[2][:, head]
            for part, new in zip(parts, way(*parts, size), strict=True):
                part[...] = new
        spare.get_layer(name).set_weights(arrays)
    return moved(spare)


# %% tags=["predicted"]
sizes = [2, 3, 4, 6, 8]
distances = [
    [moved_by(way, size) for size in sizes] for way in (together, each_by_itself)
]
figures.grid(
    "Queries and keys need fewer than half of their 16 numbers",
    np.array(distances),
    ["together", "each by itself"],
    [f"size {size}" for size in sizes],
    unit="divergence, nats",
)

# %% tags=["check"]
nearer = sum(one < other for one, other in zip(*distances, strict=True))
print(f"together the outputs move less at {nearer} of {len(sizes)} sizes")

# %% [markdown]
# A Keras `MultiHeadAttention` can have a size of its own for queries and keys, its `key_dim`, and another for values. So the narrow model is an
# ordinary one again:


# %%
def of_this_size(layer):
    config = layer.get_config()
    if layer.name in layers:
        config["key_dim"] = 6
    return type(layer).from_config(config)


narrow_keys = keras.models.clone_model(model, clone_function=of_this_size)
for layer in model.layers:
    arrays = layer.get_weights()
    if layer.name in layers:
        parts = [
            narrow_scores(arrays[0][:, head], arrays[1][head], arrays[2][:, head], 6)
            for head in range(4)
        ]
        made = [np.stack(part) for part in zip(*parts, strict=True)]
        arrays[0], arrays[2] = (made[place].swapaxes(0, 1) for place in (0, 2))
        arrays[1], arrays[3] = made[1], 0 * made[1]
    narrow_keys.get_layer(layer.name).set_weights(arrays)

# %% [markdown]
# ## 8. What did it save?

# %% tags=["predicted"]
from nncompress_lab.report import measure_stages

made_of = {"narrow queries and keys": "low rank"}
stages = {"original": model, "narrow queries and keys": narrow_keys}
if isinstance(chosen_heads, ncl.Pass):
    made_of["your choice"] = "channel pruning"
    stages["your choice"] = chosen_heads(model, ncl.Context.of(data, progress=False))
with lesson.working("Measuring the models", seconds=10):
    report = measure_stages(stages, data=images)
report

# %% [markdown]
# What is narrower is smaller *and* needs fewer MACs. Packed, floats stay floats: bits come on top, as for any other model. The file is an ordinary one;
# here in ONNX Runtime:

# %% tags=["check"]
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "vit_tiny.onnx"
    ncl.export(narrow_keys, file)
    outputs = ncl.runtimes.load(file).predict(few.x)
in_keras = narrow_keys.predict_on_batch(few.x)
print("same outputs as in Keras:", np.allclose(outputs, in_keras, atol=1e-3))
saved = 1 - measure.macs(narrow_keys) / measure.macs(model)
print(f"MACs that narrow queries and keys save: {saved:.0%}")
same_predictions = log_probabilities(narrow_keys).argmax(1) == before_all.argmax(1)
print("more than 9 of 10 predictions are the same:", same_predictions.mean() > 0.9)

# %% [markdown]
# ### Timing, on the CPU and on the GPU if there is one
#
# In many small products a runtime spends time on other things than MACs, so the latency follows them from afar.

# %% tags=["timing", "predicted"]
measure.time_on_devices(stages, batch_sizes=(1,))

# %% [markdown]
# ## What you predicted and what came out

# %% tags=["predicted"]
lesson.compare_predictions(
    {
        "part of a block's MACs that its attention takes": round(
            attention / (attention + mlp), 2
        ),
        "accuracy without the whole MLP of the last block": round(without_mlp, 3),
        "accuracy without the whole attention of the last block": round(
            without_attention, 3
        ),
        "accuracy without half of the heads, before any training": round(eight, 3),
    }
)

# %% [markdown]
# ## Into the table
#
# The first models of `vit_tiny` in your table:

# %% tags=["predicted"]
lesson.table.add(report, model="vit_tiny", technique=made_of)

# %% tags=["predicted"]
lesson.table.scatter(model="vit_tiny")

# %% [markdown]
# ## Take it to your research
#
# One cell that needs nothing from above. Put your own model and data in. Heads, hidden units and filters go where the loss says so; `ncl.FineTune()` behind it
# lets what is left recover.

# %%
import nncompress_lab as ncl

my_model, my_data = ncl.zoo.vit_tiny(), ncl.data.fashion_mnist()

result = ncl.compress(
    my_model,
    ncl.ChannelPruning(macs=0.8, criterion="taylor", scope="global"),
    context=ncl.Context.of(my_data, progress=False),
)
result.measured(latency=False)

# %% [markdown]
# ## Further reading
#
# - Michel, Levy, Neubig, [Are Sixteen Heads Really Better than One?](https://arxiv.org/abs/1905.10650), NeurIPS 2019: heads
#   taken out one by one, in translation and in BERT.
# - Voita, Talbot, Moiseev, Sennrich, Titov, [Analyzing Multi-Head Self-Attention: Specialized Heads Do the Heavy Lifting, the Rest Can Be
#   Pruned](https://arxiv.org/abs/1905.09418), ACL 2019: what the heads that stay are for.
# - Dosovitskiy and others, [An Image is Worth 16x16 Words](https://arxiv.org/abs/2010.11929), ICLR 2021: the transformer for images.

# %% tags=["check"]
lesson.score()
