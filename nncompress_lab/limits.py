"""What a file may make of itself in memory, by its length."""

# A file of n bytes is restored to at most FLOOR + EXPANSION * n bytes.
FLOOR, EXPANSION = 64 * 2**20, 1000


def most_bytes(size: int) -> int:
    """Bytes that a file of `size` bytes may become."""
    return FLOOR + EXPANSION * size
