"""What a file may make of itself in memory, by its length."""

# A file of n bytes is restored to at most FLOOR + EXPANSION * n bytes.
FLOOR, EXPANSION = 64 * 2**20, 1000
# Keras does not deflate its archives, and weights with many zeros deflate to some 2 %.
EXPANSION_OF_ZIP = 100
# To make a layer, an initializer, a connection takes Keras a millisecond or two, so many
# count as so many bytes; a few thousand are always allowed.
OBJECTS, BYTES_OF_OBJECT = 4096, 2**14


def most_bytes(size: int, expansion: int = EXPANSION) -> int:
    """Bytes that a file of `size` bytes may become."""
    return FLOOR + expansion * size


def most_objects(size: int) -> int:
    """Layers, initializers, connections that may describe a model of `size` bytes."""
    return max(OBJECTS, size // BYTES_OF_OBJECT)
