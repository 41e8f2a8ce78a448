"""Small models after published architectures for texts, tables and several inputs."""

import keras
from foreign_layers import (
    Bottleneck,
    FunctionalSubclass,
    PositionEmbedding,
    Rotary,
    Sampling,
    Scaling,
    SubclassedClassifier,
    TiedEmbedding,
    VariationalAutoencoder,
    policy,
)
from keras import layers, ops

WORDS, LENGTH = 30, 8


def _tokens(name="ids"):
    return keras.Input((LENGTH,), dtype="int32", name=name)


def lstm_text():
    ids = _tokens()
    x = layers.Embedding(WORDS, 8, mask_zero=True)(ids)
    x = layers.LSTM(6, return_sequences=True, dropout=0.1)(x)
    x = layers.Dense(4, activation="relu")(layers.LSTM(5)(x))
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(x))


def gru_text():
    ids = _tokens()
    x = layers.Embedding(WORDS, 8, mask_zero=True)(ids)
    x = layers.Bidirectional(layers.GRU(5, return_sequences=True))(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(ids, layers.Dense(4)(x))


def lstm_tagger():
    ids = _tokens()
    x = layers.Embedding(WORDS, 8)(ids)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True), merge_mode="sum")(x)
    return keras.Model(ids, layers.TimeDistributed(layers.Dense(4))(x))


def simple_rnn():
    inputs = keras.Input((LENGTH, 3))
    x = layers.Masking(0.0)(inputs)
    x = layers.SimpleRNN(6, return_sequences=True, go_backwards=True)(x)
    x = layers.RNN([layers.LSTMCell(5), layers.GRUCell(4, reset_after=False)])(x)
    return keras.Model(inputs, layers.Dense(1)(x))


def seq2seq():
    source, target = _tokens("source"), _tokens("target")
    embedding = layers.Embedding(WORDS, 8)
    _, hidden, cell = layers.LSTM(6, return_state=True)(embedding(source))
    x = layers.LSTM(6, return_sequences=True)(
        embedding(target), initial_state=[hidden, cell]
    )
    return keras.Model([source, target], layers.Dense(WORDS)(x))


def gpt():
    ids = _tokens()
    x = PositionEmbedding(LENGTH)(layers.Embedding(WORDS, 12)(ids))
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(2, 6, dropout=0.1)(y, y, use_causal_mask=True)
    x = layers.Add()([x, y])
    y = layers.LayerNormalization()(x)
    y = layers.Dense(12)(layers.Dense(24, activation="gelu")(y))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    return keras.Model(ids, layers.Dense(WORDS)(x))


def bert():
    ids, padding = _tokens(), _tokens("padding_mask")
    x = layers.Embedding(WORDS, 12)(ids)
    mask = ops.expand_dims(ops.cast(padding, "bool"), 1)
    y = layers.MultiHeadAttention(2, 6)(x, x, attention_mask=mask)
    x = layers.LayerNormalization()(x + y)
    y = layers.Dense(12)(layers.Dense(24, activation="gelu")(x))
    x = layers.LayerNormalization()(x + y)
    pooled = layers.Dense(12, activation="tanh")(x[:, 0])
    return keras.Model([ids, padding], layers.Dense(4)(pooled))


def masked_transformer():
    """A mask from the embedding travels into the attention by itself."""
    ids = _tokens()
    x = layers.Embedding(WORDS, 12, mask_zero=True)(ids)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 6)(x, x)])
    x = layers.GlobalAveragePooling1D()(layers.Dropout(0.1)(x))
    return keras.Model(ids, layers.Dense(4)(x))


def llama():
    ids = _tokens()
    embedding = TiedEmbedding(WORDS, 12, name="tied")
    x = embedding(ids)
    y = Rotary()(layers.RMSNormalization()(x))
    x = x + layers.GroupQueryAttention(6, 2, 1)(y, y, use_causal_mask=True)
    y = layers.RMSNormalization()(x)
    gate = layers.Dense(16, use_bias=False, activation="silu")(y)
    y = layers.Dense(16, use_bias=False)(y) * gate
    x = layers.RMSNormalization()(x + layers.Dense(12, use_bias=False)(y))
    return keras.Model(ids, embedding(x, reverse=True))


def reversible():
    """The tied embedding that Keras has itself."""
    ids = _tokens()
    embedding = layers.ReversibleEmbedding(WORDS, 8)
    x = layers.LayerNormalization()(layers.Dense(8)(embedding(ids)))
    return keras.Model(ids, embedding(x, reverse=True))


def mixed_bfloat16():
    ids = _tokens()
    with policy("mixed_bfloat16"):
        x = layers.Embedding(WORDS, 12)(ids)
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 6)(y, y)])
        x = layers.Dense(12, activation="gelu")(x)
    x = layers.GlobalAveragePooling1D(dtype="float32")(x)
    return keras.Model(ids, layers.Dense(4, dtype="float32")(x))


