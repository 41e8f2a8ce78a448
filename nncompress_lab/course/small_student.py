"""The student of lesson 09: small enough to be trained while one waits."""

import keras

IMAGE = (28, 28, 1)
CLASSES = 10


def small_student(seed: int = 0) -> keras.Model:
    """A network for 28 x 28 images with 5,386 parameters and 61,600 MACs, untrained.

    Args:
        seed: Of its weights; the same seed gives the same weights.

    Example:
        >>> small_student().count_params()
        5386
    """
    drawn = [
        keras.initializers.GlorotUniform(seed=3 * seed + place) for place in (0, 1, 2)
    ]
    return keras.Sequential(
        [
            keras.Input(IMAGE),
            keras.layers.Conv2D(
                8,
                5,
                strides=2,
                activation="relu",
                kernel_initializer=drawn[0],
                name="conv1",
            ),
            keras.layers.Conv2D(
                16,
                3,
                strides=2,
                activation="relu",
                kernel_initializer=drawn[1],
                name="conv2",
            ),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(CLASSES, kernel_initializer=drawn[2], name="logits"),
        ],
        name="small_student",
    )