def attention_pooling():
    inputs = keras.Input((LENGTH, 6))
    x = layers.Dense(8, activation="tanh")(inputs)
    seen = layers.Attention(use_scale=True)([x, x])
    other = layers.AdditiveAttention()([x, x])
    x = layers.Flatten()(layers.Concatenate()([seen, other]))
    return keras.Model(inputs, layers.Dense(4)(x))


def siamese():
    left, right = keras.Input((12,), name="left"), keras.Input((12,), name="right")
    tower = keras.Sequential(
        [keras.Input((12,)), layers.Dense(10, "relu"), layers.Dense(8)], name="tower"
    )
    one, other = tower(left), tower(right)
    apart = ops.abs(one - other)
    angle = layers.Dot(axes=-1, normalize=True)([one, other])
    x = layers.Concatenate()([apart, angle])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid")(x))


def recommender():
    user = keras.Input((1,), dtype="int32", name="user")
    item = keras.Input((1,), dtype="int32", name="item")
    one = layers.Flatten()(layers.Embedding(20, 8)(user))
    other = layers.Flatten()(layers.Embedding(40, 8)(item))
    bias = layers.Flatten()(layers.Embedding(40, 1)(item))
    return keras.Model({"user": user, "item": item}, layers.Dot(1)([one, other]) + bias)


def two_in_two_out():
    image, table = keras.Input((8, 8, 3), name="image"), keras.Input((5,), name="table")
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(image))
    x = layers.Concatenate()([layers.Dense(8)(x), layers.Dense(8)(table)])
    x = layers.Dense(8, activation="relu")(x)
    outputs = {"kind": layers.Dense(4)(x), "size": layers.Dense(1)(x)}
    return keras.Model({"image": image, "table": table}, outputs)


def variational_autoencoder():
    inputs = keras.Input((12,))
    x = layers.Dense(8, activation="relu")(inputs)
    mean, log_variance = layers.Dense(3)(x), layers.Dense(3)(x)
    x = layers.Dense(8, activation="relu")(Sampling()([mean, log_variance]))
    return VariationalAutoencoder(inputs, [layers.Dense(12)(x), mean, log_variance])


def regression():
    inputs = keras.Input((10,))
    x = layers.Dense(16, activation="selu")(
        layers.Normalization(mean=0.5, variance=2.0)(inputs)
    )
    x = layers.AlphaDropout(0.1)(x)
    return keras.Model(inputs, layers.Dense(1)(layers.Dense(8, activation="elu")(x)))


def multi_label():
    inputs = keras.Input((10,))
    x = layers.Dense(16, kernel_regularizer="l2")(inputs)
    x = layers.LeakyReLU()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(5, activation="sigmoid")(x))


def operations():
    """What functional models write between their layers."""
    inputs = keras.Input((6, 8))
    x = layers.Dense(8)(inputs)
    first, second = ops.split(x, 2, axis=-1)
    x = ops.stack([first, ops.clip(second, -1.0, 1.0)], axis=2)
    x = ops.einsum("btkc,bskc->btsk", x, x)
    x = ops.where(x > 0.1, ops.log(ops.abs(x) + 1.0), ops.cast(0.0, "float32"))
    x = ops.reshape(ops.swapaxes(x, 1, 2), (-1, 72))
    x = ops.concatenate([x[:, None], ops.flip(x[:, None], axis=-1)], axis=1)
    x = ops.sum(x[..., :20], axis=1) - ops.mean(x, axis=(1, 2))[:, None]
    x = ops.maximum(x, 0.0) / (1e-3 + ops.logsumexp(x, axis=-1, keepdims=True) ** 2)
    return keras.Model(inputs, layers.Dense(4)(ops.nan_to_num(x)))


def strings():
    words = keras.Input((5,), dtype="string", name="words")
    ids = layers.StringLookup(vocabulary=["one", "two", "three"])(words)
    x = layers.GlobalAveragePooling1D()(layers.Embedding(4, 6)(ids))
    return keras.Model(words, layers.Dense(4)(x))


def categories():
    """A table: binned, crossed out and encoded columns."""
    number = keras.Input((1,), name="age")
    kind = keras.Input((1,), dtype="int64", name="kind")
    binned = layers.Discretization(bin_boundaries=[0.2, 0.5, 0.8])(number)
    one = layers.CategoryEncoding(4, output_mode="one_hot")(binned)
    other = layers.IntegerLookup(vocabulary=[0, 1, 7], output_mode="multi_hot")(kind)
    x = layers.Concatenate()([one, other])
    return keras.Model([number, kind], layers.Dense(1)(layers.Dense(8, "relu")(x)))


def own_block():
    inputs = keras.Input((8,))
    x = Scaling(0.5)(Bottleneck(4, 8)(inputs))
    inner = SubclassedClassifier(name="inner")
    return keras.Model(inputs, layers.Dense(4, name="logits")(inner(x)))


def subclassed():
    model = SubclassedClassifier()
    model(keras.random.normal((2, 8), seed=0))
    return model


def functional_subclass():
    return FunctionalSubclass()
